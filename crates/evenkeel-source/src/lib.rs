//! Where manifests come from: git repositories and folders, fetched and verified.
//!
//! A source hands out everything or nothing: a revision that could not be read whole, is too large, or does not carry
//! the signatures that are wanted, is an error, and what the caller has stays in force.

mod directory;
mod git;
mod select;
mod verify;

pub use directory::DirectorySource;
pub use git::{GitOptions, GitSource};
