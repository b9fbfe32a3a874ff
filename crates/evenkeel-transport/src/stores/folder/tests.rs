//! Folders on this machine, and on one behind a real sshd.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use evenkeel_core::request::Entry;
use evenkeel_core::target::Target;
use serde_json::{Value, json};

use super::*;
use crate::credentials::EnvironmentCredentials;
use crate::machine::Lane;
use crate::ssh::{SshClient, SshOptions};
use crate::stores::exercise::{Failing, exercise, get, kind, noise, put};
use crate::stores::sshd::{TestSshd, user};

const PATIENCE: Duration = Duration::from_mins(1);

fn store(spec: Value, home: &Path, secrets: &[(&str, &str)]) -> FolderFiles {
    let variable = |key: &str| format!("EVENKEEL_CRED_C_{}", key.to_uppercase());
    let secrets = secrets.iter().map(|(key, value)| (variable(key), (*value).to_owned()));
    let credentials: Arc<dyn crate::Credentials> = Arc::new(EnvironmentCredentials::new(secrets));
    let options = SshOptions::isolated(home, user());
    let client = Arc::new(SshClient::new(options, Arc::clone(&credentials)));
    let target =
        Target { name: "nas".into(), labels: [].into(), spec: serde_json::from_value(spec).unwrap() };
    FolderFiles::new(Machine::of(&target, &client, &credentials, Lane::Shared).unwrap(), PATIENCE)
}

fn local(home: &Path) -> FolderFiles {
    store(json!({ "local": {} }), home, &[])
}

/// The absolute path of a new folder in `home`, without the slash at the beginning that tells the two apart.
fn top(home: &Path) -> String {
    home.join("a folder").display().to_string()
}

async fn everything(store: &mut FolderFiles, home: &Path) {
    // Where the top is, what is listed there is not ours.
    exercise(&mut Below { store, home: home.display().to_string() }, "top").await;
}

/// A store whose paths begin in a folder.
struct Below<'s> {
    store: &'s mut FolderFiles,
    home: String,
}

impl Below<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.home)
    }
}

impl Store for Below<'_> {
    fn abilities(&self) -> Abilities {
        self.store.abilities()
    }
    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(async move { self.store.list(&self.at(folder), depth).await })
    }
    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move { self.store.size(&self.at(path)).await })
    }
    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move { self.store.get(&self.at(path), offset, into).await })
    }
    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move { self.store.put(&self.at(path), offset, from).await })
    }
    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.store.make_folder(&self.at(folder)).await })
    }
    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.store.rename(&self.at(from), &self.at(to)).await })
    }
    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.store.remove(&self.at(path)).await })
    }
    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.store.remove_folder(&self.at(folder)).await })
    }
    fn checksum<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<Option<Digest>>> {
        Box::pin(async move { self.store.checksum(&self.at(path)).await })
    }
    fn space<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<Option<u64>>> {
        Box::pin(async move { self.store.space(&self.at(folder)).await })
    }
}

