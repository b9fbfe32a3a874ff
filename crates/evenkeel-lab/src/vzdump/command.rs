//! The command line of `vzdump`, and putting a dump back.

use evenkeel_core::request::Reply;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::job::Asked;
use super::{Archive, Dialect, DumpHost, Guest, Job, Kind, complaint, told};

/// What `vzdump` does on a real machine, told to the process that does it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Planned {
    /// It dumps, no faster than so many bytes per second.
    Dump(Job, Option<u64>),
    /// It only says this.
    Says(Reply),
}

/// Where dumps go that no folder is given for.
const DUMPS: &str = "/var/lib/vz/dump";

impl DumpHost {
    pub(super) fn vzdump(&mut self, args: &[&str], now: Timestamp) -> Reply {
        match self.plan_vzdump(args, now) {
            Ok(job) => self.dump(&job),
            Err(reply) => reply,
        }
    }

    /// What `vzdump` with these arguments does; or its answer where it dumps nothing.
    pub fn plan_vzdump(&self, args: &[&str], now: Timestamp) -> Result<Job, Reply> {
        if args == ["--help"] || args == ["help"] {
            return Err(told(self.usage()));
        }
        let (asked, errors) = match self.dialect() {
            Dialect::OpenVz => (old(args), 0),
            Dialect::Today => (new(args), 255),
        };
        let asked = asked.map_err(|problem| complaint(255, &format!("{problem}\n{}", self.usage())))?;
        if asked.stdout && !self.has_stdout {
            return Err(complaint(255, &format!("Unknown option: stdout\n{}", self.usage())));
        }
        if let Some(low) = asked.ids.iter().find(|id| **id < 100) {
            return Err(complaint(2, &format!("ERROR: got strange VM ID '{low}'")));
        }
        self.plan_dump(&asked, now, errors)
    }

    fn usage(&self) -> String {
        let stdout = if self.has_stdout { "\t--stdout\t\twrite archive to stdout\n" } else { "" };
        let rest = match self.dialect() {
            Dialect::OpenVz => {
                "\t--compress\n\t--dumpdir DIR\n\t--maxfiles N\n\t--stop|--suspend|--snapshot\n"
            }
            Dialect::Today => {
                "\t-compress <0 | 1 | gzip | lzo | zstd>\n\t-dumpdir <string>\n\t-mode <snapshot | stop | suspend>\n"
            }
        };
        format!("usage: vzdump OPTIONS [--all | VMID]\n{rest}{stdout}")
    }

    /// Puts a dump back: `vzrestore FILE ID`, `pct restore ID FILE`, `qmrestore FILE ID`.
    pub(super) fn restore(&mut self, kind: Kind, args: &[&str]) -> Reply {
        let plain: Vec<&str> = without_storage(args);
        let (path, id) = match (kind, plain.as_slice()) {
            (Kind::Lxc, [id, path]) | (Kind::OpenVz | Kind::Qemu, [path, id]) => (*path, *id),
            _ => return complaint(255, "usage: wants an archive and an id"),
        };
        let Ok(id) = id.parse() else { return complaint(255, &format!("{id} is no id")) };
        let read = match self.files.file(path) {
            Some(content) => Archive::read(content.bytes()),
            None => Err("No such file or directory".to_owned()),
        };
        match read {
            Ok(archive) => self.restored(kind, id, &archive),
            Err(problem) => complaint(255, &format!("unable to restore '{path}': {problem}")),
        }
    }

    /// The guest that a dump brings back.
    pub fn restored(&mut self, kind: Kind, id: u32, archive: &Archive) -> Reply {
        if self.guests.contains_key(&id) {
            return complaint(255, &format!("unable to restore CT {id} - already exists"));
        }
        if archive.kind != kind {
            let (is, wants) = (archive.kind.word(), kind.word());
            return complaint(255, &format!("this is a dump of type {is}, not {wants}"));
        }
        let mut guest = Guest::new(kind, &archive.name);
        guest.running = false;
        guest.bytes = archive.bytes;
        guest.restored_from = Some(archive.at.clone());
        self.guests.insert(id, guest);
        told(format!("extracting archive\nrestored {} of {}\n", archive.name, archive.at))
    }
}

/// What is left without `--storage X`.
pub(crate) fn without_storage<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut rest = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if matches!(*arg, "--storage" | "-storage") {
            args.next();
        } else {
            rest.push(*arg);
        }
    }
    rest
}

fn old(args: &[&str]) -> Result<Asked, String> {
    let mut asked = Asked { keep: 1, mode: "snapshot".to_owned(), ..begun(args) };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--stdout" => asked.stdout = true,
            "--compress" => "gzip".clone_into(&mut asked.compress),
            "--snapshot" | "--suspend" | "--stop" => arg.trim_start_matches('-').clone_into(&mut asked.mode),
            "--quiet" => {}
            "--dumpdir" => asked.folder = args.next().map(|folder| (*folder).to_owned()),
            "--maxfiles" => asked.keep = number(args.next())?,
            "--bwlimit" | "--ionice" | "--lockwait" | "--stopwait" | "--size" | "--tmpdir" => {
                args.next();
            }
            id => asked.ids.push(id.parse().map_err(|_| format!("Unknown option: {id}"))?),
        }
    }
    Ok(asked)
}

fn new(args: &[&str]) -> Result<Asked, String> {
    let mut asked = Asked { keep: 0, mode: "snapshot".to_owned(), ..begun(args) };
    let mut args = args.iter();
    let mut prunes = true;
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') {
            asked.ids.push(arg.parse().map_err(|_| format!("400 not a valid id: {arg}"))?);
            continue;
        }
        let value = args.next().copied().unwrap_or_default();
        match arg.trim_start_matches('-') {
            "stdout" => asked.stdout = value == "1",
            "mode" => value.clone_into(&mut asked.mode),
            "compress" => value.trim_matches(['0', '1']).clone_into(&mut asked.compress),
            "dumpdir" => asked.folder = Some(value.to_owned()),
            "remove" => prunes = value != "0",
            "prune-backups" => asked.keep = number(value.strip_prefix("keep-last=").as_ref()).unwrap_or(0),
            "quiet" | "storage" | "bwlimit" | "ionice" | "notes-template" | "tmpdir" | "node" => {}
            other => return Err(format!("Unknown option: {other}")),
        }
    }
    if !prunes {
        asked.keep = 0;
    }
    Ok(asked)
}

fn begun(args: &[&str]) -> Asked {
    Asked { line: args.join(" "), folder: Some(DUMPS.to_owned()), ..Asked::default() }
}

fn number(word: Option<&&str>) -> Result<usize, String> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| "a number is missing".to_owned())
}
