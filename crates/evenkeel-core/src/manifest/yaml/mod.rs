//! YAML text to trees with places.

mod decode;
mod events;
mod explain;
mod parse;
mod scalar;
mod tree;

pub(super) use decode::decode;
pub(super) use parse::parse;
pub(super) use scalar::{Scalar, parse_float, parse_integer, resolve};
pub(super) use tree::{Entry, Kind, Style, Text, Tree};
