//! Answering from a recording.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};
use jiff::Timestamp;

use crate::recording::{self, FORMAT_VERSION, Meta, Recorded, TargetRecording};

/// Gives the answers of a recording to the requests that were recorded, and reaches nothing.
///
/// A request that was recorded several times is answered in that order, and with its last answer from then on.
pub struct Replayer {
    folder: PathBuf,
    now: Timestamp,
    answers: Mutex<HashMap<String, HashMap<Request, Answers>>>,
}

#[derive(Default)]
struct Answers {
    recorded: Vec<Recorded>,
    given: usize,
}

impl Replayer {
    /// Reads the recording in `folder`.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        let meta: Meta = read(&recording::meta_path(&folder))?;
        supported(meta.format_version, &folder)?;
        let mut answers = HashMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with("target-") || !name.ends_with(".json") {
                continue;
            }
            let recording: TargetRecording = read(&path)?;
            supported(recording.format_version, &path)?;
            let of_target: &mut HashMap<Request, Answers> =
                answers.entry(recording.target.clone()).or_default();
            for exchange in recording.into_exchanges() {
                of_target.entry(exchange.request).or_default().recorded.push(exchange.answer);
            }
        }
        Ok(Replayer { folder, now: meta.now, answers: Mutex::new(answers) })
    }

    /// The time that the recorded run took as now.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    fn answer(&self, target: &Target, request: &Request) -> Result<Reply, TransportError> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = answers.get_mut(&target.name).and_then(|of_target| of_target.get_mut(request));
        let recorded = found.and_then(|answers| {
            let last = answers.recorded.len().checked_sub(1)?;
            let recorded = answers.recorded.get(answers.given.min(last));
            answers.given += 1;
            recorded.cloned()
        });
        match recorded {
            Some(Recorded::Reply(reply)) => Ok(reply),
            Some(Recorded::Error(error)) => Err(error),
            None => Err(self.not_recorded(target, request)),
        }
    }

    fn not_recorded(&self, target: &Target, request: &Request) -> TransportError {
        let (folder, command) = (self.folder.display(), request.display());
        let message = format!("the recording {folder} has no answer of `{}` to `{command}`", target.name);
        TransportError::new(TransportErrorKind::NotRecorded, message)
            .hint("replay with the manifests and the selection of the recorded run, or record it again")
    }
}

