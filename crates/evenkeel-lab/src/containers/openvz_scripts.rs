//! The fixed scripts of the driver of templates that are run on an OpenVZ host, acted out.

use evenkeel_drivers::containers::host::MARKS;

use super::said::{Ended, Exit, KILLED, Said};
use super::tree::{File, Node};
use super::vzctl::conf_path;
use super::{ContainerHost, Dialect, Kernel, conf};

impl ContainerHost {
    /// `openvz/look.sh`
    pub(super) fn look_at_openvz(&self, said: &mut Said) -> Ended {
        let global = self.global();
        if self.dialect() != Dialect::OpenVz || global.is_empty() {
            return said.fail(
                127,
                "there is no vzctl, or no /etc/vz/vz.conf that can be read: this is no OpenVZ host",
            );
        }
        let private = self.area("VE_PRIVATE", 0);
        said.out(format!("template {}", self.templates()));
        said.out(format!("private {private}"));
        said.out(format!("layout {}", conf::get(&global, "VE_LAYOUT").unwrap_or_default()));
        for key in ["DISKSPACE", "DISKINODES"] {
            if conf::get(&global, key).is_some_and(|value| !value.is_empty()) {
                said.out(format!("set {key}"));
            }
        }
        for key in self.set_by_sample(&global) {
            said.out(format!("set {key}"));
        }
        if self.kernel == Kernel::OpenVz {
            said.out("quota");
        }
        let is_number = |name: &str| name.starts_with(|c: char| c.is_ascii_digit());
        for name in self.tree.names("/etc/vz/conf") {
            if let Some(id) = name.strip_suffix(".conf").filter(|id| is_number(id)) {
                let text =
                    self.tree.file(&format!("/etc/vz/conf/{name}")).map(File::text).unwrap_or_default();
                said.out(format!("container {id} {}", conf::get(&text, "HOSTNAME").unwrap_or_default()));
            }
        }
        let areas = private.rsplit_once('/').map(|(folder, _)| self.tree.names(folder)).unwrap_or_default();
        for area in areas.iter().filter(|name| is_number(name)) {
            said.out(format!("area {area}"));
        }
        self.tell_distributions(said);
        said.out("end");
        Ok(())
    }

