//! A simulated machine with ZFS: state in memory, the answers of the real `zfs` and `zpool` programs.
//!
//! Pure and deterministic. What it answers is checked against recordings of the real programs in
//! `tests/recordings.rs`; what it does not know it refuses with exit status 2 rather than guess.

mod create;
mod destroy;
mod effective;
mod get;
mod history;
mod inherit;
mod list;
mod model;
mod options;
mod pool;
mod property;
mod seeded;
mod set;
mod snapshot;
mod space;
mod stream;
mod table;
mod usage;
mod value;

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use evenkeel_core::request::Reply;

use usage::Program;

pub use model::{Dataset, Kind, Pool, Setting, Snapshot};
pub use stream::Stream;

/// The release whose behaviour is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Release 2.1.11, as in Debian 12.
    V2_1,
    /// Release 2.3.2, as in Debian 12 backports.
    V2_3,
}

/// Whose rights a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rights {
    /// May do everything.
    Root,
    /// May only look.
    User,
}

/// A simulated machine with pools and datasets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ZfsHost {
    version: Version,
    pools: BTreeMap<String, Pool>,
    datasets: BTreeMap<String, Dataset>,
    /// Counts writes: the transaction groups of all pools, and the clock.
    txg: u64,
    history: history::History,
}

impl ZfsHost {
    /// A machine without pools.
    pub fn new(version: Version) -> Self {
        let history = history::History::new();
        ZfsHost { version, pools: BTreeMap::new(), datasets: BTreeMap::new(), txg: 4, history }
    }

    /// The simulated release.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Runs a command line as root.
    pub fn run<S: AsRef<str>>(&mut self, argv: &[S]) -> Reply {
        self.run_as(Rights::Root, argv)
    }

    /// Runs a command line with these rights.
    pub fn run_as<S: AsRef<str>>(&mut self, rights: Rights, argv: &[S]) -> Reply {
        let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        let mut out = Out::default();
        let exit = match words.split_first() {
            Some((&"zfs", rest)) => self.zfs(rights, rest, &mut out),
            Some((&"zpool", rest)) => self.zpool(rights, rest, &mut out),
            Some((&"readlink", ["-f", "/etc/localtime"])) => {
                out.line("/usr/share/zoneinfo/Asia/Tokyo");
                0
            }
            Some((program, _)) => {
                out.err(format!("sh: 1: {program}: not found"));
                127
            }
            None => 0,
        };
        self.remember_command(&words, exit);
        Reply { exit, stdout: out.stdout.into_bytes(), stderr: out.stderr.into_bytes() }
    }

    fn zfs(&mut self, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
        let Some((&command, args)) = args.split_first() else {
            return usage::everything(self.version, Program::Zfs, "missing command", out);
        };
        match command {
            "version" => self.print_version(out),
            "get" => get::run(self, args, out),
            "list" => list::run(self, args, out),
            "set" => set::run(self, rights, args, out),
            "inherit" => inherit::run(self, rights, args, out),
            "create" => create::run(self, rights, args, out),
            "destroy" => destroy::run(self, rights, args, out),
            "snapshot" => snapshot::snapshot(self, rights, args, out),
            "clone" => snapshot::clone(self, rights, args, out),
            "bookmark" => snapshot::bookmark(self, args, out),
            "send" => stream::look(self, args, out),
            "receive" => stream::abort(self, args, out),
            "hold" => snapshot::hold(self, args, out),
            "release" => snapshot::release(self, args, out),
            "rename" => snapshot::rename(self, rights, args, out),
            "mount" => self.mount(args, out),
            other => self.unrecognized(Program::Zfs, other, out),
        }
    }

    fn zpool(&mut self, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
        let Some((&command, args)) = args.split_first() else {
            return usage::everything(self.version, Program::Zpool, "missing command", out);
        };
        match command {
            "version" => self.print_version(out),
            "get" => pool::get(self, args, out),
            "set" => pool::set(self, rights, args, out),
            "list" => pool::list(self, args, out),
            "history" => history::run(self, rights, args, out),
            other => self.unrecognized(Program::Zpool, other, out),
        }
    }

    /// Commands that are not simulated are unknown too.
    fn unrecognized(&self, program: Program, command: &str, out: &mut Out) -> i32 {
        usage::everything(self.version, program, &format!("unrecognized command '{command}'"), out)
    }

    fn print_version(&self, out: &mut Out) -> i32 {
        let release = match self.version {
            Version::V2_1 => "2.1.11-1+deb12u1",
            Version::V2_3 => "2.3.2-2~bpo12+2",
        };
        out.line(format!("zfs-{release}\nzfs-kmod-{release}"));
        0
    }

    /// `zfs mount [-o remount] DATASET`: mounts, or takes over changed mount options.
    fn mount(&mut self, args: &[&str], out: &mut Out) -> i32 {
        let Some(&name) = args.last() else {
            return 0;
        };
        let remount = args.windows(2).any(|pair| pair == ["-o", "remount"]);
        match self.datasets.get(name) {
            None => {
                out.err(format!("cannot open '{name}': dataset does not exist"));
                1
            }
            Some(dataset) if dataset.mount.is_some() && !remount => {
                out.err(format!("cannot mount '{name}': filesystem already mounted"));
                1
            }
            Some(_) => {
                self.remount(name);
                0
            }
        }
    }

    /// A number that is equal for equal states: observing must not change it.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// What a command printed so far.
#[derive(Debug, Default)]
struct Out {
    stdout: String,
    stderr: String,
}

impl Out {
    fn line(&mut self, text: impl AsRef<str>) {
        self.stdout.push_str(text.as_ref());
        self.stdout.push('\n');
    }

    fn err(&mut self, text: impl AsRef<str>) {
        self.stderr.push_str(text.as_ref());
        self.stderr.push('\n');
    }
}
