//! Taking apart what a round in PowerShell prints: answers between lines that only this round has.
//!
//! A mark is taken wherever it stands: what a script lets slip onto the console (`Write-Host -NoNewline`) may not have
//! ended its line.

use evenkeel_core::request::Reply;
use memchr::{memchr, memmem};
use serde_json::Value;

use crate::frames::{Output, Unframed};
use crate::machine::Words;
use crate::round::Collect;
use crate::script::Nonce;

/// What became of one script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It answered.
    Done(Reply),
    /// Its answer is larger than the limit.
    TooLarge,
    /// What stands in the place of an answer is none: its beginning.
    Garbled(String),
}

/// The rest of a mark after the nonce is at most this long.
const LONGEST_LABEL: usize = 40;

/// What is kept of what is printed outside of answers, at once.
const NOISE_KEPT: usize = 64 << 10;

/// How much of each output is looked at for why there are no answers, in bytes: the first thing that is said is the reason.
const SAID: usize = 64 << 10;

/// How much of what is no answer is told.
const TOLD: usize = 400;

/// Collects what a round prints, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Collector {
    /// The nonce and a space.
    mark: Vec<u8>,
    scripts: usize,
    limit: usize,
    place: Place,
    /// What was printed since the last mark.
    buffer: Vec<u8>,
    /// No mark starts in the buffer before this.
    scanned: usize,
    overflow: bool,
    outcomes: Vec<Outcome>,
    /// What was printed on standard output outside of answers.
    noise: Words,
    stderr: Words,
}

/// Where in what is printed we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// PowerShell has not begun with the round.
    Before,
    Between,
    Within,
}

impl Collector {
    /// For a round of so many scripts, whose answers may have `limit` bytes each.
    pub(crate) fn new(nonce: &Nonce, scripts: usize, limit: usize) -> Self {
        Collector {
            mark: format!("{} ", nonce.as_str()).into_bytes(),
            scripts,
            limit,
            place: Place::Before,
            buffer: Vec::new(),
            scanned: 0,
            overflow: false,
            outcomes: Vec::new(),
            noise: Words::default(),
            stderr: Words::default(),
        }
    }

    /// True once PowerShell has begun with the round.
    pub(crate) fn begun(&self) -> bool {
        self.place != Place::Before
    }

    /// True where the answer in flight has already more than the limit.
    pub(crate) fn overflowing(&self) -> bool {
        self.place == Place::Within && self.overflow
    }

    /// What was printed outside of answers on either output: before PowerShell began where it did not, else since then.
    pub(crate) fn said(&self) -> Vec<u8> {
        let noise = if self.place == Place::Within { &[] } else { self.buffer.as_slice() };
        let noise = [&self.noise.all(), noise].concat();
        let stderr = self.stderr.all();
        let beginning = |bytes: &[u8]| bytes.get(..bytes.len().min(SAID)).unwrap_or_default().to_vec();
        [beginning(&noise), b"\n".to_vec(), beginning(&stderr)].concat()
    }

    /// The complete answers in order; there may be fewer than scripts.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }

    /// Takes the first whole mark off the buffer. False where there is none yet.
    fn take_mark(&mut self) -> Result<bool, Unframed> {
        let unscanned = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(found) = memmem::find(unscanned, &self.mark) else {
            self.scanned = self.buffer.len().saturating_sub(self.mark.len() - 1);
            return Ok(false);
        };
        let at = self.scanned + found;
        self.scanned = at;
        let label = self.buffer.get(at + self.mark.len()..).unwrap_or_default();
        let Some(length) = memchr(b'\n', label) else {
            return if label.len() > LONGEST_LABEL { Err(Unframed) } else { Ok(false) };
        };
        let label = label.get(..length).filter(|label| label.len() <= LONGEST_LABEL);
        let label = label.and_then(|label| std::str::from_utf8(label).ok());
        let label = label.ok_or(Unframed)?.trim_end().to_owned();
        let rest = self.buffer.split_off(at + self.mark.len() + length + 1);
        let mut before = std::mem::replace(&mut self.buffer, rest);
        before.truncate(at);
        self.scanned = 0;
        self.accept(&label, &before)?;
        Ok(true)
    }

