//! Writing a run down, so that it can be planned again without the targets.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::request::{Reply, Request, Transfer};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind, Watch};
use jiff::Timestamp;

use crate::credentials::CredentialChain;
use crate::recording::{self, FORMAT_VERSION, Meta, Recorded, TargetRecording};

/// Passes requests on and writes them and their answers into a folder of JSON files, as they come.
///
/// Answers are written with every secret that `credentials` handed out replaced by `***`; the caller gets them as
/// they are. Requests name secrets and never contain them.
pub struct Recorder {
    inner: Arc<dyn Transport>,
    folder: PathBuf,
    credentials: Arc<CredentialChain>,
    targets: Mutex<HashMap<String, TargetRecording>>,
}

impl Recorder {
    /// Records what goes through `inner` into `folder`, which is created and must hold no recording yet. `now` is
    /// the time that this run takes as now.
    pub fn new(
        inner: Arc<dyn Transport>,
        folder: impl Into<PathBuf>,
        now: Timestamp,
        credentials: Arc<CredentialChain>,
    ) -> io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        let meta = recording::meta_path(&folder);
        if meta.exists() {
            let message = format!("{} is a recording already", folder.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        recording::write(&meta, &Meta { format_version: FORMAT_VERSION, now })?;
        Ok(Recorder { inner, folder, credentials, targets: Mutex::default() })
    }

    fn record(
        &self,
        target: &Target,
        requests: &[Request],
        answers: &[Result<Reply, TransportError>],
    ) -> io::Result<()> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let recording = targets.entry(target.name.clone()).or_insert_with(|| TargetRecording {
            format_version: FORMAT_VERSION,
            target: target.name.clone(),
            scripts: BTreeMap::new(),
            exchanges: Vec::new(),
        });
        for (request, answer) in requests.iter().zip(answers) {
            let answer = self.redacted(answer);
            recording.add(request.clone(), answer);
        }
        recording::write(&recording::target_path(&self.folder, &target.name), recording)
    }

    fn redacted(&self, answer: &Result<Reply, TransportError>) -> Recorded {
        let text = |text: &str| self.credentials.redact_text(text).into_owned();
        match answer {
            Ok(reply) => Recorded::Reply(Reply {
                exit: reply.exit,
                stdout: self.credentials.redact(&reply.stdout),
                stderr: self.credentials.redact(&reply.stderr),
            }),
            Err(error) => Recorded::Error(TransportError {
                kind: error.kind,
                message: text(&error.message),
                hint: error.hint.as_deref().map(text),
            }),
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Transport for Recorder {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(async move {
            let answers = self.inner.exchange(target, requests).await;
            if let Err(e) = self.record(target, requests, &answers) {
                // A recording with holes would replay as something that never was.
                let message = format!("cannot record into {}: {e}", self.folder.display());
                let error = TransportError::new(TransportErrorKind::Configuration, message);
                return requests.iter().map(|_| Err(error.clone())).collect();
            }
            answers
        })
    }

    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        self.inner.renew(target)
    }

    fn work<'a>(
        &'a self,
        target: &'a Target,
        request: &'a Request,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        // Only what plans are made of is recorded: a recording is replayed by `plan`.
        self.inner.work(target, request, watch)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }

    fn transfer<'a>(
        &'a self,
        from: &'a Target,
        to: &'a Target,
        transfer: &'a Transfer,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        // As little as any other work.
        self.inner.transfer(from, to, transfer, watch)
    }
}
