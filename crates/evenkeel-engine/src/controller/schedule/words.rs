//! What the scheduler is told and what it answers.

use std::fmt;

use evenkeel_core::period::Period;
use jiff::Timestamp;

use crate::controller::Trigger;
use crate::store::ResourceKey;

/// A resource that is to be looked at again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Which one.
    pub key: ResourceKey,
    /// The machine that its target is on. Two targets may share one. All units of a target name the same; the last
    /// one named counts.
    pub host: String,
    /// Targets of one exclusion group are not written to at the same time. As with `host`, it is the target's.
    pub group: Option<String>,
    /// How often it is looked at, at least. Less than a second counts as a second.
    pub interval: Period,
    /// What must be ready before it.
    pub depends_on: Vec<ResourceKey>,
    /// It is left alone.
    pub suspended: bool,
    /// Its writes may take hours: what has the same word here is visited one after the other, beside all else on the same
    /// target and host. Of an exclusion group, too, only others with the same word keep it waiting.
    pub lane: Option<String>,
}

/// How much goes on at the same time. Nought counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Targets that are read.
    pub reading: usize,
    /// Targets that are written to.
    pub writing: usize,
    /// Targets of one host that are read or written to.
    pub per_host: usize,
    /// Targets of one exclusion group that are written to.
    pub per_group: usize,
}

/// A group that a job is in while it writes: hosts that take turns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Its name. Has nothing to do with that of an exclusion group.
    pub group: String,
    /// How many jobs of it the job bears beside each other, itself among them. Nought counts as one.
    pub at_once: usize,
}

/// The number of a job. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is done in one visit: some resources of one source on one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The source.
    pub source: String,
    /// The target.
    pub target: String,
    /// The resources: those that are due, and those that would be before long.
    pub keys: Vec<ResourceKey>,
    /// The most urgent of what woke them.
    pub trigger: Trigger,
    /// How far it is.
    pub phase: Phase,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It reads.
    Looking,
    /// It has something to send and waits for its turn.
    Waiting,
    /// It writes.
    Writing,
}

/// What may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// This job may read.
    Look(Job),
    /// This job, which asked for it, may write.
    Write(JobId),
}

/// How a resource's turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It is as wished, or the difference is reported or held. It is looked at again after its interval.
    Settled,
    /// Something was sent and read back. It is soon looked at again, to prove that nothing is left.
    Changed,
    /// It failed in a way that may pass. It is tried again after a while, a longer one each time.
    Failed,
    /// Its host did not answer. As [`Ended::Failed`]; twice in a row, and the whole host is left alone for a while.
    Unreachable,
    /// It failed in a way that lasts until its manifest changes or a person steps in. It is looked at after its
    /// interval, no sooner.
    Terminal,
    /// What it depends on is not ready. It is woken when that turns ready, and looked at after its interval anyway.
    Waiting,
    /// It was stopped before its turn. It is tried again at once, and where that goes on, ever more slowly; nothing
    /// counts as failed.
    NotStarted,
}

/// How one resource of a job fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which one.
    pub key: ResourceKey,
    /// How its turn ended.
    pub ended: Ended,
    /// Whether what depends on it may go ahead. Of no matter with [`Ended::NotStarted`].
    pub ready: bool,
}

/// What the end of a job brought with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aftermath {
    /// Resources that were woken: they depend on one of the job's, or their host answers again.
    pub woken: Vec<ResourceKey>,
    /// The host, where it was given up or came back.
    pub host: Option<HostNews>,
}

/// A host was given up, or came back. Said once each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNews {
    /// The host.
    pub host: String,
    /// Whether it answers.
    pub answers: bool,
}

/// How things stand with a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When it is looked at next; in the past where it is due and waits. `None` while it runs or is suspended.
    pub next: Option<Timestamp>,
    /// What woke it, or will.
    pub trigger: Trigger,
    /// How often in a row it failed.
    pub failures: u32,
    /// How its last turn ended.
    pub last: Option<Ended>,
    /// The job that it is in.
    pub running: Option<JobId>,
    /// Why it does not run now.
    pub blocked: Option<Blocked>,
}

/// Why a resource does not run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// It is suspended.
    Suspended,
    /// It is not due. After a failure, this is the time that it is left alone.
    NotDue,
    /// Its host does not answer; it is tried again then, or soon after.
    HostDown {
        /// Not before.
        until: Timestamp,
    },
    /// Another job is on its target, or there are as many on its host as may be.
    Busy,
    /// It is due, and others come first.
    Turn,
}

/// What there is to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resources that are due and wait; without those whose host was given up.
    pub queued: usize,
    /// For how many milliseconds the one that waits longest does.
    pub oldest_wait_ms: u64,
    /// Jobs that read.
    pub reading: usize,
    /// Jobs that wait to write.
    pub waiting: usize,
    /// Jobs that write.
    pub writing: usize,
    /// Targets.
    pub targets: usize,
    /// Targets whose host was given up.
    pub unreachable: usize,
}
