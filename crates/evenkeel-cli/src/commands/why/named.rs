//! Which resource is meant, and which of its fields.

use evenkeel_core::manifest::did_you_mean;
use evenkeel_engine::store::ResourceKey;

use crate::args::Within;
use crate::error::CliError;
use crate::picked::Known;

/// What was named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: ResourceKey,
    /// The field, as it was written.
    pub(super) field: Option<String>,
}

/// The resource that `text` means.
pub(super) fn find(text: &str, within: &Within, known: &Known) -> Result<Named, CliError> {
    let is_within = |key: &&ResourceKey| {
        within.target.as_ref().is_none_or(|target| *target == key.id.target)
            && within.source.as_ref().is_none_or(|source| *source == key.source)
    };
    let keys: Vec<&ResourceKey> =
        known.resources.iter().map(|status| &status.key).filter(is_within).collect();
    among(text, &keys)
}

/// The names of a resource, the longest first.
fn names(key: &ResourceKey) -> [String; 4] {
    let (target, kind, name) = (&key.id.target, &key.id.kind, &key.id.name);
    [format!("{target}/{kind}/{name}"), format!("{target}/{name}"), format!("{kind}/{name}"), name.clone()]
}

/// What follows one of a resource's names: nothing, or a dot and a field. With the length of that name.
fn rest(text: &str, key: &ResourceKey) -> Option<(usize, Option<String>)> {
    let follows = |name: &String| {
        let (begins, rest) = (text.get(..name.len())?, text.get(name.len()..)?);
        if !begins.eq_ignore_ascii_case(name) {
            return None;
        }
        match rest.strip_prefix('.') {
            Some(field) if !field.is_empty() => Some((name.len(), Some(field.to_owned()))),
            _ => rest.is_empty().then_some((name.len(), None)),
        }
    };
    names(key).iter().filter_map(follows).max_by_key(|(length, _)| *length)
}

fn among(text: &str, keys: &[&ResourceKey]) -> Result<Named, CliError> {
    let found: Vec<_> = keys.iter().filter_map(|key| Some((*key, rest(text, key)?))).collect();
    // The longest name that fits: names may have dots.
    let longest = found.iter().map(|(_, (length, _))| *length).max();
    let mut meant = found.into_iter().filter(|(_, (length, _))| Some(*length) == longest);
    let Some((key, (_, field))) = meant.next() else {
        let all: Vec<String> = keys.iter().flat_map(|key| names(key)).collect();
        let near = did_you_mean(text, all.iter().map(String::as_str));
        return Err(CliError::new(format!("the controller knows no resource `{text}`{near}")).hint(
            "`evenkeel status` with the controller's --config or --server lists what it knows; `evenkeel audit show KIND/NAME` shows what was done with what is gone",
        ));
    };
    let others: Vec<String> = meant.map(|(key, _)| key.to_string()).collect();
    if others.is_empty() {
        return Ok(Named { key: key.clone(), field });
    }
    Err(CliError::new(format!("`{text}` means several: {key}, {}", others.join(", ")))
        .hint("write TARGET/KIND/NAME, and --source where several sources have it"))
}

#[cfg(test)]
mod tests {
    use evenkeel_core::plan::InstanceId;

    use super::*;

    fn key(target: &str, kind: &str, name: &str) -> ResourceKey {
        let id = InstanceId { target: target.into(), kind: kind.into(), name: name.into() };
        ResourceKey { source: "site".into(), id }
    }

    #[test]
    fn a_resource_is_found_by_any_name_that_only_it_has() {
        let keys = [
            key("alpha", "ZfsDataset", "vm"),
            key("alpha", "ZfsDataset", "vm.old"),
            key("beta", "ZfsDataset", "home"),
            key("beta", "ZfsPool", "tank"),
            key("alpha", "ZfsPool", "tank"),
        ];
        let keys: Vec<&ResourceKey> = keys.iter().collect();
        for (text, nth, field) in [
            ("alpha/ZfsDataset/vm", 0, None),
            ("alpha/zfsdataset/vm.properties.atime", 0, Some("properties.atime")),
            ("ZfsDataset/vm", 0, None),
            ("alpha/vm.quota", 0, Some("quota")),
            ("vm", 0, None),
            ("vm.old", 1, None),
            ("vm.old.quota", 1, Some("quota")),
            ("home", 2, None),
            ("beta/tank", 3, None),
        ] {
            let expected = Named { key: keys[nth].clone(), field: field.map(str::to_owned) };
            assert_eq!(among(text, &keys).unwrap(), expected, "{text}");
        }
        let several = among("ZfsPool/tank", &keys).unwrap_err().to_string();
        assert!(
            several.contains("means several: ZfsPool/tank on beta (site), ZfsPool/tank on alpha"),
            "{several}"
        );
        let slip = among("beta/ZfsDataset/hone", &keys).unwrap_err().to_string();
        assert!(slip.contains("did you mean `beta/ZfsDataset/home`"), "{slip}");
    }
}
