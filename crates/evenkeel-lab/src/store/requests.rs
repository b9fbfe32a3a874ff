//! What a store makes of a request, as the transports do it: look before a rename, `.part` before a name.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::{Digest, Entry, FileRequest, Listing, MISSING, REFUSED, Reply};
use serde_json::{Map, Value};

use super::disk::{Done, Trouble, absolute};
use super::{Cut, FileStore, Node};
use crate::random::Random;

impl FileStore {
    /// Does what is asked.
    pub fn answer(&mut self, request: &FileRequest) -> Reply {
        self.disk.set_left(None);
        // The line is whole.
        self.serve(request).unwrap_or_else(|Cut| refused("426 Connection closed"))
    }

    /// Does a part of what is asked: the line is cut somewhere, at any operation or byte.
    pub fn answer_in_part(&mut self, request: &FileRequest, random: &mut Random) {
        let mut dry = self.clone();
        dry.disk.take_done();
        dry.answer(request);
        self.with_cut_line(dry.disk.take_done(), random, |store| drop(store.serve(request)));
    }

    /// Cuts the line somewhere in so much work.
    pub(super) fn with_cut_line(&mut self, work: u64, random: &mut Random, act: impl FnOnce(&mut Self)) {
        // Half of the cuts hit the last few operations: there is more between them than within the bytes.
        let work = usize::try_from(work).unwrap_or(usize::MAX);
        let left = if random.one_in(2) {
            work.saturating_sub(random.below(work.min(6)) + 1)
        } else {
            random.below(work)
        };
        self.disk.set_left(Some(left as u64));
        act(self);
        self.disk.set_left(None);
    }

    fn serve(&mut self, request: &FileRequest) -> Result<Reply, Cut> {
        if let Some(problem) = paths(request).into_iter().find_map(bad) {
            return Ok(refused(&problem));
        }
        match self.done(request) {
            Ok(stdout) => Ok(Reply { exit: 0, stdout, stderr: Vec::new() }),
            Err(Trouble::Missing(text)) => Ok(Reply { exit: MISSING, ..refused(&text) }),
            Err(Trouble::Refused(text)) => Ok(refused(&text)),
            Err(Trouble::Cut) => Err(Cut),
        }
    }

    fn done(&mut self, request: &FileRequest) -> Done<Vec<u8>> {
        match request {
            FileRequest::List { folder, depth } => self.list(folder, *depth),
            FileRequest::Read { path } => Ok(self.disk.read(path)?.bytes().to_vec()),
            FileRequest::Digest { path } => {
                let content = self.disk.read(path)?;
                Ok(json(&Digest { bytes: content.len(), sha256: content.sha256().to_owned() }))
            }
            FileRequest::Space { .. } => {
                let free = self.disk.capacity.map(|all| all.saturating_sub(self.used()));
                Ok(free.map(|bytes| bytes.to_string().into_bytes()).unwrap_or_default())
            }
            FileRequest::Write { path, text } => self.write(path, text.as_bytes()),
            FileRequest::MakeFolder { folder } => self.disk.make_folder(folder).map(|()| Vec::new()),
            FileRequest::Rename { from, to } => self.rename(from, to),
            FileRequest::Remove { path } => self.disk.remove(path).map(|()| Vec::new()),
            FileRequest::RemoveFolder { folder, last, only } => self.remove_folder(folder, last, only),
            FileRequest::Seal { folder, into, fields, members } => self.seal(folder, into, fields, members),
        }
    }

