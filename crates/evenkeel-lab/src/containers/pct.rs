//! `pct` and `pvesm` of Proxmox VE, as their source has it.

use super::ContainerHost;
use super::archive::unpack;
use super::inside;
use super::provision::private;
use super::said::{Ended, Said};
use super::tree::{File, Node};

/// Where a container's volume is while it is not mounted.
pub(super) fn volume(id: u32) -> String {
    format!("/dev/pve/vm-{id}-disk-0")
}

/// Where it is mounted.
pub(super) fn rootfs(id: u32) -> String {
    format!("/var/lib/lxc/{id}/rootfs")
}

impl ContainerHost {
    pub(super) fn pct(&mut self, args: &[&str], stdin: &str, said: &mut Said) -> Ended {
        let (verb, id, args) = match args {
            ["list"] => {
                self.pct_list(said);
                return Ok(());
            }
            [verb, id, args @ ..] => (*verb, id.parse::<u32>().unwrap_or(0), args),
            _ => return said.fail(255, "ERROR: no command specified"),
        };
        if id < 100 {
            return said.fail(255, "400 Parameter verification failed.\nvmid: type check ('integer') failed");
        }
        if verb == "create" {
            return self.pct_create(id, args, said);
        }
        let Some(text) = self.tree.file(&self.pct_path(id)).map(File::text) else {
            let path = format!("nodes/{}/lxc/{id}.conf", self.name);
            return said.fail(255, format!("Configuration file '{path}' does not exist"));
        };
        let lock = setting(&text, "lock").unwrap_or_default();
        let is_running = self.running.contains(&id);
        let locked = format!("CT is locked ({lock})");
        match verb {
            "status" => {
                said.out(format!("status: {}", if is_running { "running" } else { "stopped" }));
                Ok(())
            }
            "config" => {
                said.out(text.trim_end());
                Ok(())
            }
            "unlock" => self.set_lock(id, None, said),
            "start" | "destroy" | "mount" if !lock.is_empty() => said.fail(255, locked),
            "start" if is_running => said.fail(255, format!("CT {id} already running")),
            "start" => self.pct_start(id, &text, said),
            "stop" | "shutdown" | "exec" if !is_running => said.fail(255, format!("CT {id} not running")),
            "stop" | "shutdown" => {
                self.tree.operation()?;
                self.running.remove(&id);
                self.online.remove(&id);
                Ok(())
            }
            "exec" => {
                let words = if let ["--", words @ ..] = args { words } else { args };
                let around = self.around(id);
                let reply = inside::run(&mut self.tree, &volume(id), &around, words, stdin);
                said.pass_on(&reply)
            }
            "mount" => self.pct_mount(id, said),
            "unmount" => self.pct_unmount(id, lock == "mounted", said),
            "destroy" if is_running => {
                said.fail(255, format!("unable to destroy CT {id} - container is running"))
            }
            "destroy" => self.pct_destroy(id, said),
            verb => said.fail(255, format!("ERROR: unknown command 'pct {verb}'")),
        }
    }

