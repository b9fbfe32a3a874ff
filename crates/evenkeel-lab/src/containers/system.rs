//! What lies in the root of a small system: enough for a template to be made of it, and to see afterwards what became of it.

use std::collections::BTreeMap;

use super::archive::{Root, pack};
use super::tree::{File, Node};

/// A system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    /// Scientific Linux 6: `yum`, and no os-release.
    Scientific6,
    /// Debian 12: `apt-get`, systemd.
    Debian12,
    /// Sabayon 5, made of Gentoo: `emerge`.
    Sabayon5,
}

impl System {
    /// What lies in its root.
    pub fn root(self) -> Root {
        let mut files: BTreeMap<String, Node> = BTreeMap::new();
        let mut put = |path: &str, node: Node| {
            for (at, _) in path.match_indices('/') {
                files.entry(path.get(..at).unwrap_or_default().to_owned()).or_insert(Node::Folder);
            }
            files.insert(path.to_owned(), node);
        };
        for (path, text) in EVERYWHERE.iter().chain(self.files()) {
            put(path, Node::File(File::new(text.as_bytes(), 0)));
        }
        for program in ["bin/bash", "sbin/init"].iter().chain(self.programs()) {
            put(program, Node::File(program_file()));
        }
        put("bin/sh", Node::Link("bash".to_owned()));
        for folder in [
            "dev",
            "home",
            "proc",
            "root",
            "tmp",
            "var/tmp",
            "var/cache/apt/archives",
            "var/cache/yum",
            "usr/portage/distfiles",
        ] {
            put(folder, Node::Folder);
        }
        files.into_iter().collect()
    }

    /// A template of it, packed by one of [`super::archive::ENDINGS`].
    pub fn template(self, by: &str) -> File {
        pack(by, self.root().iter().map(|(path, node)| (path.as_str(), node)))
    }

    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            System::Scientific6 => &[
                ("etc/redhat-release", "Scientific Linux release 6.0 (Carbon)\n"),
                ("etc/sysconfig/i18n", "LANG=\"C\"\nSYSFONT=\"latarcyrheb-sun16\"\n"),
                ("etc/sysconfig/clock", "ZONE=\"America/Chicago\"\n"),
                ("etc/sysconfig/network", "NETWORKING=\"yes\"\n"),
                ("etc/init.d/sshd", "#!/bin/bash\nssh-keygen -q -t rsa -f /etc/ssh/ssh_host_rsa_key\n"),
                ("var/lib/rpm/Packages", "bash 1\ntzdata 1\nyum 1\n"),
            ],
            System::Debian12 => &[
                ("etc/debian_version", "12.7\n"),
                ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
                ("etc/network/interfaces", "auto lo\niface lo inet loopback\n"),
                ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
                ("etc/timezone", "Etc/UTC\n"),
                ("lib/systemd/system/ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n"),
                ("lib/systemd/system/ssh-keys.service", "[Service]\nExecStart=/usr/bin/ssh-keygen -A\n"),
                ("var/lib/dpkg/status", "bash 1\nlocales 1\ntzdata 1\n"),
            ],
            System::Sabayon5 => &[
                ("etc/gentoo-release", "Sabayon Linux 5.4\n"),
                ("etc/conf.d/net", "config_lo=\"127.0.0.1/8\"\n"),
                ("etc/env.d/02locale", "LANG=\"C\"\n"),
                ("var/lib/portage/world", "bash 1\n"),
            ],
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            System::Scientific6 => &["usr/bin/yum", "usr/bin/localedef"],
            System::Debian12 => &["usr/bin/apt-get", "usr/sbin/locale-gen", "usr/bin/dpkg"],
            System::Sabayon5 => &["usr/bin/emerge", "usr/bin/localedef"],
        }
    }
}

/// A program, of which nobody reads what is in it.
pub(super) fn program_file() -> File {
    File { mode: 0o755, padding: 1 << 20, ..File::new(b"\x7fELF", 0) }
}

const EVERYWHERE: [(&str, &str); 8] = [
    ("etc/hosts", "127.0.0.1 localhost\n"),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
    ("etc/resolv.conf", ""),
    ("usr/share/zoneinfo/America/Chicago", "TZif2\n"),
    ("usr/share/zoneinfo/Asia/Tokyo", "TZif2\n"),
    ("usr/share/zoneinfo/Etc/UTC", "TZif2\n"),
    ("usr/share/zoneinfo/Europe/Berlin", "TZif2\n"),
    ("var/log/messages", ""),
];

/// A manager of packages: its name, its program, and where it keeps what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manager {
    pub(super) name: &'static str,
    pub(super) program: &'static str,
    pub(super) list: &'static str,
    /// The folder that what it fetched is kept in.
    pub(super) cache: &'static str,
}

/// In the order that they are looked for.
pub(super) const MANAGERS: [Manager; 3] = [
    Manager {
        name: "apt-get",
        program: "/usr/bin/apt-get",
        list: "/var/lib/dpkg/status",
        cache: "/var/cache/apt/archives",
    },
    Manager { name: "yum", program: "/usr/bin/yum", list: "/var/lib/rpm/Packages", cache: "/var/cache/yum" },
    Manager {
        name: "emerge",
        program: "/usr/bin/emerge",
        list: "/var/lib/portage/world",
        cache: "/usr/portage/distfiles",
    },
];

/// What a package brings: paths and texts.
pub(super) fn files_of(package: &str) -> Vec<(String, File)> {
    let program = (format!("/usr/bin/{package}"), program_file());
    let setup = match package {
        "php" => Some(("/etc/php.ini", "[Date]\n;date.timezone =\n")),
        "openssh-server" => Some(("/etc/ssh/sshd_config", "UsePAM yes\n")),
        _ => None,
    };
    let setup = setup.map(|(path, text)| (path.to_owned(), File::new(text.as_bytes(), 0)));
    [program].into_iter().chain(setup).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_has_every_folder_that_something_is_in() {
        for system in [System::Scientific6, System::Debian12, System::Sabayon5] {
            let root: BTreeMap<String, Node> = system.root().into_iter().collect();
            for path in root.keys() {
                let above = path.rsplit_once('/').map(|(folder, _)| folder);
                assert!(above.is_none_or(|folder| root.get(folder) == Some(&Node::Folder)), "{path}");
            }
            let template = system.template("gz");
            assert!(template.len() > 1 << 20, "{system:?} is {} bytes", template.len());
        }
    }
}
