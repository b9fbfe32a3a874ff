//! The list of properties that a host's `zfs` prints of itself, below its usage message.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

use super::failure::{failed, unparsable};

/// The line above the list.
const ABOVE: &str = "The following properties are supported:";

/// The properties that a host's version knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::zfs) struct HostProperties {
    by_name: BTreeMap<String, HostProperty>,
}

/// What a host says of one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::zfs) struct HostProperty {
    pub(in crate::zfs) editable: bool,
    pub(in crate::zfs) inherits: bool,
    values: String,
}

impl HostProperty {
    /// True where it takes sizes, which are printed in bytes however they were written.
    pub(in crate::zfs) fn takes_sizes(&self) -> bool {
        self.values.contains("<size>")
    }

    /// The words that it takes, where the list says them all.
    pub(in crate::zfs) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for item in self.values.split(" | ").map(str::trim) {
            if let Some(base) = item.strip_suffix("[,verify]") {
                words.extend([base.to_owned(), format!("{base},verify")]);
            } else if item.contains(['<', '[', ' ']) || item.is_empty() {
                return Vec::new();
            } else {
                words.push(item.to_owned());
            }
        }
        if words.len() > 1 { words } else { Vec::new() }
    }
}

impl HostProperties {
    /// Reads the list out of what `zfs get` without arguments prints.
    pub(in crate::zfs) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        if let Some(list) = Self::read(&reply.stderr).or_else(|| Self::read(&reply.stdout)) {
            return Ok(list);
        }
        // Exit status 2 is what comes with a usage message; anything else is another failure.
        if reply.exit == 2 {
            return Err(unparsable(request, "there is no list of properties in the usage message"));
        }
        Err(failed(request, reply))
    }

    /// `None` where there is no list, or one that lacks what every version has.
    pub(in crate::zfs) fn read(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (_, list) = text.split_once(ABOVE)?;
        let by_name: BTreeMap<String, HostProperty> = list.lines().filter_map(line).collect();
        ["type", "compression", "sync"]
            .iter()
            .all(|n| by_name.contains_key(*n))
            .then_some(HostProperties { by_name })
    }

    pub(in crate::zfs) fn get(&self, name: &str) -> Option<&HostProperty> {
        self.by_name.get(name)
    }

    /// What `xattr=on` stands for: a directory up to 2.2, system attributes from 2.3 on, the version that
    /// also brought the property `direct`.
    pub(in crate::zfs) fn xattr_on_means_sa(&self) -> bool {
        self.by_name.contains_key("direct")
    }

    pub(in crate::zfs) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Every property but the families with `@` or `#` in their names.
    #[cfg(test)]
    pub(in crate::zfs) fn iter(&self) -> impl Iterator<Item = (&str, &HostProperty)> {
        self.by_name.iter().map(|(name, said)| (name.as_str(), said))
    }
}

/// `\tatime   YES   YES   on | off`
fn line(line: &str) -> Option<(String, HostProperty)> {
    let mut words = line.strip_prefix('\t')?.split_whitespace();
    let name = words.next().filter(|n| !n.contains(['@', '#']))?;
    let mut flag = || match words.next()? {
        "YES" => Some(true),
        "NO" => Some(false),
        _ => None,
    };
    let (editable, inherits) = (flag()?, flag()?);
    let values = words.collect::<Vec<_>>().join(" ");
    Some((name.to_owned(), HostProperty { editable, inherits, values }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &[u8] = include_bytes!("../../../tests/recorded/zfs/2.1.11/117-usage-set.err");
    const NEW: &[u8] = include_bytes!("../../../tests/recorded/zfs/2.3.2/117-usage-set.err");

    #[test]
    fn both_versions_lists_are_read() {
        let (old, new) = (HostProperties::read(OLD).unwrap(), HostProperties::read(NEW).unwrap());
        assert!(new.get("direct").is_some() && old.get("direct").is_none());
        assert!(new.xattr_on_means_sa() && !old.xattr_on_means_sa());
        assert_eq!(old.get("snapdir").unwrap().words(), ["hidden", "visible"]);
        assert_eq!(new.get("snapdir").unwrap().words(), ["disabled", "hidden", "visible"]);
        assert!(new.get("checksum").unwrap().words().contains(&"blake3".to_owned()));
        assert!(new.get("dedup").unwrap().words().contains(&"sha256,verify".to_owned()));
        assert_eq!(new.get("quota").unwrap().words(), Vec::<String>::new());
        assert!(!new.get("used").unwrap().editable);
        assert!(new.get("quota").unwrap().takes_sizes() && !new.get("sync").unwrap().takes_sizes());
        assert!(!new.get("quota").unwrap().inherits);
    }

    #[test]
    fn a_list_cut_short_is_no_list() {
        let cut = NEW.len() / 3;
        assert_eq!(HostProperties::read(&NEW[..cut]), None);
        assert_eq!(HostProperties::read(b"The following properties are supported:\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_met_without_panic(bytes: Vec<u8>) {
            let _ = HostProperties::read(&bytes);
        }
    }
}
