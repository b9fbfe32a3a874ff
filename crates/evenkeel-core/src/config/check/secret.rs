//! What a secret may say, in the configuration and in manifests.

use std::collections::BTreeMap;

use super::report::Report;
use crate::config::SecretSpec;
use crate::diagnostic::Location;
use crate::manifest::{Problems, Written, choices, did_you_mean, read_spec, short};

/// The keys of credentials that anything reads.
const KEYS: [&str; 8] =
    ["password", "passphrase", "privateKey", "becomePassword", "token", "username", "webhookSecret", "url"];

/// The fields of a secret; exactly one of them is given.
pub(crate) const SECRET_SOURCES: [&str; 6] = ["env", "file", "command", "age", "sops", "vault"];

/// Where a secret stands. Manifests are written by whoever can push, the configuration by who runs the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Configuration,
    Manifests,
}

/// Reads and checks a secret, and adds it to the others.
pub(crate) fn take_secret(
    written: &Written,
    place: Place,
    secrets: &mut BTreeMap<String, (SecretSpec, Location)>,
    problems: &mut Problems,
) {
    let spec: Option<SecretSpec> = read_spec(&written.node, problems);
    if let Some(spec) = &spec {
        let mut report = Report::new(&written.node, problems);
        check(spec, place, &mut report);
    }
    if let Some((_, first)) = secrets.get(&written.name) {
        let message = format!("there are two secrets `{}`", short(&written.name));
        let hint = format!("the first one is at {first}: rename one of them");
        written.name_error(message, Some(hint), problems);
        return;
    }
    secrets.insert(written.name.clone(), (spec.unwrap_or_default(), written.location()));
}

fn check(spec: &SecretSpec, place: Place, report: &mut Report<'_>) {
    let is_given = [
        spec.env.is_some(),
        spec.file.is_some(),
        spec.command.is_some(),
        spec.age.is_some(),
        spec.sops.is_some(),
        spec.vault.is_some(),
    ];
    let given: Vec<&str> =
        SECRET_SOURCES.into_iter().zip(is_given).filter_map(|(name, given)| given.then_some(name)).collect();
    match given.as_slice() {
        [] => {
            let message = "the secret does not say where its values come from";
            report.error(&[], message, choices("write one of", SECRET_SOURCES).unwrap_or_default());
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("`{second}` stands beside `{first}`: a secret has one source");
            report.error(&[second], message, "take one of them away, or make two secrets");
        }
    }
    if place == Place::Manifests {
        refuse_the_controllers_own(spec, report);
    }
    check_local(spec, report);
    check_encrypted(spec, place, report);
    check_vault(spec, report);
}

/// What reads the controller's machine. To which servers its token for Vault may go is decided where that is sent.
fn refuse_the_controllers_own(spec: &SecretSpec, report: &mut Report<'_>) {
    let hint =
        "put the secret in the controller's configuration; in manifests `age`, `sops` and `vault` are taken";
    for (field, is_given) in
        [("env", spec.env.is_some()), ("file", spec.file.is_some()), ("command", spec.command.is_some())]
    {
        if is_given {
            let message = format!(
                "`{field}` is not taken in manifests: whoever can push could read the controller's files"
            );
            report.error(&[field], message, hint);
        }
    }
    let identities = [
        ("age", spec.age.as_ref().and_then(|age| age.identity.as_ref())),
        ("sops", spec.sops.as_ref().and_then(|sops| sops.identity.as_ref())),
    ];
    for (field, _) in identities.into_iter().filter(|(_, identity)| identity.is_some()) {
        let message = "`identity` is not taken in manifests: it names a file of the controller's machine";
        let hint = "take it away: the identity is `ageIdentity` of the controller's configuration, or `--age-identity`";
        report.error(&[field, "identity"], message, hint);
    }
}

