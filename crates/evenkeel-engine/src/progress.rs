//! What is going on, for progress bars and logs.

/// Something that happened during a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A target is being read, for so many instances.
    Observing {
        /// The target's name.
        target: &'a str,
        /// How many instances live on it.
        instances: usize,
    },
    /// A target was read, or could not be.
    Observed {
        /// The target's name.
        target: &'a str,
    },
    /// Nothing is begun on the hosts of a cluster for so long, as its rollout says.
    Resting {
        /// The cluster: `cluster=tokyo`.
        group: &'a str,
        /// How long, in seconds.
        seconds: u64,
    },
    /// Writes to a target begin.
    Applying {
        /// The target's name.
        target: &'a str,
        /// How many commands will be sent.
        steps: usize,
    },
    /// A command is about to be sent.
    Sending {
        /// The target's name.
        target: &'a str,
        /// The command as a person would type it, without secrets.
        command: &'a str,
    },
    /// Bytes are on their way from one target to another.
    Moving {
        /// The target whose change it is.
        target: &'a str,
        /// So many bytes so far.
        bytes: u64,
        /// Of so many, where that is known.
        of: Option<u64>,
    },
    /// What was sent takes long, and so much of it is done.
    Advancing {
        /// The target whose change it is.
        target: &'a str,
        /// So many hundredths.
        percent: u8,
    },
    /// Whether a guarded change cut the way to its target is being found out.
    Confirming {
        /// The target's name.
        target: &'a str,
        /// After so many seconds the target puts back what it was.
        seconds: u64,
    },
    /// A command ended.
    Sent {
        /// The target's name.
        target: &'a str,
        /// Whether it succeeded.
        ok: bool,
    },
    /// A target's writes are done and read back.
    Applied {
        /// The target's name.
        target: &'a str,
    },
}

/// Hears of events. Called from many tasks; must not block.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn on(&self, event: &Event<'_>);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn on(&self, _: &Event<'_>) {}
}
