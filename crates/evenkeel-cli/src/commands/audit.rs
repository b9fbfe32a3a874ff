//! `evenkeel audit`

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{AuditEntry, AuditFilter, AuditLine, Broken, Chain, Verified};
use evenkeel_engine::{Clock as _, SystemClock};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::args::{Audit as Args, AuditCommand, ExportAudit, Output, ShowAudit, VerifyAudit};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::Picked;
use crate::session;
use crate::times;
use crate::ui;

/// Entries that are read at once.
const PAGE: usize = 1000;

/// How often it is looked for what came since.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    match &args.what {
        AuditCommand::Show(args) => show(args, output),
        AuditCommand::Verify(args) => verify(args, output),
        AuditCommand::Export(args) => export(args),
    }
}

fn show(args: &ShowAudit, output: Output) -> Result<Exit, CliError> {
    let memory = Place::of(&args.controller)?.memory()?;
    let read = async {
        let picked = Picked::of(&memory, args.resource.as_deref(), &args.within).await?;
        let about = picked.filter.clone();
        let filter = AuditFilter { last: Some(args.last.into()), about, ..AuditFilter::default() };
        let lines = memory.audit(&filter).await?;
        picked.found(!lines.is_empty())?;
        Ok::<_, CliError>(lines)
    };
    let lines = match session::block_on_reading(read) {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    let entries = lines.iter().map(understood).collect::<Result<Vec<_>, _>>()?;
    match output {
        Output::Human => ui::show_audit(&entries),
        Output::Json => {
            ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "entries": entries }))?;
        }
    }
    Ok(Exit::Done)
}

/// What an entry says.
pub(crate) fn understood(line: &AuditLine) -> Result<AuditEntry, CliError> {
    line.entry().map_err(|e| {
        CliError::new(format!("entry {} of the audit log cannot be read", line.seq)).because(e).hint(
            "`evenkeel audit verify` says whether it was changed; else a newer Evenkeel wrote it, and can read it",
        )
    })
}

fn verify(args: &VerifyAudit, output: Output) -> Result<Exit, CliError> {
    let expected = args.expect.as_deref();
    let (name, checked) = if let Some(file) = &args.file {
        (file.display().to_string(), verify_file(file, expected)?)
    } else {
        let place = Place::of(&args.controller)?;
        let memory = place.memory()?;
        match session::block_on_reading(verify_memory(&memory, expected)) {
            Ok(checked) => (named(&place), checked?),
            Err(interrupted) => return Ok(interrupted),
        }
    };
    let verified = checked.map_err(|broken| not_whole(&name, &broken))?;
    match output {
        Output::Human => ui::show_verified(&name, &verified, expected.is_some()),
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION, "audit": name, "verified": verified,
        }))?,
    }
    Ok(Exit::Done)
}

fn named(place: &Place) -> String {
    match place {
        Place::Here(state) => state.store().display().to_string(),
        Place::There(_) => "the controller".to_owned(),
    }
}

fn not_whole(name: &str, broken: &Broken) -> CliError {
    let hint = match broken {
        Broken::Empty => "the first entry comes with the next start of the controller",
        Broken::Unreadable(_) => "name a file that `evenkeel audit export` wrote, with nothing added to it",
        Broken::CutOff { .. } => {
            "check the hash; if it is right, keep this store for whoever looks into it, and compare it with an export"
        }
        Broken::Changed(_) | Broken::Missing { .. } | Broken::OutOfOrder { .. } => {
            "keep it as it is for whoever looks into it; what stands before that entry still holds"
        }
    };
    CliError::new(format!("the audit log of {name} does not hold: {broken}")).hint(hint)
}

async fn verify_memory(
    memory: &Memory,
    expected: Option<&str>,
) -> Result<Result<Verified, Broken>, CliError> {
    let mut chain = Chain::whole(expected);
    let mut after = 0;
    loop {
        let filter = AuditFilter { after: Some(after), limit: Some(PAGE), ..AuditFilter::default() };
        let lines = memory.audit(&filter).await?;
        for line in &lines {
            if let Err(broken) = chain.add(line) {
                return Ok(Err(broken));
            }
            after = line.seq;
        }
        if lines.len() < PAGE {
            return Ok(chain.end());
        }
    }
}

fn verify_file(file: &Path, expected: Option<&str>) -> Result<Result<Verified, Broken>, CliError> {
    let unreadable = |e: std::io::Error| CliError::new(format!("cannot read {}", file.display())).because(e);
    let mut chain = Chain::any(expected);
    for (nth, line) in BufReader::new(File::open(file).map_err(unreadable)?).lines().enumerate() {
        let line = match line {
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                return Ok(Err(Broken::Unreadable(nth + 1)));
            }
            line => line.map_err(unreadable)?,
        };
        let added = AuditLine::imported(&line).ok_or(Broken::Unreadable(nth + 1));
        if let Err(broken) = added.and_then(|line| chain.add(&line)) {
            return Ok(Err(broken));
        }
    }
    Ok(chain.end())
}

fn export(args: &ExportAudit) -> Result<Exit, CliError> {
    let memory = Place::of(&args.controller)?.memory()?;
    let mut filter = AuditFilter { limit: Some(PAGE), ..since(args.since.as_deref())? };
    let work = async {
        loop {
            let lines = memory.audit(&filter).await?;
            if let Some(last) = lines.last() {
                // From here on by number: times need not be in order.
                filter = AuditFilter { after: Some(last.seq), since: None, ..filter };
            }
            let text: String = lines.iter().map(|line| line.exported() + "\n").collect();
            ui::print_raw(&text);
            match (lines.len() < PAGE, args.follow) {
                (false, _) => {}
                (true, true) => tokio::time::sleep(PAUSE).await,
                (true, false) => return Ok(Exit::Done),
            }
        }
    };
    match session::block_on_reading(work) {
        Ok(exit) => exit,
        Err(interrupted) => Ok(interrupted),
    }
}

/// From a number or a time on.
fn since(text: Option<&str>) -> Result<AuditFilter, CliError> {
    let Some(text) = text else { return Ok(AuditFilter::default()) };
    if let Ok(seq) = text.parse::<u64>() {
        return Ok(AuditFilter { after: Some(seq.saturating_sub(1)), ..AuditFilter::default() });
    }
    let since = times::parse(text, SystemClock.now(), &TimeZone::system())?;
    Ok(AuditFilter { since: Some(since), ..AuditFilter::default() })
}
