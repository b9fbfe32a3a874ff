//! What one exchange tells of a folder of templates and of the machine that it is on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use serde_json::Value;

use super::leftover::matches;
use super::scripts::LOOK;
use super::steps::new_name;
use super::told::{Lines, told};
use crate::containers::record::{FORMAT, Record};
use crate::containers::state::Place;

/// What Proxmox VE and vzctl take for templates, and some more that people put beside them.
const ENDINGS: [&str; 8] =
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tar.lzo", ".tar.lzma"];

/// A folder of templates, and what there is on the machine of scratch containers and builds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::containers) struct Look {
    /// The folder.
    pub folder: String,
    /// Its files by name.
    pub files: BTreeMap<String, File>,
    /// The records by the name of what they are of: what is no record, or of a newer form, is not among them.
    pub records: BTreeMap<String, Record>,
    /// The marks on scratch containers, by the container's id; `None` for one that makes no sense.
    pub marks: BTreeMap<u32, Option<Mark>>,
    /// What is there besides: folders, and links that lead nowhere.
    pub others: BTreeSet<String>,
    /// What the machine calls itself.
    pub host: String,
    /// The logs of ours that something prints to.
    pub logs: BTreeSet<String>,
    /// Those that were written to less than a minute ago.
    pub fresh: BTreeSet<String>,
    /// How many bytes are free there.
    pub free: Option<u64>,
    /// The version of the Proxmox VE that is installed: `9.0.3`.
    pub proxmox: Option<String>,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::containers) struct File {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written, in seconds since 1970.
    pub mtime: i64,
}

/// Our mark on a scratch container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::containers) struct Mark {
    /// `ContainerTemplate/NAME`
    pub resource: String,
    /// The owner.
    pub owner: String,
    /// The object.
    pub object: String,
    /// The file that is built.
    pub name: String,
}

impl Mark {
    /// Its text, without the line break at its end.
    pub(in crate::containers) fn text(&self) -> String {
        format!("{} {} {} {}", self.resource, self.owner, self.object, self.name)
    }

    /// From the text of its file: `RESOURCE OWNER OBJECT NAME`.
    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [resource, owner, object, name] = words.as_slice() else { return None };
        let [resource, owner, object, name] = [resource, owner, object, name].map(|word| (*word).to_owned());
        // One whose words do not fit each other was cut, or changed by hand.
        names(&object, &name).then_some(Mark { resource, owner, object, name })
    }
}

