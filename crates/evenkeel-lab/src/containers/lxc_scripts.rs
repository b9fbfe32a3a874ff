//! The fixed scripts of the driver of templates that are run on a node of Proxmox VE, acted out.

use evenkeel_drivers::containers::host::MARKS;

use super::pct::{rootfs, volume};
use super::said::{Ended, Exit, KILLED, Said};
use super::tree::File;
use super::{ContainerHost, Dialect};

impl ContainerHost {
    /// `lxc/look.sh`
    pub(super) fn look_at_proxmox(&self, said: &mut Said) -> Ended {
        if self.dialect() != Dialect::Proxmox {
            return said.fail(
                127,
                "there is no pct, or no /etc/pve that can be read: this is no node of Proxmox VE 4 or later",
            );
        }
        let text = self.tree.file("/etc/pve/storage.cfg").map(File::text).unwrap_or_default();
        let mut storages: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(content) = line.trim_start().strip_prefix("content ") {
                if let Some((_, last)) = storages.last_mut() {
                    content.trim().clone_into(last);
                }
            } else if let Some((_, name)) = line.split_once(": ").filter(|_| !line.starts_with(['\t', ' '])) {
                storages.push((name.trim().to_owned(), "-".to_owned()));
            }
        }
        for (name, content) in &storages {
            said.out(format!("storage {name} {content}"));
        }
        let takes = |content: &str| content == "-" || content.split(',').any(|word| word == "vztmpl");
        for (name, _) in storages.iter().filter(|(_, content)| takes(content)) {
            if let Some(path) = self.volume_path(&format!("{name}:vztmpl/x")) {
                said.out(format!("folder {name} {}", path.trim_end_matches("/x")));
            }
        }
        for kind in ["lxc", "qemu-server"] {
            for node in self.tree.names("/etc/pve/nodes") {
                for name in self.tree.names(&format!("/etc/pve/nodes/{node}/{kind}")) {
                    said.out(format!("guest {} {kind} {node}", name.trim_end_matches(".conf")));
                }
            }
        }
        said.out("end");
        Ok(())
    }

    /// `lxc/begin.sh`
    pub(super) fn begin_on_proxmox(&mut self, args: [&str; 6], said: &mut Said) -> Ended {
        let [id, storage, folder, kib, log, text] = args;
        let number: u32 = id.parse().unwrap_or_default();
        let fail = |said: &mut Said, problem: String| said.fail(1, format!("{problem}: nothing was begun"));
        if let Some(node) = self.node_of(number) {
            return fail(said, format!("there is a guest {id} already (on {node})"));
        }
        if self.tree.node(&volume(number)).is_some() {
            return fail(said, format!("{storage}:vm-{id}-disk-0 is there already, of a guest {id}"));
        }
        let has = self.tree.free() / 1024;
        if has < kib.parse().unwrap_or(u64::MAX) {
            return fail(
                said,
                format!("{folder} has room for {has} KiB, and the build needs about {kib} KiB"),
            );
        }
        self.is_new(folder, text, said)?;
        self.begin_build(id, log, text, said)?;
        let mark = format!("{MARKS}/{id}.storage");
        let done = self.tree.write_text(&mark, &format!("{storage}\n"));
        said.expect(done, 1, &mark)
    }

    /// `lxc/pack.sh`
    pub(super) fn pack_on_proxmox(&mut self, id: &str, folder: &str, name: &str, said: &mut Said) -> Ended {
        let number: u32 = id.parse().unwrap_or_default();
        if !self.mounted.contains(&number) {
            return said.fail(1, format!("the container {id} is not mounted"));
        }
        let by = name.rsplit_once(".tar.").map_or("", |(_, by)| by);
        let new = format!("{folder}/.{name}.evenkeel-new");
        match self.tar(by, &new, &rootfs(number), said) {
            Err(Exit(exit)) if exit != KILLED => {
                said.fail(1, format!("the container {id} could not be packed"))
            }
            ended => ended,
        }
    }

    /// `lxc/discard.sh`
    pub(super) fn discard_on_proxmox(&mut self, args: [&str; 4], said: &mut Said) -> Ended {
        let [id, folder, name, text] = args;
        if !self.is_marked(id, text, said)? {
            return Ok(());
        }
        let number: u32 = id.parse().unwrap_or_default();
        let conf = self.tree.file(&self.pct_path(number)).map(File::text);
        let is_ours = |conf: &String| {
            let is_bare = conf.lines().all(|line| line.starts_with("lock: ") || line.trim().is_empty());
            is_bare || conf.contains(&format!("#Evenkeel builds {name} "))
        };
        match conf {
            Some(conf) if is_ours(&conf) => {
                let is_mounted = conf.contains("lock: mounted");
                let words = [("stop", true), ("unmount", is_mounted), ("unlock", true), ("destroy", true)];
                for (verb, _) in words.into_iter().filter(|(_, wanted)| *wanted) {
                    // Like the script, it goes on; but not where it is no more.
                    if self.pct(&[verb, id], "", said) == Err(Exit(KILLED)) {
                        return Err(Exit(KILLED));
                    }
                }
                let done = self.tree.remove_all(&volume(number));
                said.expect(done, 1, id)?;
            }
            None if self.node_of(number).is_none() => {
                let done = self.tree.remove_all(&volume(number));
                said.expect(done, 1, id)?;
            }
            _ => said.err(format!("the guest {id} was not made by this build, and is left alone")),
        }
        self.finish_build(folder, name, said)?;
        let mark = format!("{MARKS}/{id}.storage");
        let done = self.tree.remove(&mark);
        said.expect(done, 1, &mark)?;
        self.end_build(id, folder, name, said)
    }
}