impl std::fmt::Debug for Replayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replayer")
            .field("folder", &self.folder)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Transport for Replayer {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(async move { requests.iter().map(|request| self.answer(target, request)).collect() })
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    recording::read(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

fn supported(version: u32, path: &Path) -> io::Result<()> {
    if version == FORMAT_VERSION {
        return Ok(());
    }
    let message = format!(
        "{}: formatVersion {version} is not supported, this program reads {FORMAT_VERSION}",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use evenkeel_core::request::{Exec, PowerShell, Script, SecretRef};

    use super::*;
    use crate::credentials::{CredentialChain, Credentials, EnvironmentCredentials};
    use crate::{LocalTransport, Recorder};

    fn target(name: &str) -> Target {
        let spec = serde_json::from_value(serde_json::json!({"local": {}})).unwrap();
        Target { name: name.into(), labels: BTreeMap::new(), spec }
    }

    fn exec(words: &[&str]) -> Request {
        Request::Exec(Exec::new(words.iter().copied()))
    }

    async fn ask(transport: &dyn Transport, name: &str, request: &Request) -> Result<Reply, TransportError> {
        transport.exchange(&target(name), std::slice::from_ref(request)).await.remove(0)
    }

    #[tokio::test]
    async fn a_recorded_run_is_replayed_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretRef { name: "nas".into(), key: "password".into() };
        let variables = [("EVENKEEL_CRED_NAS_PASSWORD".to_owned(), "hunter2!".to_owned())];
        let credentials =
            Arc::new(CredentialChain::new(vec![Box::new(EnvironmentCredentials::new(variables))]));
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials) as Arc<dyn Credentials>));
        let at = folder.path().join("run");
        let recorder = Recorder::new(local, &at, now, Arc::clone(&credentials)).unwrap();
        // As it is, it would not come this far.
        let mut leak = Exec::new(["base64"]);
        leak.stdin = Some(secret);
        let leak = Request::Exec(leak);
        let bytes = exec(&["printf", r"\377\001"]);
        assert_eq!(ask(&recorder, "Ho/st", &leak).await.unwrap().stdout, b"aHVudGVyMiEK\n");
        ask(&recorder, "Ho/st", &bytes).await.unwrap();

        let replayer = Replayer::open(&at).unwrap();
        assert_eq!(replayer.now(), now);
        assert_eq!(ask(&replayer, "Ho/st", &leak).await.unwrap().stdout, b"***K\n");
        assert_eq!(ask(&replayer, "Ho/st", &bytes).await.unwrap().stdout, [0xff, 1]);
        for (name, request) in [("Ho/st", exec(&["true"])), ("other", bytes)] {
            let error = ask(&replayer, name, &request).await.unwrap_err();
            assert_eq!(error.kind, TransportErrorKind::NotRecorded);
            assert!(error.hint.is_some());
        }
        for file in std::fs::read_dir(&at).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
        }
        assert!(Recorder::new(Arc::new(replayer), &at, now, credentials).is_err(), "overwrites nothing");
    }

    /// Answers every script with its name and input.
    struct Echo;

    impl Transport for Echo {
        fn exchange<'a>(
            &'a self,
            _: &'a Target,
            requests: &'a [Request],
        ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
            let reply = |request: &Request| {
                let stdout = request.display().into_bytes();
                Ok(Reply { exit: 0, stdout, stderr: vec![] })
            };
            Box::pin(std::future::ready(requests.iter().map(reply).collect()))
        }
    }

    #[tokio::test]
    async fn scripts_are_recorded_once_and_replayed_by_text_and_input() {
        let run = |text: &'static str, input: u32| {
            let script = PowerShell::new(Script::new("look.ps1", text), serde_json::json!({ "n": input }));
            Request::PowerShell(Box::new(script))
        };
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("run");
        let credentials = Arc::new(CredentialChain::new(vec![]));
        let recorder = Recorder::new(Arc::new(Echo), &at, Timestamp::UNIX_EPOCH, credentials).unwrap();
        let sent = [run("'the text'", 1), run("'the text'", 2), run("'another'", 1)];
        for request in &sent {
            ask(&recorder, "host", request).await.unwrap();
        }
        let written = std::fs::read_to_string(recording::target_path(&at, "host")).unwrap();
        assert_eq!(written.matches("'the text'").count(), 1, "{written}");
        let replayer = Replayer::open(&at).unwrap();
        for request in &sent {
            let reply = ask(&replayer, "host", request).await.unwrap();
            assert_eq!(reply.stdout, request.display().into_bytes());
        }
        let error = ask(&replayer, "host", &run("'a newer text'", 1)).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::NotRecorded);
    }

    #[tokio::test]
    async fn what_a_command_reads_and_where_it_logs_is_part_of_the_request() {
        let read = |text: &'static str| Exec::new(["sh", "-s"]).reading(Script::new("look.sh", text));
        let logged = read("echo one").logged("/var/log/x.log");
        let sent = [read("echo one"), read("echo two"), logged].map(Request::Exec);
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("run");
        let credentials = Arc::new(CredentialChain::new(vec![]));
        let recorder = Recorder::new(Arc::new(Echo), &at, Timestamp::UNIX_EPOCH, credentials).unwrap();
        for request in &sent {
            ask(&recorder, "host", request).await.unwrap();
        }
        let written = std::fs::read_to_string(recording::target_path(&at, "host")).unwrap();
        assert!(written.contains("echo one") && written.contains("/var/log/x.log"), "{written}");
        let replayer = Replayer::open(&at).unwrap();
        for request in &sent {
            let reply = ask(&replayer, "host", request).await.unwrap();
            assert_eq!(reply.stdout, request.display().into_bytes());
        }
        for unknown in [read("echo three"), read("echo two").logged("/var/log/x.log")] {
            let error = ask(&replayer, "host", &Request::Exec(unknown)).await.unwrap_err();
            assert_eq!(error.kind, TransportErrorKind::NotRecorded);
        }
    }

    #[tokio::test]
    async fn answers_that_changed_come_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let counter = folder.path().join("n").display().to_string();
        let credentials = Arc::new(CredentialChain::new(vec![]));
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials) as Arc<dyn Credentials>));
        let at = folder.path().join("run");
        let recorder = Recorder::new(local, &at, Timestamp::UNIX_EPOCH, credentials).unwrap();
        let count = exec(&["sh", "-c", &format!("echo x >> {counter}; wc -l < {counter}")]);
        for _ in 0..2 {
            ask(&recorder, "host", &count).await.unwrap();
        }
        let replayer = Replayer::open(&at).unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(String::from_utf8(ask(&replayer, "host", &count).await.unwrap().stdout).unwrap());
        }
        assert_eq!(seen.iter().map(|s| s.trim()).collect::<Vec<_>>(), ["1", "2", "2"]);
    }
}
