//! What a controller tells while it runs: what happens, a line each, and what its libraries warn of.

use std::io::{self, Write};
use std::sync::Arc;

use evenkeel_engine::controller::Handle;
use evenkeel_engine::store::{EventFilter, NewEvent, Weight};
use evenkeel_transport::credentials::CredentialChain;
use tokio::sync::broadcast::error::RecvError;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{LogLevel, Output};
use crate::ui;

/// Lets what the program and its libraries have to say go to standard error, without secrets.
pub(super) fn begin(level: LogLevel, chain: Arc<CredentialChain>) {
    let own = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    let others = own.min(tracing::Level::WARN);
    let ours =
        ["evenkeel_engine", "evenkeel_server", "evenkeel_source", "evenkeel_store", "evenkeel_transport"];
    let targets = Targets::new().with_default(others).with_targets(ours.map(|name| (name, own)));
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Redacted(chain)).with_filter(targets);
    // A second subscriber in one process: the first stays.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Standard error, through which no secret that was used goes.
struct Redacted(Arc<CredentialChain>);

struct Line(Arc<CredentialChain>);

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Arc::clone(&self.0))
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&self.0.redact(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Tells every event: for people on standard error, for scripts as one JSON object per line on standard output.
pub(super) async fn tell(handle: Arc<dyn Handle>, output: Output) {
    let mut events = handle.subscribe();
    let mut last = None;
    loop {
        match events.recv().await {
            Ok(event) => {
                last = Some(event.seq);
                say(&event.what, output, || serde_json::to_string(&*event).ok());
            }
            // Too many at once: what was missed is in the store.
            Err(RecvError::Lagged(_)) => {
                let filter = EventFilter { after: last, ..EventFilter::default() };
                for event in handle.store().events(&filter).await.unwrap_or_default() {
                    last = Some(event.seq);
                    say(&event.what, output, || serde_json::to_string(&event).ok());
                }
                events = handle.subscribe();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn say(event: &NewEvent, output: Output, json: impl Fn() -> Option<String>) {
    match output {
        Output::Json => ui::print_raw(&json().map(|line| line + "\n").unwrap_or_default()),
        Output::Human => ui::note(&line(event)),
    }
}

/// `2026-11-20T18:00:00Z warning DriftFound durian ZfsDataset/pool1: …`
fn line(event: &NewEvent) -> String {
    let weight = match event.weight {
        Weight::Normal => "",
        Weight::Warning => "warning ",
    };
    let mut about: Vec<String> = Vec::new();
    match (&event.target, &event.source) {
        (Some(target), _) => about.push(target.clone()),
        (None, Some(source)) => about.push(source.clone()),
        (None, None) => {}
    }
    if let (Some(kind), Some(name)) = (&event.kind, &event.name) {
        about.push(format!("{kind}/{name}"));
    }
    format!("{:.0} {weight}{} {}: {}\n", event.at, event.reason, about.join(" "), event.message)
}
