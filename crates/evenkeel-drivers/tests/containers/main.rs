//! The scripts that are run in scratch containers, in real shells, on root file systems in a folder.
#![expect(clippy::disallowed_methods, reason = "the peers are programs and files")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod cleanup;
mod files;
mod folders;
mod nodes;
mod packages;
mod system;
mod world;
