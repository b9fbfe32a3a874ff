//! What a spec wants, in normal form, and what is wrong with it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use evenkeel_core::driver::Finding;
use evenkeel_core::request::Query;

use super::property::{AppliesTo, Property, Settable, find, is_read_only, is_user};
use super::spec::{DatasetType, ZfsDatasetSpec};
use super::table::{MAX_VALUE, PROPERTIES};
use crate::zfs::INHERIT;
use crate::zfs::name::check_dataset;
use crate::zfs::suggest::nearest;
use crate::zfs::value::{BadValue, Kind};

/// The prefix of the properties that Evenkeel keeps its own notes in.
const RESERVED: &str = "dev.evenkeel:";
/// The longest name of a user property, in bytes.
const MAX_USER_NAME: usize = 255;

/// A spec in normal form.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) kind: DatasetType,
    /// Sorted by full name. Only what is right; what is wrong is in `findings`.
    properties: Box<[WantedProperty]>,
    depends_on_host: bool,
    pub(super) findings: Vec<Finding>,
    /// What is read of the dataset, worked out at first use.
    pub(super) query: OnceLock<Query>,
}

/// One property of a spec. There are hundreds of thousands of them, so it is kept small.
#[derive(Debug, Clone)]
pub(super) struct WantedProperty {
    /// The table's entry; `None` for a user property and for one that only the host may know.
    pub(super) known: Option<&'static Property>,
    /// The name as it was written, where that is not the full name of `known`.
    written_name: Option<Box<str>>,
    pub(super) value: WantedValue,
}

/// What a property shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WantedValue {
    /// This value, in normal form, wherever it comes from.
    Exactly(Box<str>),
    /// No value of its own.
    Inherit,
}

impl WantedProperty {
    /// The full name.
    pub(super) fn name(&self) -> &str {
        self.known.map_or_else(|| self.written_name(), |property| property.name)
    }

    /// The name as it was written: the key under `properties`.
    pub(super) fn written_name(&self) -> &str {
        let full = self.known.map_or("", |property| property.name);
        self.written_name.as_deref().unwrap_or(full)
    }

    /// Where it stands in the spec.
    pub(super) fn path(&self) -> Vec<String> {
        vec!["properties".to_owned(), self.written_name().to_owned()]
    }

    /// True where asking for the property may fail on some hosts, so that the host is asked first.
    pub(super) fn name_may_be_unknown(&self) -> bool {
        match self.known {
            Some(property) => !property.everywhere,
            None => !is_user(self.name()),
        }
    }

    /// True where the host may not know the value, or may call it by another name.
    pub(super) fn value_varies(&self) -> bool {
        match &self.value {
            WantedValue::Inherit => false,
            WantedValue::Exactly(value) => {
                let newer = self.known.is_some_and(|p| p.newer_words.contains(&&**value));
                newer || (self.name() == "xattr" && &**value != "off")
            }
        }
    }
}

impl Wanted {
    pub(super) fn of(spec: &ZfsDatasetSpec) -> Self {
        let mut reading = Reading { kind: kind(spec), properties: BTreeMap::new(), findings: Vec::new() };
        if let Err(problem) = check_dataset(&spec.dataset) {
            reading.report(&["dataset"], problem.message, problem.hint.map(str::to_owned));
        }
        for (name, value) in spec.properties.iter() {
            reading.property(name, value.as_str());
        }
        reading.as_a_whole(spec);
        let Reading { kind, properties, findings } = reading;
        let properties: Box<[WantedProperty]> = properties.into_values().collect();
        let depends_on_host = properties.iter().any(|p| p.name_may_be_unknown() || p.value_varies());
        Wanted { kind, properties, depends_on_host, findings, query: OnceLock::new() }
    }

    /// Every property, sorted by full name.
    pub(super) fn properties(&self) -> impl Iterator<Item = &WantedProperty> {
        self.properties.iter()
    }

    /// The property of this full name.
    pub(super) fn get(&self, name: &str) -> Option<&WantedProperty> {
        let at = self.properties.binary_search_by(|property| property.name().cmp(name)).ok()?;
        self.properties.get(at)
    }

    /// The wanted value of `name` where it is written out.
    pub(super) fn exactly(&self, name: &str) -> Option<&str> {
        exactly(self.get(name))
    }

