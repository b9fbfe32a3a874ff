//! Problems of what people write that can be seen without the target.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::Finding;

use super::name::is_numbered;
use super::recipe;
use super::spec::{FileSpec, Packages, Provision, Refresh};

/// The shortest period of `refresh`, in seconds.
const SHORTEST_REFRESH: u64 = 3_600;
const DAY: u64 = 86_400;
/// Some ways into a container take a script, with what stands behind it, as one argument, which Linux limits to 128 KiB.
const LARGEST_TEXT: usize = 96 * 1024;
/// What a folder's records have room for. `look.sh` reads none above 256 KiB, and that of a copy is written with more spaces.
pub(super) const LARGEST_RECIPE: usize = 128 * 1024;

/// Findings at places below one.
struct Findings<'a> {
    at: &'a [&'a str],
    all: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, below: &[&str], message: impl Into<String>, hint: Option<&str>) {
        let path = self.at.iter().chain(below).copied();
        self.all.push(Finding::error(path, message).hint_if_any(hint.map(str::to_owned)));
    }
}

/// Problems of what shall be done in the scratch container. `at` is where it stands, and `largest` how many bytes a recipe may have.
/// With `cleanup`, traces go afterwards.
pub(super) fn provision(
    (provision, cleanup): (&Provision, bool),
    largest: usize,
    at: &[&str],
) -> Vec<Finding> {
    let mut findings = Findings { at, all: Vec::new() };
    packages(&provision.packages, &mut findings);
    if let Some(zone) = provision.time_zone.as_ref().filter(|zone| !is_zone(zone)) {
        findings.add(&["timeZone"], format!("{zone:?} is no time zone"), Some("timeZone: Asia/Tokyo"));
    }
    if let Some(locale) = provision.locale.as_ref().filter(|locale| !is_locale(locale)) {
        findings.add(&["locale"], format!("{locale:?} is no locale"), Some("locale: ja_JP.UTF-8"));
    }
    for (nth, spec) in provision.files.iter().enumerate() {
        file(spec, &nth.to_string(), cleanup, &mut findings);
    }
    same_files(&provision.files, &mut findings);
    for (path, target) in &provision.links {
        if let Some(why) = bad_path(path) {
            findings.add(&["links", path], why, None);
        }
        if target.is_empty() || target.chars().any(char::is_control) {
            findings.add(&["links", path], format!("a link cannot lead to {target:?}"), None);
        }
        if provision.files.iter().any(|file| file.path == *path) {
            let why = "it is under `files`, too: it can be a file or a link";
            findings.add(&["links", path], why, None);
        }
    }
    for (nth, run) in provision.run.iter().enumerate() {
        let nth = nth.to_string();
        if run.name.trim().is_empty() || run.name.chars().any(char::is_control) {
            let why = "a script needs a name of one line, by which plans and logs tell of it";
            findings.add(&["run", &nth, "name"], why, None);
        }
        if run.script.trim().is_empty() {
            findings.add(&["run", &nth, "script"], "the script is empty", None);
        }
        text(&run.script, &["run", &nth, "script"], &mut findings);
    }
    whole(provision, largest, &mut findings);
    findings.all
}

/// A record has all of a recipe in it, and one that is too large is not read again: its template would be nobody's.
fn whole(provision: &Provision, largest: usize, findings: &mut Findings<'_>) {
    let bytes = recipe::recipe("", provision, true).to_string().len();
    if bytes > largest {
        let why = format!(
            "all of it has {} KiB as JSON, and may have {}: it is part of the template's record",
            bytes.div_ceil(1024),
            largest / 1024
        );
        findings.add(&[], why, Some("put what is large into a package, or fetch it with a script in `run`"));
    }
}

/// Problems between `output.version`, `refresh` and `keep` (what is written; `None` where nothing is). `at` is where `refresh` and
/// `keep` stand.
pub(super) fn versions(
    version: &str,
    refresh: Option<&Refresh>,
    keep: Option<u32>,
    at: &[&str],
) -> Vec<Finding> {
    let mut findings = Findings { at, all: Vec::new() };
    let every = refresh.map(|refresh| refresh.every.as_seconds());
    if every.is_some_and(|every| every < SHORTEST_REFRESH) {
        findings.add(&["refresh", "every"], "the shortest period is an hour", Some("every: 7d"));
    }
    let hint = Some("version: 6.0-{yyyyMMdd}, or with {digest}");
    if !is_numbered(version) && every.is_some() {
        let why = "each build anew would have the same name, and take the place of the one before";
        findings.add(&["refresh"], why, hint);
    } else if !is_numbered(version) && keep.is_some_and(|keep| keep > 0) {
        let why =
            "no older version could be kept: each has the same name, and takes the place of the one before";
        findings.add(&["keep"], why, hint);
    }
    if every.is_some_and(|every| every < DAY) && is_numbered(version) && !version.contains("{digest}") {
        let path = at.iter().copied().chain(["refresh"]);
        let why = "builds of one day have the same name, so that each takes the place of the one before";
        findings.all.push(Finding::warning(path, why).hint("version: 6.0-{yyyyMMdd}-{digest}"));
    }
    findings.all
}

