//! `vzctl`, as a transcript of version 4 and the messages of older versions have it.

use super::archive::unpack;
use super::conf;
use super::inside::{self, words};
use super::said::{Ended, Exit, KILLED, Said};
use super::tree::Node;
use super::{ContainerHost, Kernel, Messages, vzctl_set};

/// A line of `vzctl` about a kernel that is not OpenVZ's.
const NO_KERNEL: &str = "Directory /proc/vz not found, assuming non-OpenVZ kernel";

/// What a container needs on OpenVZ's own kernel, in the order that `vzctl` complains in.
pub const REQUIRED: [&str; 20] = [
    "kmemsize",
    "lockedpages",
    "privvmpages",
    "shmpages",
    "numproc",
    "physpages",
    "vmguarpages",
    "oomguarpages",
    "numtcpsock",
    "numflock",
    "numpty",
    "numsiginfo",
    "tcpsndbuf",
    "tcprcvbuf",
    "othersockbuf",
    "dgramrcvbuf",
    "numothersock",
    "numfile",
    "dcachesize",
    "numiptent",
];

/// Where `vzctl` keeps what it knows.
pub(super) const GLOBAL: &str = "/etc/vz/vz.conf";

impl ContainerHost {
    pub(super) fn vzctl(&mut self, args: &[&str], stdin: &str, said: &mut Said) -> Ended {
        if args == ["--version"] {
            said.out(match self.messages {
                Messages::Old => "vzctl version 3.0.29",
                Messages::New => "vzctl version 4.11",
            });
            return Ok(());
        }
        let [verb, id, args @ ..] = args else { return said.fail(20, "Bad syntax") };
        let Some(id) = id.parse::<u32>().ok().filter(|id| *id > 0) else {
            return said.fail(20, format!("Bad container id {id}"));
        };
        if *verb == "status" {
            self.status(id, said);
            return Ok(());
        }
        if !["create", "set", "start", "stop", "destroy", "exec", "exec2"].contains(verb) {
            return said.fail(20, format!("Bad command: {verb}"));
        }
        if self.conf(id).is_none() && !["create", "set"].contains(verb) {
            return said.fail(14, "Container config file does not exist");
        }
        if self.kernel == Kernel::Other {
            said.out(NO_KERNEL);
        }
        match *verb {
            "create" => self.create(id, args, said),
            "set" => vzctl_set::set(self, id, args, said),
            "start" => self.start(id, said),
            "stop" => self.stop(id, said),
            "destroy" => self.destroy(id, said),
            verb => self.exec(id, verb, args, stdin, said),
        }
    }

    fn status(&self, id: u32, said: &mut Said) {
        let exists = if self.has_area(id) { "exist" } else { "deleted" };
        let (mounted, up) = match (self.running.contains(&id), self.mounted.contains(&id)) {
            (true, _) => ("mounted", "running"),
            (false, true) => ("mounted", "down"),
            (false, false) => ("unmounted", "down"),
        };
        said.out(format!("CTID {id} {exists} {mounted} {up}"));
        if !self.has_area(id) {
            said.err(format!("stat({}): No such file or directory", self.area("VE_ROOT", id)));
        }
    }

    fn create(&mut self, id: u32, args: &[&str], said: &mut Said) -> Ended {
        let (template, settings) = vzctl_set::create_options(args, said)?;
        let path = conf_path(id);
        let had_conf = self.conf(id).is_some();
        if had_conf && self.messages == Messages::New {
            said.out("Warning: CT config file already exists, not applying a default config sample.");
            said.out("It might lead to incomplete CT configuration, you can use --applyconfig to fix.");
        }
        let sample =
            conf::get(&self.global(), "CONFIGFILE").map(|name| format!("/etc/vz/conf/ve-{name}.conf-sample"));
        let sample = sample.and_then(|path| Some(self.tree.file(&path)?.text())).filter(|_| !had_conf);
        if let Some(sample) = &sample {
            let done = self.tree.write_text(&path, sample);
            said.expect(done, 82, &path)?;
        }
        let made = self.make_area(id, &template, &settings, said);
        if let Err(exit) = made {
            if exit != Exit(KILLED) {
                if sample.is_some() {
                    let done = self.tree.remove(&path);
                    said.expect(done, 3, &path)?;
                }
                said.err("Creation of container private area failed");
            }
            return Err(exit);
        }
        said.out("Performing postcreate actions");
        let areas = [("VE_ROOT", "root"), ("VE_PRIVATE", "private")];
        let mut text = self.conf(id).unwrap_or_default();
        for (key, _) in areas {
            text = conf::set(&text, key, &self.pattern(key));
        }
        text = conf::set(&text, "OSTEMPLATE", &template);
        for (key, value) in settings {
            text = conf::set(&text, &key, &value);
        }
        self.save(id, &text, said)?;
        said.out("Container private area was created");
        self.distribution(id, said);
        Ok(())
    }

