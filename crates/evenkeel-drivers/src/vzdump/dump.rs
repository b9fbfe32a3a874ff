//! The commands that dump a guest, in each dialect.

use evenkeel_core::driver::Step;
use evenkeel_core::request::{Arg, Exec, Origin, Request, Transfer};

use super::host::Dialect;
use super::scripts::DUMP;
use super::spec::{Compress, Mode};
use crate::backup::{Arrival, Desk, Job};

/// A dump may take so long: a week.
const LONGEST: u64 = 7 * 86_400;
/// No byte may come for so long: another dump's lock, a guest that takes its time to stop. Four hours.
const PATIENCE: u64 = 4 * 3_600;

/// How guests of a host are dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dumper {
    /// Which vzdump.
    pub dialect: Dialect,
    /// How a running guest is dumped.
    pub mode: Mode,
    /// How archives are compressed.
    pub compress: Compress,
}

/// Where dumps lie on the host that are not streamed.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostFolder<'a> {
    /// Our folder.
    pub folder: &'a str,
    /// The slot, by its name.
    pub slot: &'a str,
}

impl HostFolder<'_> {
    /// The folder of one guest's dump.
    pub(super) fn of(&self, item: &str) -> String {
        format!("{}/{}/{item}", self.folder, self.slot)
    }
}

impl Dumper {
    /// What is behind the stem of an archive's name; `None` where this vzdump does not know the compression.
    pub(super) fn extension(self, kind: &str) -> Option<&'static str> {
        Some(match (kind, self.compress) {
            ("openvz", Compress::Gzip) => "tgz",
            ("openvz", Compress::Zstd | Compress::Lzo) => return None,
            ("qemu", Compress::Zstd) => "vma.zst",
            ("qemu", Compress::Gzip) => "vma.gz",
            ("qemu", Compress::Lzo) => "vma.lzo",
            ("qemu", Compress::None) => "vma",
            (_, Compress::Zstd) => "tar.zst",
            (_, Compress::Gzip) => "tar.gz",
            (_, Compress::Lzo) => "tar.lzo",
            (_, Compress::None) => "tar",
        })
    }

    /// The command; its archive goes to standard output, or into `folder`.
    fn command(self, item: &str, folder: Option<&str>) -> Vec<String> {
        let mut words = vec!["vzdump".to_owned()];
        let mut say = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        match self.dialect {
            Dialect::OpenVz => {
                match folder {
                    // Left to itself it keeps one dump of a guest in a folder and removes the others.
                    Some(folder) => say(&["--dumpdir", folder, "--maxfiles", "1000"]),
                    None => say(&["--stdout"]),
                }
                say(&[&format!("--{}", self.mode.word())]);
                if self.compress == Compress::Gzip {
                    say(&["--compress"]);
                }
                say(&[item]);
            }
            Dialect::Proxmox => {
                say(&[item]);
                if let Some(folder) = folder {
                    say(&["--dumpdir", folder]);
                }
                say(&["--mode", self.mode.word(), "--compress", self.word()]);
                match folder {
                    Some(_) => say(&["--remove", "0"]),
                    None => say(&["--stdout", "1"]),
                }
            }
        }
        words
    }

    /// As today's vzdump calls the compression.
    fn word(self) -> &'static str {
        match self.compress {
            Compress::Zstd => "zstd",
            Compress::Gzip => "gzip",
            Compress::Lzo => "lzo",
            Compress::None => "0",
        }
    }

    /// The steps that bring a guest's archive into a store without a copy on the host.
    pub(super) fn stream(self, desk: &Desk<'_>, job: &Job, arrival: &Arrival) -> Vec<Step> {
        let exec = Exec::new(self.command(&job.item, None)).within(LONGEST);
        let from = Origin::Output {
            target: None,
            exec,
            // Old versions end with status 0 whatever happened.
            must_say: vec![format!("Finished Backup of VM {} (", job.item)],
            must_not_say: vec!["ERROR: ".to_owned()],
        };
        let rate = desk.store.bandwidth_limit.map(|rate| rate.0);
        let transfer = Transfer { from, to: desk.goal(arrival, true), rate, patience: Some(PATIENCE) };
        vec![Step::at(&desk.store.target, Request::Transfer(Box::new(transfer)))]
    }

    /// The steps that dump a guest into a folder on the host, and move the archive into a store. `is_dumped`: it lies there
    /// already.
    pub(super) fn by_folder(
        self,
        desk: &Desk<'_>,
        job: &Job,
        arrival: &Arrival,
        place: HostFolder<'_>,
        is_dumped: bool,
    ) -> Vec<Step> {
        let folder = place.of(&job.item);
        let mut steps = Vec::new();
        if !is_dumped {
            let attempt = arrival.record.attempt.to_string();
            let script = ["sh", "-c", DUMP, "evenkeel-dump", &folder, &job.archive, &attempt, &job.item];
            let command = self.command(&job.item, Some(&format!("{folder}/new")));
            let words = script.into_iter().map(str::to_owned).chain(command);
            steps.push(Step::new(Request::Exec(Exec::new(words).within(LONGEST))));
        }
        steps.push(desk.fetch(None, format!("{folder}/out.log"), desk.log_goal(arrival)));
        steps.push(desk.fetch(None, format!("{folder}/{}", job.archive), desk.goal(arrival, false)));
        steps.push(remove(&folder));
        steps
    }
}

/// Removes a folder of dumps on the host.
pub(super) fn remove(folder: &str) -> Step {
    Step::new(Request::Exec(Exec::new([Arg::from("rm"), "-rf".into(), "--".into(), folder.into()])))
}
