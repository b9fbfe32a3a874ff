//! The scripts of `OpenvzHost` in real shells, and files as real shells understand them.
#![expect(clippy::disallowed_methods, reason = "the peers are programs and files")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod edit;
mod files;
mod read;
mod shell;
