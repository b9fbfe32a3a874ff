//! What a script tells line by line, with `end` as the last line: without it something was cut off.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

/// The lines that follow.
pub(super) type Lines<'t> = std::vec::IntoIter<&'t str>;

/// Reads what was told: `take` gets each line with those that follow, of which it may take some, too. It says `None` of a line
/// that means nothing to it. `hint` is what helps where the script failed.
pub(in crate::containers) fn told(
    request: &Request,
    reply: &Reply,
    hint: Option<&str>,
    mut take: impl FnMut(&str, &mut Lines<'_>) -> Result<Option<()>, ObserveError>,
) -> Result<(), ObserveError> {
    let command = request.display();
    if reply.exit != 0 {
        let (exit, stderr) = (reply.exit, reply.stderr_text().chars().take(300).collect());
        return Err(ObserveError::Command { command, exit, stderr, hint: hint.map(str::to_owned) });
    }
    let text = String::from_utf8_lossy(&reply.stdout);
    let bad = |problem: String| ObserveError::Unparsable { command: command.clone(), problem };
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.pop() != Some("end") {
        return Err(bad("the last line is not `end`: something was cut off".to_owned()));
    }
    let mut lines = lines.into_iter();
    while let Some(line) = lines.next() {
        if take(line, &mut lines)?.is_none() {
            let short: String = line.chars().take(100).collect();
            return Err(bad(format!("\"{short}\" means nothing here")));
        }
    }
    Ok(())
}
