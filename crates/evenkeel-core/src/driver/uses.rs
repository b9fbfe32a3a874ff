//! The targets that a resource needs besides its own.

/// A target that a resource reads or writes besides its own: a store, the other end of a replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Where it is named, as keys from `spec` down.
    pub path: Vec<String>,
    /// The target's name.
    pub target: String,
    /// What it must be able to do.
    pub as_a: Role,
    /// The folder or dataset there that is this resource's alone: no other resource may use it, or what is in it or above
    /// it.
    pub claims: Option<String>,
}

/// What a target is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Keeps files: `ftp`, `sftp`, `s3`, `azblob`, `webdav`, or a folder of an `ssh` or `local` machine.
    Store,
    /// Keeps files, and can rename folders: any of those but `s3` and `azblob`.
    RenamingStore,
    /// Runs commands: `ssh` or `local`.
    Host,
    /// The same, and is another machine than those that the resource is for.
    OtherHost,
}
