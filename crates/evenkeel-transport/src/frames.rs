//! Taking the framed outputs of a round apart again.

use evenkeel_core::request::Reply;
use memchr::{memchr, memmem};

use crate::round::Collect;
use crate::script::{BEGIN, Nonce};

/// Which of the two outputs some bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// What became of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both of its frames arrived whole.
    Done(Reply),
    /// It printed more than the limit.
    TooLarge,
}

/// The outputs do not follow the frame format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its output does not follow the frame format")]
pub(crate) struct Unframed;

/// Collects what a round prints, in pieces of any size, and gives the commands that are complete.
#[derive(Debug)]
pub(crate) struct Collector {
    commands: usize,
    stdout: Frames,
    stderr: Frames,
}

impl Collector {
    /// For a round of so many commands; each may print `limit` bytes on each output.
    pub(crate) fn new(nonce: &Nonce, commands: usize, limit: usize) -> Self {
        Collector { commands, stdout: Frames::new(nonce, limit), stderr: Frames::new(nonce, limit) }
    }

    /// True once the shell has begun with the script.
    pub(crate) fn begun(&self) -> bool {
        self.stdout.begun
    }

    /// What was printed before the shell began: the login's noise, or why it did not begin. Shortened.
    pub(crate) fn noise(&self) -> Vec<u8> {
        let text = |frames: &Frames| {
            let shown = frames.buffer.get(..frames.buffer.len().min(TOLD)).unwrap_or_default();
            if frames.begun { Vec::new() } else { shown.to_vec() }
        };
        let (out, err) = (text(&self.stdout), text(&self.stderr));
        let between: &[u8] = if out.is_empty() { b"" } else { b"\n" };
        [&out, between, &err].concat()
    }

    /// True where the command in flight has already printed more than the limit.
    pub(crate) fn overflowing(&self) -> bool {
        self.stdout.overflow || self.stderr.overflow
    }

    /// The complete commands in order; there may be fewer than were sent.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        let join = |(out, err): (Piece, Piece)| {
            if out.overflow || err.overflow {
                return Outcome::TooLarge;
            }
            Outcome::Done(Reply { exit: out.status, stdout: out.output, stderr: err.output })
        };
        self.stdout.pieces.into_iter().zip(self.stderr.pieces).map(join).collect()
    }
}

impl Collect for Collector {
    fn push(&mut self, output: Output, bytes: &[u8]) -> Result<(), Unframed> {
        match output {
            Output::Stdout => self.stdout.push(bytes),
            Output::Stderr => self.stderr.push(bytes),
        }
    }

    fn completed(&self) -> usize {
        self.stdout.pieces.len().min(self.stderr.pieces.len())
    }

    fn finished(&self) -> bool {
        self.completed() >= self.commands
    }
}

/// One output of one command.
#[derive(Debug)]
struct Piece {
    output: Vec<u8>,
    overflow: bool,
    status: i32,
}

/// The rest of a frame line after the nonce is at most this long: a number, a status, a newline.
const LONGEST_LABEL: usize = 40;

/// How much of the noise on each output is told.
const TOLD: usize = 800;

/// What is kept of noise before the first frame.
const NOISE_KEPT: usize = 64 << 10;

#[derive(Debug)]
struct Frames {
    /// A newline, the nonce, a space.
    marker: Vec<u8>,
    limit: usize,
    /// What has arrived since the last frame.
    buffer: Vec<u8>,
    /// No marker starts in the buffer before this.
    scanned: usize,
    begun: bool,
    overflow: bool,
    pieces: Vec<Piece>,
}

impl Frames {
    fn new(nonce: &Nonce, limit: usize) -> Self {
        Frames {
            marker: format!("\n{} ", nonce.as_str()).into_bytes(),
            limit,
            buffer: Vec::new(),
            scanned: 0,
            begun: false,
            overflow: false,
            pieces: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Unframed> {
        self.buffer.extend_from_slice(bytes);
        while self.take_frame()? {}
        let limit = if self.begun { self.limit } else { NOISE_KEPT };
        if self.buffer.len() > limit + self.marker.len() + LONGEST_LABEL {
            self.overflow = self.begun;
            // A marker that has begun to arrive is within this tail.
            let tail = self.buffer.len() - self.marker.len() - LONGEST_LABEL;
            self.buffer.drain(..tail);
            self.scanned = 0;
        }
        Ok(())
    }

    /// Takes the first whole frame off the buffer. False where there is none yet.
    fn take_frame(&mut self) -> Result<bool, Unframed> {
        let unscanned = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(found) = memmem::find(unscanned, &self.marker) else {
            self.scanned = self.buffer.len().saturating_sub(self.marker.len() - 1);
            return Ok(false);
        };
        let at = self.scanned + found;
        self.scanned = at;
        let label = self.buffer.get(at + self.marker.len()..).unwrap_or_default();
        let Some(length) = memchr(b'\n', label) else {
            return if label.len() > LONGEST_LABEL { Err(Unframed) } else { Ok(false) };
        };
        let label = label.get(..length).and_then(|l| std::str::from_utf8(l).ok()).ok_or(Unframed)?.to_owned();
        let rest = self.buffer.split_off(at + self.marker.len() + length + 1);
        let mut output = std::mem::replace(&mut self.buffer, rest);
        output.truncate(at);
        self.scanned = 0;
        self.accept(&label, output)?;
        Ok(true)
    }

    fn accept(&mut self, label: &str, output: Vec<u8>) -> Result<(), Unframed> {
        if !self.begun {
            self.begun = label == BEGIN;
            return if self.begun { Ok(()) } else { Err(Unframed) };
        }
        let (number, status) = label.split_once(' ').ok_or(Unframed)?;
        if number.parse() != Ok(self.pieces.len()) {
            return Err(Unframed);
        }
        let status: i32 = status.parse().map_err(|_| Unframed)?;
        // The Korn shell, which is /bin/sh on illumos, says 256 + n for signal n where others say 128 + n.
        let status = if status > 256 { status - 128 } else { status };
        let overflow = std::mem::take(&mut self.overflow) || output.len() > self.limit;
        let output = if overflow { Vec::new() } else { output };
        self.pieces.push(Piece { output, overflow, status });
        Ok(())
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
