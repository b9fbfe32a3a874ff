//! Hosts for the measurements: real OpenSSH servers on loopback addresses, with a stand-in for `zfs`.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use evenkeel_tests::sshd::{TestSshd, user};
use tempfile::TempDir;

/// sshd listens on sixteen addresses at most, and one of them is its own.
const ADDRESSES_EACH: usize = 15;

/// Hosts by address.
pub(super) struct Servers {
    /// They end with this.
    _running: Vec<TestSshd>,
    folder: TempDir,
    pub(super) addresses: Vec<String>,
    pub(super) port: u16,
    pub(super) key: PathBuf,
    known_hosts: PathBuf,
}

impl Servers {
    /// So many hosts, all of which print `answer` whatever `zfs` is asked.
    pub(super) fn start(hosts: usize, answer: &[u8]) -> Self {
        let folder = stand_in(answer);
        // A login shell that thinks it is not the first one leaves the user's start-up files alone: what they take
        // says nothing about us.
        let environment = format!("SetEnv PATH={}:/usr/bin:/bin SHLVL=2", folder.path().display());
        let addresses: Vec<String> =
            (0..hosts).map(|nth| format!("127.1.{}.{}", nth / 250, nth % 250 + 1)).collect();
        let port = TcpListener::bind("127.1.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let mut running: Vec<TestSshd> = Vec::new();
        let mut known = String::new();
        for group in addresses.chunks(ADDRESSES_EACH) {
            let mut settings = vec!["LogLevel INFO".to_owned(), environment.clone()];
            settings.extend(group.iter().map(|address| format!("ListenAddress {address}:{port}")));
            let server = TestSshd::with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
            if let Some(first) = running.first() {
                server.authorize(&first.key().with_extension("pub"));
            }
            let key = fs::read_to_string(server.folder().join("host_key.pub")).expect("a host key");
            for address in group {
                let _ = writeln!(known, "[{address}]:{port} {}", key.trim());
            }
            running.push(server);
        }
        let known_hosts = folder.path().join("known_hosts");
        fs::write(&known_hosts, known).expect("known hosts");
        let key = running.first().expect("a server").key();
        Servers { _running: running, folder, addresses, port, key, known_hosts }
    }

    /// The `ssh` settings of the `nth` host, for a manifest.
    pub(super) fn ssh(&self, nth: usize) -> String {
        let address = self.addresses.get(nth).expect("a host");
        format!(
            "host: {address}, port: {}, user: {}, identity: {}, agent: false, knownHosts: {}",
            self.port,
            user(),
            self.key.display(),
            self.known_hosts.display()
        )
    }

    /// How many commands were run since this was last asked.
    pub(super) fn commands(&self) -> usize {
        let log = self.folder.path().join("log");
        let lines = fs::read_to_string(&log).unwrap_or_default().lines().count();
        fs::write(&log, "").expect("the log");
        lines
    }
}

/// A folder with a `zfs` that prints `answer` and counts how often it is run.
fn stand_in(answer: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    fs::write(at.join("answer"), answer).expect("the answer");
    let shown = at.display();
    let script = format!("#!/bin/sh\necho >>{shown}/log\nexec cat {shown}/answer\n");
    fs::write(at.join("zfs"), script).expect("the stand-in");
    fs::set_permissions(at.join("zfs"), fs::Permissions::from_mode(0o755)).expect("permissions");
    folder
}
