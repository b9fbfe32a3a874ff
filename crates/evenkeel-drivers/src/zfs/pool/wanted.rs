//! What a pool's spec wants, in normal form, and what is wrong with it.

use std::collections::BTreeMap;

use evenkeel_core::driver::Finding;

use super::ZfsPoolSpec;
use super::table::{PROPERTIES, PoolProperty, READ_ONLY, find};
use crate::zfs::INHERIT;
use crate::zfs::name::check_pool;
use crate::zfs::suggest::nearest;

/// A spec in normal form: only what is right; what is wrong is in `findings`.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) properties: BTreeMap<String, WantedProperty>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Clone)]
pub(super) struct WantedProperty {
    /// The name as it was written.
    pub(super) written_name: String,
    /// In normal form.
    pub(super) value: String,
}

impl Wanted {
    pub(super) fn of(spec: &ZfsPoolSpec) -> Self {
        let mut wanted = Wanted::default();
        if let Err(problem) = check_pool(&spec.pool) {
            wanted.report(&["pool"], problem.message, problem.hint.map(str::to_owned));
        }
        for (name, value) in spec.properties.iter() {
            wanted.property(name, value.as_str());
        }
        wanted
    }

    fn report(&mut self, path: &[&str], message: String, hint: Option<String>) {
        self.findings.push(Finding::error(path.iter().copied(), message).hint_if_any(hint));
    }

    fn property(&mut self, written_name: &str, written: &str) {
        let path = ["properties", written_name];
        let Some(known) = find(written_name) else {
            let (message, hint) = unknown(written_name);
            return self.report(&path, message, hint);
        };
        if let Some(other) = self.properties.get(known.name) {
            let message = format!("`{written_name}` and `{}` are the same property", other.written_name);
            return self.report(&path, message, Some("write one of the two".to_owned()));
        }
        match normalise(known, written) {
            Ok(value) => {
                let property = WantedProperty { written_name: written_name.to_owned(), value };
                self.properties.insert(known.name.to_owned(), property);
            }
            Err((message, hint)) => {
                let written = written.escape_debug();
                self.report(&path, format!("`{written_name}: {written}` {message}"), hint);
            }
        }
    }
}

fn normalise(property: &PoolProperty, written: &str) -> Result<String, (String, Option<String>)> {
    if written == INHERIT {
        return Err(("is refused: a pool has nothing to inherit from".to_owned(), None));
    }
    let none_clears = property.clearable && property.name == "bootfs";
    if property.clearable && (written.is_empty() || written == "-" || (none_clears && written == "none")) {
        return Ok(String::new());
    }
    if property.name == "ashift" && matches!(written, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8") {
        return Err(("must be 0 or a number from 9 to 16".to_owned(), None));
    }
    if property.name == "cachefile" && written != "none" && !written.starts_with('/') {
        return Err(("must be an absolute path, `none`, or empty".to_owned(), None));
    }
    property.kind.normalise(written, &[]).map_err(|bad| (bad.message, bad.hint))
}

fn unknown(name: &str) -> (String, Option<String>) {
    if name.starts_with("feature@") {
        let hint = "enable features with `zpool upgrade` or `zpool set` by hand, since it cannot be undone";
        return (format!("`{name}`: features of pools are not managed"), Some(hint.to_owned()));
    }
    if name.contains(':') {
        let hint = "write it in a ZfsDataset of the pool's own dataset";
        return (format!("`{name}`: user properties of pools are not managed"), Some(hint.to_owned()));
    }
    if name == "version" {
        return ("`version`: pools are upgraded by hand, since it cannot be undone".to_owned(), None);
    }
    if name == "dedup_table_quota" {
        let hint = "set it by hand (`zpool set`)";
        return (
            format!("`{name}` is not managed, older versions of ZFS do not know it"),
            Some(hint.to_owned()),
        );
    }
    if READ_ONLY.contains(&name) {
        return (format!("`{name}` cannot be set on a pool that exists"), None);
    }
    let near = nearest(name, PROPERTIES.iter().map(|p| p.name));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    (format!("`{name}` is no property of a pool"), hint)
}
