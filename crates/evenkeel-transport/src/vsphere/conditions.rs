//! What has to be so just before a call, read and compared.

use std::collections::{BTreeSet, HashMap};

use evenkeel_core::request::vsphere::{Condition, Must, Reference};
use evenkeel_core::transport::TransportError;
use serde_json::Value;

use super::faults::{Fault, Refusal};
use super::resolve::{Match, Matches, described, has_option};
use super::retrieve::{Found, Paths};
use super::session::{Link, referred};

/// The exit status where a condition does not hold.
const NOT_SO: i32 = 412;

impl Link<'_> {
    /// Reads what these conditions are about, in one read, and gives the first that does not hold.
    pub(super) async fn check(
        &self,
        conditions: &[Condition],
        matches: &Matches,
    ) -> Result<Result<(), Refusal>, TransportError> {
        let mut paths = Paths::new();
        let mut objects = BTreeSet::new();
        for condition in conditions {
            let Some(Match::One(object)) = matches.get(&condition.object) else { continue };
            let of_kind = paths.entry(object.kind.clone()).or_default();
            of_kind.extend(Some(condition.path.clone()).filter(|path| !path.is_empty()));
            objects.insert(object.clone());
        }
        let found: HashMap<Reference, Found> = match self.retrieve(&objects, &paths).await? {
            Ok(found) => found.into_iter().map(|one| (one.object.clone(), one)).collect(),
            Err(fault) => return Ok(Err(unreadable(fault))),
        };
        let mut wrong = conditions.iter().filter_map(|condition| {
            let why = failing(condition, matches.get(&condition.object), &found)?;
            let of = described(&condition.object);
            let path = &condition.path;
            let what = if path.is_empty() { of } else { format!("`{path}` of the {of}") };
            Some(Refusal::new(NOT_SO, format!("not done, since {what} {why}")))
        });
        Ok(wrong.next().map_or(Ok(()), Err))
    }
}

fn unreadable(fault: Fault) -> Refusal {
    let refusal = Refusal::from(fault);
    let message = format!("not done, since it could not be read whether it may be: {}", refusal.message());
    refusal.in_words(message)
}

/// Why a condition does not hold; `None` where it does.
fn failing(
    condition: &Condition,
    meant: Option<&Match>,
    found: &HashMap<Reference, Found>,
) -> Option<String> {
    let absent = || match &condition.must {
        Must::BeUnset => None,
        _ => Some("is not there".to_owned()),
    };
    let object = match meant {
        Some(Match::One(object)) => object,
        Some(Match::Several(count)) => return Some(format!("may be any of {count}")),
        Some(Match::None) | None => return absent(),
    };
    let Some(found) = found.get(object) else { return absent() };
    if condition.path.is_empty() {
        // There is nothing else that this can mean.
        return Some("is there".to_owned());
    }
    if let Some(fault) = found.is_missing(&condition.path) {
        return Some(format!("cannot be read ({fault})"));
    }
    let value = found.properties.get(&condition.path);
    unlike(&condition.must, value)
}

/// Why a property is not what it must be; `None` where it is.
fn unlike(must: &Must, value: Option<&Value>) -> Option<String> {
    let is_set = value.filter(|value| value.as_array().is_none_or(|all| !all.is_empty()));
    match must {
        Must::BeUnset => is_set.map(|_| "is set".to_owned()),
        Must::Be(wanted) => {
            let is = value.and_then(|value| match value {
                Value::String(text) => Some(text.clone()),
                reference => referred(reference).map(|object| object.id),
            });
            match is {
                Some(is) if is == *wanted => None,
                Some(is) => Some(format!("is `{is}` and not `{wanted}`")),
                None => Some(format!("is not `{wanted}`")),
            }
        }
        Must::HaveExtra { key, value: wanted } => {
            let has = value.is_some_and(|all| has_option(all, key, wanted));
            (!has).then(|| format!("has no {key}={wanted}"))
        }
        Must::HaveDisksOn(begin) => disks(value, begin),
    }
}

fn disks(devices: Option<&Value>, begin: &str) -> Option<String> {
    let devices = devices.and_then(Value::as_array).into_iter().flatten();
    let mut disks =
        devices.filter(|device| device.get("_type").and_then(Value::as_str) == Some("VirtualDisk"));
    let mut any = false;
    let elsewhere = disks.find_map(|disk| {
        any = true;
        let file = disk.get("backing").and_then(|backing| backing.get("fileName")).and_then(Value::as_str);
        let is_there = file.is_some_and(|file| file.starts_with(begin));
        (!is_there).then(|| format!("has a disk at `{}` and not on {begin}", file.unwrap_or("?")))
    });
    if any { elsewhere } else { Some("has no disks".to_owned()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_is_compared_with_what_it_must_be() {
        let device = |kind: &str, file: &str| json!({ "_type": kind, "backing": { "fileName": file } });
        let cdrom = device("VirtualCdrom", "[ISO] a.iso");
        let (here, there) = (device("VirtualDisk", "[NFS] a.vmdk"), device("VirtualDisk", "[NFS2] a.vmdk"));
        let on = || Must::HaveDisksOn("[NFS] ".to_owned());
        let be = |text: &str| Must::Be(text.to_owned());
        let extra = |value: &str| Must::HaveExtra { key: "k".into(), value: value.into() };
        let options = json!([{ "key": "k", "value": "v" }, { "key": "l" }]);
        let folder = json!({ "type": "Folder", "id": "group-3" });
        for (must, value, expected) in [
            (be("a"), Some(json!("a")), None),
            (be("group-3"), Some(folder.clone()), None),
            (be("a"), Some(json!("b")), Some("is `b` and not `a`")),
            (be("a"), Some(json!(["a"])), Some("is not `a`")),
            (be(""), None, Some("is not ``")),
            (Must::BeUnset, None, None),
            (Must::BeUnset, Some(json!([])), None),
            (Must::BeUnset, Some(json!("")), Some("is set")),
            (extra("v"), Some(options.clone()), None),
            (extra("w"), Some(options), Some("has no k=w")),
            (extra("v"), None, Some("has no k=v")),
            (on(), Some(json!([cdrom, here])), None),
            (on(), Some(json!([here, there])), Some("has a disk at `[NFS2] a.vmdk` and not on [NFS] ")),
            (on(), Some(json!([{ "_type": "VirtualDisk" }])), Some("has a disk at `?` and not on [NFS] ")),
            (on(), Some(json!([cdrom])), Some("has no disks")),
            (on(), None, Some("has no disks")),
        ] {
            assert_eq!(unlike(&must, value.as_ref()).as_deref(), expected, "{must:?} {value:?}");
        }
    }
}
