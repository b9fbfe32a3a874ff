//! Where clones are put: the datastore and the folder that the manifest means.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::Reference;

use super::spec::{VmCloneScheduleSpec, last_part};
use super::state::Folder;
use crate::vsphere::name::escaped;
use crate::vsphere::view::{FOLDER, Store, View};

/// Messages name at most so many of what there is.
const MOST_NAMED: usize = 10;

/// The datastore.
pub(super) fn store_of(spec: &VmCloneScheduleSpec, view: &View) -> Result<Store, ObserveError> {
    let written = spec.vm_clone.datastore.as_str();
    let name = last_part(written);
    let path = |store: &Store| {
        let folder = store.parent.as_deref().map(|parent| view.folder_path(parent)).unwrap_or_default();
        format!("{folder}/{}", store.name)
    };
    let is_meant = |store: &&Store| {
        (store.name == name || store.name == escaped(name))
            && (!written.starts_with('/') || path(store) == written)
    };
    let found: Vec<&Store> = view.stores.iter().filter(is_meant).collect();
    let unfit = |message: String, hint: String| ObserveError::unfit(&["vmClone", "datastore"], message, hint);
    match found.as_slice() {
        [one] if one.accessible => Ok((*one).clone()),
        [one] => Err(unfit(
            format!("the datastore {} is not accessible", one.name),
            "nothing is known of what is on it: look at its server and its network first".to_owned(),
        )),
        [] => {
            let names: Vec<&str> =
                view.stores.iter().take(MOST_NAMED).map(|store| store.name.as_str()).collect();
            let hint =
                format!("write one that there is (a cluster of datastores is none): {}", names.join(", "));
            Err(unfit(format!("there is no datastore {written}"), hint))
        }
        several => {
            let paths: Vec<String> = several.iter().map(|store| path(store)).collect();
            let message = format!("{} datastores are called {written}", several.len());
            Err(unfit(message, format!("write the path of the one that is meant: {}", paths.join(" or "))))
        }
    }
}

/// The folder, below that of the virtual machines of the datastore's datacenter.
pub(super) fn folder_of(
    spec: &VmCloneScheduleSpec,
    view: &View,
    store: &Store,
) -> Result<Folder, ObserveError> {
    let own = view.datacenter_of(store.parent.as_deref());
    let all: Vec<(&str, &str)> = view.vm_folders().collect();
    let root = match (own, all.as_slice()) {
        (Some(own), _) => all.iter().find(|(datacenter, _)| *datacenter == own).map(|(_, folder)| *folder),
        (None, [(_, folder)]) => Some(*folder),
        (None, _) => None,
    };
    let Some(root) = root else {
        let message = format!("it is not known in which datacenter the datastore {} is", store.name);
        let hint =
            "the user has to see the datacenters and their folders: docs/backups.md lists the privileges";
        return Err(ObserveError::unfit(&["vmClone", "folder"], message, hint));
    };
    let mut base = root;
    let mut missing: Vec<String> = Vec::new();
    for part in spec.folder() {
        let there = Some(part).filter(|_| missing.is_empty());
        let there = there
            .and_then(|part| view.folder_in(base, &escaped(part)).or_else(|| view.folder_in(base, part)));
        match there {
            Some(folder) => base = folder,
            None => missing.push(part.to_owned()),
        }
    }
    Ok(Folder { base: Reference::new(FOLDER, base), missing })
}
