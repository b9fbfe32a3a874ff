//! Resources that need more targets than their own, and what is one resource's alone; stores as targets.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::driver::{Delta, Driver, Finding, ObserveError, Observed, Registry, Role, Step, Use};
use crate::request::{Query, Replies};

/// A depot that keeps things in a folder elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
struct DepotSpec {
    label: String,
    store: String,
    folder: String,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    twin: Option<String>,
}

#[derive(Serialize)]
struct DepotState {}

struct Depot;

impl Driver for Depot {
    const KIND: &'static str = "Depot";
    const EXCLUSIVE: bool = true;
    type Spec = DepotSpec;
    type State = DepotState;

    fn check(&self, _: &DepotSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &DepotSpec) -> String {
        spec.label.clone()
    }

    fn uses(&self, spec: &DepotSpec) -> Vec<Use> {
        let used = |field: &str, target: &String, as_a, claims| Use {
            path: vec![field.to_owned()],
            target: target.clone(),
            as_a,
            claims,
        };
        let store = used("store", &spec.store, Role::Store, Some(spec.folder.clone()));
        let host = spec.host.iter().map(|host| used("host", host, Role::Host, None));
        let twin = spec.twin.iter().map(|twin| used("twin", twin, Role::OtherHost, None));
        std::iter::once(store).chain(host).chain(twin).collect()
    }

    fn queries(&self, _: &DepotSpec, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn observe(&self, _: &DepotSpec, _: &Replies) -> Result<Observed<DepotState>, ObserveError> {
        Ok(Observed::Absent { lacks: None })
    }

    fn desired(&self, _: &DepotSpec, _: Option<&DepotState>, _: Timestamp) -> Option<DepotState> {
        None
    }

    fn steps(&self, _: &DepotSpec, _: &Delta<'_, DepotState>) -> Vec<Step> {
        Vec::new()
    }
}

const TARGETS: [(&str, &str); 11] = [
    ("here", "local: {}"),
    ("h", "ssh: { host: h }"),
    ("i", "ssh: { host: i }"),
    ("also-h", "ssh: { host: H, port: 22 }"),
    ("nas", "ftp: { host: nas, tls: none }"),
    ("same-nas", "ftp: { host: NAS, tls: none }"),
    ("bucket", "s3: { bucket: b, credentialsRef: c }"),
    ("pve", "proxmox: { host: p, token: root@pam!t, credentialsRef: c }"),
    ("incus", "incus: {}"),
    ("vcenter", "vsphere: { host: vc, credentialsRef: c }"),
    ("same-vcenter", "vsphere: { host: VC, port: 443, credentialsRef: d }"),
];

fn load_depots(specs: &[(&str, &str)]) -> Loaded {
    let document = |kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\n---\n"
        )
    };
    let targets: String = TARGETS.iter().map(|(name, spec)| document("Target", name, spec)).collect();
    let depots: String = specs.iter().map(|(name, spec)| document("Depot", name, spec)).collect();
    let registry = Registry::default().with(Depot);
    load(&registry, &[file("f.yaml", targets + &depots)], &[], NOW.parse().unwrap())
}

fn depots(specs: &[(&str, &str)]) -> Vec<String> {
    lines(&load_depots(specs))
}

#[test]
fn what_is_used_is_known_of_each_instance() {
    let loaded = load_depots(&[("a", "target: h, label: x, store: nas, folder: d, host: i")]);
    assert_eq!(lines(&loaded), [""; 0]);
    assert_eq!(&*loaded.instances[0].uses, ["nas", "i"]);
}

