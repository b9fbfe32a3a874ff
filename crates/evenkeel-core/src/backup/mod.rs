//! Backups as data: when a copy is due, which copies are kept, what a slot is called. Pure, and the same for everything
//! that makes copies.

mod calendar;
mod cron;
mod decide;
mod field;
mod retention;
mod schedule;
mod slot;
mod slots;
mod span;
mod zone;

pub use retention::{Decision, Member, Retention, Semantics};
pub use schedule::{Due, Schedule};
pub use slot::{slot_name, slot_of};
pub(crate) use span::Spans;
pub use zone::Zone;
