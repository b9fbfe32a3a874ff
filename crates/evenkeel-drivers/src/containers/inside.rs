//! What is run in the scratch container: fixed scripts with arguments, and data as a here-document.

use std::iter::once;

use evenkeel_core::request::Script;

use super::scripts::{
    CLEANUP, FILE, LINK, LOCALE, PACKAGES, READY, RELEASE, RUN, TIME_ZONE, with_data, without_data,
};
use super::spec::{FileSpec, Provision};

/// The most seconds that a manager of packages may take. Some build from source.
const PACKAGES_SECONDS: u64 = 4 * 3_600;
/// The most seconds that a manifest's script may take.
const RUN_SECONDS: u64 = 2 * 3_600;
/// The most seconds that anything else may take. To make locales takes some minutes on a slow machine.
const SECONDS: u64 = 900;

/// One thing that is done in the scratch container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    /// The script: its fixed text, and perhaps a here-document behind it.
    pub script: Script,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How many seconds it may take.
    pub seconds: u64,
}

/// What waits until the container has started; and until it has a route, where it is given a network.
pub(super) fn ready(network: bool) -> Inside {
    let arguments: &[&str] = if network { &["network"] } else { &[] };
    plain(READY, arguments.iter().copied(), SECONDS)
}

/// What tells which system it is, after all that was done in it.
pub(super) fn release() -> Inside {
    plain(RELEASE, [], SECONDS)
}

/// What is done once it has started, in this order.
pub(super) fn inside(provision: &Provision, cleanup: bool) -> Vec<Inside> {
    let Provision { packages, time_zone, locale, files, links, run } = provision;
    let mut all = Vec::new();
    if packages.upgrade {
        all.push(plain(PACKAGES, ["upgrade"], PACKAGES_SECONDS));
    }
    for (action, names) in [("remove", &packages.remove), ("install", &packages.install)] {
        if !names.is_empty() {
            let words = once(action).chain(names.iter().map(String::as_str));
            all.push(plain(PACKAGES, words, PACKAGES_SECONDS));
        }
    }
    all.extend(time_zone.as_ref().map(|zone| plain(TIME_ZONE, [zone.as_str()], SECONDS)));
    all.extend(locale.as_ref().map(|locale| plain(LOCALE, [locale.as_str()], SECONDS)));
    all.extend(files.iter().filter_map(file));
    all.extend(links.iter().map(|(path, target)| plain(LINK, [path.as_str(), target], SECONDS)));
    all.extend(run.iter().map(|run| Inside {
        script: with_data(&RUN, &run.script),
        arguments: vec![run.name.clone()],
        seconds: RUN_SECONDS,
    }));
    if cleanup {
        all.push(plain(CLEANUP, [], SECONDS));
    }
    all
}

fn plain<'a>(script: Script, arguments: impl IntoIterator<Item = &'a str>, seconds: u64) -> Inside {
    Inside { script, arguments: arguments.into_iter().map(str::to_owned).collect(), seconds }
}

fn file(file: &FileSpec) -> Option<Inside> {
    let mode = file.mode.as_ref().map_or("-", |mode| &mode.0);
    let owner = file.owner.as_deref().unwrap_or("-");
    let path = file.path.as_str();
    let bare = without_data(&FILE);
    if file.absent {
        return Some(plain(bare, ["absent", path], SECONDS));
    }
    if let Some(line) = &file.line {
        return Some(plain(bare, ["line", path, mode, owner, line], SECONDS));
    }
    let content = file.content.as_ref()?;
    Some(plain(with_data(&FILE, content), ["content", path, mode, owner], SECONDS))
}

#[cfg(test)]
mod tests;