    /// True where something of it depends on what the host knows.
    pub(super) fn depends_on_host(&self) -> bool {
        self.depends_on_host
    }
}

fn kind(spec: &ZfsDatasetSpec) -> DatasetType {
    let names_a_size = || spec.properties.get("volsize").is_some();
    spec.kind.unwrap_or_else(|| if names_a_size() { DatasetType::Volume } else { DatasetType::Filesystem })
}

fn exactly(property: Option<&WantedProperty>) -> Option<&str> {
    match &property?.value {
        WantedValue::Exactly(value) => Some(value),
        WantedValue::Inherit => None,
    }
}

/// Reads a spec, collecting what is wrong instead of stopping there.
struct Reading {
    kind: DatasetType,
    /// By full name.
    properties: BTreeMap<String, WantedProperty>,
    findings: Vec<Finding>,
}

impl Reading {
    fn report(&mut self, path: &[&str], message: impl Into<String>, hint: Option<String>) {
        self.findings.push(Finding::error(path.iter().copied(), message).hint_if_any(hint));
    }

    fn property(&mut self, written_name: &str, written: &str) {
        let path = ["properties", written_name];
        let known = find(written_name);
        let name = known.map_or(written_name, |p| p.name);
        if let Some(other) = self.properties.get(name) {
            let other = other.written_name();
            let message = format!("`{written_name}` and `{other}` are the same property");
            return self.report(&path, message, Some("write one of the two".to_owned()));
        }
        let value = match known {
            Some(property) => self.native(property, written, &path),
            None if is_user(written_name) => self.user(written_name, written, &path),
            None => self.unknown(written_name, written, &path),
        };
        if let Some(value) = value {
            let is_full = known.is_some_and(|property| property.name == written_name);
            let written_name = (!is_full).then(|| written_name.into());
            self.properties.insert(name.to_owned(), WantedProperty { known, written_name, value });
        }
    }

    fn native(&mut self, property: &'static Property, written: &str, path: &[&str]) -> Option<WantedValue> {
        let name = property.name;
        if property.settable == Settable::WithKey {
            let hint = "create the encrypted dataset by hand; its other properties can be managed here";
            let message =
                format!("`{name}` is fixed when an encrypted dataset is created, which needs its key");
            self.report(path, message, Some(hint.to_owned()));
            return None;
        }
        if !property.fits(self.kind == DatasetType::Volume) {
            let (message, hint) = wrong_type(property);
            self.report(path, message, Some(hint));
            return None;
        }
        if written == INHERIT {
            return self.inherit(property, path);
        }
        self.value(property.kind.normalise(written, property.spellings), name, written, path)
    }

    fn inherit(&mut self, property: &Property, path: &[&str]) -> Option<WantedValue> {
        let name = property.name;
        if property.settable == Settable::AtCreation {
            self.report(path, format!("`{name}` is fixed at creation and cannot be inherited later"), None);
            return None;
        }
        if !property.inherits {
            let hint = match property.kind {
                Kind::Limit | Kind::Reservation | Kind::Count => format!("write `{name}: none` to clear it"),
                _ => "write the value that it shall have".to_owned(),
            };
            self.report(path, format!("`{name}` is never inherited"), Some(hint));
            return None;
        }
        Some(WantedValue::Inherit)
    }

