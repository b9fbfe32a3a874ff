//! What an OpenVZ host answers to `read.sh`.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};

use super::scripts::READ;
use super::shell_file::ShellFile;
use super::spec::OpenvzHostSpec;

/// The host's own settings.
pub(super) const VZ_CONF: &str = "/etc/vz/vz.conf";
/// Where the distributions' files lie.
pub(super) const DISTS: &str = "/etc/vz/dists";

/// The file with a container's settings.
pub(super) fn conf_of(id: &str) -> String {
    format!("/etc/vz/conf/{id}.conf")
}

/// A host, as far as it was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// Whether this kernel limits memory and swap alone.
    pub(super) has_vswap: bool,
    /// What was asked for; `None` for what is not there.
    files: BTreeMap<String, Option<ShellFile>>,
    /// What is in [`DISTS`], by its name without `.conf`.
    pub(super) dists: BTreeMap<String, Dist>,
}

/// Something in the folder of the distributions' files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dist {
    /// A file, by its inode: one that has several names is one.
    File(String),
    /// A link, and what it leads to.
    Link(String),
    /// Something else.
    Other,
}

/// Reads what a spec is about.
pub(super) fn query(spec: &OpenvzHostSpec) -> Query {
    let files = spec.containers.keys().map(|id| conf_of(id)).chain([VZ_CONF.to_owned()]);
    Query::reading(Request::Exec(Exec::new(["sh", "-s"]).on(files).reading(READ)))
}

impl Host {
    /// The host as a spec sees it.
    pub(super) fn seen(
        spec: &OpenvzHostSpec,
        replies: &Replies,
    ) -> Result<std::sync::Arc<Host>, ObserveError> {
        replies.parsed(&query(spec), read)
    }

    /// A file that was asked for; `None` where it is not there.
    pub(super) fn file(&self, path: &str) -> Option<&ShellFile> {
        self.files.get(path).and_then(Option::as_ref)
    }

    /// The distribution that a template's file is, or leads to: the name that is wanted where that is the same file, else
    /// another of its names. `None` where nothing, or something of its own, is there.
    pub(super) fn distribution(&self, template: &str, wanted: Option<&str>) -> Option<&str> {
        match self.dists.get(template)? {
            Dist::Other => None,
            Dist::Link(to) => Some(name_of(to)),
            Dist::File(_) => {
                let mine = self.dists.get(template);
                let same = |name: &str| name != template && self.dists.get(name) == mine;
                let any = || self.dists.keys().map(String::as_str).filter(|name| same(name));
                // What a file is linked under a longer name for is the shorter one's.
                wanted.filter(|name| same(name)).map_or_else(
                    || any().min_by_key(|name| (name.len(), *name)),
                    |wanted| self.dists.get_key_value(wanted).map(|(name, _)| name.as_str()),
                )
            }
        }
    }

    /// True where a file of this distribution is there, be it behind a link.
    pub(super) fn has_distribution(&self, name: &str) -> bool {
        let mut name = name;
        let mut met = BTreeSet::new();
        while met.insert(name) {
            match self.dists.get(name) {
                Some(Dist::File(_)) => return true,
                // What lies elsewhere was not looked at.
                Some(Dist::Link(to)) if name_of(to).contains('/') => return true,
                Some(Dist::Link(to)) => name = name_of(to),
                Some(Dist::Other) | None => return false,
            }
        }
        false
    }
}

/// What a link leads to, as a distribution's name where it is in the same folder.
fn name_of(to: &str) -> &str {
    let file = to.strip_prefix(DISTS).and_then(|rest| rest.strip_prefix('/')).unwrap_or(to);
    let file = file.strip_prefix("./").unwrap_or(file);
    file.strip_suffix(".conf").unwrap_or(file)
}

/// The checksum that the program `cksum` prints.
pub fn cksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04C1_1DB7;
    let step = |sum: u32, byte: u8| {
        (0..8).fold(sum ^ (u32::from(byte) << 24), |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { POLYNOMIAL } else { 0 }
        })
    };
    let length = bytes.len().to_le_bytes();
    let used = length.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    !bytes.iter().chain(length.iter().take(used)).fold(0, |sum, byte| step(sum, *byte))
}

