//! Trees to Rust types through serde, with every problem and its place.
//!
//! serde stops at the first error. To report all of them, the value that could not be read is left out (a
//! missing one is stood in for) and the whole is read again, until nothing new turns up.

mod access;
mod error;
mod reader;
mod stand_in;
mod value;

pub(crate) use error::short;
pub(super) use reader::{Fields, read};
