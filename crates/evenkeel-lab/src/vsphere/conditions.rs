//! What has to be so for a call to be made.

use evenkeel_core::request::vsphere::{Condition, Must};
use serde_json::Value;

use super::Vcenter;
use super::fault::Refusal;
use super::resolve::{Match, described};

/// The exit status where a condition does not hold.
const NOT_SO: i32 = 412;

impl Vcenter {
    /// The first of these that does not hold.
    pub(super) fn check(&self, conditions: &[Condition]) -> Result<(), Refusal> {
        for condition in conditions {
            if let Some(why) = self.failing(condition)? {
                let (of, path) = (described(&condition.object), &condition.path);
                let what = if path.is_empty() { of } else { format!("`{path}` of the {of}") };
                return Err(Refusal::new(NOT_SO, format!("not done, since {what} {why}")));
            }
        }
        Ok(())
    }

    /// Why a condition does not hold.
    fn failing(&self, condition: &Condition) -> Result<Option<String>, Refusal> {
        let absent = || (condition.must != Must::BeUnset).then(|| "is not there".to_owned());
        let object = match self.find(&condition.object) {
            Match::One(object) if self.has(&object) => object,
            Match::One(_) | Match::None => return Ok(absent()),
            Match::Several(count) => return Ok(Some(format!("may be any of {count}"))),
        };
        if condition.path.is_empty() {
            return Ok(Some("is there".to_owned()));
        }
        Ok(unlike(&condition.must, self.property(&object, &condition.path)?.as_ref()))
    }
}

/// Why a property is not what it must be.
fn unlike(must: &Must, value: Option<&Value>) -> Option<String> {
    let each = || value.and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    match must {
        Must::BeUnset => {
            let is_set = value.is_some_and(|value| value.as_array().is_none_or(|all| !all.is_empty()));
            is_set.then(|| "is set".to_owned())
        }
        Must::Be(wanted) => {
            let is = value.and_then(|value| value.as_str().map(str::to_owned).or_else(|| text(value, "id")));
            match is {
                Some(is) if is == *wanted => None,
                Some(is) => Some(format!("is `{is}` and not `{wanted}`")),
                None => Some(format!("is not `{wanted}`")),
            }
        }
        Must::HaveExtra { key, value: wanted } => {
            let is_it = |one: &Value| {
                text(one, "key").as_ref() == Some(key) && text(one, "value").as_ref() == Some(wanted)
            };
            (!each().any(is_it)).then(|| format!("has no {key}={wanted}"))
        }
        Must::HaveDisksOn(begin) => {
            let disks = each().filter(|device| text(device, "_type").as_deref() == Some("VirtualDisk"));
            let files: Vec<String> = disks
                .map(|disk| disk.get("backing").and_then(|of| text(of, "fileName")).unwrap_or_default())
                .collect();
            if files.is_empty() {
                return Some("has no disks".to_owned());
            }
            let elsewhere = files.iter().find(|file| !file.starts_with(begin))?;
            Some(format!("has a disk at `{elsewhere}` and not on {begin}"))
        }
    }
}