fn read(request: &Request, reply: &Reply) -> Result<Host, ObserveError> {
    if reply.exit != 0 {
        return Err(failed(request, reply));
    }
    let unparsable = |problem: String| ObserveError::Unparsable { command: request.display(), problem };
    let asked = request.as_exec().map(|exec| exec.operands.clone()).unwrap_or_default();
    let host = Answer { left: &reply.stdout }.host().map_err(unparsable)?;
    let answered: BTreeSet<String> = host.files.keys().cloned().collect();
    match asked.symmetric_difference(&answered).next() {
        Some(file) => {
            Err(unparsable(format!("what it says is not about the files that were asked for: {file}")))
        }
        None => Ok(host),
    }
}

fn failed(request: &Request, reply: &Reply) -> ObserveError {
    let said = reply.stderr_text();
    let hint = match reply.exit {
        127 => Some("is this an OpenVZ host? `vzctl --version` on it tells"),
        _ if said.contains("Permission denied") => Some("log in as root, or write `become` in the target"),
        _ => None,
    };
    ObserveError::Command {
        command: request.display(),
        exit: reply.exit,
        stderr: if said.is_empty() { "(no message)".to_owned() } else { said },
        hint: hint.map(str::to_owned),
    }
}

/// What is not yet read of an answer.
struct Answer<'a> {
    left: &'a [u8],
}

impl<'a> Answer<'a> {
    fn host(mut self) -> Result<Host, String> {
        let has_vswap = match self.line()? {
            "vswap yes" => true,
            "vswap no" => false,
            other => return Err(format!("`{}` is not how it begins", other.escape_debug())),
        };
        let mut files = BTreeMap::new();
        let dists = loop {
            let line = self.line()?;
            let odd = || format!("`{}` makes no sense", line.escape_debug());
            let (word, rest) = line.split_once(' ').ok_or_else(odd)?;
            let (name, file) = match word {
                "none" => (rest, None),
                "file" => {
                    let mut words = rest.splitn(3, ' ');
                    let (sum, size) = (words.next(), words.next());
                    let name = words.next().ok_or_else(odd)?;
                    let bytes = self.checked(sum, size, name)?;
                    if self.take(1)? != b"\n" {
                        return Err(odd());
                    }
                    (name, Some(ShellFile::read(bytes)))
                }
                "dists" => {
                    let (sum, size) = rest.split_once(' ').ok_or_else(odd)?;
                    break dists(self.checked(Some(sum), Some(size), DISTS)?)?;
                }
                _ => return Err(odd()),
            };
            if files.insert(name.to_owned(), file).is_some() {
                return Err(format!("it tells of {name} twice"));
            }
        };
        match self.left {
            b"end\n" => Ok(Host { has_vswap, files, dists }),
            _ => Err("it does not end as it should".to_owned()),
        }
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.left.iter().position(|byte| *byte == b'\n').ok_or("it is cut short")?;
        let line = str::from_utf8(self.take(end)?).map_err(|_| "it is not UTF-8".to_owned())?;
        self.take(1)?;
        Ok(line)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], String> {
        let (taken, left) = self.left.split_at_checked(size).ok_or("it is cut short")?;
        self.left = left;
        Ok(taken)
    }

    /// So many bytes, which have this checksum.
    fn checked(&mut self, sum: Option<&str>, size: Option<&str>, what: &str) -> Result<&'a [u8], String> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
        let (Some(sum), Some(size)) = (number(sum), number(size)) else {
            return Err(format!("{what} has no checksum"));
        };
        let bytes = self.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        if cksum(bytes) == sum {
            Ok(bytes)
        } else {
            Err(format!("{what} is not what its checksum says: was it changed while it was read?"))
        }
    }
}

/// Lines `file⇥INODE⇥NAME.conf` and `link⇥TARGET⇥NAME.conf`.
fn dists(bytes: &[u8]) -> Result<BTreeMap<String, Dist>, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut dists = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let odd = || format!("`{}` is nothing that lies in {DISTS}", line.escape_debug());
        let mut parts = line.splitn(3, '\t');
        let (Some(kind), Some(what), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(odd());
        };
        let dist = match kind {
            "file" => Dist::File(what.to_owned()),
            "link" => Dist::Link(what.to_owned()),
            "other" => Dist::Other,
            _ => return Err(odd()),
        };
        let name = name.strip_suffix(".conf").ok_or_else(odd)?;
        dists.insert(name.to_owned(), dist);
    }
    Ok(dists)
}
