//! Container templates: built from a base and a recipe in a scratch container, packed, checked, and put where containers
//! are made from.
//!
//! Three backends share what is decided and what is run inside; each has its own way to make a container, to run
//! something in it, and to make a template of it.

mod check;
mod decide;
pub mod host;
pub mod incus;
mod inside;
pub mod lxc;
mod name;
pub mod openvz;
mod recipe;
mod record;
mod report;
pub mod scripts;
mod spec;
mod state;

pub use record::{Base, FORMAT, Record};
pub use spec::{FileMode, FileSpec, Output, Packages, Provision, Refresh, RunSpec};
pub use state::TemplateState;