/// Problems of the targets that it is sent to. `at` is where they stand.
pub(super) fn publish(publish: &[String], at: &[&str]) -> Vec<Finding> {
    let mut findings = Findings { at, all: Vec::new() };
    let mut known = BTreeSet::new();
    for (nth, target) in publish.iter().enumerate() {
        if !known.insert(target) {
            findings.add(&[&nth.to_string()], format!("{target} is there twice"), None);
        }
    }
    findings.all
}

fn packages(packages: &Packages, findings: &mut Findings<'_>) {
    for (list, names) in [("install", &packages.install), ("remove", &packages.remove)] {
        for name in names {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "@._+:/*~=<>-".contains(c);
            // To apt-get, a `-` at the end of a name takes the package away.
            let is_option = name.starts_with('-') || name.ends_with('-');
            if name.is_empty() || is_option || !name.chars().all(is_plain) {
                let why = format!("{name:?} is no name of a package");
                findings.add(&["packages", list], why, Some("one name to an entry, and nothing else"));
            }
        }
    }
    for name in packages.install.intersection(&packages.remove) {
        findings.add(&["packages", "remove"], format!("{name} is under `install`, too"), None);
    }
}

fn file(file: &FileSpec, nth: &str, cleanup: bool, findings: &mut Findings<'_>) {
    let FileSpec { path, content, line, absent, mode, owner } = file;
    if let Some(why) = bad_path(path) {
        findings.add(&["files", nth, "path"], why, None);
    } else if !absent {
        place(path, &["files", nth, "path"], cleanup, findings);
    }
    let given = usize::from(content.is_some()) + usize::from(line.is_some()) + usize::from(*absent);
    if given != 1 {
        let why =
            format!("a file has exactly one of `content`, `line` and `absent: true`, and {path} has {given}");
        findings.add(&["files", nth], why, None);
    }
    if let Some(content) = content {
        text(content, &["files", nth, "content"], findings);
    }
    if let Some(line) = line {
        let at = ["files", nth, "line"];
        if line.trim().is_empty() || line.contains(['\n', '\r']) {
            findings.add(
                &at,
                "it is one line, without a line break in it",
                Some("one entry under `files` for each"),
            );
        }
        text(line, &at, findings);
    }
    let is_mode = |mode: &str| [3, 4].contains(&mode.len()) && mode.chars().all(|c| ('0'..='7').contains(&c));
    if let Some(mode) = mode.as_ref().filter(|mode| !is_mode(&mode.0)) {
        let hint = Some("mode: \"0644\", in quotation marks");
        findings.add(&["files", nth, "mode"], format!("{:?} is no mode in octal", mode.0), hint);
    }
    if let Some(owner) = owner.as_ref().filter(|owner| !is_owner(owner)) {
        let why = format!("{owner:?} is no owner");
        findings.add(&["files", nth, "owner"], why, Some("owner: www-data, or www-data:adm"));
    }
    if *absent && (mode.is_some() || owner.is_some()) {
        findings.add(&["files", nth], "what is not there has no mode and no owner", None);
    }
}

/// Files that are there twice: several lines for one are good, but not two of the same key, and nothing beside a content.
fn same_files(files: &[FileSpec], findings: &mut Findings<'_>) {
    let mut seen: BTreeMap<&str, Vec<&FileSpec>> = BTreeMap::new();
    for (nth, file) in files.iter().enumerate() {
        let others = seen.entry(&file.path).or_default();
        let is_line = |file: &FileSpec| file.line.is_some();
        let are_lines = is_line(file) && others.iter().all(|other| is_line(other));
        if !others.is_empty() && !are_lines {
            let why = format!("{} is there twice: only lines can be several", file.path);
            findings.add(&["files", &nth.to_string()], why, Some("put all of it into one `content`"));
        }
        let key = file.line.as_deref().and_then(key);
        let same = others.iter().any(|other| {
            other.line == file.line || (key.is_some() && other.line.as_deref().and_then(self::key) == key)
        });
        if is_line(file) && same {
            let why = format!("the same line, or one with the same key, is put into {} above", file.path);
            findings.add(&["files", &nth.to_string(), "line"], why, None);
        }
        others.push(file);
    }
}

