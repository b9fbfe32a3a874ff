//! The scripts of nodes of Proxmox VE, in real shells, on folders and with programs of our own instead of `pct`, `pvesm` and
//! `lxc-usernsexec`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Command;

use evenkeel_drivers::containers::host::VERIFY;
use evenkeel_drivers::containers::lxc::{BEGIN, DISCARD, LOOK, PACK};

use super::folders::{Host, everywhere};

const CACHE: &str = "/var/lib/vz/template/cache";
const NAME: &str = "debian-12-web_12-20261120_amd64.tar.gz";
const MARK: &str = "ContainerTemplate/debian evenkeel debian-12-web_12-{yyyyMMdd}_amd64 \
                    debian-12-web_12-20261120_amd64.tar.gz";
const CONF: &str = "/etc/pve/nodes/pve1/lxc/900.conf";
const STORAGES: &str = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\nlvmthin: fast\n\tvgname pve\n\
                        \tcontent rootdir,images\n\nnfs: away\n\tcontent vztmpl\n\tdisable\n";

/// A node with a virtual machine on another one of its cluster.
fn node(host: &Host) {
    for folder in ["pve1/lxc", "pve1/qemu-server", "pve2/lxc", "pve2/qemu-server"] {
        fs::create_dir_all(host.path("/etc/pve/nodes").join(folder)).unwrap();
    }
    symlink("nodes/pve1/lxc", host.path("/etc/pve/lxc")).unwrap();
    host.write("/etc/pve/storage.cfg", STORAGES);
    host.write("/etc/pve/nodes/pve2/qemu-server/100.conf", "name: other\n");
    let root = host.word("");
    // The volumes of a storage are files in a folder.
    program(
        host,
        "pvesm",
        &format!(
            "case $1 in path) echo \"/var/lib/vz/template/cache/${{2##*/}}\" ;; list) cd {root}/volumes/\"$2\" || exit 255
             for volume in *\"$4\"*; do [ ! -e \"$volume\" ] || echo \"$2:$volume raw rootdir 8 $4\"; done ;;
             free) rm \"{root}/volumes/${{2%%:*}}/${{2#*:}}\" ;; esac"
        ),
    );
    program(
        host,
        "pct",
        &format!("case $1 in destroy) rm {root}{CONF} {root}/volumes/fast/vm-900-disk-0 ;; esac"),
    );
    fs::create_dir_all(host.path("/volumes/fast")).unwrap();
}