    fn set_by_sample(&self, global: &str) -> Vec<String> {
        let Some(name) = conf::get(global, "CONFIGFILE").filter(|name| !name.is_empty()) else {
            return Vec::new();
        };
        let sample = self
            .tree
            .file(&format!("/etc/vz/conf/ve-{name}.conf-sample"))
            .map(File::text)
            .unwrap_or_default();
        let key = |line: &str| {
            let (key, _) = line.trim_start().split_once('=')?;
            key.chars().all(|c| c.is_ascii_uppercase()).then(|| key.to_owned())
        };
        let mut keys: Vec<String> = sample.lines().filter_map(key).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn tell_distributions(&self, said: &mut Said) {
        let folder = "/etc/vz/dists";
        let names = self.tree.names(folder);
        let number = |path: &str| {
            let name = path.strip_prefix(folder)?.strip_prefix('/')?;
            names.iter().position(|known| known == name).map(|at| at + 1000)
        };
        for name in names.iter().filter(|name| name.ends_with(".conf")) {
            let path = format!("{folder}/{name}");
            let leads =
                if let Some(Node::Link(leads)) = self.tree.node(&path) { leads.as_str() } else { "-" };
            let at = self.tree.resolve("", &path, true).ok().filter(|at| self.tree.node(at).is_some());
            let inode = at.as_deref().and_then(number).unwrap_or(0);
            said.out(format!("dist {inode} {} {leads}", name.trim_end_matches(".conf")));
        }
    }

    /// `openvz/begin.sh`
    pub(super) fn begin_on_openvz(&mut self, args: [&str; 6], said: &mut Said) -> Ended {
        let [id, area, folder, kib, log, text] = args;
        let fail = |said: &mut Said, problem: String| said.fail(1, format!("{problem}: nothing was begun"));
        if self.tree.file(&format!("/etc/vz/conf/{id}.conf")).is_some() {
            return fail(said, format!("there is a container {id} already"));
        }
        if self.tree.node(area).is_some() {
            return fail(said, format!("there is {area} already, of a container {id}"));
        }
        self.has_room(folder, kib.parse().unwrap_or(u64::MAX), said)?;
        self.is_new(folder, text, said)?;
        let destroyed = format!("/etc/vz/conf/{id}.conf.destroyed");
        if self.tree.node(&destroyed).is_some() {
            let done = self.tree.rename(&destroyed, &format!("{destroyed}.1"));
            said.expect(done, 1, &destroyed)?;
        }
        self.begin_build(id, log, text, said)
    }

    /// There is room for a template, and for three times as much of a container.
    pub(super) fn has_room(&self, folder: &str, kib: u64, said: &mut Said) -> Ended {
        let has = self.tree.free() / 1024;
        let needs = kib.saturating_mul(3);
        if has < needs {
            return said.fail(1, format!("{folder} has room for {has} KiB, and the build needs about {needs} KiB: nothing was begun"));
        }
        Ok(())
    }

    /// Nobody else has begun to pack what the mark tells of.
    pub(super) fn is_new(&self, folder: &str, mark: &str, said: &mut Said) -> Ended {
        let name = mark.rsplit(' ').next().unwrap_or_default();
        let new = format!("{folder}/.{name}.evenkeel-new");
        if self.tree.node(&new).is_none() {
            return Ok(());
        }
        said.fail(1, format!("there is {new} already, of a build on another machine or one that was left: remove it if nobody builds: nothing was begun"))
    }

    /// The log of the build before gets another name, and the mark is set.
    pub(super) fn begin_build(&mut self, id: &str, log: &str, text: &str, said: &mut Said) -> Ended {
        if self.tree.file(log).is_some_and(|log| !log.is_empty()) {
            let done = self.tree.rename(log, &format!("{log}.1"));
            said.expect(done, 1, log)?;
        }
        let mark = format!("{MARKS}/{id}");
        if self.tree.node(&mark).is_some() {
            return said.fail(1, format!("another build has the id {id} ({mark}): nothing was begun"));
        }
        let whole = format!("{MARKS}/.{id}.1");
        let done = self.tree.make_folder(MARKS);
        let done = done.and_then(|()| self.tree.write_text(&whole, &format!("{text}\n")));
        let done = done.and_then(|()| self.tree.rename(&whole, &mark));
        said.expect(done, 1, &mark)
    }

    /// True where the mark on a container is this one, and false where it has none.
    pub(super) fn is_marked(&self, id: &str, text: &str, said: &mut Said) -> Ended<bool> {
        match self.tree.file(&format!("{MARKS}/{id}")) {
            None => Ok(false),
            Some(mark) if mark.text().trim_end_matches('\n') == text => Ok(true),
            Some(_) => {
                said.fail(1, format!("the container {id} has another mark than this build's: plan again"))
            }
        }
    }

    /// `openvz/discard.sh`
    pub(super) fn discard_on_openvz(&mut self, args: [&str; 5], said: &mut Said) -> Ended {
        let [id, area, folder, name, text] = args;
        if !self.is_marked(id, text, said)? {
            return Ok(());
        }
        let number: u32 = id.parse().unwrap_or_default();
        let conf = self.tree.file(&conf_path(number)).map(File::text).unwrap_or_default();
        let called = conf::get(&conf, "HOSTNAME").unwrap_or_default();
        if called.starts_with("evenkeel-build-") || (called.is_empty() && self.tree.names(area).is_empty()) {
            self.destroy_on_openvz(number, area, said)?;
        } else {
            said.err(format!("the container {id} was not made by this build, and is left alone"));
        }
        self.finish_build(folder, name, said)?;
        self.end_build(id, folder, name, said)
    }

    fn destroy_on_openvz(&mut self, id: u32, area: &str, said: &mut Said) -> Ended {
        let (conf, number) = (conf_path(id), id.to_string());
        let fail = |said: &mut Said, problem: &str| {
            said.fail(1, format!("the container {id} {problem}: it is looked at again with the next run"))
        };
        if self.tree.file(&conf).is_some() {
            for verb in ["stop", "destroy"] {
                // Like the script, it goes on; but not where it is no more.
                if self.vzctl(&[verb, &number], "", said) == Err(Exit(KILLED)) {
                    return Err(Exit(KILLED));
                }
            }
            if self.tree.file(&conf).is_some() {
                return fail(said, "could not be destroyed");
            }
        }
        if self.mounted.contains(&id) {
            return fail(said, "is still mounted");
        }
        for path in [area, &format!("{area}.tmp"), &format!("{conf}.destroyed")] {
            let done = self.tree.remove_all(path);
            said.expect(done, 1, path)?;
        }
        Ok(())
    }

    /// What was checked and has its record already gets its name.
    pub(super) fn finish_build(&mut self, folder: &str, name: &str, said: &mut Said) -> Ended {
        let (new, record) = (format!("{folder}/.{name}.evenkeel-new"), format!("{folder}/{name}.json"));
        let Some(file) = self.tree.file(&new) else { return Ok(()) };
        let known = format!("\"bytes\":{},\"mtime\":{},", file.len(), file.mtime);
        let is_waiting = self.tree.file(&format!("{folder}/.{name}.json.evenkeel-new")).is_some();
        if is_waiting || !self.tree.file(&record).is_some_and(|record| record.text().contains(&known)) {
            return Ok(());
        }
        let done = self.tree.rename(&new, &format!("{folder}/{name}"));
        said.expect(done, 1, name)
    }

    /// What a build had not yet given its name goes, and at last the mark.
    pub(super) fn end_build(&mut self, id: &str, folder: &str, name: &str, said: &mut Said) -> Ended {
        let new = [format!("{folder}/.{name}.evenkeel-new"), format!("{folder}/.{name}.json.evenkeel-new")];
        for path in new.into_iter().chain([format!("{MARKS}/.{id}.1"), format!("{MARKS}/{id}")]) {
            let done = self.tree.remove(&path);
            said.expect(done, 1, &path)?;
        }
        Ok(())
    }
}
