//! `evenkeel backup verify`

use evenkeel_core::driver::{Generation, Verification, Verifications};
use evenkeel_core::plan::{FORMAT_VERSION, InstanceId};
use evenkeel_core::request::{Digest, Replies, Reply};
use evenkeel_core::transport::TransportError;
use evenkeel_engine::{Clock as _, SystemClock};
use serde::Serialize;
use serde_json::json;

use super::{Reached, open, reach};
use crate::args::{Output, SomeCopies, Which};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::{self, Workspace};
use crate::ui;

/// A copy that was read again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
    #[serde(flatten)]
    pub(crate) id: InstanceId,
    pub(crate) generation: Generation,
    /// Why it is not what it was; `None` where it is.
    pub(crate) problem: Option<String>,
}

pub(super) fn run(args: &SomeCopies, output: Output) -> Result<Exit, CliError> {
    let workspace = open(&args.manifests)?;
    args.which.slot()?;
    let reached = reach(&workspace, &args.reach);
    let checking = check(&workspace, &reached, &args.which);
    let checked = session::read_by(&reached.engine, checking);
    reached.bars.clear();
    let Reading { checked, unread } = match checked {
        Ok(reading) => reading?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_checked(&checked, &unread),
        Output::Json => {
            ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "copies": checked, "unread": unread }))?;
        }
    }
    // Whoever asks whether copies are good must not hear yes where there is none.
    let is_bad = checked.is_empty() || !unread.is_empty() || checked.iter().any(|one| one.problem.is_some());
    Ok(if is_bad { Exit::Error } else { Exit::Done })
}

/// What came of reading copies again.
struct Reading {
    checked: Vec<Checked>,
    /// Stores that could not be read, each with why.
    unread: Vec<String>,
}

async fn check(workspace: &Workspace, reached: &Reached, which: &Which) -> Result<Reading, CliError> {
    let replies = reached.engine.look(&workspace.scope).await;
    let (nothing, now) = (Replies::default(), SystemClock.now());
    let (mut checked, mut unread) = (Vec::new(), Vec::new());
    for instance in &workspace.scope.instances {
        let replies = replies.get(&instance.id.target).unwrap_or(&nothing);
        let all = instance.driver.verifications(&instance.spec, replies, now).map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            CliError::new(format!("cannot tell what copies {} has", instance.id))
                .because(error)
                .hint_if_any(hint)
        })?;
        let Verifications { copies: all, unread: silent } = all;
        unread.extend(silent);
        let generations: Vec<Generation> = all.iter().map(|one| one.generation.clone()).collect();
        let wanted = which.of(&generations)?;
        for one in all.iter().filter(|one| wanted.contains(&&one.generation)) {
            reached.bars.say(&format!("reading {} of {}\n", one.generation.name, one.generation.store));
            let answer = reached.engine.query(&workspace.scope, &instance.id.target, &one.query).await;
            let problem = problem(one, answer);
            checked.push(Checked { id: instance.id.clone(), generation: one.generation.clone(), problem });
        }
    }
    Ok(Reading { checked, unread })
}

/// Why a copy is not what it was.
fn problem(one: &Verification, answer: Result<Reply, TransportError>) -> Option<String> {
    let reply = match answer {
        Ok(reply) if reply.exit == 0 => reply,
        Ok(reply) => return Some(reply.stderr_text()),
        Err(error) => return Some(error.message),
    };
    let expected = one.expected.as_ref()?;
    match serde_json::from_slice::<Digest>(&reply.stdout) {
        Ok(found) if found == *expected => None,
        Ok(found) if found.bytes != expected.bytes => {
            Some(format!("it has {} bytes instead of {}", found.bytes, expected.bytes))
        }
        Ok(_) => Some("its content is another: the SHA-256 differs".to_owned()),
        Err(error) => Some(format!("the store's answer is no digest: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::driver::Fate;
    use evenkeel_core::request::{FileRequest, Query, Request};

    use super::*;

    fn verification() -> Verification {
        let generation = Generation {
            store: "nas:/b".into(),
            slot: jiff::Timestamp::UNIX_EPOCH,
            item: "101".into(),
            name: "a".into(),
            bytes: Some(3),
            verified: true,
            fate: Fate::Expired,
        };
        let query = Query::reading(Request::Files(FileRequest::Digest { path: "a".into() })).at("nas");
        let expected = Some(Digest { bytes: 3, sha256: "aa".into() });
        Verification { generation, query, expected }
    }

    #[test]
    fn only_the_same_bytes_are_no_problem() {
        let answer = |stdout: &str, exit| {
            Ok(Reply { exit, stdout: stdout.as_bytes().to_vec(), stderr: b"gone".to_vec() })
        };
        let told = |answer| problem(&verification(), answer);
        assert_eq!(told(answer(r#"{"bytes":3,"sha256":"aa"}"#, 0)), None);
        assert_eq!(told(answer(r#"{"bytes":2,"sha256":"aa"}"#, 0)).unwrap(), "it has 2 bytes instead of 3");
        assert!(told(answer(r#"{"bytes":3,"sha256":"ab"}"#, 0)).unwrap().contains("SHA-256 differs"));
        assert!(told(answer("noise", 0)).unwrap().contains("no digest"));
        assert_eq!(told(answer("", 2)).unwrap(), "gone");
    }
}
