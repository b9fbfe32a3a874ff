//! `zpool history`: what a pool remembers of who changed it.
//!
//! Times are in UTC, as with `TZ=UTC0`. Snapshots and what belongs to them are not remembered, nor are the calls between programs
//! and kernel; words that are neither `on` nor `off` stand in events as they are, where real pools write numbers.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use evenkeel_core::request::Reply;
use jiff::Timestamp;

use super::model::{BASE_TIME, pool_of};
use super::options::Options;
use super::{Out, Rights, ZfsHost, usage};

/// How many records a machine keeps; a real pool keeps as many as fit into a part of it.
const KEPT: usize = 2000;

/// What all pools of a machine remember, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    records: VecDeque<Record>,
    /// How many there ever were: equal histories have as many.
    written: u64,
    hostname: String,
    /// Who is at work: the number and the name.
    user: (u32, String),
    /// The pool that the command at work changed last.
    changed: Option<String>,
}

impl Hash for History {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.written.hash(state);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    pool: String,
    at: u64,
    /// What happened.
    text: String,
    /// The transaction group of an event, the user of a command.
    of: Of,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Group(u64),
    User((u32, String)),
}

impl History {
    pub(super) fn new() -> Self {
        let (records, hostname) = (VecDeque::new(), "localhost".to_owned());
        History { records, written: 0, hostname, user: (0, "root".to_owned()), changed: None }
    }

    fn push(&mut self, record: Record) {
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
        self.written += 1;
    }
}

impl ZfsHost {
    /// The name of the machine, which stands beside the users in histories.
    pub fn set_hostname(&mut self, name: &str) {
        name.clone_into(&mut self.history.hostname);
    }

    /// Runs a command line with root's rights as somebody else, whom the history names.
    pub fn run_by<S: AsRef<str>>(&mut self, user: &str, argv: &[S]) -> Reply {
        let before = std::mem::replace(&mut self.history.user, (1000, user.to_owned()));
        let reply = self.run(argv);
        self.history.user = before;
        reply
    }

    /// Something becomes of a dataset: `set tank/a (79) atime=1`.
    pub(super) fn remember(&mut self, verb: &str, dataset: &str, what: &str) {
        let number = self.datasets.get(dataset).map_or(0, |dataset| dataset.birth.txg);
        self.remember_of_pool(pool_of(dataset), format!("{verb} {dataset} ({number}) {what}"));
    }

    /// The same, where a property is set or inherited.
    pub(super) fn remember_property(&mut self, verb: &str, dataset: &str, property: &str, value: &str) {
        let value = number(usage::property(self.version, property), value);
        self.remember(verb, dataset, &format!("{property}={value}"));
    }

    /// The same for a pool's own property.
    pub(super) fn remember_pool_property(&mut self, pool: &str, property: &str, value: &str) {
        let value = number(usage::pool_property(self.version, property), value);
        self.remember_of_pool(pool, format!("set {property}={value}"));
    }

    fn remember_of_pool(&mut self, pool: &str, text: String) {
        let pool = pool.to_owned();
        self.history.changed = Some(pool.clone());
        let at = BASE_TIME + 5 * self.txg;
        self.history.push(Record { pool, at, text, of: Of::Group(self.txg) });
    }

    /// A command has ended; one that failed, or changed nothing, is not remembered.
    pub(super) fn remember_command(&mut self, words: &[&str], exit: i32) {
        let Some(pool) = self.history.changed.take().filter(|_| exit == 0) else { return };
        let (at, of) = (BASE_TIME + 5 * self.txg, Of::User(self.history.user.clone()));
        self.history.push(Record { pool, at, text: words.join(" "), of });
    }

    fn line(&self, record: &Record, is_long: bool) -> String {
        let at = i64::try_from(record.at).ok().and_then(|at| Timestamp::from_second(at).ok());
        let at = at.unwrap_or_default().strftime("%Y-%m-%d.%H:%M:%S");
        let (host, text) = (&self.history.hostname, &record.text);
        let (event, by) = match &record.of {
            Of::Group(txg) => (format!("[txg:{txg}] "), format!("on {host}")),
            Of::User((number, name)) => (String::new(), format!("user {number} ({name}) on {host}:linux")),
        };
        let by = if is_long { format!(" [{by}]") } else { String::new() };
        format!("{at} {event}{text}{by}")
    }
}