    /// Unpacks a template; where that fails, what it had made is taken away.
    fn make_area(
        &mut self,
        id: u32,
        template: &str,
        settings: &[(String, String)],
        said: &mut Said,
    ) -> Ended {
        let private = self.area("VE_PRIVATE", id);
        if self.tree.node(&private).is_some() {
            return said.fail(44, format!("Private area already exists in {private}"));
        }
        let cache = format!("{}/cache/{template}", self.templates());
        let endings = ["", ".gz", ".bz2", ".xz"].map(|ending| format!("{cache}.tar{ending}"));
        let archive = endings.iter().find_map(|path| self.tree.file(path)).cloned();
        if archive.is_none() && self.messages == Messages::New {
            said.err(format!("vztmpl-dl ERROR: template {template} not found!"));
            return said.fail(91, format!("Cached OS template {cache}.tar[.gz|.bz2|.xz] not found"));
        }
        said.out(format!("Creating container private area ({template})"));
        let Some(archive) = archive else {
            return said.fail(91, format!("Cached os template {cache}.tar.gz not found"));
        };
        self.quota(id, settings, said)?;
        let done = self.tree.make_folder(&private);
        said.expect(done, 48, &private)?;
        let new = format!("{private}.tmp");
        let unpacked = match unpack(&archive, self.tree.now) {
            Some(root) => self.unpack_into(&new, &root, said),
            None => said.fail(47, "tar: Unexpected EOF in archive"),
        };
        if let Err(exit) = unpacked {
            if exit != Exit(KILLED) {
                for path in [&new, &private] {
                    let done = self.tree.remove_all(path);
                    said.expect(done, 52, path)?;
                }
            }
            return Err(exit);
        }
        let done = self.tree.remove_folder(&private).and_then(|()| self.tree.rename(&new, &private));
        said.expect(done, 48, &private)?;
        let root = self.area("VE_ROOT", id);
        let done = self.tree.make_folder(&root);
        said.expect(done, 49, &root)
    }

    pub(super) fn unpack_into(&mut self, folder: &str, root: &[(String, Node)], said: &mut Said) -> Ended {
        let done = self.tree.make_folder(folder);
        said.expect(done, 48, folder)?;
        for (path, node) in root {
            let at = format!("{folder}/{path}");
            let done = match node {
                Node::Folder => self.tree.make_folder(&at),
                Node::Link(leads) => self.tree.link(&at, leads),
                Node::File(file) => self.tree.write(&at, file.clone()),
            };
            said.expect(done, 46, &format!("tar: ./{path}: Cannot write"))?;
        }
        Ok(())
    }

    /// OpenVZ's own kernel gives nothing without limits for the disk.
    fn quota(&self, id: u32, settings: &[(String, String)], said: &mut Said) -> Ended {
        if self.kernel == Kernel::Other {
            return Ok(());
        }
        said.out("Initializing quota ...");
        let given = [self.global(), self.conf(id).unwrap_or_default()];
        let is_set = |key: &str| {
            settings.iter().any(|(known, _)| known == key)
                || given.iter().any(|text| conf::get(text, key).is_some())
        };
        for (key, name, exit) in [("DISKSPACE", "diskspace", 63), ("DISKINODES", "diskinodes", 64)] {
            if !is_set(key) {
                return said.fail(exit, format!("Error: Not enough parameters, {name} quota not set"));
            }
        }
        Ok(())
    }

