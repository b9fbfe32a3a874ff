//! The drivers' fixed scripts that change a container's root, acted out: packages, time zone, locale, files, links, cleanup.

use super::inside::Inside;
use super::said::{Ended, Said};
use super::system::{MANAGERS, Manager, files_of};
use super::tree::{File, Node};

impl Inside<'_> {
    fn manager(&self, said: &mut Said) -> Ended<Manager> {
        let is_there = |manager: &&Manager| self.tree.file_in(self.root, manager.program).is_some();
        match MANAGERS.iter().find(is_there) {
            Some(manager) => Ok(*manager),
            None => said.fail(127, "there is no package manager that Evenkeel knows: apt-get, dnf, yum, zypper, apk, pacman, emerge"),
        }
    }

    pub(super) fn packages(&mut self, action: &str, names: &[&str], said: &mut Said) -> Ended {
        let manager = self.manager(said)?;
        let fails = if manager.name == "apt-get" { 100 } else { 1 };
        let mut list: Vec<(String, u32)> = self
            .text(manager.list)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, version)| (name.to_owned(), version.parse().unwrap_or(0)))
            .collect();
        if action == "remove" {
            return self.remove_packages(manager, list, names, said);
        }
        if let Some(problem) = &self.around.fail_packages {
            return said.fail(fails, problem);
        }
        if !self.around.network {
            let problem = match manager.name {
                "apt-get" => "E: Failed to fetch some index files: Temporary failure resolving the host",
                "yum" => {
                    "Error: Cannot retrieve repository metadata (repomd.xml) for repository: sl. Please verify its path and try again"
                }
                _ => "!!! No server could be reached",
            };
            return said.fail(fails, problem);
        }
        let newest = |name: &str| self.around.repository.get(name).copied();
        if action == "upgrade" {
            for (name, version) in &mut list {
                *version = newest(name).unwrap_or(*version);
            }
        }
        for name in names.iter().filter(|_| action == "install") {
            let Some(version) = newest(name) else {
                let problem = match manager.name {
                    "apt-get" => format!("E: Unable to locate package {name}"),
                    "yum" => format!("not installed, since yum knows no such package: {name}"),
                    _ => format!("emerge: there are no ebuilds to satisfy \"{name}\"."),
                };
                return said.fail(fails, problem);
            };
            if !list.iter().any(|(known, _)| known == name) {
                list.push(((*name).to_owned(), version));
                for (path, file) in files_of(name) {
                    let at = self.find(&path, said)?;
                    let done = self.tree.write(&at, file);
                    said.expect(done, fails, &path)?;
                }
            }
            said.out(format!("{name} {version} is installed"));
        }
        self.keep_list(manager, list, said)?;
        // What was fetched stays until somebody cleans up.
        self.put(&format!("{}/fetched.deb", manager.cache), "a package\n", said)
    }

    fn remove_packages(
        &mut self,
        manager: Manager,
        mut list: Vec<(String, u32)>,
        names: &[&str],
        said: &mut Said,
    ) -> Ended {
        let before = list.len();
        list.retain(|(known, _)| !names.contains(&known.as_str()));
        if list.len() == before {
            said.out("nothing to remove");
            return Ok(());
        }
        for (path, _) in names.iter().flat_map(|name| files_of(name)) {
            let done = self.tree.remove(&format!("{}{path}", self.root));
            said.expect(done, 1, &path)?;
        }
        self.keep_list(manager, list, said)
    }

    fn keep_list(&mut self, manager: Manager, mut list: Vec<(String, u32)>, said: &mut Said) -> Ended {
        list.sort();
        let text: String = list.iter().map(|(name, version)| format!("{name} {version}\n")).collect();
        self.put(manager.list, &text, said)
    }

    pub(super) fn time_zone(&mut self, zone: &str, said: &mut Said) -> Ended {
        let data = format!("/usr/share/zoneinfo/{zone}");
        if self.text(&data).is_none() {
            return said.fail(1, format!("the time zone {zone} is not known here: there is no {data}; install the package tzdata, or look at its spelling"));
        }
        self.link("/etc/localtime", &data, said)?;
        let names = ["/etc/timezone", "/etc/debian_version", "/etc/gentoo-release"];
        if names.iter().any(|path| self.text(path).is_some()) {
            self.put("/etc/timezone", &format!("{zone}\n"), said)?;
        }
        if let Some(clock) = self.text("/etc/sysconfig/clock") {
            let others = clock.lines().filter(|line| !line.starts_with("ZONE="));
            let others: String = others.map(|line| format!("{line}\n")).collect();
            self.put("/etc/sysconfig/clock", &format!("{others}ZONE=\"{zone}\"\n"), said)?;
        }
        Ok(())
    }

    pub(super) fn locale(&mut self, locale: &str, said: &mut Said) -> Ended {
        let (path, quote) = if self.text("/etc/debian_version").is_some() {
            ("/etc/default/locale", "")
        } else if self.text("/etc/sysconfig/i18n").is_some() {
            ("/etc/sysconfig/i18n", "\"")
        } else {
            ("/etc/env.d/02locale", "\"")
        };
        let before = self.text(path).unwrap_or_default();
        let others = before.lines().filter(|line| !line.starts_with("LANG="));
        let others: String = others.map(|line| format!("{line}\n")).collect();
        self.put(path, &format!("{others}LANG={quote}{locale}{quote}\n"), said)
    }

    pub(super) fn link(&mut self, path: &str, leads: &str, said: &mut Said) -> Ended {
        let at = format!("{}{path}", self.root);
        if self.tree.node(&at) == Some(&Node::Folder) {
            return said.fail(1, format!("{path} is a folder, which no link takes the place of: move it away with a script in `run`"));
        }
        if let Some((folder, _)) = at.rsplit_once('/') {
            let done = self.tree.make_folder(folder);
            said.expect(done, 1, path)?;
        }
        let done = self.tree.remove(&at).and_then(|()| self.tree.link(&at, leads));
        said.expect(done, 1, path)
    }

    pub(super) fn file(&mut self, arguments: &[&str], data: Option<&str>, said: &mut Said) -> Ended {
        let (path, mode) = match arguments {
            ["absent", path] => {
                let at = format!("{}{path}", self.root);
                if self.tree.node(&at) == Some(&Node::Folder) {
                    return said.fail(1, format!("{path} is a folder: remove it with a script in `run`"));
                }
                let done = self.tree.remove(&at);
                return said.expect(done, 1, path);
            }
            ["content", path, mode, _owner] => {
                self.put(path, data.unwrap_or_default(), said)?;
                (path, mode)
            }
            ["line", path, mode, _owner, line] => {
                let text = with_line(&self.text(path).unwrap_or_default(), line);
                self.put(path, &text, said)?;
                (path, mode)
            }
            _ => return said.fail(1, format!("file.sh does not know {arguments:?}")),
        };
        match u32::from_str_radix(mode, 8) {
            Ok(mode) => {
                let at = self.find(path, said)?;
                let done = self.tree.chmod(&at, mode);
                said.expect(done, 1, path)
            }
            Err(_) => Ok(()),
        }
    }
}