/// A program that writes down what it was told.
fn program(host: &Host, name: &str, body: &str) {
    let text = format!("#!/bin/sh\necho \"{name} $*\" >>{}\n{body}\n", host.word("/told"));
    host.write(&format!("/bin/{name}"), &text);
    fs::set_permissions(host.path(&format!("/bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
}

fn told(host: &Host) -> String {
    fs::read_to_string(host.path("/told")).unwrap_or_default()
}

fn begin(host: &Host) -> [String; 6] {
    let (cache, log) = (host.word(CACHE), host.word("/var/log/evenkeel/debian.log"));
    ["900".to_owned(), "fast".to_owned(), cache, "10".to_owned(), log, MARK.to_owned()]
}

fn discard(host: &Host, mark: &str) -> [String; 4] {
    ["900".to_owned(), host.word(CACHE), NAME.to_owned(), mark.to_owned()]
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

#[test]
fn a_node_tells_its_storages_and_the_guests_of_its_cluster() {
    everywhere(|host| {
        node(host);
        assert_eq!(
            host.said(&LOOK, &[]),
            "storage local iso,vztmpl,backup\nstorage fast rootdir,images\nfolder local /var/lib/vz/template/cache\n\
             guest 100 qemu-server pve2\nend\n"
        );
        fs::remove_file(host.path("/etc/pve/storage.cfg")).unwrap();
        assert!(
            host.said(&LOOK, &[]).starts_with("storage local -\nfolder local /var/lib/vz/template/cache\n")
        );
        fs::rename(host.path("/etc/pve"), host.path("/etc/gone")).unwrap();
        assert!(host.refused(&LOOK, &[]).contains("no node of Proxmox VE"));
    });
}

#[test]
fn a_build_begins_where_nobody_has_the_id() {
    everywhere(|host| {
        node(host);
        host.write("/var/log/evenkeel/debian.log", "of before\n");
        host.write("/volumes/fast/vm-900-disk-0", "of a guest that is gone");
        let asked = begin(host);
        let asked = words(&asked);
        assert!(host.refused(&BEGIN, &asked).contains("fast:vm-900-disk-0 is there already"));
        fs::remove_file(host.path("/volumes/fast/vm-900-disk-0")).unwrap();
        // Volumes of other ids are none of ours.
        host.write("/volumes/fast/vm-1900-disk-0", "of another");
        host.write("/volumes/fast/vm-9001-disk-0", "of another");
        host.write("/etc/pve/nodes/pve2/lxc/900.conf", "hostname: theirs\n");
        assert!(
            host.refused(&BEGIN, &asked)
                .contains("there is a guest 900 already (/etc/pve/nodes/pve2/lxc/900.conf)")
        );
        fs::remove_file(host.path("/etc/pve/nodes/pve2/lxc/900.conf")).unwrap();
        let mut much = asked.clone();
        much[3] = "999999999999";
        assert!(host.refused(&BEGIN, &much).contains("KiB, and the build needs about 999999999999 KiB"));
        // Of a node that has the same folder.
        host.write(&format!("{CACHE}/.{NAME}.evenkeel-new"), "of another build");
        assert!(host.refused(&BEGIN, &asked).contains("of a build on another machine"));
        fs::remove_file(host.path(&format!("{CACHE}/.{NAME}.evenkeel-new"))).unwrap();
        assert!(!host.has("/var/lib/evenkeel/containers/900"));
        host.said(&BEGIN, &asked);
        let mark = fs::read_to_string(host.path("/var/lib/evenkeel/containers/900")).unwrap();
        assert_eq!(mark, format!("{MARK}\n"));
        assert!(host.has("/var/log/evenkeel/debian.log.1") && !host.has("/var/log/evenkeel/debian.log"));
        assert!(host.refused(&BEGIN, &asked).contains("another build has the id 900"));
    });
}

#[test]
fn only_what_a_build_left_is_taken_away() {
    everywhere(|host| {
        node(host);
        host.said(&BEGIN, &words(&begin(host)));
        host.write(CONF, "#somebody's own\nhostname: web\nrootfs: fast:vm-900-disk-0\n");
        host.write("/volumes/fast/vm-900-disk-0", "theirs");
        host.write(&format!("{CACHE}/.{NAME}.evenkeel-new"), "half");
        // Another build's mark: nothing is touched.
        let refused = host.refused(&DISCARD, &words(&discard(host, "another mark")));
        assert!(refused.contains("another mark than this build's"), "{refused}");
        assert!(host.has(&format!("{CACHE}/.{NAME}.evenkeel-new")));
        // Ours, but somebody made a container of that id meanwhile: it stays, what is ours goes.
        host.said(&DISCARD, &words(&discard(host, MARK)));
        assert!(host.has(CONF) && host.has("/volumes/fast/vm-900-disk-0"));
        assert!(!told(host).contains("pct") && !told(host).contains("free"), "{}", told(host));
        assert!(!host.has(&format!("{CACHE}/.{NAME}.evenkeel-new")));
        assert!(!host.has("/var/lib/evenkeel/containers/900"));
        assert!(!host.has("/var/lib/evenkeel/containers/900.storage"));
    });
}

#[test]
fn a_build_that_ended_anywhere_leaves_nothing() {
    let whole =
        format!("#Evenkeel builds {NAME} here for ContainerTemplate/debian%3A leave it alone\nhostname: x\n");
    // While it was made, its settings had nothing but this.
    let half = "lock: create\n".to_owned();
    let mounted = format!("{whole}lock: mounted\n");
    for (conf, expected) in [
        (Some(&whole), &["pct stop 900", "pct destroy 900"][..]),
        (Some(&half), &["pct stop 900", "pct unlock 900", "pct destroy 900"]),
        (Some(&mounted), &["pct stop 900", "pct unmount 900", "pct unlock 900", "pct destroy 900"]),
        (None, &[]),
    ] {
        everywhere(|host| {
            node(host);
            host.said(&BEGIN, &words(&begin(host)));
            if let Some(conf) = conf {
                host.write(CONF, conf);
            }
            host.write("/volumes/fast/vm-900-disk-0", "ours");
            host.write("/volumes/fast/vm-900-disk-1", "ours, and no settings tell of it");
            host.write("/volumes/fast/vm-1900-disk-0", "of another");
            fs::remove_file(host.path("/told")).unwrap();
            host.said(&DISCARD, &words(&discard(host, MARK)));
            let told = told(host);
            let calls: Vec<&str> = told.lines().filter(|line| line.starts_with("pct")).collect();
            assert_eq!(calls, expected);
            assert!(!host.has(CONF) && !host.has("/var/lib/evenkeel/containers/900"));
            let left: Vec<_> =
                fs::read_dir(host.path("/volumes/fast")).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(left, ["vm-1900-disk-0"]);
            // Once more, as after a connection that broke.
            host.said(&DISCARD, &words(&discard(host, MARK)));
        });
    }
}

#[test]
fn what_was_checked_and_has_its_record_gets_its_name() {
    everywhere(|host| {
        node(host);
        for (record, is_finished) in [("bytes", true), ("size", false)] {
            host.said(&BEGIN, &words(&begin(host)));
            let new = format!("{CACHE}/.{NAME}.evenkeel-new");
            host.write(&new, "whole");
            let mtime = fs::metadata(host.path(&new)).unwrap().mtime();
            let record = format!("{{\"format\":1,\"{record}\":5,\"mtime\":{mtime},\"sha256\":\"x\"}}\n");
            host.write(&format!("{CACHE}/{NAME}.json"), &record);
            host.said(&DISCARD, &words(&discard(host, MARK)));
            assert_eq!(host.has(&format!("{CACHE}/{NAME}")), is_finished);
            assert!(!host.has(&new));
            let _ = fs::remove_file(host.path(&format!("{CACHE}/{NAME}")));
        }
    });
}

#[test]
fn a_container_that_cannot_be_destroyed_keeps_its_mark() {
    everywhere(|host| {
        node(host);
        host.said(&BEGIN, &words(&begin(host)));
        host.write(CONF, "lock: create\n");
        program(host, "pct", "exit 255");
        assert!(host.refused(&DISCARD, &words(&discard(host, MARK))).contains("destroy it by hand"));
        assert!(host.has("/var/lib/evenkeel/containers/900"));
        // Somebody else is making it just now. Workers are seen by all tests of a machine: this id is that of one alone.
        host.write("/var/lib/evenkeel/containers/907", MARK);
        host.write("/etc/pve/nodes/pve1/lxc/907.conf", "lock: create\n");
        let mut worker = Command::new("sh")
            .args(["-c", "read -r line", "task UPID:pve1:0003F1A2:01:67:vzcreate:907:root@pam:"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut asked = discard(host, MARK);
        asked[0] = "907".to_owned();
        let said = host.refused(&DISCARD, &words(&asked));
        drop(worker.stdin.take());
        worker.wait().unwrap();
        assert!(said.contains("Proxmox VE is at work on the container 907"), "{said}");
    });
}

#[test]
fn a_container_is_packed_as_its_name_says_and_with_the_numbers_that_it_sees() {
    everywhere(|host| {
        node(host);
        let root = "/var/lib/lxc/900/rootfs";
        let pack = |name: &str| ["900".to_owned(), host.word(CACHE), name.to_owned()];
        assert!(host.refused(&PACK, &words(&pack(NAME))).contains("is not mounted"));
        fs::create_dir_all(host.path(root)).unwrap();
        assert!(host.refused(&PACK, &words(&pack(NAME))).contains("is not mounted: there is nothing in it"));
        host.write(&format!("{root}/etc/os-release"), "ID=debian\n");
        host.write(&format!("{root}/lost+found/x"), "x");
        host.write(&format!("{root}/usr/share/zeros"), &"0123456789".repeat(20_000));
        host.write(CONF, "arch: amd64\n");
        program(host, "lxc-usernsexec", "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"");
        for ending in ["tar.gz", "tar.xz", "tar.zst"] {
            let name = format!("debian.{ending}");
            host.said(&PACK, &words(&pack(&name)));
            let asked = [host.word(CACHE), name.clone(), "100".to_owned(), host.word(root)];
            host.said(&VERIFY, &words(&asked));
            let listed = Command::new("tar")
                .arg("-taf")
                .arg(host.path(&format!("{CACHE}/.{name}.evenkeel-new")))
                .output();
            assert!(!String::from_utf8_lossy(&listed.unwrap().stdout).contains("lost+found"));
        }
        assert!(!told(host).contains("usernsexec"));
        // An unprivileged one, with what it was started with; or with what Proxmox VE does unless it is told otherwise.
        host.write("/var/lib/lxc/900/config", "lxc.idmap = u 0 200000 65536\nlxc.idmap = g 0 200000 65536\n");
        host.said(&PACK, &words(&pack(NAME)));
        assert!(
            told(host).contains("usernsexec -m u:0:200000:65536 -m g:0:200000:65536 -- tar"),
            "{}",
            told(host)
        );
        fs::remove_file(host.path("/var/lib/lxc/900/config")).unwrap();
        host.write(CONF, "unprivileged: 1\n");
        host.said(&PACK, &words(&pack(NAME)));
        assert!(
            told(host).contains("usernsexec -m u:0:100000:65536 -m g:0:100000:65536 -- tar"),
            "{}",
            told(host)
        );
        // Whichever of the two fails.
        program(host, "lxc-usernsexec", "exit 1");
        assert!(host.refused(&PACK, &words(&pack(NAME))).contains("could not be packed"));
        host.write(CONF, "arch: amd64\n");
        program(host, "gzip", "echo no space >&2; exit 1");
        assert!(host.refused(&PACK, &words(&pack(NAME))).contains("could not be packed"));
    });
}
