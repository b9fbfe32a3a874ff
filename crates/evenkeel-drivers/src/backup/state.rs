//! The State of a store: what is compared.

use std::collections::BTreeMap;

use serde::Serialize;

use super::picture::{Picture, Standing};

/// A store as it is compared: every generation, and everything that should not be there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreState {
    /// Generations by slot.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub generations: BTreeMap<String, Option<GenerationState>>,
    /// What a crash or a failure left, by path, and what that is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unfinished: BTreeMap<String, Option<String>>,
    /// Folders of others among ours, by name, and how we know them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub foreign: BTreeMap<String, Option<String>>,
    /// Why nothing is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// One generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationState {
    /// The folder that it is in.
    pub folder: String,
    /// `verified`, or what is wrong, by what was copied.
    pub archives: BTreeMap<String, Option<String>>,
}

/// The State of what is in a store.
pub fn project(picture: &Picture) -> StoreState {
    let mut state = StoreState::default();
    for (name, folder) in &picture.folders {
        let mut unfinished = |inside: &str, what: String| {
            let path = if inside.is_empty() { name.clone() } else { format!("{name}/{inside}") };
            state.unfinished.insert(path, Some(what));
        };
        match &folder.standing {
            Standing::Sealed(sealed) => {
                folder.leftovers().into_iter().for_each(|file| unfinished(file, "left over".to_owned()));
                if sealed.pending {
                    unfinished("evenkeel.json.part", "whole, but without its name".to_owned());
                }
                let archives = folder.archives_of(name, sealed);
                let archives = archives.map(|a| (a.record.item.clone(), Some(a.tell()))).collect();
                let generation = GenerationState { folder: name.clone(), archives };
                state.generations.insert(sealed.seal.slot.clone(), Some(generation));
            }
            Standing::Open(open) => unfinished("", format!("{} of it are whole", open.records.len())),
            Standing::Removing => unfinished("", "half removed".to_owned()),
            Standing::Foreign(why) | Standing::Damaged(why) => {
                drop(state.foreign.insert(name.clone(), Some(why.clone())));
            }
        }
    }
    state
}

/// What is wanted, so that it also says what is there `before` and shall not be.
pub fn without(mut after: StoreState, before: &StoreState) -> StoreState {
    for (slot, generation) in &before.generations {
        let wanted = after.generations.entry(slot.clone()).or_insert(None);
        if let (Some(wanted), Some(generation)) = (wanted, generation) {
            for item in generation.archives.keys() {
                wanted.archives.entry(item.clone()).or_insert(None);
            }
        }
    }
    for path in before.unfinished.keys() {
        after.unfinished.entry(path.clone()).or_insert(None);
    }
    for folder in before.foreign.keys() {
        after.foreign.entry(folder.clone()).or_insert(None);
    }
    after
}
