//! The settings of a job: how Proxmox VE writes each, and the one form that both sides are compared in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::prune::Prune;
use super::spec::{Guests, PveJobSchedule, Written};

/// A setting that is as it is called in the interface, apart from the choice of guests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// As a manifest calls it.
    pub(super) name: &'static str,
    /// As the interface calls it.
    pub(super) api: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Calendar,
    Rules,
    Switch,
    /// One that counts as this where it is not set.
    DefaultSwitch(bool),
    Number,
    Compress,
    Ids,
    Words,
    Paths,
}

/// A value that no version of Proxmox is known to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSense;

const fn setting(name: &'static str, api: &'static str, kind: Kind) -> Setting {
    Setting { name, api, kind }
}

/// Which guests: several parameters of the interface in one.
pub(super) const GUESTS: &str = "guests";

/// Every other setting that is managed.
pub(super) const SETTINGS: [Setting; 18] = [
    setting("schedule", "schedule", Kind::Calendar),
    setting("retention", "prune-backups", Kind::Rules),
    setting("exclude", "exclude", Kind::Ids),
    setting("storage", "storage", Kind::Text),
    setting("mode", "mode", Kind::Text),
    setting("compress", "compress", Kind::Compress),
    setting("notesTemplate", "notes-template", Kind::Text),
    setting("comment", "comment", Kind::Text),
    setting("enabled", "enabled", Kind::DefaultSwitch(true)),
    setting("node", "node", Kind::Text),
    setting("repeatMissed", "repeat-missed", Kind::DefaultSwitch(false)),
    setting("protected", "protected", Kind::Switch),
    setting("bandwidthLimit", "bwlimit", Kind::Number),
    setting("zstdThreads", "zstd", Kind::Number),
    setting("excludePaths", "exclude-path", Kind::Paths),
    setting("mailto", "mailto", Kind::Words),
    setting("mailNotification", "mailnotification", Kind::Text),
    setting("notificationMode", "notification-mode", Kind::Text),
];

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// What a job says of it, in the common form; `None` where it is not set.
    pub(super) fn seen(&self, job: &Map<String, Value>) -> Result<Option<Value>, NoSense> {
        let Some(value) = job.get(self.api).filter(|value| !value.is_null()) else {
            return Ok(match self.kind {
                Kind::DefaultSwitch(yes) => Some(json!(yes)),
                _ => None,
            });
        };
        self.form(value).map(Some).ok_or(NoSense)
    }

    fn form(&self, value: &Value) -> Option<Value> {
        Some(match self.kind {
            Kind::Text => json!(text(value)?),
            Kind::Calendar => json!(one_space(&text(value)?)),
            Kind::Rules => json!(Prune::read(value)?.to_string()),
            Kind::Switch | Kind::DefaultSwitch(_) => json!(switch(value)?),
            Kind::Number => json!(text(value)?.parse::<u64>().ok()?),
            Kind::Compress => json!(match text(value)?.as_str() {
                "0" => "none",
                "1" => "lzo",
                other => return Some(json!(other)),
            }),
            Kind::Ids => json!(ids(value)?),
            Kind::Words | Kind::Paths => json!(words(value)?),
        })
    }

    /// As a parameter of the interface.
    pub(super) fn parameter(&self, form: &Value) -> String {
        let joined = |by: &str| {
            let items = form.as_array().into_iter().flatten().filter_map(text);
            items.collect::<Vec<_>>().join(by)
        };
        match self.kind {
            Kind::Switch | Kind::DefaultSwitch(_) => u8::from(form == &json!(true)).to_string(),
            Kind::Compress if form == "none" => "0".to_owned(),
            Kind::Ids | Kind::Words => joined(","),
            Kind::Paths => joined("\0"),
            _ => text(form).unwrap_or_default(),
        }
    }
}

