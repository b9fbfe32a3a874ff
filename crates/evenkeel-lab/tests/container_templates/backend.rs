//! The hosts and manifests that the tests play on: the article of 2011 on OpenVZ, and the like of it on Proxmox VE.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_lab::containers::tree::{File, Node};
use evenkeel_lab::containers::{ContainerHost, Dialect, REQUIRED, System, VZ_CONF};
use serde_json::{Value, json};

pub(crate) const CACHE: &str = "/var/lib/vz/template/cache";

/// What templates are built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Openvz,
    Lxc,
}

/// With the lines of 2014.
pub(crate) fn vz_conf() -> String {
    format!("{VZ_CONF}DISKSPACE=\"20G:22G\"\nDISKINODES=\"4000000:4400000\"\n")
}

impl Backend {
    /// The file that templates are made of.
    pub(crate) fn base(self) -> &'static str {
        match self {
            Backend::Openvz => "scientific-6-standard_6.0_i386.tar.gz",
            Backend::Lxc => "debian-12-standard_12.7-1_amd64.tar.zst",
        }
    }

    /// What is made on this day of November.
    pub(crate) fn made_on(self, day: u32) -> String {
        match self {
            Backend::Openvz => format!("scientific-6-standard_6.0-202611{day}_i386.tar.gz"),
            Backend::Lxc => format!("debian-12-web_12-202611{day}_amd64.tar.zst"),
        }
    }

    /// The scratch container.
    pub(crate) fn id(self) -> u32 {
        match self {
            Backend::Openvz => 555,
            Backend::Lxc => 900,
        }
    }

    /// A host with what templates are made of, and with a container of somebody else.
    pub(crate) fn host(self, name: &str) -> ContainerHost {
        let system = self.system();
        let mut host = match self {
            Backend::Openvz => ContainerHost::openvz_of_old(name),
            Backend::Lxc => ContainerHost::proxmox(name, "9.1.99"),
        };
        if self == Backend::Openvz {
            host.tree.put("/etc/vz/vz.conf", vz_conf());
        }
        host.add_template(self.base(), system);
        host.add_container(101, System::Debian12, &BTreeMap::from([("HOSTNAME", "web1")]));
        host.running.insert(101);
        host
    }

    pub(crate) fn system(self) -> System {
        match self {
            Backend::Openvz => System::Scientific6,
            Backend::Lxc => System::Debian12,
        }
    }

    /// The manifest, with `more` in its spec.
    pub(crate) fn manifest(self, more: &Value) -> String {
        let mut files = vec![
            json!({ "path": "/etc/php.ini", "line": "date.timezone = Asia/Tokyo" }),
            json!({ "path": "/etc/motd", "content": "made by Evenkeel\n" }),
        ];
        let (key, mut spec) = match self {
            Backend::Openvz => {
                files.push(json!({ "path": "/etc/sysconfig/i18n", "line": "LANG=\"ja_JP.UTF-8\"" }));
                ("openvz", openvz())
            }
            Backend::Lxc => ("lxc", lxc()),
        };
        let provision = json!({
            "packages": { "upgrade": true, "install": ["php"] },
            "timeZone": "Asia/Tokyo",
            "files": files,
        });
        let fields = spec.as_object_mut().unwrap();
        fields.insert("provision".to_owned(), provision);
        fields.extend(more.as_object().unwrap().clone());
        let spec = json!({ "target": "pve1", key: spec });
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: ContainerTemplate\nmetadata: {{ name: web }}\nspec: {spec}\n"
        )
    }

    /// It has in it what the manifest says, and nothing of where it was built.
    pub(crate) fn expect_root(self, root: &BTreeMap<String, Node>, name: &str) {
        let text = |path: &str| match root.get(path) {
            Some(Node::File(file)) => file.text(),
            other => panic!("{path} is {other:?} in {name}"),
        };
        assert_eq!(text("etc/php.ini"), "[Date]\ndate.timezone = Asia/Tokyo\n");
        assert_eq!(text("etc/motd"), "made by Evenkeel\n");
        assert_eq!(root["etc/localtime"], Node::Link("/usr/share/zoneinfo/Asia/Tokyo".to_owned()));
        if self == Backend::Openvz {
            assert!(text("etc/sysconfig/i18n").contains("LANG=\"ja_JP.UTF-8\"\n"));
        }
        assert_eq!(text("etc/resolv.conf"), "", "no trace of where it was built");
        let traces = ["fetched.deb", "evenkeel", "ssh_host_"];
        let trace = root.keys().find(|path| traces.iter().any(|trace| path.contains(trace)));
        assert!(trace.is_none(), "{trace:?} is in {name}");
    }

    /// True where `vzctl create` was killed in the moment when all files are there and nothing tells yet whose they are.
    pub(crate) fn is_nameless(self, host: &ContainerHost) -> bool {
        let conf = host.tree.file("/etc/vz/conf/555.conf").map(File::text).unwrap_or_default();
        self == Backend::Openvz
            && !host.tree.names("/var/lib/vz/private/555").is_empty()
            && !conf.contains("HOSTNAME=\"evenkeel-build-")
    }

    /// What a build makes for the time of its work.
    pub(crate) fn leftovers(host: &ContainerHost) -> BTreeSet<String> {
        let tree = &host.tree;
        let of = |folder: &str| {
            let named = |name: String| format!("{folder}/{name}");
            tree.names(folder)
                .into_iter()
                .filter(|name| !name.starts_with("101"))
                .map(named)
                .collect::<Vec<_>>()
        };
        let marks = of("/var/lib/evenkeel/containers").into_iter();
        let is_half = |name: &String| name.contains("/.") || name.ends_with(".part");
        let half = of(CACHE).into_iter().filter(is_half);
        let running = host.running.iter().filter(|id| **id != 101).map(|id| format!("{id} runs"));
        let made: Vec<String> = match host.dialect() {
            Dialect::OpenVz => {
                let is_ours = |name: &String| name.contains("/555");
                let more = [of("/var/lib/vz/root"), of("/etc/vz/conf")].concat();
                of("/var/lib/vz/private").into_iter().chain(more.into_iter().filter(is_ours)).collect()
            }
            Dialect::Proxmox => {
                let disks = of("/dev/pve").into_iter().filter(|disk| !disk.contains("-101-"));
                let confs = of(&format!("/etc/pve/nodes/{}/lxc", host.name));
                disks.chain(confs).chain(of("/var/lib/lxc")).collect()
            }
        };
        marks.chain(half).chain(running).chain(made).collect()
    }
}

fn openvz() -> Value {
    let limits: BTreeMap<&str, &str> = REQUIRED.iter().map(|name| (*name, "unlimited")).collect();
    json!({
        "base": "scientific-6-standard_6.0_i386",
        "output": {
            "distribution": "scientific", "release": "6", "flavor": "standard",
            "version": "6.0-{yyyyMMdd}", "arch": "i386",
        },
        "build": {
            "ctid": 555, "address": "192.168.35.240", "nameserver": "192.168.35.1", "limits": { "ubc": limits },
        },
    })
}

fn lxc() -> Value {
    json!({
        "base": "debian-12-standard_12.7-1_amd64.tar.zst",
        "output": {
            "distribution": "debian", "release": "12", "flavor": "web",
            "version": "12-{yyyyMMdd}", "arch": "amd64",
        },
        "build": { "vmid": 900, "storage": "local-lvm", "bridge": "vmbr0", "address": "dhcp" },
    })
}
