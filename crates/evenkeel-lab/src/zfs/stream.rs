//! `zfs send` and `zfs receive`: a stream is what it would tell, without the bytes.

use std::collections::BTreeSet;

use evenkeel_core::request::Reply;

use super::model::{Birth, Snapshot, parent_of};
use super::options::Options;
use super::{Kind, Out, ZfsHost};

/// What `zfs send` would write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The snapshot, as the sender calls it.
    to: String,
    kind: Kind,
    birth: Birth,
    bytes: u64,
    /// The id of what the receiver must have already.
    from: Option<u64>,
    /// It goes on where a receive broke off.
    resumes: bool,
}

impl Stream {
    fn token(&self) -> String {
        format!("1-{:x}-{:x}-{}", self.birth.guid, self.from.unwrap_or(0), hex::encode(&self.to))
    }
}

impl ZfsHost {
    /// Runs a `zfs send` up to its standard output.
    pub fn send<S: AsRef<str>>(&self, argv: &[S]) -> Result<Stream, Reply> {
        let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        let made = match words.as_slice() {
            ["zfs", "send", rest @ ..] => stream(self, rest),
            _ => Err((2, "not a send".to_owned())),
        };
        made.map_err(|(exit, said)| reply(exit, &said))
    }

    /// Runs a `zfs receive` of this stream, or of only a part of it.
    pub fn receive<S: AsRef<str>>(&mut self, argv: &[S], stream: &Stream, whole: bool) -> Reply {
        let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        let done = match words.as_slice() {
            ["zfs", "receive", rest @ ..] => receive(self, rest, stream, whole),
            _ => Err("not a receive".to_owned()),
        };
        done.map_or_else(|said| reply(1, &said), |()| reply(0, ""))
    }
}

fn reply(exit: i32, said: &str) -> Reply {
    let stderr = if said.is_empty() { Vec::new() } else { format!("{said}\n").into_bytes() };
    Reply { exit, stdout: Vec::new(), stderr }
}

fn stream(host: &ZfsHost, args: &[&str]) -> Result<Stream, (i32, String)> {
    let options = Options::parse(args, "LecwnvP", "it").map_err(|problem| (2, problem))?;
    if let Some(token) = options.value('t') {
        return resumed(host, token);
    }
    let [to] = options.operands.as_slice() else { return Err((2, "missing snapshot argument".to_owned())) };
    let missing = |name: &str| (1, format!("cannot open '{name}': dataset does not exist"));
    let snapshot = find(host, to).ok_or_else(|| missing(to))?;
    let from =
        options.value('i').map(|base| guid(host, to, base).ok_or_else(|| missing(base))).transpose()?;
    Ok(of(host, to, snapshot, from, false))
}

fn of(host: &ZfsHost, to: &str, snapshot: &Snapshot, from: Option<u64>, resumes: bool) -> Stream {
    let kind = to.split_once('@').and_then(|(dataset, _)| host.kind_of(dataset)).unwrap_or(Kind::Filesystem);
    Stream { to: to.to_owned(), kind, birth: snapshot.birth, bytes: snapshot.referenced, from, resumes }
}

fn find<'h>(host: &'h ZfsHost, name: &str) -> Option<&'h Snapshot> {
    let (dataset, snapshot) = name.split_once('@')?;
    host.datasets.get(dataset)?.snapshots.iter().find(|s| s.name == snapshot)
}

/// The id of a snapshot or bookmark of the dataset that `to` is of.
fn guid(host: &ZfsHost, to: &str, base: &str) -> Option<u64> {
    let holder = host.datasets.get(to.split_once('@')?.0)?;
    match base.split_once('#') {
        Some((_, bookmark)) => holder.bookmarks.get(bookmark).map(|birth| birth.guid),
        None => find(host, base).map(|snapshot| snapshot.birth.guid),
    }
}

fn resumed(host: &ZfsHost, token: &str) -> Result<Stream, (i32, String)> {
    let corrupt = || (255, "cannot resume send: resume token is corrupt".to_owned());
    let parts: Vec<&str> = token.split('-').collect();
    let [_, to_guid, from, to] = parts.as_slice() else { return Err(corrupt()) };
    let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| corrupt());
    let (to_guid, from) = (number(to_guid)?, number(from)?);
    let to = hex::decode(to).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(corrupt)?;
    match find(host, &to).filter(|snapshot| snapshot.birth.guid == to_guid) {
        Some(snapshot) => Ok(of(host, &to, snapshot, (from > 0).then_some(from), true)),
        None => Err((
            255,
            format!(
                "cannot resume send: '{to}' used in the initial send no longer exists\n{}",
                contents(&to)
            ),
        )),
    }
}