    fn list(&self, folder: &str, depth: u8) -> Done<Vec<u8>> {
        let top = absolute(folder);
        let mut entries = BTreeMap::new();
        for (path, node) in self.disk.children(&top) {
            let parts: Vec<&str> = path.get(top.len() + 1..).unwrap_or_default().split('/').collect();
            // What a bucket shows as folders are the beginnings of names.
            for level in 1..parts.len().min(usize::from(depth) + 1) {
                entries.insert(parts.get(..level).unwrap_or_default().join("/"), Entry::Folder);
            }
            if parts.len() <= usize::from(depth) {
                let entry = match node {
                    Node::Folder => Entry::Folder,
                    Node::File(content) => Entry::File(content.len()),
                    Node::Other => Entry::Other,
                };
                entries.insert(parts.join("/"), entry);
            }
        }
        if entries.is_empty() && !self.disk.exists(folder) {
            return Err(Trouble::Missing(format!("550 {folder}: No such file or directory")));
        }
        Ok(json(&Listing { entries }))
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Done<Vec<u8>> {
        if !self.disk.personality.renames() {
            return self.disk.put(path, bytes).map(|()| Vec::new());
        }
        let part = format!("{path}.part");
        self.disk.put(&part, bytes)?;
        self.give_name(&part, path)?;
        Ok(Vec::new())
    }

    /// Renames a file over what may be there.
    pub(super) fn give_name(&mut self, part: &str, path: &str) -> Done<()> {
        match self.disk.rename(part, path) {
            Err(Trouble::Refused(_)) if self.file(path).is_some() => {
                self.disk.remove(path)?;
                self.disk.rename(part, path)
            }
            done => done,
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Done<Vec<u8>> {
        if self.disk.exists(to) && self.disk.personality.renames() {
            return Err(Trouble::Refused(format!("{to} is there already")));
        }
        self.disk.rename(from, to).map(|()| Vec::new())
    }

    fn remove_folder(&mut self, folder: &str, last: &str, only: &BTreeSet<String>) -> Done<Vec<u8>> {
        let top = absolute(folder);
        let paths = self.disk.children(&top).filter_map(|(path, _)| path.get(top.len() + 1..));
        let unseen = paths.map(str::to_owned).find(|path| path != last && !only.contains(path));
        if let Some(path) = unseen {
            let text = format!("{folder}/{path} came in meanwhile; nothing of {folder} was removed");
            return Err(Trouble::Refused(text));
        }
        let keep = format!("{top}/{last}");
        let mut inside: Vec<(String, bool)> = self
            .disk
            .children(&top)
            .map(|(path, node)| (format!("/{path}"), *node == Node::Folder))
            .filter(|(path, _)| absolute(path) != keep)
            .collect();
        // What is deeper goes first.
        inside.reverse();
        for (path, is_folder) in inside {
            if is_folder {
                self.disk.remove_folder(&path)?;
            } else {
                self.disk.remove(&path)?;
            }
        }
        self.disk.remove(&format!("/{keep}"))?;
        self.disk.remove_folder(&format!("/{top}"))?;
        Ok(Vec::new())
    }

    fn seal(
        &mut self,
        folder: &str,
        into: &str,
        fields: &Map<String, Value>,
        members: &[String],
    ) -> Done<Vec<u8>> {
        let mut archives = Map::new();
        for member in members {
            let refuse = |problem: &str| Trouble::Refused(format!("{folder}/{member}: {problem}"));
            let record = self.disk.read(&format!("{folder}/{member}.json"));
            let record = match record {
                Err(Trouble::Missing(_)) => return Err(refuse("its record is missing")),
                other => other?,
            };
            let record: Value =
                serde_json::from_slice(record.bytes()).map_err(|_| refuse("its record is not JSON"))?;
            let size = self.file(&format!("{folder}/{member}")).map(super::Content::len);
            if size.is_none() || size != record.get("bytes").and_then(Value::as_u64) {
                return Err(refuse("it is not as large as its record says"));
            }
            archives.insert(member.clone(), record);
        }
        let mut sealed = fields.clone();
        sealed.insert("archives".to_owned(), Value::Object(archives));
        let text = json(&sealed);
        self.write(&format!("{folder}/{into}"), &text)
    }
}

/// As JSON; what is given here always can be.
pub(super) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn refused(text: &str) -> Reply {
    Reply { exit: REFUSED, stdout: Vec::new(), stderr: format!("{text}\n").into_bytes() }
}

fn paths(request: &FileRequest) -> Vec<&str> {
    match request {
        FileRequest::List { folder, .. }
        | FileRequest::Space { folder }
        | FileRequest::MakeFolder { folder } => {
            vec![folder]
        }
        FileRequest::Read { path }
        | FileRequest::Digest { path }
        | FileRequest::Write { path, .. }
        | FileRequest::Remove { path } => vec![path],
        FileRequest::Rename { from, to } => vec![from, to],
        FileRequest::RemoveFolder { folder, last, .. } => vec![folder, last],
        FileRequest::Seal { folder, into, members, .. } => {
            [folder, into].into_iter().chain(members).map(String::as_str).collect()
        }
    }
}

/// What is wrong with a path that no driver should ever ask for.
fn bad(path: &str) -> Option<String> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let wrong = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(['\n', '\0']);
    inner.split('/').any(wrong).then(|| format!("553 bad path {path:?}"))
}
