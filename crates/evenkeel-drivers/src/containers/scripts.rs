//! The fixed scripts that are run in the scratch container. What varies is passed as arguments; the content of a file and
//! a manifest's own script stand as a here-document behind the text.

use evenkeel_core::request::Script;

/// Waits until the container has started; with `network` as its argument, until it has a route.
pub const READY: Script = Script::new("containers/ready.sh", include_str!("scripts/ready.sh"));
/// Packages: `upgrade`, `remove NAME…` or `install NAME…`.
pub const PACKAGES: Script = Script::new("containers/packages.sh", include_str!("scripts/packages.sh"));
/// The time zone: `ZONE`.
pub const TIME_ZONE: Script = Script::new("containers/timezone.sh", include_str!("scripts/timezone.sh"));
/// The locale: `LOCALE`.
pub const LOCALE: Script = Script::new("containers/locale.sh", include_str!("scripts/locale.sh"));
/// A file: `content PATH MODE OWNER` with the content behind the text ([`data_of`]), `line PATH MODE OWNER LINE`, or
/// `absent PATH`. Mode and owner are `-` where they stay as they are.
pub const FILE: Script = Script::new("containers/file.sh", include_str!("scripts/file.sh"));
/// A symbolic link: `PATH TARGET`.
pub const LINK: Script = Script::new("containers/link.sh", include_str!("scripts/link.sh"));
/// A script of the manifest, which stands behind the text ([`data_of`]): `NAME`.
pub const RUN: Script = Script::new("containers/run.sh", include_str!("scripts/run.sh"));
/// Takes away what does not belong into a template.
pub const CLEANUP: Script = Script::new("containers/cleanup.sh", include_str!("scripts/cleanup.sh"));

/// Prints which system it is, and fails where nothing tells.
pub const RELEASE: Script = Script::new("containers/release.sh", include_str!("scripts/release.sh"));

/// How the text goes on that is given data: its function is called with them on standard input.
const CALL: &str = "main \"$@\" <<'";
/// How it goes on where it is given none.
const CALL_WITHOUT: &str = "main \"$@\" </dev/null\n";

/// `script` with `data` behind it, which get a line break at their end where they have none. Its name says how much that is.
pub fn with_data(script: &Script, data: &str) -> Script {
    let line_break = if data.is_empty() || data.ends_with('\n') { "" } else { "\n" };
    let end = end_of(data);
    let text = format!("{}{CALL}{end}'\n{data}{line_break}{end}\n", script.text);
    Script { name: format!("{} and {} bytes", script.name, data.len()).into(), text: text.into() }
}

/// `script`, which could be given data, without any.
pub fn without_data(script: &Script) -> Script {
    Script { name: script.name.clone(), text: format!("{}{CALL_WITHOUT}", script.text).into() }
}

/// A line that is none of `data`.
fn end_of(data: &str) -> String {
    let is_line = |end: &String| data.lines().any(|line| line == end);
    let mut end = "EVENKEEL".to_owned();
    while is_line(&end) {
        end.push('_');
    }
    end
}

/// The data behind the fixed text, where `sent` is `fixed` with data.
pub fn data_of<'s>(sent: &'s str, fixed: &Script) -> Option<&'s str> {
    let (end, data) = sent.strip_prefix(fixed.text.as_ref())?.strip_prefix(CALL)?.split_once("'\n")?;
    data.strip_suffix('\n')?.strip_suffix(end)
}

/// Whether `sent` is `fixed`, with data or without.
pub fn is(sent: &str, fixed: &Script) -> bool {
    let rest = sent.strip_prefix(fixed.text.as_ref());
    rest.is_some_and(|rest| rest.is_empty() || rest == CALL_WITHOUT || data_of(sent, fixed).is_some())
}
