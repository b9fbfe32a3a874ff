//! Replies that are not what the machine said.

use evenkeel_core::request::Reply;
use evenkeel_core::transport::{TransportError, TransportErrorKind};

use super::Lists;
use crate::random::Random;

/// What happens to a reply.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tamper {
    /// It does not arrive.
    Dropped,
    /// It is empty, and the command seems to have gone well.
    Emptied,
    /// The command seems to have failed without a word.
    FailedSilently,
    /// Standard output ends early.
    OutputCut,
    /// Standard output ends early, after a whole line.
    LinesCut,
    /// Standard error ends early.
    ErrorsCut,
    /// One byte of standard output is another.
    ByteFlipped,
    /// Standard output is noise.
    Noise,
    /// The program is not installed.
    NotFound,
}

pub(super) const TAMPERS: [Tamper; 9] = [
    Tamper::Dropped,
    Tamper::Emptied,
    Tamper::FailedSilently,
    Tamper::OutputCut,
    Tamper::LinesCut,
    Tamper::ErrorsCut,
    Tamper::ByteFlipped,
    Tamper::Noise,
    Tamper::NotFound,
];

impl Tamper {
    /// True where `reply`, to which this happened, is what a machine in another state might say.
    pub(super) fn could_be_true(self, reply: &Reply, lists: Lists) -> bool {
        match self {
            _ if lists == Lists::None => false,
            Tamper::Emptied | Tamper::LinesCut | Tamper::ByteFlipped => true,
            Tamper::OutputCut => reply.stdout.last().is_none_or(|byte| *byte == b'\n'),
            _ => false,
        }
    }

    pub(super) fn apply(self, mut reply: Reply, random: &mut Random) -> Result<Reply, TransportError> {
        match self {
            Tamper::Dropped => {
                return Err(TransportError::new(TransportErrorKind::ConnectionLost, "the line went dead"));
            }
            Tamper::Emptied => reply = said(0, ""),
            Tamper::FailedSilently => reply = said(1, ""),
            Tamper::OutputCut => reply.stdout.truncate(random.below(reply.stdout.len())),
            Tamper::LinesCut => {
                let ends: Vec<usize> = reply
                    .stdout
                    .iter()
                    .enumerate()
                    .filter(|(_, b)| **b == b'\n')
                    .map(|(at, _)| at + 1)
                    .collect();
                reply.stdout.truncate(ends.get(random.below(ends.len())).copied().unwrap_or(0));
            }
            Tamper::ErrorsCut => reply.stderr.truncate(random.below(reply.stderr.len())),
            Tamper::ByteFlipped => {
                let at = random.below(reply.stdout.len());
                if let Some(byte) = reply.stdout.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            Tamper::Noise => {
                reply.stdout = (0..random.below(3000)).map(|_| random.next_u64().to_be_bytes()[0]).collect();
            }
            Tamper::NotFound => reply = said(127, "sh: 1: not found\n"),
        }
        Ok(reply)
    }
}

fn said(exit: i32, stderr: &str) -> Reply {
    Reply { exit, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
}