/// How an event writes a value.
fn number(listed: Option<usage::Listed>, value: &str) -> &str {
    match (listed.is_some_and(|listed| listed.values == "on | off"), value) {
        (true, "on") => "1",
        (true, "off") => "0",
        (_, value) => value,
    }
}

/// `zpool history [-il] [POOL…]`
pub(super) fn run(host: &ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "il", "") {
        Ok(options) => options,
        Err(problem) => return usage::fail_pool(host.version, "history", &problem, out),
    };
    let (named, all) = (&options.operands, host.pools.keys().cloned().collect());
    let mut exit = 0;
    for pool in if named.is_empty() { &all } else { named } {
        if !host.pools.contains_key(pool) {
            out.err(format!("cannot open '{pool}': no such pool"));
            exit = 1;
            continue;
        }
        out.line(format!("History for '{pool}':"));
        if rights == Rights::User {
            out.err(format!("cannot show history for pool '{pool}': permission denied"));
            exit = 1;
            continue;
        }
        let is_shown =
            |one: &&Record| one.pool == *pool && (options.has('i') || matches!(one.of, Of::User(_)));
        for record in host.history.records.iter().filter(is_shown) {
            out.line(host.line(record, options.has('l')));
        }
        out.line("");
    }
    exit
}

#[cfg(test)]
mod tests {
    use super::super::{Version, ZfsHost};

    #[test]
    fn a_pool_remembers_who_did_what_and_forgets_what_failed() {
        let mut host = ZfsHost::new(Version::V2_3);
        host.set_hostname("pve1");
        host.add_pool("tank", 1 << 40);
        host.run(&["zfs", "create", "tank/a"]);
        host.run_by("eva", &["zfs", "set", "atime=off", "quota=1G", "tank/a"]);
        host.run(&["zfs", "set", "atime=maybe", "tank/a"]);
        host.run(&["zfs", "get", "atime", "tank/a"]);
        host.run(&["zfs", "inherit", "-r", "atime", "tank"]);
        host.run(&["zfs", "rename", "tank/a", "tank/b"]);
        host.run(&["zfs", "destroy", "tank/b"]);
        host.run(&["zpool", "set", "autotrim=on", "tank"]);
        let history = |host: &mut ZfsHost, options: &str| {
            let reply = host.run(&["zpool", "history", options, "tank"]);
            let text = String::from_utf8(reply.stdout).unwrap();
            text.lines()
                .map(|line| line.split_once(' ').map_or("", |(_, rest)| rest).to_owned())
                .collect::<Vec<_>>()
        };
        let before = host.fingerprint();
        assert_eq!(
            history(&mut host, "-il"),
            [
                "for 'tank':",
                "[txg:6] create tank/a (6)   [on pve1]",
                "zfs create tank/a [user 0 (root) on pve1:linux]",
                "[txg:7] set tank/a (6) atime=0 [on pve1]",
                "[txg:7] set tank/a (6) quota=1073741824 [on pve1]",
                "zfs set atime=off quota=1G tank/a [user 1000 (eva) on pve1:linux]",
                "[txg:8] inherit tank (5) atime=1 [on pve1]",
                "[txg:8] inherit tank/a (6) atime=1 [on pve1]",
                "zfs inherit -r atime tank [user 0 (root) on pve1:linux]",
                "[txg:9] rename tank/a (6) -> tank/b [on pve1]",
                "zfs rename tank/a tank/b [user 0 (root) on pve1:linux]",
                "[txg:10] destroy tank/b (6)  [on pve1]",
                "zfs destroy tank/b [user 0 (root) on pve1:linux]",
                "[txg:11] set autotrim=1 [on pve1]",
                "zpool set autotrim=on tank [user 0 (root) on pve1:linux]",
                "",
            ]
        );
        assert_eq!(history(&mut host, "-l").len(), 8);
        assert_eq!(host.fingerprint(), before, "reading changes nothing");
        let reply = host.run_as(super::Rights::User, &["zpool", "history", "tank"]);
        assert_eq!((reply.exit, reply.stdout), (1, b"History for 'tank':\n".to_vec()));
    }
}