#[test]
fn what_is_used_must_be_there_and_be_able_to_do_it() {
    let found = depots(&[
        ("a", "target: h, label: x, store: nass, folder: d"),
        ("b", "target: h, label: y, store: pve, folder: e"),
        ("c", "target: h, label: z, store: h, folder: f, host: bucket"),
        ("d", "target: h, label: w, store: incus, folder: g"),
        ("e", "target: h, label: v, store: vcenter, folder: h"),
    ]);
    let expected = [
        "there is no target `nass`, did you mean `nas`?",
        "target `pve` cannot keep files (name a target that is reached by one of `ftp`, `sftp`, `s3`, `azblob`, `webdav`, `ssh`, `local`)",
        "target `bucket` cannot run commands (name a target that is reached by one of `ssh`, `local`)",
        "target `incus` cannot keep files",
        "target `vcenter` cannot keep files",
    ];
    assert_eq!(found.len(), 5, "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
    assert!(found[0].starts_with("f.yaml:59:37: error: "), "{}", found[0]);
}

#[test]
fn another_host_is_another_machine() {
    let of =
        |twin: &str| depots(&[("a", &format!("target: h, label: x, store: nas, folder: d, twin: {twin}"))]);
    assert_eq!(of("i"), [""; 0]);
    assert!(
        of("h")[0].contains("`h` is what this resource is for already (take it away here"),
        "{:?}",
        of("h")
    );
    let found = of("also-h");
    assert!(found[0].contains("`also-h` is the same machine as `h`, which"), "{found:?}");
    assert!(of("bucket")[0].contains("cannot run commands"));
}

#[test]
fn a_folder_is_one_resources_alone_and_so_is_what_is_in_it() {
    let of = |one: &str, two: &str| {
        depots(&[
            ("a", &format!("target: h, label: x, {one}")),
            ("b", &format!("target: h, label: y, {two}")),
        ])
    };
    for (one, two) in [
        ("store: nas, folder: d/e", "store: nas, folder: d/e"),
        ("store: nas, folder: d/e", "store: nas, folder: d/e/f"),
        ("store: nas, folder: d/e", "store: nas, folder: d"),
        ("store: nas, folder: d/e", "store: same-nas, folder: d/e/"),
    ] {
        let found = of(one, two);
        assert!(found.len() == 1 && found[0].contains("is used by Depot/a too (f.yaml:56:1)"), "{found:#?}");
    }
    for (one, two) in [
        ("store: nas, folder: d/e", "store: nas, folder: d/ef"),
        ("store: nas, folder: d/e", "store: bucket, folder: d/e"),
        ("store: nas, folder: d/e", "store: h, folder: d/e"),
    ] {
        assert_eq!(of(one, two), [""; 0]);
    }
}

#[test]
fn a_folder_on_this_machine_is_the_same_wherever_evenkeel_is_started() {
    let found = depots(&[("a", "target: h, label: x, store: here, folder: backup")]);
    assert!(
        found.len() == 1 && found[0].contains("a folder on this machine (`here`) begins with `/`"),
        "{found:#?}"
    );
    assert_eq!(depots(&[("a", "target: h, label: x, store: here, folder: /backup")]), [""; 0]);
}

#[test]
fn one_folder_is_not_for_several_targets() {
    let found = depots(&[("a", "targetSelector: {}, label: x, store: nas, folder: d")]);
    assert!(found[0].contains("several targets would keep their copies in the one folder d"), "{found:#?}");
}

#[test]
fn an_exclusive_object_has_one_resource_and_every_other_is_named() {
    let spec = |folder: &str| format!("target: h, label: x, store: nas, folder: {folder}");
    let found = depots(&[("a", &spec("a")), ("b", &spec("b")), ("c", &spec("c"))]);
    assert_eq!(found.len(), 2, "{found:#?}");
    for found in found {
        assert!(found.contains("x on h is looked after by Depot/a already (keep one of the two"), "{found}");
    }
}

#[test]
fn what_is_wrong_with_a_stores_settings_is_said_where_it_stands() {
    for (spec, expected) in [
        ("ftp: { host: -x }", "error: `-x` cannot be a host name"),
        ("ftp: { host: h, user: -l }", "error: `-l` cannot be a user name"),
        ("ftp: { host: h, certificateFingerprint: ab }", "error: `ab` is not a SHA-256 fingerprint"),
        ("sftp: { host: h, proxyJump: -oX }", "error: `-oX` cannot be a host name"),
        (
            "proxmox: { host: h, token: root, credentialsRef: c }",
            "error: `root` is not the name of an API token",
        ),
        ("webdav: { url: 'https://u:p@h/' }", "error: `https://u:p@h/` is not the URL of a server"),
        ("s3: { bucket: b, credentialsRef: c, endpoint: h }", "error: `h` is not the URL of a server"),
        ("ftp: { host: h }, prune: true", "error: `prune` is for machines that commands are run on"),
        ("local: {}, ftp: { host: h }", "error: a target is reached in one way"),
    ] {
        let text = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ {spec} }}\n"
        );
        let found = lines(&load_text(&text));
        assert!(found.len() == 1 && found[0].contains(expected), "{spec}: {found:#?}");
    }
}