/// The text with a line in it that may replace one of the same key.
fn with_line(text: &str, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.contains(&line) {
        return text.to_owned();
    }
    let (key, _) = key_of(line);
    let place = |behind| lines.iter().position(|old| key.is_some() && key_of(old) == (key, behind));
    match place(false).or_else(|| place(true)).and_then(|at| lines.get_mut(at)) {
        Some(old) => *old = line,
        None => lines.push(line),
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What stands before the `=` of a line, and whether the line is behind a `#` or `;`.
fn key_of(line: &str) -> (Option<&str>, bool) {
    let plain = line.trim_start_matches([' ', '\t', '#', ';']);
    let key = plain.split_once('=').map(|(key, _)| key.trim_end());
    let is_word = |key: &&str| key.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/-".contains(c));
    let behind = line.trim_start().starts_with(['#', ';']);
    (key.filter(|key| !key.is_empty()).filter(is_word), behind)
}

/// What `cleanup.sh` takes away, as far as a container here has it.
pub(super) fn cleanup(inside: &mut Inside<'_>, said: &mut Said) -> Ended {
    let emptied = MANAGERS.iter().map(|manager| manager.cache).chain(["/tmp", "/var/tmp"]);
    for folder in emptied {
        for name in inside.tree.names(&format!("{}{folder}", inside.root)) {
            let done = inside.tree.remove_all(&format!("{}{folder}/{name}", inside.root));
            said.expect(done, 1, folder)?;
        }
    }
    for path in ["/etc/machine-id", "/etc/resolv.conf", "/var/log/messages"] {
        if inside.is_plain_file(path) {
            inside.put(path, "", said)?;
        }
    }
    let scripts = ["/etc/init.d/sshd", "/lib/systemd/system/ssh-keys.service"];
    let makes_keys =
        scripts.iter().any(|path| inside.text(path).is_some_and(|text| text.contains("ssh-keygen")));
    for name in inside.tree.names(&format!("{}/etc/ssh", inside.root)) {
        let path = format!("/etc/ssh/{name}");
        if name.starts_with("ssh_host_") && makes_keys {
            let done = inside.tree.remove(&format!("{}{path}", inside.root));
            said.expect(done, 1, &path)?;
        }
    }
    let done = inside.tree.remove(&format!("{}/root/.bash_history", inside.root));
    said.expect(done, 1, "/root/.bash_history")
}

/// A file that only its owner may read, such as a key.
pub(super) fn private(text: &str, now: i64) -> File {
    File { mode: 0o600, ..File::new(text.as_bytes(), now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_the_place_of_one_with_its_key() {
        let text = "[Date]\n;date.timezone =\nother=1\n";
        let line = "date.timezone = Asia/Tokyo";
        let after = with_line(text, line);
        assert_eq!(after, "[Date]\ndate.timezone = Asia/Tokyo\nother=1\n");
        assert_eq!(with_line(&after, line), after);
        assert_eq!(with_line("a b=1\n", "plain"), "a b=1\nplain\n");
    }
}