    fn user(&mut self, name: &str, written: &str, path: &[&str]) -> Option<WantedValue> {
        if name.starts_with(RESERVED) {
            self.report(path, format!("`{RESERVED}…` is where Evenkeel keeps its own marks"), None);
            return None;
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c);
        if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
            let hint = "lower case letters, digits, `-`, `_`, `.` and `:` are allowed";
            self.report(path, format!("`{name}` has the character {wrong:?}"), Some(hint.to_owned()));
            return None;
        }
        if name.len() > MAX_USER_NAME || name.starts_with('-') {
            let message =
                format!("a user property's name has at most {MAX_USER_NAME} bytes and no leading `-`");
            self.report(path, message, None);
            return None;
        }
        if written == INHERIT {
            return Some(WantedValue::Inherit);
        }
        self.value(Kind::Text(MAX_VALUE).normalise(written, &[]), name, written, path)
    }

    fn unknown(&mut self, name: &str, written: &str, path: &[&str]) -> Option<WantedValue> {
        if is_read_only(name) {
            self.report(path, format!("`{name}` is what ZFS reports, it cannot be set"), None);
            return None;
        }
        if name.contains('@') {
            let hint = "set it by hand (`zfs set`)".to_owned();
            self.report(path, format!("`{name}`: quotas of users and groups are not managed"), Some(hint));
            return None;
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            let hint = did_you_mean(name);
            self.report(path, format!("`{name}` cannot be the name of a property"), hint);
            return None;
        }
        let warning = Finding::warning(
            path.iter().copied(),
            format!("`{name}` is no property that is known here; the host will be asked"),
        );
        self.findings.push(warning.hint_if_any(did_you_mean(name)));
        if written == INHERIT {
            return Some(WantedValue::Inherit);
        }
        self.value(Kind::Text(MAX_VALUE).normalise(written, &[]), name, written, path)
    }

    fn value(
        &mut self,
        read: Result<String, BadValue>,
        name: &str,
        written: &str,
        path: &[&str],
    ) -> Option<WantedValue> {
        match read {
            Ok(value) => Some(WantedValue::Exactly(value.into())),
            Err(BadValue { message, hint }) => {
                self.report(path, format!("`{name}: {}` {message}", shortened(written)), hint);
                None
            }
        }
    }

    /// What can only be seen of all properties together.
    fn as_a_whole(&mut self, spec: &ZfsDatasetSpec) {
        if self.kind == DatasetType::Filesystem {
            if spec.sparse {
                self.report(&["sparse"], "only a volume can be sparse", Some("leave it out".to_owned()));
            }
            if exactly(self.properties.get("refreservation")) == Some("auto") {
                let hint = Some("write a size, or `none`".to_owned());
                self.report(&["properties", "refreservation"], "`auto` is for volumes only", hint);
            }
            return;
        }
        if spec.dataset == crate::zfs::name::pool(&spec.dataset) {
            self.report(&["dataset"], format!("`{}` is a pool, never a volume", spec.dataset), None);
        }
        if spec.sparse && exactly(self.properties.get("refreservation")) == Some("auto") {
            let message = "a sparse volume reserves nothing, `refreservation: auto` reserves it all";
            self.report(&["sparse"], message, Some("leave one of the two out".to_owned()));
        }
        let without_device = exactly(self.properties.get("volmode")) == Some("none");
        if without_device && exactly(self.properties.get("volthreading")).is_some() {
            // The host would say that the volume or its parent does not exist.
            let message = "a volume with `volmode: none` has no device that `volthreading` could be set of";
            self.report(
                &["properties", "volthreading"],
                message,
                Some("leave one of the two out".to_owned()),
            );
        }
        self.size_fits_blocks();
    }

    fn size_fits_blocks(&mut self) {
        let Some(size) = exactly(self.properties.get("volsize")).and_then(|v| v.parse::<u64>().ok()) else {
            return;
        };
        let written = exactly(self.properties.get("volblocksize")).and_then(|v| v.parse::<u64>().ok());
        // Every block size there is can be divided by the smallest.
        let block = written.unwrap_or(512);
        if size % block != 0 {
            let message = format!("the volume's size {size} is no multiple of its block size {block}");
            self.report(&["properties", "volsize"], message, None);
        }
    }
}

fn wrong_type(property: &Property) -> (String, String) {
    let name = property.name;
    match property.applies_to {
        AppliesTo::Volumes => (
            format!("`{name}` is a property of volumes, this is a filesystem"),
            "write `type: volume` if it is one".to_owned(),
        ),
        _ => (format!("`{name}` is a property of filesystems, this is a volume"), "leave it out".to_owned()),
    }
}

fn did_you_mean(name: &str) -> Option<String> {
    let names = PROPERTIES.iter().map(|p| p.name);
    nearest(name, names).map(|near| format!("did you mean `{near}`?"))
}

/// A value as messages quote it.
fn shortened(value: &str) -> String {
    const LONGEST: usize = 60;
    if value.chars().count() <= LONGEST {
        return value.escape_debug().to_string();
    }
    let start: String = value.chars().take(LONGEST).collect();
    format!("{}…", start.escape_debug())
}

#[cfg(test)]
#[path = "wanted_tests.rs"]
mod tests;
