//! Progress bars on standard error: one for all targets that are read, one for the turns of those that are written to,
//! and one for each of these.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_core::period::Period;
use evenkeel_engine::{Event, Progress};
use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::fold::some_of;
use super::narration::Narration;
use super::note;

/// Hosts named that wait for their turn.
const WAITING_NAMED: usize = 6;

/// Progress bars; lines now and then where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    /// How many hosts had their turn, and which wait for it.
    turns: Mutex<Option<Turns>>,
    targets: Mutex<HashMap<String, ProgressBar>>,
    /// When the transfer of a target was first heard of, and how far it was then: it may go on with what was there.
    begun: Mutex<HashMap<String, (Instant, u64)>>,
    ticking: Once,
    /// What is told instead where there are no bars.
    narration: Mutex<Narration>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        // The builders draw nothing; there may be manifests' warnings to come first.
        let overall = ProgressBar::new(0).with_style(style("{prefix} [{bar:24}] {pos}/{len} {msg}"));
        let overall = all.add(overall.with_prefix("targets"));
        let (turns, targets, begun) = (Mutex::default(), Mutex::default(), Mutex::default());
        let narration = Mutex::new(Narration::new(Instant::now()));
        Bars { all, overall, turns, targets, begun, ticking: Once::new(), narration }
    }

    /// From now on it is written to `targets`, each named as often as it has a turn. Where there are several, those are
    /// named that still wait.
    pub(crate) fn expect_turns(&self, targets: Vec<String>) {
        let several = targets.iter().any(|target| Some(target) != targets.first());
        if self.all.is_hidden() || !several {
            return;
        }
        let bar = ProgressBar::new(targets.len() as u64);
        let bar = self.all.add(bar.with_style(style("{prefix} [{bar:24}] {pos}/{len} {wide_msg}")));
        let turns = Turns { bar: bar.with_prefix("turns"), waiting: targets };
        turns.show();
        *self.turns.lock().unwrap_or_else(PoisonError::into_inner) = Some(turns);
    }

    fn with_turns(&self, act: impl FnOnce(&mut Turns)) {
        if let Some(turns) = &mut *self.turns.lock().unwrap_or_else(PoisonError::into_inner) {
            act(turns);
            turns.show();
        }
    }

    /// Takes the bars off the screen, for instance before a question.
    pub(crate) fn clear(&self) {
        self.overall.finish_and_clear();
        self.with_turns(|turns| turns.bar.finish_and_clear());
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
                ProgressBar::new(0).with_style(style("  {prefix:<12} [{bar:10}] {pos}/{len} {wide_msg}"));
            self.all.add(bar.with_prefix(target.to_owned()))
        });
        act(bar)
    }
}

impl Progress for Bars {
    fn on(&self, event: &Event<'_>) {
        if self.all.is_hidden() {
            let mut narration = self.narration.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(line) = narration.line(event, Instant::now()) {
                note(&format!("{line}\n"));
            }
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
            Event::Resting { group, seconds } => self.say(&format!("{}\n", resting(group, *seconds))),
            Event::Applying { target, steps } => {
                self.with_turns(|turns| turns.begin(target));
                self.with(target, |bar| bar.set_length(*steps as u64));
            }
            Event::Sending { target, command } => {
                let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
                begun.remove(*target);
                self.with(target, |bar| bar.set_message((*command).to_owned()));
            }
            Event::Moving { target, bytes, of } => {
                let pace = self.pace(target, *bytes);
                self.with(target, |bar| bar.set_message(moved(*bytes, *of, pace)));
            }
            Event::Advancing { target, percent } => {
                self.with(target, |bar| bar.set_message(format!("{percent} % done")));
            }
            Event::Confirming { target, seconds } => {
                let back = Period::seconds(*seconds);
                let message =
                    format!("making a new connection ({target} puts back what was there after {back})");
                self.with(target, |bar| bar.set_message(message));
            }
            Event::Sent { target, .. } => self.with(target, |bar| bar.inc(1)),
            Event::Applied { target } => {
                self.with(target, ProgressBar::finish_and_clear);
                // A later turn has a bar of its own.
                self.targets.lock().unwrap_or_else(PoisonError::into_inner).remove(*target);
                self.with_turns(|turns| turns.bar.inc(1));
            }
        }
    }
}

/// Hosts that are written to, many of them or one after another.
#[derive(Debug)]
struct Turns {
    bar: ProgressBar,
    /// Those that had not their turn, each as often as it has one.
    waiting: Vec<String>,
}

impl Turns {
    fn begin(&mut self, target: &str) {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting == target) {
            self.waiting.remove(at);
        }
    }

    fn show(&self) {
        if !self.bar.is_finished() {
            self.bar.set_message(waiting(&self.waiting));
        }
    }
}

/// `waiting: lime, plum`
fn waiting(targets: &[String]) -> String {
    let names: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { String::new() } else { format!("waiting: {}", some_of(&names, WAITING_NAMED)) }
}

/// `the hosts with cluster=tokyo rest for 10m`
pub(super) fn resting(group: &str, seconds: u64) -> String {
    format!("the hosts with {group} rest for {}", Period::coarse(seconds.max(1)))
}

/// `1.20 GiB of 5.00 GiB, 34.00 MiB/s, 2 minutes left`
pub(super) fn moved(bytes: u64, of: Option<u64>, pace: Option<u64>) -> String {
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
    fn hosts_wait_until_their_last_turn_begins() {
        let hosts = ["olive", "lime", "olive", "plum"].map(str::to_owned).to_vec();
        let mut turns = Turns { bar: ProgressBar::hidden(), waiting: hosts };
        turns.begin("olive");
        assert_eq!(waiting(&turns.waiting), "waiting: lime, olive, plum");
        for target in ["olive", "lime", "plum", "plum"] {
            turns.begin(target);
        }
        assert_eq!(waiting(&turns.waiting), "");
    }

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