    fn start(&mut self, id: u32, said: &mut Said) -> Ended {
        if self.running.contains(&id) {
            return said.fail(32, "Container is already running");
        }
        if !self.has_area(id) {
            let private = self.area("VE_PRIVATE", id);
            return said.fail(43, format!("Container private area {private} does not exist"));
        }
        let text = self.conf(id).unwrap_or_default();
        let missing = REQUIRED.iter().filter(|name| conf::get(&text, &name.to_uppercase()).is_none());
        let missing: Vec<&&str> = missing.filter(|_| self.kernel == Kernel::OpenVz).collect();
        if !missing.is_empty() {
            for name in missing {
                said.err(format!("Error: required UB parameter {name} not set"));
            }
            // VZ_NOTENOUGHUBCPARAMS of its own header.
            return Err(Exit(28));
        }
        let addresses = conf::get(&text, "IP_ADDRESS").unwrap_or_default().to_owned();
        let default = self.distribution(id, said);
        said.out(if self.messages == Messages::Old {
            "Starting container ..."
        } else {
            "Starting container..."
        });
        if self.fail_start {
            said.out("Container is mounted");
            said.err("Unable to start init, probably incorrect template");
            said.err("Container start failed (try to check kernel messages, e.g. \"dmesg | tail\")");
            said.out("Container is unmounted");
            return Err(Exit(47));
        }
        said.out("Container is mounted");
        let is_up = addresses.is_empty() || self.set_up_network(id, &addresses, &default, said)?;
        self.set_up(id, &text, said)?;
        self.tree.operation()?;
        self.running.insert(id);
        if is_up && !addresses.is_empty() {
            self.online.insert(id);
        }
        said.out("Container start in progress...");
        Ok(())
    }

    /// Gives a container its addresses, as its distribution has it. False where that comes to nothing.
    fn set_up_network(&mut self, id: u32, addresses: &str, script: &str, said: &mut Said) -> Ended<bool> {
        said.out(format!("Adding IP address(es): {addresses}"));
        let root = self.area("VE_PRIVATE", id);
        let lines: String = addresses.split(' ').map(|address| format!("address {address}\n")).collect();
        let (path, text) = match script {
            "redhat-add_ip.sh" => ("etc/sysconfig/network-scripts/ifcfg-venet0:0", lines),
            "gentoo-add_ip.sh" => ("etc/conf.d/net", lines),
            _ => {
                let path = format!("{root}/etc/network/interfaces");
                let Some(before) = self.tree.file(&path) else {
                    said.err("/bin/bash: line 394: /etc/network/interfaces: No such file or directory");
                    said.err("grep: /etc/network/interfaces: No such file or directory");
                    said.err("cp: cannot stat `/etc/network/interfaces': No such file or directory");
                    said.err("mv: cannot stat `/etc/network/interfaces.bak': No such file or directory");
                    return Ok(false);
                };
                let (kept, _) = before.text().split_once("auto venet0\n").map_or_else(
                    || (before.text(), String::new()),
                    |(kept, rest)| (kept.to_owned(), rest.to_owned()),
                );
                ("etc/network/interfaces", format!("{kept}auto venet0\n{lines}"))
            }
        };
        let path = format!("{root}/{path}");
        if let Some((folder, _)) = path.rsplit_once('/') {
            let done = self.tree.make_folder(folder);
            said.expect(done, 79, folder)?;
        }
        let done = self.tree.write_text(&path, &text);
        said.expect(done, 79, &path)?;
        Ok(true)
    }

    /// The name and the name servers that a container is given.
    fn set_up(&mut self, id: u32, text: &str, said: &mut Said) -> Ended {
        let root = self.area("VE_PRIVATE", id);
        let is_old = self.messages == Messages::Old;
        if is_old {
            said.out("Setting CPU units: 1000");
        }
        if let Some(name) = conf::get(text, "HOSTNAME") {
            let path = format!("{root}/etc/hostname");
            let done = self.tree.write_text(&path, &format!("{name}\n"));
            said.expect(done, 79, &path)?;
            if is_old {
                said.out(format!("Set hostname: {name}"));
            }
        }
        if let Some(servers) = conf::get(text, "NAMESERVER").filter(|servers| !servers.is_empty()) {
            let path = format!("{root}/etc/resolv.conf");
            let lines: String = servers.split(' ').map(|server| format!("nameserver {server}\n")).collect();
            let done = self.tree.write_text(&path, &lines);
            said.expect(done, 79, &path)?;
            if is_old {
                said.out("File resolv.conf was modified");
            }
        }
        Ok(())
    }

    fn stop(&mut self, id: u32, said: &mut Said) -> Ended {
        if !self.running.contains(&id) {
            said.err("Unable to stop: container is not running");
            return Ok(());
        }
        self.tree.operation()?;
        self.running.remove(&id);
        self.online.remove(&id);
        said.out("Stopping container ...");
        if self.kernel == Kernel::Other {
            said.out("Killing container ...");
            said.err("Child 18958 exited with status 3");
        }
        said.out("Container was stopped");
        said.out("Container is unmounted");
        Ok(())
    }