/// What a spec wants, in the common form; `null` for what must not be set.
pub(super) fn wanted(spec: &PveJobSchedule) -> BTreeMap<String, Value> {
    let job = &spec.pve_job;
    let mut all = BTreeMap::new();
    let mut put = |name: &str, value: Written<Value>| match value {
        Written::NotOurs => {}
        Written::Nothing => drop(all.insert(name.to_owned(), Value::Null)),
        Written::Value(value) => drop(all.insert(name.to_owned(), value)),
    };
    if let Ok(calendar) = spec.schedule.to_proxmox() {
        put("schedule", Written::Value(json!(one_space(&calendar))));
    }
    let rules = |rules: &evenkeel_core::backup::Retention| {
        let written = rules.to_proxmox().ok()?;
        Some(json!(Prune::read(&json!(written))?.to_string()))
    };
    put("retention", and_then(&spec.retention, rules));
    put(GUESTS, Written::Value(json!(Selection::of(&job.guests).to_string())));
    put("exclude", map(&job.exclude, |ids| json!(ids.iter().collect::<BTreeSet<_>>())));
    put("storage", Written::Value(json!(job.storage)));
    put("mode", map(&job.mode, |mode| json!(mode.word())));
    put("compress", map(&job.compress, |compress| json!(compress.word())));
    put("notesTemplate", map(&job.notes_template, |text| json!(text)));
    put("comment", map(&job.comment, |text| json!(text)));
    put("enabled", map(&job.enabled, |yes| json!(yes)));
    put("node", map(&job.node, |text| json!(text)));
    put("repeatMissed", map(&job.repeat_missed, |yes| json!(yes)));
    put("protected", map(&job.protected, |yes| json!(yes)));
    put("bandwidthLimit", map(&job.bandwidth_limit, |number| json!(number)));
    put("zstdThreads", map(&job.zstd_threads, |number| json!(number)));
    put("excludePaths", map(&job.exclude_paths, |paths| json!(paths.iter().collect::<BTreeSet<_>>())));
    put("mailto", map(&job.mailto, |words| json!(words.iter().collect::<BTreeSet<_>>())));
    put("mailNotification", map(&job.mail_notification, |word| json!(word.word())));
    put("notificationMode", map(&job.notification_mode, |word| json!(word.word())));
    all
}

fn map<T>(written: &Written<T>, form: impl Fn(&T) -> Value) -> Written<Value> {
    and_then(written, |value| Some(form(value)))
}

fn and_then<T>(written: &Written<T>, form: impl Fn(&T) -> Option<Value>) -> Written<Value> {
    match written {
        Written::NotOurs => Written::NotOurs,
        Written::Nothing => Written::Nothing,
        Written::Value(value) => form(value).map_or(Written::NotOurs, Written::Value),
    }
}

/// Which guests a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    Ids(BTreeSet<u32>),
    Pool(String),
}

impl Selection {
    pub(super) fn of(guests: &Guests) -> Self {
        match guests {
            Guests::All => Selection::All,
            Guests::Ids(ids) => Selection::Ids(ids.iter().copied().collect()),
            Guests::Pool(pool) => Selection::Pool(pool.clone()),
        }
    }

    /// What a job says; `None` where it makes no sense.
    pub(super) fn read(job: &Map<String, Value>) -> Option<Self> {
        let given = |name: &str| job.get(name).filter(|value| !value.is_null());
        if let Some(pool) = given("pool") {
            return text(pool).map(Selection::Pool);
        }
        if let Some(vmid) = given("vmid") {
            return ids(vmid).map(Selection::Ids);
        }
        // `exclude` alone means all others.
        let all = match given("all") {
            Some(all) => switch(all)?,
            None => given("exclude").is_some(),
        };
        all.then_some(Selection::All)
    }

    /// The parameter that chooses them, and those that must not be set beside it.
    pub(super) fn parameter(&self) -> ((&'static str, String), &'static [&'static str]) {
        match self {
            Selection::All => (("all", "1".to_owned()), &["vmid", "pool"]),
            Selection::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                (("vmid", ids.join(",")), &["all", "exclude", "pool"])
            }
            Selection::Pool(pool) => (("pool", pool.clone()), &["all", "exclude", "vmid"]),
        }
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Selection::All => f.write_str("all"),
            Selection::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                f.write_str(&ids.join(", "))
            }
            Selection::Pool(pool) => write!(f, "pool {pool}"),
        }
    }
}

/// Text and numbers, which Proxmox's Perl does not tell apart.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(yes) => Some(*yes),
        other => match text(other)?.as_str() {
            "1" => Some(true),
            "0" | "" => Some(false),
            _ => None,
        },
    }
}

/// The parts of a list, which Proxmox writes with commas, semicolons or spaces, or as an array; sorted.
fn words(value: &Value) -> Option<BTreeSet<String>> {
    if let Value::Array(items) = value {
        return items.iter().map(text).collect();
    }
    let text = text(value)?;
    Some(text.split([',', ';', ' ', '\0']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

pub(super) fn ids(value: &Value) -> Option<BTreeSet<u32>> {
    words(value)?.iter().map(|word| word.parse().ok()).collect()
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