    /// Takes a mark and what was printed before it.
    fn accept(&mut self, label: &str, before: &[u8]) -> Result<(), Unframed> {
        let number = self.outcomes.len() + 1;
        let overflow = std::mem::take(&mut self.overflow);
        match self.place {
            Place::Before if label == "powershell" => {
                // A login's greeting says nothing about what PowerShell does.
                self.noise = Words::default();
                self.place = Place::Between;
            }
            Place::Between if label == format!("{number} begin") => {
                self.noise.push(before);
                self.place = Place::Within;
            }
            Place::Within if label == format!("{number} end") => {
                let json = before.strip_prefix(b"\xef\xbb\xbf").unwrap_or(before).trim_ascii();
                let is_large = overflow || before.len() > self.limit;
                let outcome = if is_large { Outcome::TooLarge } else { outcome(json) };
                self.outcomes.push(outcome);
                self.place = Place::Between;
            }
            _ => return Err(Unframed),
        }
        Ok(())
    }
}

impl Collect for Collector {
    fn push(&mut self, output: Output, bytes: &[u8]) -> Result<(), Unframed> {
        if output == Output::Stderr {
            self.stderr.push(bytes);
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        while self.take_mark()? {}
        let limit = if self.place == Place::Within { self.limit } else { NOISE_KEPT };
        if self.buffer.len() > limit + self.mark.len() + LONGEST_LABEL {
            // A mark that has begun to arrive is within what stays.
            let tail = self.buffer.len() - self.mark.len() - LONGEST_LABEL;
            let gone: Vec<u8> = self.buffer.drain(..tail).collect();
            self.scanned = 0;
            self.overflow = true;
            if self.place != Place::Within {
                self.noise.push(&gone);
            }
        }
        Ok(())
    }

    fn completed(&self) -> usize {
        self.outcomes.len()
    }

    fn finished(&self) -> bool {
        self.outcomes.len() >= self.scripts
    }
}

fn outcome(json: &[u8]) -> Outcome {
    let answer = serde_json::from_slice(json).ok();
    answer.as_ref().and_then(reply).map_or_else(
        || {
            let told = json.get(..json.len().min(TOLD)).unwrap_or_default();
            Outcome::Garbled(String::from_utf8_lossy(told).into_owned())
        },
        Outcome::Done,
    )
}

/// The reply to a script, from its answer: `{"value": …}`, or `{"error": {"cmdlet", "category", "target", "id",
/// "message"}}`. `None` where it is neither.
pub fn reply(answer: &Value) -> Option<Reply> {
    if let Some(error) = answer.get("error") {
        let stderr = format!("{}\n", shown(error)?).into_bytes();
        return Some(Reply { exit: 1, stdout: error.to_string().into_bytes(), stderr });
    }
    let value = answer.get("value")?;
    Some(Reply { exit: 0, stdout: value.to_string().into_bytes(), stderr: Vec::new() })
}

/// An error in one line, as PowerShell 7 tells it but for the category: `CMDLET: CATEGORY (TARGET): MESSAGE`, without
/// what is empty. What a script throws itself is its message only: PowerShell has nothing to add.
fn shown(error: &Value) -> Option<String> {
    let part = |name: &str| {
        let text = error.get(name).and_then(Value::as_str).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    error.as_object()?;
    let (cmdlet, category, target, message) =
        (part("cmdlet"), part("category"), part("target"), part("message"));
    if cmdlet.is_empty() && category == "OperationStopped" && !message.is_empty() {
        return Some(message);
    }
    let target = if target.is_empty() || target == message { String::new() } else { format!("({target})") };
    let about = [category, target].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let parts = [cmdlet, about, message].into_iter().filter(|part| !part.is_empty());
    Some(parts.collect::<Vec<_>>().join(": "))
}
