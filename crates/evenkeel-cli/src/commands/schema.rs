//! `evenkeel schema`

use evenkeel_core::manifest::schema;

use crate::args::Schema as Args;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let about = |e: std::io::Error| {
        CliError::new(format!("cannot write schemas to {}", args.dir.display())).because(e)
    };
    std::fs::create_dir_all(&args.dir).map_err(about)?;
    for (name, text) in schema::files(&evenkeel_drivers::registry()) {
        let path = args.dir.join(name);
        std::fs::write(&path, text).map_err(about)?;
        ui::note(&format!("wrote {}\n", path.display()));
    }
    Ok(Exit::Done)
}
