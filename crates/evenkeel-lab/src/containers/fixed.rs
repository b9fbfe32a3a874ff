//! The drivers' fixed scripts that are run on a host itself, acted out.

use evenkeel_core::request::Script;
use evenkeel_drivers::containers::host::{LOOK, MARKS, PLACE, VERIFY};
use evenkeel_drivers::containers::scripts;
use evenkeel_drivers::containers::{lxc, openvz};
use evenkeel_drivers::openvz_host::{EDIT, READ};

use super::ContainerHost;
use super::archive::{packed_by, unpack};
use super::said::{Ended, Said};
use super::tree::{File, Node};

/// The files that tell which system it is, in the order that they are looked for.
const RELEASES: [&str; 4] =
    ["usr/lib/os-release", "etc/os-release", "etc/debian_version", "etc/redhat-release"];
/// The folder of the logs of builds.
const LOGS: &str = "/var/log/evenkeel";
/// The same, of Gentoo.
const GENTOO: &str = "etc/gentoo-release";

impl ContainerHost {
    pub(super) fn fixed(&mut self, text: &str, arguments: &[&str], said: &mut Said) -> Ended {
        let is = |script: &Script| scripts::is(text, script);
        match arguments {
            files if is(&READ) => self.read_settings(files, said),
            [file, lines @ ..] if is(&EDIT) => self.edit_settings(file, lines, said),
            [] if is(&lxc::LOOK) => self.look_at_proxmox(said),
            [id, storage, folder, kib, log, mark] if is(&lxc::BEGIN) => {
                self.begin_on_proxmox([id, storage, folder, kib, log, mark], said)
            }
            [id, folder, name] if is(&lxc::PACK) => self.pack_on_proxmox(id, folder, name, said),
            [id, folder, name, mark] if is(&lxc::DISCARD) => {
                self.discard_on_proxmox([id, folder, name, mark], said)
            }
            [] if is(&openvz::LOOK) => self.look_at_openvz(said),
            [id, area, folder, kib, log, mark] if is(&openvz::BEGIN) => {
                self.begin_on_openvz([id, area, folder, kib, log, mark], said)
            }
            [id, area, folder, name, mark] if is(&openvz::DISCARD) => {
                self.discard_on_openvz([id, area, folder, name, mark], said)
            }
            [folder] if is(&LOOK) => self.look(folder, said),
            [folder, name, least, root] if is(&VERIFY) => self.verify(folder, name, least, root, said),
            [folder, name, digest] if is(&PLACE) => {
                self.may_place(folder, name, digest, said)?;
                self.place(folder, name, scripts::data_of(text, &PLACE).unwrap_or_default(), said)
            }
            _ => said.fail(127, format!("the lab does not know this script, with {arguments:?}")),
        }
    }

    fn look(&self, folder: &str, said: &mut Said) -> Ended {
        said.out(format!("host {}", self.name));
        if self.tree.is_folder(folder) {
            let at = said.expect(self.tree.resolve("", folder, true), 1, folder)?;
            let mut names = self.tree.names(&at);
            names.sort_by_key(|name| name.starts_with('.'));
            let file = |name: &String| Some((name.clone(), self.tree.file(&format!("{at}/{name}"))?));
            let files: Vec<(String, &File)> = names.iter().filter_map(file).collect();
            for name in names.iter().filter(|name| self.tree.file(&format!("{at}/{name}")).is_none()) {
                said.out(format!("other {name}"));
            }
            for (name, file) in &files {
                said.out(format!("file {} {} {name}", file.len(), file.mtime));
            }
            for (name, file) in files.iter().filter(|(name, _)| name.ends_with(".json")) {
                said.out(format!("record {name}"));
                said.out(format!("= {}", one_line(&file.text())));
            }
            said.out(format!("free {}", self.tree.free() / 1024));
        } else {
            said.out("missing");
        }
        for name in self.tree.names(MARKS).into_iter().filter(|name| !name.starts_with('.')) {
            let text = self.tree.file(&format!("{MARKS}/{name}")).map(File::text).unwrap_or_default();
            said.out(format!("mark {name}"));
            said.out(format!("= {}", one_line(&text)));
        }
        for log in &self.at_work {
            said.out(format!("log {log}"));
        }
        for name in self.tree.names(LOGS) {
            let log = self.tree.file(&format!("{LOGS}/{name}"));
            if name.ends_with(".log") && log.is_some_and(|log| log.mtime > self.tree.now - 60) {
                said.out(format!("fresh {LOGS}/{name}"));
            }
        }
        if let Some(release) = &self.release {
            said.out(format!("pve {release}"));
        }
        said.out("end");
        Ok(())
    }