fn contents(to: &str) -> String {
    format!("resume token contents:\nnvlist version: 0\n\ttoname = {to}")
}

/// `zfs send -n`: only looks. A send that would write needs somebody to read: [`ZfsHost::send`].
pub(super) fn look(host: &ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    match stream(host, args) {
        Ok(stream) => {
            out.line(contents(&stream.to));
            0
        }
        Err((exit, said)) => {
            out.err(said);
            exit
        }
    }
}

/// `zfs receive -A`: gives up what is half done. One with a stream is [`ZfsHost::receive`].
pub(super) fn abort(host: &mut ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    let ["-A", name] = args else {
        out.err("cannot receive: failed to read from stream");
        return 1;
    };
    let Some(dataset) = host.datasets.get_mut(*name).filter(|d| d.unfinished.is_some()) else {
        out.err(format!("'{name}' does not have any resumable receive state to abort"));
        return 1;
    };
    dataset.unfinished = None;
    let was_new = dataset.snapshots.is_empty();
    if was_new {
        host.datasets.remove(*name);
    }
    host.txg += 1;
    0
}

fn receive(host: &mut ZfsHost, args: &[&str], stream: &Stream, whole: bool) -> Result<(), String> {
    let options = Options::parse(args, "su", "ox")?;
    let [to] = options.operands.as_slice() else { return Err("missing snapshot argument".to_owned()) };
    let name = stream.to.split_once('@').map_or("", |(_, name)| name);
    let is_new = !host.datasets.contains_key(to);
    match host.datasets.get(to) {
        None if stream.from.is_some() => {
            return Err(format!("cannot receive incremental stream: destination '{to}' does not exist"));
        }
        None if parent_of(to).is_none_or(|parent| !host.datasets.contains_key(parent)) => {
            return Err(format!("cannot open '{to}': dataset does not exist"));
        }
        Some(there) if there.unfinished.is_some() && !stream.resumes => {
            return Err(format!(
                "cannot receive: destination '{to}' contains partially-complete state from \"zfs receive -s\"."
            ));
        }
        Some(there) if stream.resumes && there.unfinished.as_ref() != Some(&stream.token()) => {
            return Err(
                "cannot receive resume stream: kernel modules must be upgraded or the token is stale"
                    .to_owned(),
            );
        }
        Some(there) if there.snapshots.iter().any(|s| s.name == name) => {
            return Err(format!("cannot receive: destination '{to}@{name}' exists"));
        }
        Some(_) if stream.from.is_none() && !stream.resumes => {
            return Err(format!(
                "cannot receive new filesystem stream: destination '{to}' exists\nmust specify -F to overwrite it"
            ));
        }
        Some(there) if stream.from != there.snapshots.last().map(|s| s.birth.guid) => {
            return Err(format!(
                "cannot receive incremental stream: most recent snapshot of {to} does not\nmatch incremental source"
            ));
        }
        _ => {}
    }
    if is_new {
        let pairs = options.values('o').filter_map(|pair| pair.split_once('='));
        let local = pairs.map(|(property, value)| (property.to_owned(), value.to_owned())).collect();
        host.add_dataset(to, stream.kind, local);
    }
    let birth = Birth { guid: stream.birth.guid, ..host.new_birth("received") };
    let Some(dataset) = host.datasets.get_mut(to) else { return Ok(()) };
    if is_new {
        dataset.mount = None;
    }
    if !whole {
        dataset.unfinished = Some(stream.token());
        return Err("cannot receive stream: checksum mismatch or incomplete stream.\nPartially received snapshot is saved.".to_owned());
    }
    dataset.unfinished = None;
    dataset.referenced = stream.bytes;
    dataset.snapshots.push(Snapshot {
        name: name.to_owned(),
        birth,
        referenced: stream.bytes,
        settings: std::collections::BTreeMap::new(),
        holds: BTreeSet::new(),
    });
    Ok(())
}