    fn pct_create(&mut self, id: u32, args: &[&str], said: &mut Said) -> Ended {
        let [template, options @ ..] = args else {
            return said.fail(255, "400 not enough arguments\npct create <vmid> <ostemplate> [OPTIONS]");
        };
        if let Some(node) = self.node_of(id) {
            return said
                .fail(255, format!("unable to create CT {id} - CT {id} already exists on node '{node}'"));
        }
        let mut lines = Vec::new();
        for option in options.chunks(2) {
            let [name, value] = option else { return said.fail(255, "400 unable to parse option") };
            lines.push((name.trim_start_matches('-').replace("ostemplate", ""), (*value).to_owned()));
        }
        let Some(archive) =
            self.volume_path(template).and_then(|path| Some((self.tree.file(&path)?.clone(), path)))
        else {
            return said.fail(255, format!("volume '{template}' does not exist"));
        };
        let (archive, path) = archive;
        let rootfs =
            lines.iter().find(|(name, _)| name == "rootfs").map_or("local-lvm:4", |(_, value)| value);
        let (storage, size) = rootfs.split_once(':').unwrap_or((rootfs, "4"));
        let volume_line = format!("{storage}:vm-{id}-disk-0,size={size}G");
        let others = lines.iter().filter(|(name, _)| !matches!(name.as_str(), "rootfs" | "description"));
        let description = lines.iter().find(|(name, _)| name == "description");
        let comment: String = description
            .map_or(String::new(), |(_, text)| text.lines().map(|line| format!("#{line}\n")).collect());
        let settings: String = others.map(|(name, value)| format!("{name}: {value}\n")).collect();
        let text = format!("{comment}{settings}rootfs: {volume_line}\n");
        let conf = self.pct_path(id);
        let done = self.tree.write_text(&conf, &format!("{text}lock: create\n"));
        said.expect(done, 255, &conf)?;
        let at = volume(id);
        said.out(format!("extracting archive '{path}'"));
        let unpacked = match unpack(&archive, self.tree.now) {
            Some(root) => self.unpack_into(&at, &root, said),
            None => said.fail(255, "unable to create CT - command 'tar xpf -' failed: exit code 2"),
        };
        if let Err(exit) = unpacked {
            if exit != super::said::Exit(super::said::KILLED) {
                let done = self.tree.remove_all(&at).and_then(|()| self.tree.remove(&conf));
                said.expect(done, 255, &at)?;
            }
            return Err(exit);
        }
        said.out("Detected container architecture: amd64");
        let done = self.tree.make_folder(&format!("/var/lib/lxc/{id}"));
        said.expect(done, 255, "/var/lib/lxc")?;
        self.pct_setup(id, &lines, said)?;
        let done = self.tree.write_text(&conf, &text);
        said.expect(done, 255, &conf)
    }

    /// What `pct create` writes into every container.
    fn pct_setup(&mut self, id: u32, lines: &[(String, String)], said: &mut Said) -> Ended {
        let at = volume(id);
        let value =
            |wanted: &str| lines.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let name = value("hostname").map_or_else(|| format!("CT{id}"), str::to_owned);
        let mut files = vec![
            ("etc/hostname", format!("{name}\n")),
            ("etc/hosts", format!("127.0.0.1 localhost\n127.0.1.1 {name}\n")),
        ];
        if let Some(server) = value("nameserver") {
            files.push(("etc/resolv.conf", format!("nameserver {server}\n")));
        }
        if let Some(net) = value("net0").filter(|_| self.tree.is_folder(&format!("{at}/etc/network"))) {
            files.push((
                "etc/network/interfaces",
                format!("auto lo\niface lo inet loopback\n\nauto eth0\n# {net}\n"),
            ));
        }
        for (path, text) in files {
            let done = self.tree.write_text(&format!("{at}/{path}"), &text);
            said.expect(done, 255, path)?;
        }
        said.out("Creating SSH host key 'ssh_host_ed25519_key' - this may take some time ...");
        let key = private(&format!("key of {name}\n"), self.tree.now);
        let done = self.tree.make_folder(&format!("{at}/etc/ssh"));
        let done = done.and_then(|()| self.tree.write(&format!("{at}/etc/ssh/ssh_host_ed25519_key"), key));
        said.expect(done, 255, "/etc/ssh")
    }

    fn pct_start(&mut self, id: u32, text: &str, said: &mut Said) -> Ended {
        if self.fail_start {
            said.err("run_buffer: 571 Script exited with status 255");
            said.err(format!("lxc_init: 843 Failed to run lxc.hook.pre-start for container \"{id}\""));
            return said.fail(255, format!("startup for container '{id}' failed"));
        }
        self.tree.operation()?;
        self.running.insert(id);
        if setting(text, "net0").is_some() {
            self.online.insert(id);
        }
        Ok(())
    }

    /// What is in the volume is seen below `/var/lib/lxc` from now on.
    fn pct_mount(&mut self, id: u32, said: &mut Said) -> Ended {
        self.set_lock(id, Some("mounted"), said)?;
        let done = self.tree.make_folder(&format!("/var/lib/lxc/{id}"));
        let done = done.and_then(|()| self.tree.rename(&volume(id), &rootfs(id)));
        said.expect(done, 255, &rootfs(id))?;
        self.mounted.insert(id);
        said.out(format!("mounted CT {id} in '{}'", rootfs(id)));
        Ok(())
    }

    fn pct_unmount(&mut self, id: u32, is_locked: bool, said: &mut Said) -> Ended {
        if self.mounted.contains(&id) {
            let done = self.tree.rename(&rootfs(id), &volume(id));
            said.expect(done, 255, &rootfs(id))?;
            self.mounted.remove(&id);
        }
        if !is_locked {
            return said.fail(255, format!("no lock found trying to remove 'mounted' lock from CT {id}"));
        }
        self.set_lock(id, None, said)
    }

