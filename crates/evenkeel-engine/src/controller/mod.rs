//! The loop: sources are watched, resources looked at when they are due, and put right.
//!
//! Three parts. `schedule/` is pure: what is due when, what may run beside what, and what failed how often. `world/`
//! is what the sources say now. `run/` does the work and writes it down.

mod handle;
pub mod schedule;
mod words;

pub use handle::{Handle, Health, Metrics, Notice, Reconciled};
pub use words::{Intent, Trigger};
