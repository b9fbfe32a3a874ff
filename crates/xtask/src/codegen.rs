//! Generated files: JSON Schemas for editors, and the reference of kinds and of the command line.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use evenkeel_core::manifest::schema;
use evenkeel_core::reference::fields;
use serde_json::Value;

/// Writes the generated files; with `check`, says which differ instead.
pub(crate) fn run(root: &Path, check: bool) -> Vec<String> {
    let registry = evenkeel_drivers::registry();
    let mut files: Vec<(String, String)> =
        schema::files(&registry).into_iter().map(|(name, text)| (format!("schemas/{name}"), text)).collect();
    for kind in schema::kinds(&registry) {
        if let Some(schema) = schema::schema_for(&registry, kind) {
            files.push((format!("docs/reference/{kind}.md"), kind_page(kind, &schema)));
        }
    }
    match command_line(root) {
        Ok(page) => files.push(("docs/reference/cli.md".to_owned(), page)),
        Err(problem) => return vec![problem],
    }
    files.iter().filter_map(|(name, text)| settle(root, name, text, check).err()).collect()
}

fn settle(root: &Path, name: &str, text: &str, check: bool) -> Result<(), String> {
    let path = root.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if check {
        return Err(format!("{name} is out of date: run `cargo xtask codegen`"));
    }
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
    written.map_err(|e| format!("cannot write {name}: {e}"))
}

const GENERATED: &str =
    "<!-- Written by `cargo xtask codegen` from the types; edit their doc comments instead. -->";

fn kind_page(kind: &str, schema: &Value) -> String {
    let mut text = format!("{GENERATED}\n\n# {kind}\n");
    if let Some(words) = schema.get("description").and_then(Value::as_str) {
        let _ = writeln!(text, "\n{words}");
    }
    let _ = writeln!(text, "\n| field of `spec` | type | |\n|---|---|---|");
    for field in fields(schema) {
        let Some((first, rest)) = field.path.split_first() else { continue };
        if first != "spec" || rest.is_empty() {
            continue;
        }
        let must = if field.required { "**Required.** " } else { "" };
        let words = field.description.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(
            text,
            "| `{}` | {} | {must}{words} |",
            rest.join("."),
            field.type_name.replace('|', "\\|")
        );
    }
    text
}

/// `evenkeel`: out of the folder `EVENKEEL_PROGRAMS`, where it was just built, else built now.
fn program() -> Command {
    if let Some(folder) = std::env::var_os("EVENKEEL_PROGRAMS") {
        return Command::new(Path::new(&folder).join("evenkeel"));
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--locked", "--bin", "evenkeel", "--"]);
    cargo
}

/// The help of every command, as the program prints it.
fn command_line(root: &Path) -> Result<String, String> {
    let help = |args: &[&str]| -> Result<String, String> {
        let output = program()
            .args(args)
            .arg("--help")
            .env("COLUMNS", "100")
            .current_dir(root)
            .output()
            .map_err(|e| format!("cannot run evenkeel: {e}"))?;
        if !output.status.success() {
            return Err(format!(
                "evenkeel {args:?} --help failed: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
    };
    let top = help(&[])?;
    let mut page =
        format!("{GENERATED}\n\n# The command line\n\n{EXIT_CODES}\n## evenkeel\n\n```text\n{top}\n```\n");
    for name in commands(&top) {
        let text = help(&[name])?;
        let _ = writeln!(page, "\n## evenkeel {name}\n\n```text\n{text}\n```");
        for below in commands(&text) {
            let _ =
                writeln!(page, "\n### evenkeel {name} {below}\n\n```text\n{}\n```", help(&[name, below])?);
        }
    }
    Ok(page)
}

/// The commands that a help lists, but not `help` itself.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let listed =
        help.lines().skip_while(|l| !l.starts_with("Commands:")).skip(1).take_while(|l| l.starts_with("  "));
    listed
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

const EXIT_CODES: &str = "\
| exit code | meaning |
|---|---|
| 0 | nothing to do, or done |
| 1 | an error: bad manifests or command line, a target that could not be read, a change that failed or was stale |
| 2 | changes are pending: `plan` and `status` found some, `apply` had to hold some or was not confirmed; `diff` found some; `doctor` has warnings and no problem |
| 130 | interrupted by Ctrl-C |

Exit 1 wins over 2. Every command that a script would want takes `--output json` and prints one document with a `formatVersion`; `events --follow`, which has no end, one document per line.
";
