//! Numbers in Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use evenkeel_engine::controller::{Health, HealthMetric, Metrics};

use crate::app::App;
use crate::webhook::Received;

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let text = render(&app.handle.health(), &app.handle.metrics(), &app.counted());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// The page being written.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a String does not fail.
        let _ = writeln!(self.0, "# HELP evenkeel_{name} {help}\n# TYPE evenkeel_{name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "evenkeel_{name} {value}");
    }

    fn each<T: Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        label: &str,
        all: &BTreeMap<String, T>,
    ) {
        self.head(name, kind, help);
        for (key, value) in all {
            let _ = writeln!(self.0, "evenkeel_{name}{{{label}=\"{}\"}} {value}", escaped(key));
        }
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn render(health: &Health, m: &Metrics, webhooks: &BTreeMap<(String, Received), u64>) -> String {
    let mut page = Page(String::with_capacity(4096));
    let (gauge, counter) = ("gauge", "counter");
    let version = BTreeMap::from([(env!("CARGO_PKG_VERSION").to_owned(), 1)]);
    page.each("build_info", gauge, "The version that runs.", "version", &version);
    page.one("live", gauge, "1 while the loop turns.", u8::from(health.live));
    page.one(
        "ready",
        gauge,
        "1 once every source was read and the store takes writes.",
        u8::from(health.ready),
    );
    page.one("start_time_seconds", gauge, "When it started, in Unix time.", health.started.as_second());
    page.each(
        "resources",
        gauge,
        "Resources by the reason of their Ready condition.",
        "reason",
        &m.resources,
    );
    page.one("targets", gauge, "Targets that are known.", m.targets);
    page.one("targets_unreachable", gauge, "Targets that did not answer.", m.unreachable);
    page.one("targets_reading", gauge, "Targets that are being read.", m.reading);
    page.one("targets_writing", gauge, "Targets that are being written to.", m.writing);
    page.one("queue_resources", gauge, "Resources that are due and wait for their turn.", m.queued);
    let help = "For how long the oldest of them waits.";
    page.one("queue_oldest_wait_seconds", gauge, help, m.oldest_wait_seconds);
    page.one("looks_total", counter, "Looks at targets.", m.looks);
    page.each("runs_total", counter, "Runs by how they ended.", "state", &m.runs);
    page.one("commands_total", counter, "Commands that were sent.", m.commands);
    page.each("changes_total", counter, "Differences that were put right, by why.", "intent", &m.changes);
    page.each("fetches_total", counter, "Fetches of sources by what came of them.", "result", &m.fetches);
    let help = "Since a source was last fetched with success, or since the start.";
    page.each("source_age_seconds", gauge, help, "source", &m.source_age_seconds);
    health_of_resources(&mut page, &m.health);
    page.head("webhooks_total", counter, "Webhooks by what came of them.");
    for ((name, outcome), count) in webhooks {
        let (name, outcome) = (escaped(name), outcome.word());
        let _ =
            writeln!(page.0, "evenkeel_webhooks_total{{webhook=\"{name}\",outcome=\"{outcome}\"}} {count}");
    }
    page.0
}

/// "The newest verified copy is 3 h old, wanted < 24 h", as numbers to alert on.
fn health_of_resources(page: &mut Page, all: &[HealthMetric]) {
    let labels = |one: &HealthMetric| {
        let HealthMetric { key, about, .. } = one;
        let pairs = [
            ("source", key.source.as_str()),
            ("target", key.id.target.as_str()),
            ("kind", key.id.kind.as_str()),
            ("name", key.id.name.as_str()),
            ("about", about.as_str()),
        ];
        let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}=\"{}\"", escaped(v))).collect();
        pairs.join(",")
    };
    let mut each = |name: &str, help: &str, value: &dyn Fn(&HealthMetric) -> Option<f64>| {
        page.head(name, "gauge", help);
        for (one, value) in all.iter().filter_map(|one| Some((one, value(one)?))) {
            let _ = writeln!(page.0, "evenkeel_{name}{{{}}} {value}", labels(one));
        }
    };
    let good = |one: &HealthMetric| Some(if one.good { 1.0 } else { 0.0 });
    each(
        "health",
        "1 where what is told of a resource is as it should be, when it was last looked at.",
        &good,
    );
    let age = |one: &HealthMetric| one.age_seconds;
    each("newest_verified_age_seconds", "How old the newest verified copy is.", &age);
    let limit = |one: &HealthMetric| {
        one.limit_seconds.map(|seconds| f64::from(u32::try_from(seconds).unwrap_or(u32::MAX)))
    };
    each("newest_verified_limit_seconds", "How old the newest verified copy may be.", &limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_prometheus_reads() {
        let health = Health {
            live: true,
            ready: false,
            draining: false,
            reasons: Vec::new(),
            started: "2026-11-20T18:00:00Z".parse().unwrap(),
        };
        let mut m = Metrics { oldest_wait_seconds: 0.25, looks: 7, ..Metrics::default() };
        m.resources.insert("InSync".to_owned(), 3);
        m.source_age_seconds.insert("a\"b\\c\nd".to_owned(), 1.5);
        let webhooks = BTreeMap::from([(("hub".to_owned(), Received::Refused), 2)]);
        let text = render(&health, &m, &webhooks);
        for line in [
            "# HELP evenkeel_resources Resources by the reason of their Ready condition.",
            "# TYPE evenkeel_resources gauge",
            "evenkeel_resources{reason=\"InSync\"} 3",
            "evenkeel_live 1",
            "evenkeel_ready 0",
            "evenkeel_start_time_seconds 1795197600",
            "evenkeel_queue_oldest_wait_seconds 0.25",
            "evenkeel_looks_total 7",
            "evenkeel_source_age_seconds{source=\"a\\\"b\\\\c\\nd\"} 1.5",
            "evenkeel_webhooks_total{webhook=\"hub\",outcome=\"refused\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in:\n{text}");
        }
        for line in text.lines() {
            let named = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
            assert!(named.starts_with("evenkeel_"), "{line}");
        }
    }
}