    fn pct_destroy(&mut self, id: u32, said: &mut Said) -> Ended {
        for path in [volume(id), rootfs(id), format!("/var/lib/lxc/{id}"), self.pct_path(id)] {
            let done = self.tree.remove_all(&path);
            said.expect(done, 255, &path)?;
        }
        self.mounted.remove(&id);
        Ok(())
    }

    fn pct_list(&self, said: &mut Said) {
        let names = self.tree.names(&format!("/etc/pve/nodes/{}/lxc", self.name));
        let mut ids: Vec<u32> =
            names.iter().filter_map(|name| name.strip_suffix(".conf")?.parse().ok()).collect();
        ids.sort_unstable();
        if !ids.is_empty() {
            said.out("VMID       Status     Lock         Name                ");
        }
        for id in ids {
            let text = self.tree.file(&self.pct_path(id)).map(File::text).unwrap_or_default();
            let status = if self.running.contains(&id) { "running" } else { "stopped" };
            let lock = setting(&text, "lock").unwrap_or_default();
            let name = setting(&text, "hostname").map_or_else(|| format!("CT{id}"), str::to_owned);
            said.out(format!("{id:<10} {status:<10} {lock:<12} {name:<20}"));
        }
    }

    pub(super) fn pvesm(&self, args: &[&str], said: &mut Said) -> Ended {
        match args {
            ["path", volume] => {
                let storage = volume.split(':').next().unwrap_or_default();
                let Some(path) = self.volume_path(volume) else {
                    return said.fail(255, format!("storage '{storage}' does not exist"));
                };
                said.out(path);
                Ok(())
            }
            ["status"] => {
                said.out("Name             Type     Status           Total            Used       Available        %");
                for (name, _) in self.storages() {
                    said.out(format!(
                        "{name:<16} dir      active      1073741824               0      1073741824    0.00%"
                    ));
                }
                Ok(())
            }
            _ => said.fail(255, "ERROR: unknown command"),
        }
    }

    /// The storages with a folder, and that.
    fn storages(&self) -> Vec<(String, String)> {
        let text = self.tree.file("/etc/pve/storage.cfg").map(File::text).unwrap_or_default();
        let mut storages = Vec::new();
        let mut name = "";
        for line in text.lines() {
            if let Some(path) = line.trim_start().strip_prefix("path ") {
                storages.push((name.to_owned(), path.trim().to_owned()));
            } else if let Some((_, word)) = line.split_once(": ").filter(|_| !line.starts_with(['\t', ' '])) {
                name = word.trim();
            }
        }
        storages
    }

    /// Where a volume lies, be there a file or none.
    pub(super) fn volume_path(&self, volume: &str) -> Option<String> {
        let (storage, rest) = volume.split_once(':')?;
        let storages = self.storages();
        let (_, folder) = storages.iter().find(|(name, _)| name == storage)?;
        Some(format!("{folder}/template/cache/{}", rest.strip_prefix("vztmpl/")?))
    }

    pub(super) fn pct_path(&self, id: u32) -> String {
        format!("/etc/pve/nodes/{}/lxc/{id}.conf", self.name)
    }

    /// The node of the cluster that has a guest of this id.
    pub(super) fn node_of(&self, id: u32) -> Option<String> {
        let wanted = [format!("/lxc/{id}.conf"), format!("/qemu-server/{id}.conf")];
        let mut below = self.tree.below("/etc/pve/nodes");
        let (path, _) = below.find(|(path, node)| {
            matches!(node, Node::File(_)) && wanted.iter().any(|end| path.ends_with(end.as_str()))
        })?;
        path.split('/').next().map(str::to_owned)
    }

    fn set_lock(&mut self, id: u32, lock: Option<&str>, said: &mut Said) -> Ended {
        let path = self.pct_path(id);
        let text = self.tree.file(&path).map(File::text).unwrap_or_default();
        let rest = text.lines().filter(|line| !line.starts_with("lock: ")).map(|line| format!("{line}\n"));
        let lock = lock.map(|lock| format!("lock: {lock}\n"));
        let done = self.tree.write_text(&path, &rest.chain(lock).collect::<String>());
        said.expect(done, 255, &path)
    }
}

/// What a container's configuration says of a key.
fn setting<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}
