//! Hosts as they are at first.

use std::collections::{BTreeMap, BTreeSet};

use super::system::System;
use super::tree::{File, Node, Tree};
use super::{ContainerHost, Dialect, Kernel, Messages, REQUIRED};

/// `vz.conf` of a host whose disk quota nobody has set.
pub const VZ_CONF: &str = "# Global parameters
VIRTUOZZO=yes
LOCKDIR=/var/lib/vz/lock
DUMPDIR=/var/lib/vz/dump

# Primary network interface for generic container networking
VE0CPUUNITS=1000

# Disk quota parameters
DISK_QUOTA=yes
VZFASTBOOT=no

# The name of the device whose IP address will be used as source IP for container.
TEMPLATE=/var/lib/vz/template

# Defaults for containers
VE_ROOT=/var/lib/vz/root/$VEID
VE_PRIVATE=/var/lib/vz/private/$VEID
CONFIGFILE=\"basic\"
DEF_OSTEMPLATE=\"debian\"

IPV6=\"no\"
";

/// 2026-11-21, noon.
const NOON: i64 = 1_795_262_400;

impl ContainerHost {
    fn new(name: &str, dialect: Dialect) -> Self {
        let tree = Tree::new(NOON);
        let packages = ["bash", "locales", "nginx", "openssh-server", "php", "tzdata", "vim", "yum"];
        ContainerHost {
            name: name.to_owned(),
            dialect,
            messages: Messages::New,
            kernel: Kernel::Other,
            release: None,
            tree,
            running: BTreeSet::new(),
            mounted: BTreeSet::new(),
            online: BTreeSet::new(),
            repository: packages.map(|package| (package.to_owned(), 1)).into(),
            fail_start: false,
            fail_packages: None,
            fills_up: None,
            at_work: BTreeSet::new(),
        }
    }

    /// A host with `vzctl` of version 4 on another kernel than OpenVZ's, whose containers find all limits in their sample.
    pub fn openvz(name: &str) -> Self {
        let mut host = ContainerHost::new(name, Dialect::OpenVz);
        let tree = &mut host.tree;
        tree.put("/etc/vz/vz.conf", VZ_CONF);
        let limits: String =
            REQUIRED.iter().map(|name| format!("{}=\"unlimited\"\n", name.to_uppercase())).collect();
        tree.put(
            "/etc/vz/conf/ve-basic.conf-sample",
            format!("ONBOOT=\"no\"\n{limits}DISKSPACE=\"2G:2.2G\"\nDISKINODES=\"131072:144179\"\n"),
        );
        tree.put("/etc/vz/conf/0.conf", "ONBOOT=\"no\"\n");
        for (name, script) in [
            ("default", "debian"),
            ("debian.conf", "debian"),
            ("scientific.conf", "redhat"),
            ("gentoo.conf", "gentoo"),
        ] {
            tree.put(
                &format!("/etc/vz/dists/{name}"),
                format!("ADD_IP={script}-add_ip.sh\nSET_DNS=set_dns.sh\n"),
            );
        }
        for folder in ["cache", "private", "root", "lock", "dump"] {
            let above = if folder == "cache" { "/var/lib/vz/template" } else { "/var/lib/vz" };
            tree.place(&format!("{above}/{folder}"), Node::Folder);
        }
        tree.place("/var/log", Node::Folder);
        tree.place("/tmp", Node::Folder);
        host
    }

    /// The host of 2011 and 2014 that the articles tell of: Proxmox VE 1.7, messages of version 3, OpenVZ's own kernel, and no
    /// sample that would give containers limits.
    pub fn openvz_of_old(name: &str) -> Self {
        let mut host = ContainerHost::openvz(name).speaks_old();
        host.kernel = Kernel::OpenVz;
        host.release = Some("1.7-10".to_owned());
        host.tree.erase("/etc/vz/conf/ve-basic.conf-sample");
        host
    }

    /// A node of Proxmox VE of a release such as `9.1.99`.
    pub fn proxmox(name: &str, release: &str) -> Self {
        let mut host = ContainerHost::new(name, Dialect::Proxmox);
        host.release = Some(release.to_owned());
        let tree = &mut host.tree;
        let storages = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\nlvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n";
        tree.put("/etc/pve/storage.cfg", storages);
        for folder in ["/etc/pve/nodes/NAME/lxc", "/etc/pve/nodes/NAME/qemu-server"] {
            tree.place(&folder.replace("NAME", name), Node::Folder);
        }
        tree.place("/etc/pve/local", Node::Link(format!("nodes/{name}")));
        tree.place("/etc/pve/lxc", Node::Link(format!("nodes/{name}/lxc")));
        tree.place("/etc/pve/qemu-server", Node::Link(format!("nodes/{name}/qemu-server")));
        for folder in ["/var/lib/vz/template/cache", "/var/lib/lxc", "/var/log", "/tmp", "/dev/pve"] {
            tree.place(folder, Node::Folder);
        }
        host
    }

    /// Somebody puts a template of a system into the cache, packed as its name says.
    pub fn add_template(&mut self, file: &str, system: System) {
        let by = file.rsplit_once(".tar.").map_or("", |(_, by)| by);
        let template = File { mtime: self.tree.now, ..system.template(by) };
        let path = format!("{}/cache/{file}", self.templates());
        self.tree.place(&path, Node::File(template));
    }

    /// Somebody makes a container, which does not run.
    pub fn add_container(&mut self, id: u32, system: System, settings: &BTreeMap<&str, &str>) {
        let root = match self.dialect {
            Dialect::OpenVz => self.area("VE_PRIVATE", id),
            Dialect::Proxmox => super::pct::volume(id),
        };
        self.tree.place(&root, Node::Folder);
        for (path, node) in system.root() {
            self.tree.place(&format!("{root}/{path}"), node);
        }
        let line = |(key, value): (&&str, &&str)| match self.dialect {
            Dialect::OpenVz => format!("{key}=\"{value}\"\n"),
            Dialect::Proxmox => format!("{key}: {value}\n"),
        };
        let text: String = settings.iter().map(line).collect();
        let path = match self.dialect {
            Dialect::OpenVz => super::vzctl::conf_path(id),
            Dialect::Proxmox => format!("/etc/pve/nodes/{}/lxc/{id}.conf", self.name),
        };
        self.tree.put(&path, text);
    }
}
