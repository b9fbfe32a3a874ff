//! What a NIC says of its flow control in operation.

use std::collections::BTreeSet;

/// Flow control in operation on a NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hyperv) enum Operational {
    /// For these priorities.
    On(BTreeSet<u8>),
    /// Its text is not understood: it may be in the host's language.
    Unknown,
}

/// Reads `Priority 3 Enabled`, `Priorities 3-4,6 Enabled`, `All Priorities Enabled`, `All Priorities Disabled`.
pub(in crate::hyperv) fn operational(text: &str) -> Operational {
    let lower = text.to_lowercase();
    let is_off = lower.contains("disabled");
    let Some(named) = priorities(&lower) else { return Operational::Unknown };
    match (named.is_empty(), is_off) {
        (true, true) => Operational::On(BTreeSet::new()),
        (true, false) if lower.contains("all") && lower.contains("enabled") => {
            Operational::On((0..8).collect())
        }
        (true, false) => Operational::Unknown,
        (false, false) => Operational::On(named),
        (false, true) => Operational::On((0..8).filter(|priority| !named.contains(priority)).collect()),
    }
}

/// The numbers and ranges in a text; `None` where they are no priorities.
fn priorities(text: &str) -> Option<BTreeSet<u8>> {
    let mut found = BTreeSet::new();
    for part in text.split(|c: char| !c.is_ascii_digit() && c != '-') {
        let part = part.trim_matches('-');
        if part.is_empty() {
            continue;
        }
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u8, u8) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last > 7 {
            return None;
        }
        found.extend(first..=last);
    }
    Some(found)
}

/// `3`, `0-2,4-7`
pub(in crate::hyperv) fn ranges(priorities: &BTreeSet<u8>) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for &priority in priorities {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(priority) => *last = priority,
            _ => runs.push((priority, priority)),
        }
    }
    let one =
        |(first, last): &(u8, u8)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn on(priorities: &[u8]) -> Operational {
        Operational::On(priorities.iter().copied().collect())
    }

    #[test]
    fn every_form_is_read() {
        for (text, wanted) in [
            ("Priority 3 Enabled", on(&[3])),
            ("Priority 4 Enabled", on(&[4])),
            ("Priorities 3-4 Enabled", on(&[3, 4])),
            ("Priorities 0,3-4,7 Enabled", on(&[0, 3, 4, 7])),
            ("Priority 3, 5 Enabled", on(&[3, 5])),
            ("All Priorities Disabled", on(&[])),
            ("All Priorities Enabled", on(&[0, 1, 2, 3, 4, 5, 6, 7])),
            ("Priorities 0-2,4-7 Disabled", on(&[3])),
            ("優先度 3 有効", on(&[3])),
            ("すべて無効", Operational::Unknown),
            ("", Operational::Unknown),
            ("Priority 9 Enabled", Operational::Unknown),
            ("Priority 5-3 Enabled", Operational::Unknown),
            ("Priority 99999999999 Enabled", Operational::Unknown),
        ] {
            assert_eq!(operational(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(priorities in proptest::collection::btree_set(0_u8..8, 1..8)) {
            let text = format!("Priorities {} Enabled", ranges(&priorities));
            prop_assert_eq!(operational(&text), Operational::On(priorities));
        }

        #[test]
        fn no_text_is_too_odd(text in ".*") {
            let _ = operational(&text);
        }
    }
}
