//! Manifests: text in, targets and instances out, and every problem with its place.
//!
//! The way of a file: `yaml` decodes it and makes trees with places, `values` fills in `${name}`, `document`
//! tells targets from resources, `de` reads Rust types out of trees, `load` joins it all and checks what
//! spans several documents (`depends`, `claims`, `selector`).

mod claims;
mod de;
mod depends;
mod digest;
mod document;
mod limits;
mod load;
mod maintenance;
mod node;
mod plain;
mod problems;
mod resource;
mod rollout;
pub mod schema;
mod selector;
mod source;
mod suggest;
mod target;
mod uses;
mod values;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

pub use load::{Loaded, SourceFile, load};
pub use maintenance::Maintenance;
pub use node::Node;
pub use plain::read_plain;
pub use problems::Problems;
pub use suggest::did_you_mean;

pub(crate) use de::short;
pub(crate) use document::{NAME_RULE, is_name};
pub(crate) use load::UNREAD;
pub(crate) use suggest::choices;
pub(crate) use written::{Written, read as read_heads};

use serde::de::DeserializeOwned;

/// A file with more bytes than this is refused unread.
pub const MAX_FILE_BYTES: usize = limits::FILE_BYTES;

/// The only version of the manifest language so far.
pub const API_VERSION: &str = "evenkeel.dev/v1alpha1";

/// Reads `node` as a `T`; every problem is reported, not only the first.
///
/// `None` where a value could not be read. Unknown fields are problems too, but do not keep the rest from
/// being read.
///
/// What is asked for decides how a plain scalar is read: as text it is what was written (`off`, `0755`,
/// `1.10`), as a boolean only `true` and `false` will do. Types that take anything (`serde_json::Value`,
/// untagged enums) get a number only where it is written as it would be printed.
///
/// Types should not use `#[serde(flatten)]`, `#[serde(untagged)]` or `#[serde(tag)]`: serde then reads through a
/// copy, and the places of problems inside are lost.
pub fn read_spec<T: DeserializeOwned>(node: &Node, problems: &mut Problems) -> Option<T> {
    let outcome = de::read(node.source(), node.tree(), de::Fields::Except(node.hidden()), problems);
    outcome.value.filter(|_| outcome.whole)
}