#[test]
fn a_server_is_reached_by_its_socket_or_by_its_address() {
    let target = |spec: &str| {
        let text = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ incus: {{ {spec} }} }}\n"
        );
        load_text(&text)
    };
    for good in [
        "",
        "socket: /run/incus.socket, project: ours",
        "ssh: { host: h }, timeoutSeconds: 5",
        "url: 'https://[fd00::5]:8443', credentialsRef: c, caFile: /ca.pem",
    ] {
        assert_eq!(lines(&target(good)), [""; 0], "{good}");
    }
    let long = format!("socket: /{}", "x".repeat(107));
    for (spec, expected) in [
        ("url: 'https://h', credentialsRef: c, socket: /s", "there are `url` and `socket`"),
        ("url: 'https://h', credentialsRef: c, ssh: { host: h }", "there are `url` and `ssh`"),
        ("url: 'http://h', credentialsRef: c", "is `https://host[:port]`"),
        ("url: 'https://u:hunter2@h', credentialsRef: c", "is `https://host[:port]`"),
        ("url: 'https://h'", "`url` wants the client's certificate"),
        ("credentialsRef: c", "`credentialsRef` means nothing without `url`"),
        ("caFile: /ca.pem, ssh: { host: h }", "`caFile` means nothing without `url`"),
        (
            "certificateFingerprint: ab, url: 'https://h', credentialsRef: c",
            "`ab` is not a SHA-256 fingerprint",
        ),
        ("socket: run/incus.socket", "cannot be the path of a socket"),
        (&long, "cannot be the path of a socket"),
        ("project: a/b", "`a/b` cannot be the name of a project"),
        ("timeoutSeconds: 0", "must be at least 1"),
        ("ssh: { host: -x }", "`-x` cannot be a host name"),
        ("ssh: { host: h, connectTimeoutSeconds: 0 }", "must be at least 1"),
    ] {
        let found = lines(&target(spec));
        assert!(found.len() == 1 && found[0].contains(expected), "{spec}: {found:#?}");
        assert!(!found[0].contains("hunter2"), "{found:#?}");
    }
    for (spec, refused) in [("", 1), ("ssh: { host: h }", 0), ("url: 'https://h', credentialsRef: c", 0)] {
        assert_eq!(target(spec).on_this_machine.len(), refused, "{spec}");
    }
    let trusting = target("ssh: { host: h, hostKeyChecking: accept-new, knownHosts: /etc/x }");
    assert_eq!(trusting.on_this_machine.len(), 1);
}

#[test]
fn of_two_names_of_one_store_it_is_known() {
    let loaded = load_depots(&[]);
    let address = |name: &str| loaded.targets[name].address();
    assert_eq!(address("nas"), address("same-nas"));
    assert_eq!(address("h"), address("also-h"));
    assert_eq!(address("vcenter"), address("same-vcenter"));
    let all: std::collections::BTreeSet<String> = TARGETS.iter().map(|(name, _)| address(name)).collect();
    assert_eq!(all.len(), TARGETS.len() - 3);
}
