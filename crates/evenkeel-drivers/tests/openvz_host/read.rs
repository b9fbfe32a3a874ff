//! `read.sh` on folders as an OpenVZ host has them, and what is made of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use evenkeel_core::driver::{Driver as _, ObserveError, Observed};
use evenkeel_core::request::{Query, Replies, Reply};
use evenkeel_drivers::openvz_host::{OpenvzHost, OpenvzHostSpec, OpenvzHostState, READ, Setting, cksum};

use crate::shell::{SHELLS, run, script};

const VZ: &str = "/etc/vz";

/// Asks with a real shell, where `folder` stands for `/etc/vz`.
fn answered(shell: &[&str], folder: &Path, queries: Vec<Query>) -> Replies {
    let folder = folder.to_str().unwrap();
    let mut replies = Replies::default();
    for query in queries {
        let words = query.request().as_exec().unwrap().words();
        let files: Vec<String> = words[2..].iter().map(|file| file.replace(VZ, folder)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let output = script(shell, &READ.text.replace(VZ, folder), &files);
        let stdout = String::from_utf8(output.stdout).unwrap().replace(folder, VZ);
        let stderr = String::from_utf8(output.stderr).unwrap().replace(folder, VZ);
        let exit = output.status.code().unwrap();
        let reply = Reply { exit, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() };
        replies.insert(query, Ok(reply));
    }
    replies
}

fn host() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["conf", "dists/scripts"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    fs::write(at("vz.conf"), "VIRTUOZZO=yes\nDISKSPACE=\"1G:1.1G\"\n").unwrap();
    fs::write(at("conf/555.conf"), "KMEMSIZE=\"465M:512M\"\n# no end").unwrap();
    fs::write(at("conf/556.conf"), "").unwrap();
    for name in ["gentoo", "debian", "with blanks in it"] {
        fs::write(at(&format!("dists/{name}.conf")), name).unwrap();
    }
    fs::write(at("dists/default"), "").unwrap();
    fs::write(at("dists/odd\nname.conf"), "").unwrap();
    fs::hard_link(at("dists/gentoo.conf"), at("dists/sabayon-5-SpinBase_5.4-1_i386.conf")).unwrap();
    symlink("debian.conf", at("dists/debian-6.0.conf")).unwrap();
    symlink("./gentoo.conf", at("dists/other link.conf")).unwrap();
    fs::create_dir(at("dists/folder.conf")).unwrap();
    folder
}

fn spec() -> OpenvzHostSpec {
    let setting = |key: &str, value: &str| (key.to_owned(), Setting::from(value));
    let dist = |name: &str, of: &str| (name.to_owned(), of.to_owned());
    OpenvzHostSpec {
        vz_conf: [setting("DISKSPACE", "20G:22G"), setting("DISKINODES", "4:5")].into(),
        containers: [
            ("555".to_owned(), [setting("KMEMSIZE", "465M:512M")].into()),
            ("556".to_owned(), [setting("NUMPROC", "unlimited")].into()),
        ]
        .into(),
        distributions: [
            dist("sabayon-5-SpinBase_5.4-1_i386", "gentoo"),
            dist("debian-6.0", "gentoo"),
            dist("debian-7.0", "debian"),
            dist("folder", "debian"),
            dist("with", "debian"),
        ]
        .into(),
    }
}

fn seen(shell: &[&str], folder: &Path) -> Result<OpenvzHostState, ObserveError> {
    let spec = spec();
    let replies = answered(shell, folder, OpenvzHost.queries(&spec, &Replies::default()));
    match OpenvzHost.observe(&spec, &replies)? {
        Observed::Present(state) => Ok(state),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_is_read_in_every_shell() {
    for shell in SHELLS {
        let folder = host();
        let state = serde_json::to_value(seen(shell, folder.path()).unwrap()).unwrap();
        let expected = serde_json::json!({
            "vzConf": { "DISKSPACE": "1G:1.1G" },
            "containers": { "555": { "KMEMSIZE": "465M:512M" } },
            "distributions": {
                "debian-6.0": "debian",
                "folder": "(a file of its own)",
                "sabayon-5-SpinBase_5.4-1_i386": "gentoo",
            },
        });
        assert_eq!(state, expected, "{shell:?}");
    }
}

#[test]
fn what_an_import_finds() {
    for shell in SHELLS {
        let folder = host();
        let replies = answered(shell, folder.path(), OpenvzHost.inventory_queries(&Replies::default()));
        let found = OpenvzHost.inventory(&replies).unwrap();
        let expected = serde_json::json!({
            "vzConf": { "DISKSPACE": "1G:1.1G" },
            "distributions": { "debian-6.0": "debian", "sabayon-5-SpinBase_5.4-1_i386": "gentoo" },
        });
        assert_eq!(serde_json::to_value(&found[0].spec).unwrap(), expected, "{shell:?}");
        assert_eq!((found.len(), found[0].object.as_str()), (1, "openvz"));
    }
}

#[test]
fn a_host_without_openvz_is_told_as_one() {
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let none = folder.path().join("vz");
        let error = seen(shell, &none).unwrap_err();
        assert!(error.lacks_program(), "{error}");
        assert!(error.to_string().ends_with("there is no /etc/vz: this is no OpenVZ host"), "{error}");
        let replies = answered(shell, &none, OpenvzHost.inventory_queries(&Replies::default()));
        assert!(OpenvzHost.inventory(&replies).unwrap_err().lacks_program());
    }
}

#[test]
fn what_is_missing_is_told() {
    for shell in SHELLS {
        let folder = host();
        fs::remove_file(folder.path().join("conf/556.conf")).unwrap();
        let said = seen(shell, folder.path()).unwrap_err().to_string();
        assert_eq!(said, "there is no container 556: /etc/vz/conf/556.conf is missing");
        fs::remove_file(folder.path().join("vz.conf")).unwrap();
        assert_eq!(seen(shell, folder.path()).unwrap_err().to_string(), "there is no /etc/vz/vz.conf");
        fs::remove_dir_all(folder.path().join("dists")).unwrap();
        let replies = answered(shell, folder.path(), OpenvzHost.inventory_queries(&Replies::default()));
        assert_eq!(OpenvzHost.inventory(&replies), Ok(Vec::new()));
    }
}

#[test]
fn checksums_are_those_of_the_program() {
    for text in ["", "a", "123456789", "DISKSPACE=\"20G:22G\"\n", &"x".repeat(70_000)] {
        let output = run(&["cksum"], &[], text.as_bytes());
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told.trim(), format!("{} {}", cksum(text.as_bytes()), text.len()));
    }
}
