//! What a controller tells while it runs: what happens, a line each, and what its libraries warn of.

use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

use evenkeel_engine::controller::Handle;
use evenkeel_engine::store::{Event, EventFilter};
use evenkeel_transport::credentials::CredentialChain;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{LogLevel, Output};
use crate::ui;

/// What the program and its libraries have to say, on standard error and without secrets.
pub(super) struct Log(Secrets);

/// All chains that secrets came from: what was one before a reload is one afterwards.
type Secrets = Arc<RwLock<Vec<Arc<CredentialChain>>>>;

impl Log {
    /// Begins to listen.
    pub(super) fn begin(level: LogLevel) -> Self {
        let own = match level {
            LogLevel::Error => tracing::Level::ERROR,
            LogLevel::Warn => tracing::Level::WARN,
            LogLevel::Info => tracing::Level::INFO,
            LogLevel::Debug => tracing::Level::DEBUG,
        };
        let others = own.min(tracing::Level::WARN);
        let ours = [
            "evenkeel_engine",
            "evenkeel_notify",
            "evenkeel_server",
            "evenkeel_source",
            "evenkeel_store",
            "evenkeel_transport",
        ];
        let targets = Targets::new().with_default(others).with_targets(ours.map(|name| (name, own)));
        let secrets = Secrets::default();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false);
        let lines = lines.with_writer(Redacted(Arc::clone(&secrets))).with_filter(targets);
        // A second subscriber in one process: the first stays.
        let _ = tracing_subscriber::registry().with(lines).try_init();
        Log(secrets)
    }

    /// From now on what comes out of this chain is not shown either.
    pub(super) fn keep_secrets_of(&self, chain: &Arc<CredentialChain>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(chain));
    }
}

/// Standard error, through which no secret that was used goes.
struct Redacted(Secrets);

struct Line(Secrets);

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Arc::clone(&self.0))
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chains = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let clean = chains.iter().fold(bytes.to_vec(), |clean, chain| chain.redact(&clean));
        io::stderr().write_all(&clean)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Events that are read at once where too many came at once.
const PAGE: usize = 1000;

/// Tells every event until the `end`, and then what is left: for people on standard error, for scripts as one JSON object
/// per line on standard output.
pub(super) async fn tell(handle: Arc<dyn Handle>, output: Output, mut end: oneshot::Receiver<()>) {
    let mut events = handle.subscribe();
    let newest = EventFilter { last: Some(1), ..EventFilter::default() };
    let mut last = handle.store().events(&newest).await.ok().and_then(|e| Some(e.last()?.seq)).unwrap_or(0);
    loop {
        let next = tokio::select! {
            biased;
            next = events.recv() => next,
            _ = &mut end => {
                catch_up(handle.as_ref(), last, output).await;
                return;
            }
        };
        match next {
            // What was already read from the store is not told again.
            Ok(event) if event.seq <= last => {}
            Ok(event) => {
                last = event.seq;
                say(&event, output);
            }
            // Too many at once: what was missed is in the store.
            Err(RecvError::Lagged(_)) => last = catch_up(handle.as_ref(), last, output).await,
            Err(RecvError::Closed) => return,
        }
    }
}

/// Tells what the store has after the event `last`, all of it. Gives the number of the last one told.
async fn catch_up(handle: &dyn Handle, mut last: u64, output: Output) -> u64 {
    loop {
        let filter = EventFilter { after: Some(last), limit: Some(PAGE), ..EventFilter::default() };
        let page = handle.store().events(&filter).await.unwrap_or_default();
        for event in &page {
            last = event.seq;
            say(event, output);
        }
        if page.len() < PAGE {
            return last;
        }
    }
}

fn say(event: &Event, output: Output) {
    match output {
        // A document that cannot be written leaves its line out: nothing else can be done about it here.
        Output::Json => drop(ui::print_json_line(&ui::EventDocument::of(event))),
        Output::Human => ui::note(&ui::event_line(&event.what)),
    }
}
