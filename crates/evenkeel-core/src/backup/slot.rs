//! The names of slots.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// How slots are written: UTC to the second, sorted by name as by time.
const FORM: &str = "%Y%m%dT%H%M%SZ";

/// The name of a slot: `20261120T023000Z`.
pub fn slot_name(slot: Timestamp) -> String {
    strtime::format(FORM, slot).unwrap_or_default()
}

/// The slot of a name that [`slot_name`] made; `None` for any other.
pub fn slot_of(name: &str) -> Option<Timestamp> {
    let slot = DateTime::strptime(FORM, name).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (slot_name(slot) == name).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_found_in_its_name_and_in_no_other() {
        let slot: Timestamp = "2026-11-20T02:30:00Z".parse().unwrap();
        assert_eq!(slot_name(slot), "20261120T023000Z");
        assert_eq!(slot_of("20261120T023000Z"), Some(slot));
        for other in [
            "",
            "20261120T0230Z",
            "20261120T023000",
            "20261320T023000Z",
            "20261120T023000Zx",
            "2026112T023000Z",
        ] {
            assert_eq!(slot_of(other), None, "{other}");
        }
    }
}