    fn verify(&mut self, folder: &str, name: &str, least: &str, root: &str, said: &mut Said) -> Ended {
        let new = format!("{folder}/.{name}.evenkeel-new");
        let fail =
            |said: &mut Said, problem: String| said.fail(1, format!("{problem}: it is not put in place"));
        let Some(file) = self.tree.file(&new) else { return fail(said, format!("there is no {new}")) };
        let bytes = file.len();
        if bytes < least.parse().unwrap_or(u64::MAX) {
            return fail(
                said,
                format!("{new} has {bytes} bytes, and at least {least} are expected of what it was made of"),
            );
        }
        let by = name.rsplit_once(".tar.").map_or("", |(_, by)| by);
        let Some(packed) = unpack(file, 0).filter(|_| packed_by(file) == Some(by)) else {
            return fail(said, format!("{new} is damaged: it cannot be unpacked to its end"));
        };
        if packed.is_empty() {
            return fail(said, format!("{new} is empty"));
        }
        let release = RELEASES.iter().chain([&GENTOO]).find_map(|path| {
            match self.tree.node(&format!("{root}/{path}")) {
                Some(Node::File(file)) if !file.is_empty() => Some((*path, file.text())),
                _ => None,
            }
        });
        let has = |path: &str, text: &str| {
            packed
                .iter()
                .any(|(known, node)| known == path && matches!(node, Node::File(file) if file.text() == text))
        };
        match release {
            Some((path, text)) if !has(path, &text) => {
                fail(said, format!("/{path} in {new} is not what it is in the container"))
            }
            _ => Ok(()),
        }
    }

    /// Nothing is replaced but a version whose record tells `digest`.
    fn may_place(&self, folder: &str, name: &str, digest: &str, said: &mut Said) -> Ended {
        let paths = [format!("{folder}/{name}"), format!("{folder}/{name}.json")];
        let record = paths.last().and_then(|path| self.tree.file(path)).map(File::text).unwrap_or_default();
        let may = digest != "-" && record.contains(&format!("\"digest\":\"{digest}\""));
        match paths.iter().find(|path| self.tree.node(path).is_some()) {
            Some(there) if !may => said.fail(1, format!("{there} is there since the build began, and is not replaced: rename it, or change output.version")),
            _ => Ok(()),
        }
    }

    fn place(&mut self, folder: &str, name: &str, record: &str, said: &mut Said) -> Ended {
        let new = format!("{folder}/.{name}.evenkeel-new");
        let new_record = format!("{folder}/.{name}.json.evenkeel-new");
        let fields = record.trim_end().strip_suffix('}').filter(|fields| fields.starts_with('{'));
        let Some(fields) = fields else {
            return said.fail(1, format!("the record of {name} did not arrive whole"));
        };
        let file = self.file_or_fail(&new, said)?;
        let built = jiff::Timestamp::from_second(self.tree.now).unwrap_or_default();
        let (bytes, time, sum, host) = (file.len(), file.mtime, file.sha256(), &self.name);
        let text = format!(
            "{fields},\"bytes\":{bytes},\"mtime\":{time},\"sha256\":\"{sum}\",\"built\":\"{built}\",\"host\":\"{host}\"}}\n"
        );
        let done = self.tree.write_text(&new_record, &text);
        let done = done.and_then(|()| self.tree.rename(&new_record, &format!("{folder}/{name}.json")));
        let done = done.and_then(|()| self.tree.rename(&new, &format!("{folder}/{name}")));
        said.expect(done, 1, name)
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