/// True for a name that a template may have.
pub(in crate::containers) fn is_archive(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !name.starts_with('.') && ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// True where a file may be a version of an object.
fn names(object: &str, file: &str) -> bool {
    ENDINGS.iter().any(|ending| file.strip_suffix(ending).is_some_and(|stem| matches(object, stem)))
}

/// The log of the builds of an object: the same for all versions, and another for each object. It is named after the object,
/// which is known before anybody says for which resource.
pub(in crate::containers) fn log_of(object: &str) -> String {
    format!("/var/log/evenkeel/{}.log", object.replace('{', "@").replace('}', ""))
}

/// Asks for all that there is to know of a folder; the same for every resource that uses it.
pub(in crate::containers) fn look_query(folder: &str) -> Query {
    Query::reading(Request::Exec(Exec::new(["sh", "-s", folder]).reading(LOOK)))
}

impl Look {
    /// What was told.
    pub(in crate::containers) fn read(replies: &Replies, query: &Query) -> Result<Arc<Look>, ObserveError> {
        replies.parsed(query, parse)
    }

    /// The templates that count, and the others. A record counts where size and time are those that it tells; a template that
    /// was checked and whose record has its place already counts as well.
    pub(in crate::containers) fn place(&self) -> Place {
        let mut place = Place::default();
        for (name, record) in &self.records {
            if self.fits(name, record) || self.is_half_placed(name, record) {
                place.versions.insert(name.clone(), record.clone());
            }
        }
        let all = self.files.keys().chain(&self.others);
        let others = all.filter(|name| is_archive(name) && !place.versions.contains_key(*name));
        place.foreign = others.cloned().collect();
        let has_record =
            |name: &str| self.records.contains_key(name) || self.files.contains_key(&format!("{name}.json"));
        let bare = self.files.iter().filter(|(name, _)| place.foreign.contains(*name) && !has_record(name));
        place.unrecorded = bare.map(|(name, file)| (name.clone(), file.bytes)).collect();
        place
    }

    /// Why nobody may build an object now. Between two steps of a build nothing runs: what was written a moment ago, while the
    /// container is there, is taken for one.
    pub(in crate::containers) fn busy(&self, object: &str) -> Option<String> {
        let log = log_of(object);
        let is_begun = self.marks.values().flatten().any(|mark| mark.object == object);
        if self.logs.contains(&log) {
            Some(format!("a build is at work on it: see {log} on the host"))
        } else if is_begun && self.fresh.contains(&log) {
            Some(format!("a build is at work on it, or ended less than a minute ago: see {log} on the host"))
        } else {
            None
        }
    }

    /// True where a record does not tell of another machine, which may share the folder.
    pub(super) fn is_from_here(&self, record: &Record) -> bool {
        record.host.is_empty() || self.host.is_empty() || record.host == self.host
    }

    /// True where a build of the file `name` has its mark on this machine.
    pub(super) fn is_built_here(&self, name: &str) -> bool {
        self.marks.values().flatten().any(|mark| mark.name == name)
    }

    /// True where a build ended between the last two steps of `place.sh`: the record has its place, and what it is of not yet.
    pub(super) fn is_half_placed(&self, name: &str, record: &Record) -> bool {
        !self.fits(name, record) && record.mtime.is_some() && self.fits(&new_name(name), record)
    }

    fn fits(&self, file: &str, record: &Record) -> bool {
        self.files.get(file).is_some_and(|file| {
            file.bytes == record.bytes && record.mtime.is_none_or(|mtime| file.mtime == mtime)
        })
    }
}

fn parse(request: &Request, reply: &Reply) -> Result<Look, ObserveError> {
    let folder = request.as_exec().and_then(|exec| exec.words().get(2).cloned()).unwrap_or_default();
    let mut look = Look { folder, ..Look::default() };
    told(request, reply, None, |line, lines| match line {
        // Nothing else is told of it.
        "missing" => Err(no_folder(&look.folder)),
        line => Ok(look.take(line, lines)),
    })?;
    Ok(look)
}

impl Look {
    /// Takes a line, and of `lines` the one behind it where its text stands there.
    fn take(&mut self, line: &str, lines: &mut Lines<'_>) -> Option<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut said = || lines.next().and_then(|line| line.strip_prefix("= "));
        match word {
            "odd" => {}
            "host" => rest.clone_into(&mut self.host),
            "other" => self.others.extend([rest.to_owned()]),
            "fresh" => self.fresh.extend([rest.to_owned()]),
            "file" => self.files.extend([file(rest)?]),
            "record" => {
                // One that is too large has no text, and is no record of ours.
                let read = said().and_then(read_record).zip(rest.strip_suffix(".json"));
                let fitting = read.filter(|(record, name)| names(&record.object, name));
                self.records.extend(fitting.map(|(record, name)| (name.to_owned(), record)));
            }
            "mark" => {
                let mark = said().and_then(Mark::read);
                // What has no number for a name is no mark.
                self.marks.extend(rest.parse().ok().map(|id| (id, mark)));
            }
            "log" => self.logs.extend([rest.to_owned()]),
            "free" => self.free = Some(rest.parse::<u64>().ok()?.saturating_mul(1024)),
            "pve" => self.proxmox = Some(rest.to_owned()),
            _ => return None,
        }
        Some(())
    }
}

fn no_folder(folder: &str) -> ObserveError {
    let message = format!("there is no folder {folder} for templates on this host, or it cannot be entered");
    ObserveError::unfit(&[], message, "make it, or log in as root (`become: sudo` in the Target)")
}

fn file(rest: &str) -> Option<(String, File)> {
    let mut parts = rest.splitn(3, ' ');
    let (bytes, mtime, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some((name.to_owned(), File { bytes: bytes.parse().ok()?, mtime: mtime.parse().ok()? }))
}

fn read_record(text: &str) -> Option<Record> {
    let mut record: Value = serde_json::from_str(text).ok()?;
    let fields = record.as_object_mut()?;
    // That of a copy tells when it arrived.
    if !fields.contains_key("built")
        && let Some(ended) = fields.get("ended").cloned()
    {
        fields.insert("built".to_owned(), ended);
    }
    serde_json::from_value(record).ok().filter(|record: &Record| record.format <= FORMAT)
}
