//! What a manifest file may cost. A hostile file ends in one error, whatever it holds.
//!
//! The numbers leave room for ten times the largest manifests known, and keep reading one file below a
//! second and 200 MB.

/// Bytes in one file.
pub(super) const FILE_BYTES: usize = 8 << 20;
/// Bytes in one document: the YAML scanner holds every token of an open `[` or `{`, about 100 bytes for two.
pub(super) const DOCUMENT_BYTES: usize = 1 << 20;
/// Documents in one file.
pub(super) const DOCUMENTS: usize = 100_000;
/// Values in one file, those that aliases stand for included.
pub(super) const VALUES: usize = 1_000_000;
/// Values that the anchors and aliases of one document stand for.
pub(super) const ALIASED_VALUES: usize = 100_000;
/// Mappings and lists within each other.
pub(super) const DEPTH: usize = 64;
/// Values that are read in all rounds of looking for the problems of one document (at least [`ROUNDS`] rounds).
pub(super) const READ_VALUES: usize = 5_000_000;
/// Rounds of looking for problems, however large the document.
pub(super) const ROUNDS: usize = 50;
/// Problems in all files together. What comes later is left for the next run.
pub(super) const PROBLEMS: usize = 1000;