/// The key of a line, as `file.sh` takes it.
fn key(line: &str) -> Option<&str> {
    let text = line.trim_start_matches([' ', '\t']);
    let text =
        if text.starts_with(['#', ';']) { text.trim_start_matches(['#', ';', ' ', '\t']) } else { text };
    let key = text.split_once('=')?.0.trim_end_matches([' ', '\t']);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
    (!key.is_empty() && key.chars().all(is_plain)).then_some(key)
}

/// What is true of every text that gets into the container.
fn text(text: &str, at: &[&str], findings: &mut Findings<'_>) {
    if text.contains('\0') {
        findings.add(at, "a NUL character cannot be part of it", None);
    }
    if text.len() > LARGEST_TEXT {
        let why = format!("it has {} KiB, and may have {}", text.len() / 1024, LARGEST_TEXT / 1024);
        findings.add(at, why, Some("put it into a package, or fetch it with a script in `run`"));
    }
    if text.lines().any(is_private_key) {
        let why =
            "this is a private key, and secrets never enter a template: everybody who has it could read them";
        findings.add(at, why, Some("give it to each container made from the template"));
    }
}

/// True for a line by which a private key is known: of PEM, `PuTTY`, age, or `WireGuard`.
fn is_private_key(line: &str) -> bool {
    // 32 bytes in Base64.
    let is_wireguard = |(key, value): (&str, &str)| key.trim() == "PrivateKey" && value.trim().len() == 44;
    (line.contains("-----BEGIN ") && line.contains("PRIVATE KEY"))
        || line.starts_with("PuTTY-User-Key-File-")
        || line.contains("AGE-SECRET-KEY-1")
        || line.split_once('=').is_some_and(is_wireguard)
}

/// What is mounted in a container that runs, and so in no template.
const MOUNTED: [&str; 5] = ["/dev/", "/proc/", "/run/", "/sys/", "/var/run/"];

/// What `cleanup.sh` empties or removes; of what ends in `/`, all that is in it.
const CLEANED: [&str; 7] = [
    "/etc/machine-id",
    "/etc/resolv.conf",
    "/root/.bash_history",
    "/tmp/",
    "/var/lib/dbus/machine-id",
    "/var/log/",
    "/var/tmp/",
];

/// What is put there does not get into the template.
fn place(path: &str, at: &[&str], cleanup: bool, findings: &mut Findings<'_>) {
    let is_at = |place: &&str| if place.ends_with('/') { path.starts_with(*place) } else { path == *place };
    if MOUNTED.iter().any(is_at) {
        findings.add(at, format!("{path} is in no template: containers have something mounted there"), None);
    } else if cleanup && CLEANED.iter().any(is_at) {
        let why = format!("{path} is emptied or removed by `cleanup`, after it was written");
        let path: Vec<&str> = findings.at.iter().chain(at).copied().collect();
        let hint = "take it away here, or set `cleanup: false` and clean up in `run`";
        findings.all.push(Finding::warning(path, why).hint(hint));
    }
}

/// What is wrong with a path in the container.
fn bad_path(path: &str) -> Option<String> {
    let why = if !path.starts_with('/') {
        "begins with no `/`"
    } else if path.chars().any(char::is_control) {
        "has control characters"
    } else if path.ends_with('/') {
        "is that of a folder"
    } else if path.split('/').any(|part| part == ".." || part == ".") || path.contains("//") {
        "has parts that are empty or only dots"
    } else {
        return None;
    };
    Some(format!("the path {path:?} {why}"))
}

fn is_zone(zone: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('-') && part.chars().all(is_plain);
    zone.split('/').all(is_part)
}

fn is_locale(locale: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    locale.starts_with(|c: char| c.is_ascii_alphabetic()) && locale.chars().all(is_plain)
}

fn is_owner(owner: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain);
    let (user, group) = owner.split_once(':').unwrap_or((owner, "root"));
    is_name(user) && is_name(group)
}

#[cfg(test)]
mod tests;