#[tokio::test]
async fn a_folder_on_this_machine_is_a_store() {
    let home = tempfile::tempdir().unwrap();
    everything(&mut local(home.path()), home.path()).await;
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_behind_ssh_is_a_store_also_where_a_login_begins() {
    let sshd = TestSshd::start();
    let home = tempfile::tempdir().unwrap();
    let mut store = store(json!({ "ssh": sshd.spec() }), home.path(), &[]);
    everything(&mut store, home.path()).await;
    exercise(&mut store, "-top").await;
}

#[tokio::test]
async fn large_files_arrive_whole_over_ssh_and_are_private() {
    let sshd = TestSshd::start();
    let home = tempfile::tempdir().unwrap();
    let mut store = store(json!({ "ssh": sshd.spec() }), home.path(), &[]);
    let (top, bytes) = (top(home.path()), noise(30 << 20));
    store.make_folder(&top).await.unwrap();
    let path = format!("{top}/large");
    put(&mut store, &path, &bytes[..10 << 20]).await;
    assert_eq!(store.put(&path, 10 << 20, &mut &bytes[10 << 20..]).await, Ok(20 << 20));
    assert!(get(&mut store, &path, 0).await == bytes);
    assert!(get(&mut store, &path, 29 << 20).await == bytes[29 << 20..]);
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&top), mode(&path)), (0o700, 0o600));
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_missing() {
    let home = tempfile::tempdir().unwrap();
    let mut store = local(home.path());
    let at = |name: &str| home.path().join(name).display().to_string();
    put(&mut store, &at("file"), b"x").await;
    // Below a file there can be nothing: that is an answer of its own.
    for answer in [store.size(&at("file/x")).await.map(drop), store.list(&at("file/x"), 1).await.map(drop)] {
        assert!(matches!(&answer, Err(StoreError::Refused(_))), "{answer:?}");
    }
    assert!(matches!(store.list(&at("file"), 1).await, Err(StoreError::Refused(_))));
    // A login that is no root sees nothing in a folder that is closed to it.
    if user() == "root" {
        return;
    }
    std::fs::create_dir(at("closed")).unwrap();
    std::fs::set_permissions(at("closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(store.list(&at("closed"), 1).await, Err(StoreError::Refused(_))));
    assert!(matches!(store.size(&at("closed/x")).await, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn links_are_seen_and_not_followed_and_line_breaks_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut store = local(home.path());
    let at = |name: &str| home.path().join(name).display().to_string();
    put(&mut store, &at("file"), b"precious").await;
    std::fs::create_dir(at("folder")).unwrap();
    symlink(at("file"), at("link")).unwrap();
    symlink(at("folder"), at("way")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    let listing = store.list(&at(""), 3).await.unwrap();
    for name in ["link", "way", "dangling"] {
        assert_eq!(listing.entries[name], Entry::Other);
        let refused = |answer: Stored<()>| {
            assert!(matches!(&answer, Err(StoreError::Refused(_))), "{name}: {answer:?}");
        };
        refused(store.put(&at(name), 0, &mut b"x".as_slice()).await.map(drop));
        refused(store.remove(&at(name)).await);
        refused(store.size(&at(name)).await.map(drop));
        refused(store.rename(&at("file"), &at(name)).await);
    }
    assert_eq!(get(&mut store, &at("file"), 0).await, b"precious");
    assert!(!Path::new(&at("nowhere")).exists() && Path::new(&at("link")).is_symlink());
    // The top itself may be one: that is how disks are found.
    put(&mut store, &at("way/x"), b"x").await;
    assert_eq!(store.list(&at("way"), 1).await.unwrap().entries.len(), 1);

    std::fs::write(at("two\nlines"), "").unwrap();
    let answer = store.list(&at(""), 1).await;
    assert!(matches!(&answer, Err(StoreError::Refused(text)) if text.contains("line break")), "{answer:?}");
    assert!(matches!(store.size(&at("two\nlines")).await, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn a_full_disk_is_told_in_its_words() {
    let home = tempfile::tempdir().unwrap();
    let mut store = local(home.path());
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let disk = disk.display().to_string();
    let mounted = user() == "root"
        && Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "none", &disk])
            .status()
            .unwrap()
            .success();
    // Without the rights to mount, the device that is always full does.
    let path = if mounted { format!("{disk}/x") } else { "/dev/full".to_owned() };
    let answer = store.put(&path, 0, &mut noise(3 << 20).as_slice()).await;
    let space = store.space(&disk).await;
    if mounted {
        assert!(Command::new("umount").arg(&disk).status().unwrap().success());
        assert!(
            matches!(&answer, Err(StoreError::Refused(text)) if text.contains("No space left")),
            "{answer:?}"
        );
        assert_eq!(space, Ok(Some(0)));
    } else {
        assert!(matches!(&answer, Err(StoreError::Refused(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_as_that() {
    let sshd = TestSshd::start();
    let home = tempfile::tempdir().unwrap();
    let mut store = store(json!({ "ssh": sshd.spec() }), home.path(), &[]);
    let path = home.path().join("x").display().to_string();
    put(&mut store, &path, b"x").await;
    let (mut near, mut far) = tokio::io::duplex(1 << 20);
    let writing = async {
        tokio::io::AsyncWriteExt::write_all(&mut near, &noise(1 << 20)).await.unwrap();
        while std::fs::metadata(&path).unwrap().len() < 500_000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sshd.kill_connections();
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = store.put(&path, 0, &mut far) => answer,
        () = writing => unreachable!(),
    };
    assert_eq!(kind(answer), TransportErrorKind::ConnectionLost);
    put(&mut store, &path, b"again").await;
    assert_eq!(get(&mut store, &path, 0).await, b"again");
}

#[tokio::test]
async fn a_command_that_hangs_is_given_up() {
    let home = tempfile::tempdir().unwrap();
    let mut store = local(home.path());
    store.patience = Duration::ZERO;
    assert_eq!(kind(store.list("/", 1).await), TransportErrorKind::Timeout);
}

/// `sudo` as the test's user would be asked for a password: it takes one off its input where it is told to, and may be
/// one that needs none.
fn sudo(folder: &Path, asks: bool) -> String {
    let read = if asks {
        "IFS= read -r p; [ \"$p\" = 'pass word' ] || { echo 'Sorry, try again.' >&2; exit 1; }"
    } else {
        ":"
    };
    let script =
        format!("#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\n{read}\nSUDO=1 exec \"$@\"\n");
    std::fs::write(folder.join("sudo"), script).unwrap();
    std::fs::set_permissions(folder.join("sudo"), std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[tokio::test]
async fn as_root_with_and_without_a_password_only_the_files_bytes_arrive() {
    for asks in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let path = sudo(home.path(), asks);
        let sshd = TestSshd::with(&[&format!("SetEnv PATH={path} HOME={{folder}}")]);
        let mut spec = sshd.spec();
        spec["become"] = "sudo".into();
        spec["credentialsRef"] = "c".into();
        let mut with = store(json!({ "ssh": spec }), home.path(), &[("becomePassword", "pass word")]);
        let folder = home.path().join("files");
        std::fs::create_dir(&folder).unwrap();
        everything(&mut with, &folder).await;
        if !asks {
            spec.as_object_mut().unwrap().remove("credentialsRef");
            let mut without = store(json!({ "ssh": spec }), home.path(), &[]);
            everything(&mut without, &folder).await;
            continue;
        }
        let mut wrong = store(json!({ "ssh": spec }), home.path(), &[("becomePassword", "wr0ng w0rd")]);
        let file = folder.join("x").display().to_string();
        for answer in [wrong.put(&file, 0, &mut b"x".as_slice()).await, wrong.size(&file).await] {
            assert!(!format!("{answer:?}").contains("wr0ng"), "{answer:?}");
            assert_eq!(kind(answer), TransportErrorKind::BecomeFailed);
        }
    }
}

#[tokio::test]
async fn the_real_sudo_is_understood() {
    if user() != "root" {
        // Whoever runs this may not be allowed to become root; the end-to-end tests make a user who is.
        return;
    }
    assert!(Path::new("/usr/bin/sudo").exists(), "sudo is missing: apt-get install sudo");
    let sshd = TestSshd::start();
    let mut spec = sshd.spec();
    spec["become"] = "sudo".into();
    let home = tempfile::tempdir().unwrap();
    everything(&mut store(json!({ "ssh": spec }), home.path(), &[]), home.path()).await;
    // Root is not asked for the password that there is: it must not end up in a file.
    let local = json!({ "local": { "become": "sudo", "credentialsRef": "c" } });
    everything(&mut store(local, home.path(), &[("becomePassword", "pass word")]), home.path()).await;
}

/// A folder with `BusyBox` in the place of the tools.
fn busybox(folder: &Path) {
    let busybox = "/bin/busybox";
    assert!(Path::new(busybox).exists(), "{busybox} is missing: apt-get install busybox");
    for tool in [
        "ls",
        "stat",
        "find",
        "cat",
        "tail",
        "mv",
        "rm",
        "rmdir",
        "mkdir",
        "sync",
        "dirname",
        "df",
        "sha256sum",
        "sh",
        "dd",
    ] {
        symlink(busybox, folder.join(tool)).unwrap();
    }
}

#[tokio::test]
async fn the_tools_of_busybox_do_as_well() {
    let home = tempfile::tempdir().unwrap();
    let (tools, files) = (home.path().join("tools"), home.path().join("files"));
    std::fs::create_dir(&tools).unwrap();
    std::fs::create_dir(&files).unwrap();
    busybox(&tools);
    // Nothing but them is to be found.
    let sshd = TestSshd::with(&[&format!("SetEnv PATH={} HOME={{folder}}", tools.display())]);
    let mut store = store(json!({ "ssh": sshd.spec() }), home.path(), &[]);
    everything(&mut store, &files).await;
    std::fs::write(files.join("two\nlines"), "").unwrap();
    assert!(matches!(store.list(&files.display().to_string(), 1).await, Err(StoreError::Refused(_))));
    assert!(store.put(&files.join("x").display().to_string(), 0, &mut Failing(1000)).await.is_err());
}

#[test]
fn scripts_are_posix() {
    for script in [
        Script::List,
        Script::Size,
        Script::Get,
        Script::Put,
        Script::MakeFolder,
        Script::Rename,
        Script::Remove,
        Script::RemoveFolder,
        Script::Checksum,
        Script::Space,
    ] {
        let words = script.words(&["/nowhere/a", "1"]);
        for shell in [
            ["dash", "-n", "-c"].as_slice(),
            &["bash", "--posix", "-n", "-c"],
            &["busybox", "sh", "-n", "-c"],
        ] {
            let output = Command::new(shell[0]).args(&shell[1..]).arg(&words[2]).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{script:?} {shell:?} {output:?}");
        }
    }
}
