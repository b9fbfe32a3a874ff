//! A real OpenSSH server on a loopback port that lets one key in.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// It ends with this value.
pub struct Sshd {
    folder: TempDir,
    process: Child,
    pub port: u16,
}

impl Sshd {
    /// With host keys of these types, and `user_key` (protected by a passphrase, if any) let in.
    pub fn start(host_keys: &[&str], passphrase: &str) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: apt-get install openssh-server");
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        keygen(&at.join("user_key"), "ed25519", passphrase);
        fs::copy(at.join("user_key.pub"), at.join("authorized_keys")).unwrap();
        let mut text =
            "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nLogLevel VERBOSE\n\
                        KbdInteractiveAuthentication no\nPermitRootLogin yes\nSetEnv GIT_CONFIG_COUNT=1 \
                        GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*"
                .to_owned();
        // What the user's shell reads at its start is none of the test's business, and takes its time.
        writeln!(text, " HOME={}", at.display()).unwrap();
        writeln!(text, "AuthorizedKeysFile {}/authorized_keys", at.display()).unwrap();
        for kind in host_keys {
            keygen(&at.join(format!("host_{kind}")), kind, "");
            writeln!(text, "HostKey {}/host_{kind}", at.display()).unwrap();
        }
        let (process, port) = (0..5).find_map(|_| start_on(at, &text)).unwrap_or_else(|| {
            panic!("sshd does not start:\n{}", fs::read_to_string(at.join("log")).unwrap())
        });
        Sshd { folder, process, port }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The line of `known_hosts` with the host key of this type.
    pub fn known_host(&self, kind: &str) -> String {
        let key = fs::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap();
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    pub fn private_key(&self) -> String {
        fs::read_to_string(self.path("user_key")).unwrap()
    }

    /// The URL of a repository at this path, for the user that runs the tests.
    pub fn url(&self, path: &str) -> String {
        let id = Command::new("id").arg("-un").output().unwrap();
        format!("ssh://{}@127.0.0.1:{}{path}", String::from_utf8_lossy(&id.stdout).trim(), self.port)
    }

    pub fn logged(&self, text: &str) -> usize {
        fs::read_to_string(self.path("log")).unwrap().matches(text).count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "", "-f"]).arg(path);
    let status = command.status().expect("ssh-keygen is missing: apt-get install openssh-client");
    assert!(status.success());
}

/// The server once it listens; `None` where another process was faster to take the port.
fn start_on(folder: &Path, settings: &str) -> Option<(Child, u16)> {
    // Where sshd separates privileges; packages make it when the service starts.
    let _ = fs::create_dir_all("/run/sshd");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (config, log) = (folder.join("sshd_config"), folder.join("log"));
    fs::write(&config, format!("{settings}ListenAddress 127.0.0.1:{port}\n")).unwrap();
    let mut command = Command::new(SSHD);
    command.args(["-D", "-e", "-f"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if fs::read_to_string(&log).unwrap().contains("Server listening on") {
            return Some((process, port));
        }
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}
