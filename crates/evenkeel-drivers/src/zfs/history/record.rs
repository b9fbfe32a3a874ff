//! The lines of `zpool history -il`, taken apart.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How a pool writes times, in the host's zone; the script asks for UTC.
const TIME: &str = "%Y-%m-%d.%H:%M:%S";

/// One thing that a pool remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) at: Timestamp,
    /// What happened, as the pool writes it, without the time and what stands in the brackets at its end.
    pub(super) text: String,
    /// `root@pve1`; events have none.
    pub(super) by: Option<String>,
    pub(super) what: What,
}

/// What kind of thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Somebody gave a command, and it succeeded.
    Command,
    /// `set tank/a (79) atime=1`; without a dataset it is about the pool.
    Set { dataset: Option<String>, property: String, value: String },
    /// `inherit tank/a (79) atime=1`
    Inherit { dataset: String, property: String },
    /// `create`, `clone` or `receive`.
    Made { dataset: String },
    /// `rename tank/b (99) -> tank/c`
    Renamed { from: String, to: String },
    /// `destroy tank/c (99) (bptree, mintxg=1)`
    Gone { dataset: String },
}

/// All records; what does not look like one is passed over: the heading, the first line where it was cut, and what follows the
/// first line of a record.
pub(super) fn read(text: &str) -> Vec<Record> {
    text.lines().filter_map(record).collect()
}

fn record(line: &str) -> Option<Record> {
    let (at, rest) = line.split_once(' ')?;
    let at = DateTime::strptime(TIME, at).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let (text, by) = signed(rest);
    let text = text.trim_end();
    let (text, what) = match text.strip_prefix("[txg:").and_then(|event| event.split_once("] ")) {
        Some((_, event)) => (event, event_of(event)?),
        None if text.starts_with("zfs ") || text.starts_with("zpool ") => (text, What::Command),
        None => return None,
    };
    Some(Record { at, text: text.to_owned(), by, what })
}

/// The text before `[user 0 (root) on pve1:linux]`, and `root@pve1`. Events are signed `[on pve1]`, by nobody.
fn signed(line: &str) -> (&str, Option<String>) {
    let brackets = || line.strip_suffix(']')?.rsplit_once(" [");
    let Some((text, inside)) = brackets() else { return (line, None) };
    if inside.starts_with("on ") {
        return (text, None);
    }
    let Some((user, host)) = inside.strip_prefix("user ").and_then(|who| who.split_once(" on ")) else {
        return (line, None);
    };
    let name = user.split_once(" (").and_then(|(_, name)| name.strip_suffix(')'));
    let user = name.map_or_else(|| format!("uid {}", user.trim_end()), str::to_owned);
    let host = host.rsplit_once(':').map_or(host, |(host, _zone)| host);
    (text, Some(format!("{user}@{host}")))
}

fn event_of(event: &str) -> Option<What> {
    let (verb, rest) = event.split_once(' ')?;
    let numbered = numbered(rest);
    Some(match (verb, numbered) {
        ("set", Some((dataset, rest))) => {
            let (property, value) = rest.split_once('=')?;
            What::Set { dataset: Some(dataset.to_owned()), property: property.into(), value: value.into() }
        }
        ("set", None) => {
            let (property, value) = rest.split_once('=')?;
            What::Set { dataset: None, property: property.into(), value: value.into() }
        }
        ("inherit", Some((dataset, rest))) => {
            let property = rest.split_once('=').map_or(rest, |(property, _)| property);
            What::Inherit { dataset: dataset.to_owned(), property: property.to_owned() }
        }
        ("create" | "clone" | "receive", Some((dataset, _))) => What::Made { dataset: dataset.to_owned() },
        ("rename", Some((from, rest))) => {
            What::Renamed { from: from.to_owned(), to: rest.strip_prefix("-> ")?.to_owned() }
        }
        ("destroy", Some((dataset, _))) => What::Gone { dataset: dataset.to_owned() },
        _ => return None,
    })
}

/// `tank/a (79) atime=1` in two: the dataset, and what stands behind its number. `None` where it begins with no dataset.
fn numbered(text: &str) -> Option<(&str, &str)> {
    let (dataset, rest) = text.split_once(" (")?;
    let (number, rest) = rest.split_once(')')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    // A pool's own property may have such a value: no dataset has this character in its name.
    (is_number && !dataset.contains('=')).then(|| (dataset, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Option<Record> {
        read(line).into_iter().next()
    }

    #[test]
    fn who_and_when_are_read() {
        let by = |line: &str| one(&format!("2026-11-21.02:13:05 {line}")).and_then(|record| record.by);
        assert_eq!(by("zfs set atime=on POOL1 [user 0 (root) on pve1:linux]").as_deref(), Some("root@pve1"));
        assert_eq!(by("zfs set atime=on POOL1 [user 1004 on pve1:linux]").as_deref(), Some("uid 1004@pve1"));
        assert_eq!(by("zfs set atime=on POOL1 [user 0 (root) on nas]").as_deref(), Some("root@nas"));
        assert_eq!(by("zfs set atime=on POOL1"), None);
        assert_eq!(by("zfs set com.acme:x=[a] POOL1"), None, "brackets that sign nothing");
        let record = one("2026-11-21.02:13:05 [txg:10] set tank (54) com.acme:n=a (5) b [on pve1]").unwrap();
        assert_eq!((record.at.to_string().as_str(), record.by), ("2026-11-21T02:13:05Z", None));
        assert_eq!(record.text, "set tank (54) com.acme:n=a (5) b");
        let value = "a (5) b".to_owned();
        let set = What::Set { dataset: Some("tank".into()), property: "com.acme:n".into(), value };
        assert_eq!(record.what, set);
    }

    #[test]
    fn a_pools_own_property_is_no_datasets() {
        let record = one("2026-11-21.02:13:05 [txg:10] set comment=a (5) b [on pve1]").unwrap();
        let set = What::Set { dataset: None, property: "comment".into(), value: "a (5) b".into() };
        assert_eq!(record.what, set);
    }

    #[test]
    fn what_is_no_record_is_passed_over() {
        for line in [
            "History for 'tank':",
            "",
            "    input:",
            " [user 0 (root) on f:linux]",
            "2026-11-21.22:54:01 (63ms) ioctl channel_program",
            "2026-13-41.22:54:01 zfs set atime=on tank",
            "2026-11-21.22:54:01 [txg:7] permission update tank/a (79) ul$1000 atime [on f]",
            "2026-11-21.22:54:01 [txg:7",
            "11-21.22:54:01 zfs set atime=on tank [user 0 (root) on f:linux]",
        ] {
            assert_eq!(one(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_fail(text in r"([0-9]{4}-[01][0-9]-[0-3][0-9]\.[0-9:]{8} )?(\[txg:[0-9]+\] )?(set|inherit|rename|zfs set|destroy)? ?\PC{0,40}( \([0-9]{0,3}\))?[ =\PC]{0,9}( \[(user|on) .*)?\]?") {
            let records = read(&text);
            proptest::prop_assert!(records.len() <= text.lines().count());
        }
    }
}
