//! The targets that resources need besides their own: they exist, they can do it, and no two resources share what is
//! one's alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::no_such_target;
use super::problems::Problems;
use super::resource::{Driven, Resource};
use crate::driver::{Role, Use};
use crate::target::{Target, TargetSpec};

/// The names of the targets that a resource uses, besides its `own`. What is wrong with them goes to `problems`.
pub(super) fn names(
    resource: &Resource,
    uses: Vec<Use>,
    own: &[Arc<Target>],
    targets: &BTreeMap<String, Arc<Target>>,
    problems: &mut Problems,
) -> Arc<[String]> {
    let mut names = Vec::new();
    for Use { path, target: name, as_a, claims } in uses {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match targets.get(&name) {
            None => no_such_target(resource, &path, &name, targets, problems),
            Some(target) => {
                if let Some((message, hint)) = misfit(&name, target, (as_a, claims.as_deref()), own) {
                    resource.problem(&path, message, Some(hint), problems);
                }
            }
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into()
}

/// Why a target cannot be used as it is meant (the role, and the folder that is claimed there), and what to write instead.
fn misfit(
    name: &str,
    target: &Target,
    (as_a, claims): (Role, Option<&str>),
    own: &[Arc<Target>],
) -> Option<(String, String)> {
    if !can(&target.spec, as_a) {
        let (what, kinds) = match as_a {
            Role::Store => ("keep files", STORES.join("`, `")),
            Role::RenamingStore => ("rename folders", RENAMING.join("`, `")),
            Role::Host | Role::OtherHost => ("run commands", "ssh`, `local".to_owned()),
        };
        let message = format!("target `{name}` cannot {what}");
        return Some((message, format!("name a target that is reached by one of `{kinds}`")));
    }
    if target.spec.local.is_some() && is_relative(as_a, claims) {
        let message = format!("a folder on this machine (`{name}`) begins with `/`");
        let hint = "any other would be another one for each folder that Evenkeel is started in";
        return Some((message, hint.to_owned()));
    }
    let is_same = |own: &&Arc<Target>| own.address() == target.address();
    let own = own.iter().filter(|_| as_a == Role::OtherHost).find(is_same)?;
    let message = if own.name == name {
        format!("`{name}` is what this resource is for already")
    } else {
        format!("`{name}` is the same machine as `{}`, which this resource is for already", own.name)
    };
    let hint = "take it away here; with `targetSelector`, each target makes its own";
    Some((message, hint.to_owned()))
}

fn is_relative(role: Role, folder: Option<&str>) -> bool {
    matches!(role, Role::Store | Role::RenamingStore) && folder.is_some_and(|folder| !folder.starts_with('/'))
}

/// The ways to reach a target that keeps files.
const STORES: [&str; 7] = ["ftp", "sftp", "s3", "azblob", "webdav", "ssh", "local"];

/// Those of them that can rename folders.
const RENAMING: [&str; 5] = ["ftp", "sftp", "webdav", "ssh", "local"];

fn can(spec: &TargetSpec, role: Role) -> bool {
    match role {
        // One that could not be read is reported already.
        _ if *spec == TargetSpec::default() => true,
        Role::Store => keeps_files(spec),
        Role::RenamingStore => keeps_files(spec) && spec.s3.is_none() && spec.azblob.is_none(),
        Role::Host | Role::OtherHost => spec.ssh.is_some() || spec.local.is_some(),
    }
}

fn keeps_files(spec: &TargetSpec) -> bool {
    spec.proxmox.is_none() && spec.incus.is_none() && spec.vsphere.is_none()
}

/// Refuses places that two resources want for themselves: the same folder, or one in the other.
pub(super) fn check(
    resources: &[Resource],
    owners: &[usize],
    targets: &BTreeMap<String, Arc<Target>>,
    problems: &mut Problems,
) {
    let mut claimed: Vec<Claim<'_>> = Vec::new();
    for (at, resource) in resources.iter().enumerate() {
        let Some(Driven { driver, spec }) = &resource.driven else { continue };
        for used in driver.uses(spec) {
            let Some(folder) = used.claims else { continue };
            let path: Vec<&str> = used.path.iter().map(String::as_str).collect();
            if owners.iter().filter(|owner| **owner == at).count() > 1 {
                let message = format!("several targets would keep their copies in the one folder {folder}");
                let hint = "write one manifest for each target, each with a folder of its own".to_owned();
                resource.problem(&path, message, Some(hint), problems);
                break;
            }
            let claim = Claim { resource, machine: machine(&used.target, targets), folder };
            let clash = claimed.iter().find(|known| known.clashes(&claim));
            if let Some(known) = clash {
                let other = known.resource;
                let message = format!(
                    "{} on {} is used by {} too ({}), which would remove what this one keeps there",
                    claim.folder,
                    used.target,
                    other.id(),
                    other.location()
                );
                let hint = "give each of them a folder of its own, none inside the other".to_owned();
                resource.problem(&path, message, Some(hint), problems);
            }
            claimed.push(claim);
        }
    }
}

struct Claim<'a> {
    resource: &'a Resource,
    machine: String,
    folder: String,
}

impl Claim<'_> {
    fn clashes(&self, other: &Claim<'_>) -> bool {
        let parts = |folder: &str| -> Vec<String> {
            folder.split(['/', '@']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let (one, two) = (parts(&self.folder), parts(&other.folder));
        self.machine == other.machine && (one.starts_with(&two) || two.starts_with(&one))
    }
}

/// Two names of one store are one store, as far as their addresses tell.
fn machine(name: &str, targets: &BTreeMap<String, Arc<Target>>) -> String {
    targets.get(name).map_or_else(|| name.to_owned(), |target| target.address())
}