    fn destroy(&mut self, id: u32, said: &mut Said) -> Ended {
        if self.running.contains(&id) {
            said.out("Container is currently running. Stop it first.");
            return Err(Exit(32));
        }
        if self.mounted.contains(&id) {
            said.out("Container is currently mounted (umount first)");
            return Err(Exit(41));
        }
        let private = self.area("VE_PRIVATE", id);
        said.out(format!("Destroying container private area: {private}"));
        if self.kernel == Kernel::Other {
            said.err("File /usr/sbin/vzquota not found");
            said.err("File /usr/sbin/vzquota not found");
        }
        let done = self.tree.remove_all(&private);
        said.expect(done, 52, &private)?;
        let path = conf_path(id);
        let done = self.tree.rename(&path, &format!("{path}.destroyed"));
        said.expect(done, 3, &path)?;
        let root = self.area("VE_ROOT", id);
        let done = self.tree.remove_all(&root);
        said.expect(done, 52, &root)?;
        said.out("Container private area was destroyed");
        Ok(())
    }

    /// `exec` says nothing of how it ended. Both join their words, which a shell in the container takes apart again.
    fn exec(&mut self, id: u32, verb: &str, args: &[&str], stdin: &str, said: &mut Said) -> Ended {
        if !self.running.contains(&id) {
            return said.fail(31, "Container is not running");
        }
        let around = self.around(id);
        let root = self.area("VE_PRIVATE", id);
        let words = words(&args.join(" "));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let reply = inside::run(&mut self.tree, &root, &around, &words, stdin);
        match said.pass_on(&reply) {
            Err(Exit(exit)) if verb == "exec" && exit != KILLED => Ok(()),
            ended => ended,
        }
    }

    /// The script that gives addresses, by the file of a container's distribution: the name without what stands behind the last
    /// `-`, again and again, until there is one.
    pub(super) fn distribution(&self, id: u32, said: &mut Said) -> String {
        let text = self.conf(id).unwrap_or_default();
        let script = |name: &str| {
            let file = self.tree.file(&format!("/etc/vz/dists/{name}"))?;
            Some(conf::get(&file.text(), "ADD_IP").unwrap_or_default().to_owned())
        };
        let default = || script("default").unwrap_or_default();
        let Some(template) = conf::get(&text, "OSTEMPLATE") else {
            said.err(
                "Warning: distribution not specified in CT config, using defaults from /etc/vz/dists/default",
            );
            return default();
        };
        let mut name = template;
        loop {
            if let Some(script) = script(&format!("{name}.conf")) {
                return script;
            }
            let Some((shorter, _)) = name.rsplit_once('-') else { break };
            name = shorter;
        }
        said.err(format!(
            "Warning: configuration file for distribution {template} not found, using defaults from /etc/vz/dists/default"
        ));
        default()
    }

    /// The configuration of a container; `None` where there is none.
    pub(super) fn conf(&self, id: u32) -> Option<String> {
        Some(self.tree.file(&conf_path(id))?.text())
    }

    pub(super) fn save(&mut self, id: u32, text: &str, said: &mut Said) -> Ended {
        let path = conf_path(id);
        let done = self.tree.write_text(&path, text);
        said.expect(done, 3, &path)?;
        said.out(match self.messages {
            Messages::Old => format!("Saved parameters for CT {id}"),
            Messages::New => format!("CT configuration saved to {path}"),
        });
        Ok(())
    }

    pub(super) fn has_area(&self, id: u32) -> bool {
        self.tree.is_folder(&self.area("VE_PRIVATE", id))
    }

    pub(super) fn global(&self) -> String {
        self.tree.file(GLOBAL).map(super::tree::File::text).unwrap_or_default()
    }

    fn pattern(&self, key: &str) -> String {
        conf::get(&self.global(), key).unwrap_or("/var/lib/vz/lost/$VEID").to_owned()
    }

    /// The folder of a container that a key of `vz.conf` names.
    pub fn area(&self, key: &str, id: u32) -> String {
        let id = id.to_string();
        self.pattern(key).replace("${VEID}", &id).replace("$VEID", &id)
    }

    /// The folder that `vz.conf` calls TEMPLATE.
    pub fn templates(&self) -> String {
        conf::get(&self.global(), "TEMPLATE").unwrap_or("/var/lib/vz/template").to_owned()
    }
}

pub(super) fn conf_path(id: u32) -> String {
    format!("/etc/vz/conf/{id}.conf")
}
