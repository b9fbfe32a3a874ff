//! Times as the database sorts them: whole nanoseconds since 1970.

use evenkeel_core::period::Period;
use jiff::{SignedDuration, Timestamp};

/// The number for a time. Years before 1678 and after 2262 become the first and last that there is.
pub(crate) fn to_column(at: Timestamp) -> i64 {
    let nanoseconds = at.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The time of a number.
pub(crate) fn from_column(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MAX)
}

/// The number for `period` before `now`.
pub(crate) fn before(now: Timestamp, period: Period) -> i64 {
    let back = SignedDuration::try_from(std::time::Duration::from(period)).unwrap_or(SignedDuration::MAX);
    to_column(now.checked_sub(back).unwrap_or(Timestamp::MIN))
}