fn check_local(spec: &SecretSpec, report: &mut Report<'_>) {
    if let Some(env) = &spec.env {
        check_keys("env", env.0.keys(), report);
        for (key, variable) in &env.0 {
            if variable.is_empty() || variable.contains(['=', '\0']) {
                let message = format!("`{}` cannot be the name of an environment variable", short(variable));
                report.error(&["env", key], message, "write the variable's name, without `$`");
            }
        }
    }
    if let Some(file) = &spec.file {
        check_keys("file", file.0.keys(), report);
        for (key, path) in &file.0 {
            report.path(&["file", key], path);
        }
    }
    if let Some(command) = &spec.command {
        check_keys("command", command.0.keys(), report);
        for (key, words) in &command.0 {
            if words.first().is_none_or(|program| program.trim().is_empty()) {
                let message = format!("`command.{}` names no program", short(key));
                report.error(&["command", key], message, "write the program and its arguments as a list");
            }
        }
    }
}

/// There is a key, and none is a slip of the pen.
fn check_keys<'a>(field: &str, keys: impl ExactSizeIterator<Item = &'a String>, report: &mut Report<'_>) {
    if keys.len() == 0 {
        let message = format!("`{field}` has no keys");
        report.error(&[field], message, "write at least one, for instance `password`");
    }
    for key in keys.filter(|key| !KEYS.contains(&key.as_str())) {
        let near = did_you_mean(key, KEYS);
        if !near.is_empty() {
            let message = format!("nothing reads the key `{}`{near}", short(key));
            report.warning(&[field, key], message, format!("the keys are {}", KEYS.join(", ")));
        }
    }
}

fn check_encrypted(spec: &SecretSpec, place: Place, report: &mut Report<'_>) {
    let files = [
        ("age", spec.age.as_ref().map(|age| (&age.path, age.identity.as_ref()))),
        ("sops", spec.sops.as_ref().map(|sops| (&sops.path, sops.identity.as_ref()))),
    ];
    for (field, (path, identity)) in files.into_iter().filter_map(|(field, file)| Some((field, file?))) {
        report.path(&[field, "path"], path);
        if place == Place::Manifests && path.starts_with('/') {
            let message = format!("`{}` does not lie in the repository", short(path));
            report.error(&[field, "path"], message, "write it relative to the file that this stands in");
        }
        report.optional_path(&[field, "identity"], identity);
    }
    let at = spec.sops.as_ref().and_then(|sops| sops.at.as_ref());
    if let Some(at) = at.filter(|at| at.split('.').any(str::is_empty)) {
        let message = format!("`{}` is not a path of keys", short(at));
        report.error(&["sops", "at"], message, "write keys with dots between them: `hosts.olive`");
    }
}

fn check_vault(spec: &SecretSpec, report: &mut Report<'_>) {
    let Some(vault) = &spec.vault else { return };
    let rest = vault.address.strip_prefix("https://").or_else(|| vault.address.strip_prefix("http://"));
    let (is_empty, holds_user) =
        (rest.is_none_or(str::is_empty), rest.is_some_and(|rest| rest.contains('@')));
    if holds_user {
        let message = "the address holds a user name or password";
        report.secret_error(&["vault", "address"], message, "take it away, and give `credentialsRef`");
    } else if is_empty {
        let message = format!("`{}` is not the address of a server", short(&vault.address));
        report.error(&["vault", "address"], message, "write for instance `https://vault.example:8200`");
    } else if vault.address.starts_with("http://") && !rest.is_some_and(is_this_machine) {
        let message = "the token and the secret go over the network unencrypted";
        report.warning(&["vault", "address"], message, "use https");
    }
    for (field, text) in [("path", Some(&vault.path)), ("mount", vault.mount.as_ref())] {
        if text.is_some_and(|text| text.trim_matches('/').is_empty() || text.split('/').any(|p| p == "..")) {
            let message = format!("`vault.{field}` is not a path in Vault");
            report.error(&["vault", field], message, "write it without `..`, for instance `infra/olive`");
        }
    }
    if let Some(version) = vault.version.filter(|version| !matches!(version, 1 | 2)) {
        let message = format!("there is no version {version} of Vault's key-value store");
        report.error(&["vault", "version"], message, "write 1 or 2");
    }
    if let Some(name) = &vault.credentials_ref {
        report.name(&["vault", "credentialsRef"], name);
    }
    report.optional_path(&["vault", "caFile"], vault.ca_file.as_ref());
}

/// `rest` is an address without its scheme.
fn is_this_machine(rest: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        rest.strip_prefix(host).is_some_and(|behind| behind.is_empty() || behind.starts_with([':', '/']))
    })
}
