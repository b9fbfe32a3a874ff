//! `events --follow`: as they happen, whether the controller runs or not.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use evenkeel_engine::store::{Batch, Store as _, Weight};
use jiff::Timestamp;
use serde_json::Value;

use crate::keeper::{Keeper, TOKEN};
use crate::stored::{Stored, event, stored};

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A command that follows, and its lines.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(stored: &Stored, args: &[&str]) -> Self {
        let mut command = stored.work.command(&[&["events", "--follow"], args].concat());
        let mut child = command.env("EVENKEEL_TOKEN", TOKEN).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Following { child, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line within a minute")
    }

    /// The exit code after Ctrl-C, and the lines that came until then.
    fn interrupt(mut self) -> (Option<i32>, Vec<String>) {
        let id = self.child.id().to_string();
        let killed = std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(killed.success());
        let code = self.child.wait().unwrap().code();
        (code, self.lines.iter().collect())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(output: ChildStdout) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn news(name: &str, message: &str) -> evenkeel_engine::store::NewEvent {
    event(Timestamp::now(), Weight::Normal, "InSync", message, name)
}

/// Something that nobody tells of.
fn happens_quietly(stored: &Stored, name: &str, message: &str) {
    let batch = Batch { events: vec![news(name, message)], ..Batch::default() };
    stored.runtime.block_on(stored.store.commit(stored.fence, batch)).unwrap();
}

#[test]
fn events_of_a_running_controller_come_as_they_happen_and_ctrl_c_ends_it() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    for args in [vec!["--last", "1"], vec!["--last", "1", "--server", &keeper.url()]] {
        let following = Following::start(&stored, &args);
        let last = following.next();
        assert!(last.contains("DriftFound") || last.contains("second"), "{last}");
        keeper.happens(news("vm", "first"));
        assert!(following.next().contains("InSync alpha ZfsDataset/vm: first"));
        keeper.happens(news("vm", "second"));
        assert!(following.next().contains("second"));
        assert_eq!(following.interrupt(), (Some(130), Vec::new()));
    }
}

#[test]
fn without_a_controller_the_store_is_followed_and_nothing_is_told_twice_when_one_starts() {
    let stored = stored();
    let following = Following::start(&stored, &["--last", "1"]);
    // From here on it follows: what happened before it began is not its own.
    assert!(following.next().contains("DriftFound"));
    happens_quietly(&stored, "vm", "without");
    assert!(following.next().contains("without"));
    let keeper = Keeper::start(&stored);
    keeper.happens(news("vm", "with"));
    assert!(following.next().contains("with"));
    drop(keeper);
    happens_quietly(&stored, "vm", "again without");
    assert!(following.next().contains("again without"));
    assert_eq!(following.interrupt(), (Some(130), Vec::new()));
}

#[test]
fn scripts_get_a_document_per_line_and_what_they_selected() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    let following = Following::start(&stored, &["ZfsDataset/vm", "-o", "json"]);
    let document = |line: String| -> Value { serde_json::from_str(&line).unwrap() };
    let first = document(following.next());
    assert_eq!(
        (&first["formatVersion"], &first["seq"], &first["reason"]),
        (&1.into(), &2.into(), &"Applied".into())
    );
    assert_eq!(document(following.next())["reason"], "DriftFound");
    keeper.happens(news("home", "another"));
    keeper.happens(news("vm", "this one"));
    assert_eq!(document(following.next())["message"], "this one");
    assert_eq!(following.interrupt().0, Some(130));
}
