//! The programs of a dump host as real processes: they write real dumps, and ask the lab about the guests.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use evenkeel_core::request::Reply;

use super::command::without_storage;
use super::job::{Into, Job};
use super::{Archive, Dialect, Kind, Planned};

/// The names that are linked on a dump host.
pub(crate) fn programs(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenVz => &["vzdump", "vzlist", "vzctl", "vzrestore"],
        Dialect::Today => &["vzdump", "pct", "qm", "qmrestore", "pvesh", "pveversion"],
    }
}

/// All of them.
pub(crate) const PROGRAMS: [&str; 9] =
    ["vzdump", "vzlist", "vzctl", "vzrestore", "pct", "qm", "qmrestore", "pvesh", "pveversion"];

/// What the lab is asked for in place of `vzdump`, and of programs that put a dump back.
pub(crate) const PLAN: &str = "lab:plan";
pub(crate) const RESTORED: &str = "lab:restored";

/// Asks the lab a question; the answer is that of a command.
pub(crate) type Ask<'a> = &'a dyn Fn(Vec<String>) -> io::Result<Reply>;

/// Does what the program does that needs this machine's files; `None` where the lab alone knows the answer.
pub(crate) fn run(name: &str, args: &[OsString], ask: Ask<'_>) -> Option<io::Result<ExitCode>> {
    let args: Vec<String> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match (name, words.as_slice()) {
        ("vzdump", words) => Some(vzdump(words, ask)),
        ("vzrestore", words) => Some(restore(Kind::OpenVz, words, ask)),
        ("qmrestore", words) => Some(restore(Kind::Qemu, words, ask)),
        ("pct", ["restore", words @ ..]) => Some(restore(Kind::Lxc, words, ask)),
        _ => None,
    }
}

fn vzdump(args: &[&str], ask: Ask<'_>) -> io::Result<ExitCode> {
    let call = [PLAN].iter().chain(args).map(|word| (*word).to_owned()).collect();
    let reply = ask(call)?;
    match serde_json::from_slice(&reply.stdout) {
        Ok(Planned::Dump(job, rate)) => dump(&job, rate),
        Ok(Planned::Says(says)) => say(&says),
        Err(_) => say(&reply),
    }
}

fn say(reply: &Reply) -> io::Result<ExitCode> {
    io::stdout().write_all(&reply.stdout)?;
    io::stdout().flush()?;
    io::stderr().write_all(&reply.stderr)?;
    Ok(ExitCode::from(u8::try_from(reply.exit & 0xff).unwrap_or(255)))
}

fn dump(job: &Job, rate: Option<u64>) -> io::Result<ExitCode> {
    tell(&job.before)?;
    let written = match &job.into {
        None => job.archive.write(job.written, Paced::new(io::stdout().lock(), rate)).map(|()| Vec::new()),
        Some(into) => dump_into(into, job, rate),
    };
    let (said, exit) = match written {
        Ok(deleted) => ([deleted, job.after.clone()].concat(), job.exit),
        // Whoever reads it is gone: as if the signal had ended it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => (Vec::new(), 141),
        Err(error) => {
            tell(&[format!("INFO: {error}")])?;
            (job.unwritten.0.clone(), job.unwritten.1)
        }
    };
    tell(&said)?;
    Ok(ExitCode::from(u8::try_from(exit & 0xff).unwrap_or(255)))
}

fn tell(lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(io::stderr(), "{line}"))
}

fn dump_into(into: &Into, job: &Job, rate: Option<u64>) -> io::Result<Vec<String>> {
    let unfinished = into.path("dat");
    job.archive.write(job.written, Paced::new(File::create(&unfinished)?, rate))?;
    if job.dies() {
        return Ok(Vec::new());
    }
    fs::write(into.path("log"), job.log())?;
    if !job.is_whole() {
        fs::remove_file(&unfinished)?;
        return Ok(Vec::new());
    }
    fs::rename(&unfinished, into.path(&into.ending))?;
    let there = fs::read_dir(&into.folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut said = Vec::new();
    for name in into.surplus(there.collect()) {
        let path = Path::new(&into.folder).join(name);
        fs::remove_file(&path)?;
        said.push(format!("INFO: delete old backup '{}'", path.display()));
    }
    Ok(said)
}

fn restore(kind: Kind, args: &[&str], ask: Ask<'_>) -> io::Result<ExitCode> {
    let plain = without_storage(args);
    let (path, id) = match (kind, plain.as_slice()) {
        (Kind::Lxc, [id, path]) | (Kind::OpenVz | Kind::Qemu, [path, id]) => (*path, *id),
        _ => return refuse("usage: wants an archive and an id"),
    };
    let read = File::open(path).map_err(|error| error.to_string());
    let archive = match read.and_then(|file| Archive::read(io::BufReader::new(file))) {
        Ok(archive) => archive,
        Err(problem) => return refuse(&format!("unable to restore '{path}': {problem}")),
    };
    let told = serde_json::to_string(&archive)?;
    let call = [RESTORED, kind.word(), id, &told].map(str::to_owned);
    say(&ask(call.to_vec())?)
}

fn refuse(problem: &str) -> io::Result<ExitCode> {
    tell(&[problem.to_owned()])?;
    Ok(ExitCode::from(255))
}

/// Writes no faster than a rate.
struct Paced<W> {
    into: W,
    rate: Option<u64>,
    begun: Instant,
    written: u64,
}

impl<W: Write> Paced<W> {
    fn new(into: W, rate: Option<u64>) -> Self {
        Paced { into, rate: rate.filter(|rate| *rate > 0), begun: Instant::now(), written: 0 }
    }
}

impl<W: Write> Write for Paced<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(rate) = self.rate {
            let due = Duration::from_millis(self.written.saturating_mul(1000) / rate);
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        }
        let written = self.into.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
