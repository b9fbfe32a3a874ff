//! Why a resource is as it is.

use std::fmt::Write as _;

use evenkeel_engine::controller::Intent;
use evenkeel_engine::source::Revision;
use evenkeel_engine::store::Touch;

use super::history::trigger;
use super::print;
use super::run::word;
use super::style::{Tone, paint};
use super::visible::one_line;
use crate::commands::{Account, Deed, FieldAccount};
use crate::times::shown;

/// Prints what is known of each field.
pub(crate) fn show_why(account: &Account) {
    let mut text = String::new();
    render_head(&mut text, account);
    for field in &account.fields {
        text.push('\n');
        render_field(&mut text, account, field);
    }
    for deed in &account.other {
        text.push('\n');
        render_deed(&mut text, deed);
    }
    if account.fields.is_empty() && account.other.is_empty() {
        text.push_str("\n  nothing is known of its fields yet: nothing was sent for it\n");
    }
    print(&text);
}

fn render_head(text: &mut String, account: &Account) {
    let object = account.object.as_ref().map(|object| format!("  {object}")).unwrap_or_default();
    let id = &account.key.id;
    let _ = writeln!(
        text,
        "{} on {}{}",
        paint(Tone::Strong, format!("{}/{}", id.kind, id.name)),
        id.target,
        paint(Tone::Faint, object)
    );
    if let Some(ready) = &account.ready {
        line(text, "now", &format!("{}: {}", ready.reason, one_line(&ready.message)));
    }
    if let Some(location) = &account.location {
        line(text, "manifest", &format!("{location} of the source {}", account.key.source));
    }
    if let Some(revision) = &account.in_force {
        line(text, "in force", &commit(revision));
    }
    if let Some(changed) = &account.changed {
        let what = match changed.touch {
            Touch::Added => "brought by",
            Touch::Changed => "changed by",
            Touch::Gone => "removed by",
        };
        let accepted =
            changed.accepted_by.as_ref().map(|by| format!(", accepted by {by}")).unwrap_or_default();
        let when = format!("; in force since {}{accepted}", shown(changed.at));
        line(text, what, &format!("{}{when}", commit(&changed.revision)));
    }
}

fn render_field(text: &mut String, account: &Account, field: &FieldAccount) {
    let wanted = match &field.wanted {
        Some(value) => format!(" = {}", one_line(value)),
        None => paint(Tone::Faint, "  the manifest wants nothing of it"),
    };
    let _ = writeln!(text, "  {}{wanted}", paint(Tone::Strong, &field.path));
    if let Some(location) = &field.location {
        line(text, "manifest", &location.to_string());
    }
    if let Some(differs) = &field.differs {
        let said = format!("it is {}", one_line(&differs.before_text));
        line(text, "differs", &paint(Tone::Warn, said));
    }
    match (&field.made, &field.differs) {
        (Some(made), _) => render_deed(text, made),
        (None, Some(_)) => line(text, "made so", "not yet: nothing was sent for it"),
        (None, None) if account.ready.is_none() => line(text, "made so", "not known: nobody has looked yet"),
        (None, None) => {
            line(
                text,
                "made so",
                "by nobody here: it was so when Evenkeel first looked, and nothing was ever sent for it",
            );
        }
    }
    for deed in &field.earlier {
        line(text, "before", &earlier(deed));
    }
}

fn render_deed(text: &mut String, deed: &Deed) {
    let (became, tone) = deed.verdict.as_ref().map_or(("cut off, and nobody saw the end", Tone::Warn), word);
    let woken = deed.trigger.map(|it| format!(", woken by {}", trigger(it))).unwrap_or_default();
    let by = deed.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
    let run = format!("{} in run {}{woken}{by}: {}", shown(deed.at), deed.run, paint(tone, became));
    line(text, "made so", &run);
    line(text, "because", &because(deed));
    if let Some(revision) = &deed.revision {
        line(text, "commit", &commit(revision));
    }
    if let Some(yes) = &deed.approval {
        line(text, "approved", &format!("by {} at {}: {}", yes.by, shown(yes.at), one_line(&yes.reason)));
    }
    for sent in &deed.commands {
        let exit = sent.exit.map_or_else(|| "no answer".to_owned(), |exit| format!("exit {exit}"));
        line(text, "command", &format!("{}  {}", one_line(&sent.command), paint(Tone::Faint, exit)));
    }
}

/// Why it was sent, and from what to what.
fn because(deed: &Deed) -> String {
    let why = match deed.intent {
        Some(Intent::Intentional) => "the manifest wants it so",
        Some(Intent::Corrective) => "it had drifted",
        None => "it left the manifests",
    };
    format!("{why}{}", values(deed))
}

fn values(deed: &Deed) -> String {
    match (&deed.before, &deed.after) {
        (Some(before), Some(after)) => format!(": {} → {}", one_line(before), one_line(after)),
        _ => String::new(),
    }
}

fn earlier(deed: &Deed) -> String {
    let why = match deed.intent {
        Some(Intent::Corrective) => "drift",
        _ => "manifest",
    };
    let became = deed.verdict.as_ref().map_or("cut off", |verdict| word(verdict).0);
    format!("{} run {}, {why}{}: {became}", shown(deed.at), deed.run, values(deed))
}

/// `3f2a9c1d77e0 home: more quota, by A <a@example.org>, 2026-11-20T18:00:00Z`
fn commit(revision: &Revision) -> String {
    let of = |before: &str, part: Option<&str>| {
        part.map(|part| format!("{before}{}", one_line(part))).unwrap_or_default()
    };
    format!(
        "{}{}{}{}",
        revision.short(),
        of(" ", revision.subject.as_deref()),
        of(", by ", revision.author.as_deref()),
        of(", ", revision.at.map(shown).as_deref())
    )
}

fn line(text: &mut String, what: &str, said: &str) {
    let _ = writeln!(text, "    {} {said}", paint(Tone::Faint, format!("{what:<10}")));
}
