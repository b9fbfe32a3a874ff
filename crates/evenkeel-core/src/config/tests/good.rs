//! Configurations that are as they should be.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::config::{
    ControllerSpec, DriftMode, Provider, PushLimit, Role, SecretSpec, SignatureFormat, SourceSpec,
};
use crate::period::Period;

const WHOLE: &str = r"
apiVersion: evenkeel.dev/v1alpha1
kind: Controller
metadata: { name: main }
spec:
  stateDirectory: /var/lib/evenkeel
  credentials: /etc/evenkeel/credentials
  sshConfig: /etc/evenkeel/ssh_config
  ageIdentity: /etc/evenkeel/age.key
  http:
    listen: 0.0.0.0:8750
    allowRemote: true
    tls: { certificate: /etc/evenkeel/tls.crt, key: /etc/evenkeel/tls.key }
  tokens:
  - { name: ops, role: operator, credentialsRef: ops-token }
  - { name: eve, role: admin, credentialsRef: eve-token }
  webhooks:
  - { name: github, provider: github, credentialsRef: hook, sources: [teppi] }
  - { name: gitlab, provider: gitlab, credentialsRef: hook }
  - { name: gitea, provider: gitea, credentialsRef: hook }
  - { name: bitbucket, provider: bitbucket, credentialsRef: hook }
  - { name: any, provider: generic, credentialsRef: hook }
  limits: { reading: 100, writing: 4, connections: 50, idle: 10m, webhooksPerMinute: 10, corrections: 5 }
  history: { runs: 30d, events: 7d, observations: 1w }
---
apiVersion: evenkeel.dev/v1alpha1
kind: GitSource
metadata: { name: teppi }
spec:
  url: ssh://git@git.teppi.net/infra.git
  ref: { semver: '>=1.2.0 <2.0.0' }
  path: sites/teppi
  values: [common/tokyo.yaml]
  submodules: false
  credentialsRef: infra-key
  knownHosts: /etc/evenkeel/known_hosts
  timeout: 30s
  interval: 5m
  verify: { commits: [ssh], tags: [openpgp, ssh], allowedSigners: /etc/evenkeel/signers, keyring: /etc/evenkeel/keys.asc }
  onPush: { apply: Disruptive }
  drift: { every: 10m, mode: Correct }
  prune: true
  caps: { prunePercent: 10, changePercent: 50 }
---
apiVersion: evenkeel.dev/v1alpha1
kind: DirectorySource
metadata: { name: folder }
spec: { path: /srv/site, values: [/srv/values.yaml], interval: 10s, onPush: { apply: None }, suspend: true }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Secret
metadata: { name: hook }
spec: { env: { webhookSecret: HOOK_SECRET } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Secret
metadata: { name: infra-key }
spec: { file: { privateKey: /etc/evenkeel/id_ed25519 } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Secret
metadata: { name: ops-token }
spec: { command: { token: [pass, show, evenkeel/ops] } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Secret
metadata: { name: eve-token }
spec: { age: { path: secrets/eve.age, identity: /etc/evenkeel/other.key } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Secret
metadata: { name: olive-ssh }
spec: { sops: { path: secrets/hosts.yaml, at: hosts.olive } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Secret
metadata: { name: vault }
spec: { vault: { address: 'https://vault.example:8200', mount: kv, path: infra/olive, version: 1, credentialsRef: vault-token, caFile: /etc/ca.pem } }
";

/// What is written as JSON is read as the same.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

#[test]
fn every_field_is_read() {
    let loaded = load_text(WHOLE);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let (name, controller) = loaded.controller.unwrap();
    assert_eq!((name.as_str(), controller.tokens[1].role), ("main", Role::Admin));
    assert_eq!(controller.webhooks[3].provider, Provider::Bitbucket);
    assert_eq!((controller.limits.writing, controller.limits.idle), (4, Period::minutes(10)));
    assert_eq!(controller.history.observations, Period::days(7));
    comes_back(&controller);
    let SourceSpec::Git(git) = &loaded.sources["teppi"] else { panic!("{:?}", loaded.sources) };
    assert_eq!(git.verify.as_ref().unwrap().tags, [SignatureFormat::OpenPgp, SignatureFormat::Ssh]);
    comes_back(git);
    let SourceSpec::Directory(folder) = &loaded.sources["folder"] else { panic!("{:?}", loaded.sources) };
    comes_back(folder);
    let reconcile = loaded.sources["teppi"].reconcile();
    assert_eq!((reconcile.drift.mode, reconcile.on_push.apply), (DriftMode::Correct, PushLimit::Disruptive));
    assert_eq!((reconcile.caps.prune_percent, reconcile.prune), (10, true));
    assert_eq!(loaded.secrets.len(), 6);
    for (spec, location) in loaded.secrets.values() {
        comes_back(spec);
        assert_eq!(location.file, "f.yaml");
    }
    let given = |spec: &SecretSpec| serde_json::to_value(spec).unwrap().as_object().unwrap().len();
    assert!(loaded.secrets.values().all(|(spec, _)| given(spec) == 1));
}

#[test]
fn little_is_needed_and_the_rest_has_defaults() {
    let text = "apiVersion: evenkeel.dev/v1alpha1\nkind: Controller\nmetadata: { name: c }\nspec: {}\n---\n";
    let git = document("GitSource", "site", "url: https://git.example/site.git");
    let loaded = load_text(text.to_owned() + &git);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert_eq!(loaded.controller.unwrap(), ("c".to_owned(), ControllerSpec::default()));
    let reconcile = loaded.sources["site"].reconcile();
    assert_eq!(reconcile.interval, Period::minutes(5));
    assert_eq!((reconcile.on_push.apply, reconcile.drift.mode), (PushLimit::Safe, DriftMode::Report));
    assert_eq!((reconcile.caps.prune_percent, reconcile.caps.change_percent), (20, 100));
    assert!(!reconcile.prune && !reconcile.suspend);
}

#[test]
fn the_configuration_may_be_spread_over_files_and_use_values() {
    let controller = file("a.yaml", document("Controller", "main", "{}"));
    let source = file("b.yaml", document("GitSource", "site", "url: https://${host}/site.git"));
    let loaded = load(&[controller, source], &[file("v.yaml", "host: git.example")]);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let SourceSpec::Git(git) = &loaded.sources["site"] else { panic!("{:?}", loaded.sources) };
    assert_eq!(git.url, "https://git.example/site.git");
}

#[test]
fn a_credential_may_come_from_elsewhere() {
    let git = document("GitSource", "site", "url: 'git@git.example:site'\ncredentialsRef: in-the-folder");
    assert_eq!(lines(&load_text(rest() + &git)), Vec::<String>::new());
}
