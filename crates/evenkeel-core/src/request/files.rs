//! What can be asked of a store of files: an FTP or SFTP server, a bucket, a folder on a machine.
//!
//! Paths are made of names with `/` between them, without `.` and `..`. A path that begins with `/` begins at the
//! top of the server (or bucket), any other one where a login begins.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::exec::shell_quote;

/// The exit status of a [`Reply`](super::Reply) where the store answered that there is no such file or folder.
pub const MISSING: i32 = 2;

/// The exit status of a [`Reply`](super::Reply) where the store answered and refused, with its words on standard error.
pub const REFUSED: i32 = 1;

/// One request to a store. Whatever fails without an answer of the store is a
/// [`TransportError`](crate::transport::TransportError).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FileRequest {
    /// What is in a folder, so many levels down (1: only what is directly in it). Reads. The reply's standard output
    /// is a [`Listing`] as JSON, always whole; [`MISSING`] where the folder is not there.
    List {
        /// The folder.
        folder: String,
        /// How many levels, at least 1.
        depth: u8,
    },
    /// The content of a small file, at most 1 MiB. Reads.
    Read {
        /// The file.
        path: String,
    },
    /// Reads a file whole and answers with a [`Digest`] as JSON. Reads.
    Digest {
        /// The file.
        path: String,
    },
    /// How many bytes are free where the folder is: a number on standard output, nothing where the store cannot tell.
    /// Reads.
    Space {
        /// The folder; one that is missing is as large as what is above it.
        folder: String,
    },
    /// Writes a small file whole: under a name with `.part` behind it first, then renamed. Where the store refuses to
    /// rename over a file, that is removed first; after a crash the `.part` is whole then.
    Write {
        /// The file.
        path: String,
        /// Its content.
        text: String,
    },
    /// Makes a folder and those above it; one that is there is fine. Nothing to do where a store has no folders.
    MakeFolder {
        /// The folder.
        folder: String,
    },
    /// Renames a file or folder. Refused where `to` is there, be it an empty folder.
    Rename {
        /// What is there.
        from: String,
        /// What it shall be called.
        to: String,
    },
    /// Removes a file; one that is not there is fine.
    Remove {
        /// The file.
        path: String,
    },
    /// Removes a folder with everything in it; one that is not there is fine. Refused, and nothing removed, where there
    /// is anything in it that nobody looked at.
    RemoveFolder {
        /// The folder.
        folder: String,
        /// The name of a file in it that goes last, just before the folder: while it is there, the rest may be half gone.
        last: String,
        /// What else may be in it, files and folders, by path from there. Not all of it needs to be there.
        only: BTreeSet<String>,
    },
    /// Writes `into` (in `folder`, like [`FileRequest::Write`]): a JSON object with `fields`, and under `archives` what
    /// stands in the records of `members`: for each member `a`, the file `a.json` beside it. Refused where a record is
    /// missing or is not JSON, or where a member is not as large as its record says.
    Seal {
        /// The folder.
        folder: String,
        /// The name of the file to write.
        into: String,
        /// What else is in it.
        fields: Map<String, Value>,
        /// The names of the members, files in the folder.
        members: Vec<String>,
    },
}

/// What is in a folder, by path from there: `daily.0`, `daily.0/evenkeel.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// Files and folders.
    pub entries: BTreeMap<String, Entry>,
}

/// A file or folder in a [`Listing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// A folder; what is in it is listed too, if not too deep.
    Folder,
    /// A file and its size in bytes.
    File(u64),
    /// Something else, such as a link: never looked into, never touched.
    Other,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, 64 digits of hexadecimal.
    pub sha256: String,
}

impl FileRequest {
    /// True where it changes nothing.
    pub fn reads(&self) -> bool {
        matches!(
            self,
            FileRequest::List { .. }
                | FileRequest::Read { .. }
                | FileRequest::Digest { .. }
                | FileRequest::Space { .. }
        )
    }

    /// As a person would say it, in the words of `sftp` and `lftp`.
    pub fn display(&self) -> String {
        let q = |path: &String| shell_quote(path);
        match self {
            FileRequest::List { folder, depth } => format!("ls {} (depth {depth})", q(folder)),
            FileRequest::Read { path } => format!("cat {}", q(path)),
            FileRequest::Digest { path } => format!("sha256 {}", q(path)),
            FileRequest::Space { folder } => format!("df {}", q(folder)),
            FileRequest::Write { path, text } => format!("write {} ({} bytes)", q(path), text.len()),
            FileRequest::MakeFolder { folder } => format!("mkdir {}", q(folder)),
            FileRequest::Rename { from, to } => format!("mv {} {}", q(from), q(to)),
            FileRequest::Remove { path } => format!("rm {}", q(path)),
            FileRequest::RemoveFolder { folder, .. } => format!("rm -r {}", q(folder)),
            FileRequest::Seal { folder, into, members, .. } => {
                format!("seal {} ({} archives)", q(&format!("{folder}/{into}")), members.len())
            }
        }
    }
}
