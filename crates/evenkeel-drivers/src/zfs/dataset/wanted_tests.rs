//! The normal forms against what real hosts print.

use super::*;
use crate::zfs::Scalar;
use crate::zfs::reply::usage::HostProperties;

/// What `zfs set` was given, and what `zfs get -p` printed then: type, property, value, printed value and source,
/// or `!` and the error. Measured on real hosts.
const MEASURED: [(&str, &[u8]); 2] = [
    (
        include_str!("../../../tests/recorded/zfs/2.1.11/set-values.tsv"),
        include_bytes!("../../../tests/recorded/zfs/2.1.11/117-usage-set.err"),
    ),
    (
        include_str!("../../../tests/recorded/zfs/2.3.2/set-values.tsv"),
        include_bytes!("../../../tests/recorded/zfs/2.3.2/117-usage-set.err"),
    ),
];

fn spec(kind: DatasetType, properties: &[(&str, &str)]) -> ZfsDatasetSpec {
    ZfsDatasetSpec {
        dataset: "tank/x".to_owned(),
        kind: Some(kind),
        sparse: false,
        properties: properties.iter().map(|(n, v)| (*n, Scalar::from(*v))).collect(),
        wanted: std::sync::OnceLock::new(),
    }
}

/// The normal form of one value, and whether it depends on the host.
fn normal(kind: DatasetType, name: &str, value: &str) -> Option<(String, bool)> {
    let spec = spec(kind, &[(name, value)]);
    let wanted = spec.wanted();
    Some((wanted.exactly(name)?.to_owned(), wanted.depends_on_host()))
}

fn is_in_list(host: &HostProperties, name: &str, value: &str) -> bool {
    let words = host.get(name).map(crate::zfs::reply::usage::HostProperty::words);
    words.is_some_and(|words| words.is_empty() || words.iter().any(|word| word == value))
}

#[test]
fn the_normal_form_is_what_real_hosts_print() {
    let mut compared = 0;
    for (values, list) in MEASURED {
        let host = HostProperties::read(list).unwrap();
        for line in values.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [kind, name, written, printed, ..] = fields[..] else { panic!("{line}") };
            let kind = if kind == "vol" { DatasetType::Volume } else { DatasetType::Filesystem };
            if printed.starts_with('!') || written == INHERIT || (name, written) == ("refreservation", "auto")
            {
                continue;
            }
            let Some((normal, _)) = normal(kind, name, written) else {
                panic!("refused, but it works: {line}")
            };
            let seen = match find(name) {
                Some(known) => known.kind.seen(printed, known.spellings),
                None => printed.to_owned(),
            };
            let on = if host.xattr_on_means_sa() { "sa" } else { "dir" };
            let same = normal == seen || (name == "xattr" && seen == "on" && normal == on);
            assert!(same, "{line}: {normal} is not {seen}");
            compared += 1;
        }
    }
    assert!(compared > 600, "only {compared} values were compared");
}

#[test]
fn what_real_hosts_refuse_is_refused_before_or_looked_up() {
    // What is written as `none` anyway, and what depends on the pool or the kernel.
    let known_here = ["quota", "refquota", "mlslabel", "dnodesize"];
    for (values, list) in MEASURED {
        let host = HostProperties::read(list).unwrap();
        for line in values.lines().filter(|line| line.contains("\t!")) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [kind, name, written, ..] = fields[..] else { panic!("{line}") };
            let kind = if kind == "vol" { DatasetType::Volume } else { DatasetType::Filesystem };
            // Record sizes above 1 MiB depend on a setting of the module, which no list tells.
            if known_here.contains(&name) || name == "recordsize" {
                continue;
            }
            let Some((normal, asks)) = normal(kind, name, written) else { continue };
            assert!(asks && !is_in_list(&host, name, &normal), "would be sent: {line}");
        }
    }
}

#[test]
fn resolving_happens_once() {
    let spec = spec(DatasetType::Filesystem, &[("compress", "lz4")]);
    assert!(std::ptr::eq(spec.wanted(), spec.wanted()));
    assert_eq!(spec.wanted().exactly("compression"), Some("lz4"));
}

#[test]
fn a_volume_is_known_by_its_size() {
    let mut sized = spec(DatasetType::Volume, &[("volsize", "1G")]);
    sized.kind = None;
    assert_eq!(sized.wanted().kind, DatasetType::Volume);
    let mut plain = spec(DatasetType::Volume, &[]);
    plain.kind = None;
    assert_eq!(plain.wanted().kind, DatasetType::Filesystem);
}
