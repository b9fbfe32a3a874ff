//! A host that answers whatever the fuzzer thinks of.
//!
//! An input is the answers in the order in which the queries are sent, separated by lines of `====`. The first
//! byte of an answer is the exit status (`0` to `9`), then comes standard output, and after a line of `----`
//! standard error.

use evenkeel_core::driver::{ErasedDriver, ErasedSpec};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::Instance;
use evenkeel_core::request::{Query, Replies, Reply, join_queries};
use evenkeel_core::transport::{TransportError, TransportErrorKind};

const NEXT_ANSWER: &[u8] = b"\n====\n";
const STANDARD_ERROR: &[u8] = b"\n----\n";

/// The engine's bound on rounds of queries.
const ROUNDS: usize = 4;

const TARGET: &str =
    "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: host }\nspec: { local: {} }\n";

/// The instances of manifests that are known to be good.
pub fn instances(manifests: &str) -> Vec<Instance> {
    let file =
        SourceFile { path: "fuzz.yaml".to_owned(), bytes: format!("{TARGET}{manifests}").into_bytes() };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now);
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.instances
}

/// The answers of one input, given out in turn.
#[derive(Debug)]
pub struct Host<'a> {
    left: Vec<&'a [u8]>,
    /// What it has printed on standard error so far.
    pub stderr: Vec<u8>,
}

impl<'a> Host<'a> {
    /// The host that an input describes.
    pub fn new(input: &'a [u8]) -> Self {
        let mut left = split(input, NEXT_ANSWER);
        left.reverse();
        Host { left, stderr: Vec::new() }
    }

    /// Answers what `ask` wants to know, round by round as the engine does.
    pub fn answer(&mut self, ask: impl Fn(&Replies) -> Vec<Query>) -> Replies {
        let mut replies = Replies::default();
        for _ in 0..ROUNDS {
            let fresh: Vec<Query> = ask(&replies).into_iter().filter(|query| !replies.has(query)).collect();
            if fresh.is_empty() {
                break;
            }
            for query in join_queries(fresh) {
                let answer = self.next();
                replies.insert(query, answer);
            }
        }
        replies
    }

    /// Answers the queries of several instances of one driver.
    pub fn observe(&mut self, driver: &dyn ErasedDriver, specs: &[&ErasedSpec]) -> Replies {
        self.answer(|so_far| specs.iter().flat_map(|spec| driver.queries(spec, so_far)).collect())
    }

    fn next(&mut self) -> Result<Reply, TransportError> {
        let Some(answer) = self.left.pop() else {
            return Err(TransportError::new(TransportErrorKind::ConnectionLost, "the input ends here"));
        };
        let (exit, printed) = answer.split_first().unwrap_or((&b'0', &[]));
        let mut streams = split(printed, STANDARD_ERROR).into_iter();
        let stdout = streams.next().unwrap_or_default().to_vec();
        let stderr = streams.next().unwrap_or_default().to_vec();
        self.stderr.extend_from_slice(&stderr);
        self.stderr.push(b'\n');
        Ok(Reply { exit: i32::from(exit.wrapping_sub(b'0')), stdout, stderr })
    }

    /// True where standard error says in a line of its own that `dataset` does not exist.
    pub fn denies(&self, dataset: &str) -> bool {
        let line = format!("cannot open '{dataset}': dataset does not exist");
        self.stderr.split(|byte| *byte == b'\n').any(|found| found.trim_ascii() == line.as_bytes())
    }
}

fn split<'a>(mut text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = text.windows(separator.len()).position(|window| window == separator) {
        parts.push(&text[..at]);
        text = &text[at + separator.len()..];
    }
    parts.push(text);
    parts
}
