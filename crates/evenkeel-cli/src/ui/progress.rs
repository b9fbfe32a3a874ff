//! Progress bars on standard error: one for all targets, one for each that is being written to.

use std::collections::HashMap;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use evenkeel_engine::{Event, Progress};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::note;

/// Progress bars; silent where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    targets: Mutex<HashMap<String, ProgressBar>>,
    ticking: Once,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        // The builders draw nothing; there may be manifests' warnings to come first.
        let overall = ProgressBar::new(0).with_style(style("{prefix} [{bar:24}] {pos}/{len} {msg}"));
        let overall = all.add(overall.with_prefix("targets"));
        Bars { all, overall, targets: Mutex::default(), ticking: Once::new() }
    }

    /// Takes the bars off the screen, for instance before a question.
    pub(crate) fn clear(&self) {
        self.overall.finish_and_clear();
        let _ = self.all.clear();
    }

    /// Says something while bars may be on the screen.
    pub(crate) fn say(&self, text: &str) {
        self.all.suspend(|| note(text));
    }

    fn with<R>(&self, target: &str, act: impl FnOnce(&ProgressBar) -> R) -> R {
        let mut bars = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(target.to_owned()).or_insert_with(|| {
            let bar =
                ProgressBar::new(0).with_style(style("  {prefix:<12} [{bar:20}] {pos}/{len} {wide_msg}"));
            self.all.add(bar.with_prefix(target.to_owned()))
        });
        act(bar)
    }
}

impl Progress for Bars {
    fn on(&self, event: &Event<'_>) {
        if self.all.is_hidden() {
            return;
        }
        match event {
            Event::Observing { target, .. } => {
                self.overall.inc_length(1);
                // Each call starts a thread.
                self.ticking.call_once(|| self.overall.enable_steady_tick(Duration::from_millis(200)));
                self.overall.set_message(format!("reading {target}"));
            }
            Event::Observed { .. } => self.overall.inc(1),
            Event::Applying { target, steps } => self.with(target, |bar| bar.set_length(*steps as u64)),
            Event::Sending { target, command } => {
                self.with(target, |bar| bar.set_message((*command).to_owned()));
            }
            Event::Moving { target, bytes, of } => {
                let of = of.map(|of| format!(" of {}", HumanBytes(of))).unwrap_or_default();
                self.with(target, |bar| bar.set_message(format!("{}{of}", HumanBytes(*bytes))));
            }
            Event::Sent { target, .. } => self.with(target, |bar| bar.inc(1)),
            Event::Applied { target } => self.with(target, ProgressBar::finish_and_clear),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .map_or_else(|_| ProgressStyle::default_bar(), |s| s.progress_chars("=> "))
}
