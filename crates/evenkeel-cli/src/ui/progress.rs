//! Progress bars on standard error: one for all targets, one for each that is being written to.

use std::collections::HashMap;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_engine::{Event, Progress};
use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::note;

/// Progress bars; silent where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    targets: Mutex<HashMap<String, ProgressBar>>,
    /// When the transfer of a target was first heard of, and how far it was then: it may go on with what was there.
    begun: Mutex<HashMap<String, (Instant, u64)>>,
    ticking: Once,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        // The builders draw nothing; there may be manifests' warnings to come first.
        let overall = ProgressBar::new(0).with_style(style("{prefix} [{bar:24}] {pos}/{len} {msg}"));
        let overall = all.add(overall.with_prefix("targets"));
        Bars { all, overall, targets: Mutex::default(), begun: Mutex::default(), ticking: Once::new() }
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

    /// Bytes per second of a transfer, since it was first heard of.
    fn pace(&self, target: &str, bytes: u64) -> Option<u64> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, first) = *begun.entry(target.to_owned()).or_insert_with(|| (Instant::now(), bytes));
        let millis = u64::try_from(since.elapsed().as_millis()).ok().filter(|millis| *millis >= 1_000)?;
        Some(bytes.saturating_sub(first).saturating_mul(1_000) / millis)
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
                let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
                begun.remove(*target);
                self.with(target, |bar| bar.set_message((*command).to_owned()));
            }
            Event::Moving { target, bytes, of } => {
                let pace = self.pace(target, *bytes);
                self.with(target, |bar| bar.set_message(moved(*bytes, *of, pace)));
            }
            Event::Sent { target, .. } => self.with(target, |bar| bar.inc(1)),
            Event::Applied { target } => self.with(target, ProgressBar::finish_and_clear),
        }
    }
}

/// `1.20 GiB of 5.00 GiB, 34.00 MiB/s, 2 minutes left`
fn moved(bytes: u64, of: Option<u64>, pace: Option<u64>) -> String {
    let mut text = HumanBytes(bytes).to_string();
    if let Some(of) = of {
        text = format!("{text} of {}", HumanBytes(of));
    }
    if let Some(pace) = pace.filter(|pace| *pace > 0) {
        text = format!("{text}, {}/s", HumanBytes(pace));
        if let Some(of) = of {
            let left = Duration::from_secs(of.saturating_sub(bytes) / pace);
            text = format!("{text}, {} left", HumanDuration(left));
        }
    }
    text
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .map_or_else(|_| ProgressStyle::default_bar(), |s| s.progress_chars("=> "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_transfer_is_told() {
        let (mib, gib) = (1 << 20, 1 << 30);
        assert_eq!(moved(3 * mib, None, None), "3.00 MiB");
        assert_eq!(moved(gib, Some(5 * gib), None), "1.00 GiB of 5.00 GiB");
        assert_eq!(moved(gib, None, Some(34 * mib)), "1.00 GiB, 34.00 MiB/s");
        assert_eq!(
            moved(gib, Some(5 * gib), Some(32 * mib)),
            "1.00 GiB of 5.00 GiB, 32.00 MiB/s, 2 minutes left"
        );
        assert_eq!(moved(gib, Some(5 * gib), Some(0)), "1.00 GiB of 5.00 GiB", "it stands still");
    }
}
