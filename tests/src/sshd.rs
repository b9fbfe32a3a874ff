//! A real OpenSSH server on a loopback port, with its own configuration, host key and authorized keys.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// What holds where a test says nothing else. The first value of a keyword wins. The home directory is another one
/// so that nobody's start-up files slow sessions down or print something.
const DEFAULTS: &str = "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
                        KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\n\
                        MaxStartups 500\nPrintMotd no\n\
                        AuthorizedKeysFile {folder}/authorized_keys\nSetEnv HOME={folder}\n";

/// A running server. It and its sessions end with it.
#[derive(Debug)]
pub struct TestSshd {
    folder: TempDir,
    process: Child,
    port: u16,
}

impl TestSshd {
    /// A server that takes [`TestSshd::key`] for the current user.
    ///
    /// # Panics
    /// Where OpenSSH is not installed or does not start.
    pub fn start() -> Self {
        TestSshd::with(&[])
    }

    /// A server with these lines of `sshd_config` before the defaults. Without a `HostKey` among them it has an
    /// ed25519 one; `{folder}` stands for [`TestSshd::folder`].
    ///
    /// # Panics
    /// Where OpenSSH is not installed or does not start.
    pub fn with(settings: &[&str]) -> Self {
        TestSshd::prepared(settings, |_| {})
    }

    /// Like [`TestSshd::with`]; `prepare` may put files into the folder before the server starts.
    ///
    /// # Panics
    /// Where OpenSSH is not installed or does not start.
    pub fn prepared(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: apt-get install openssh-server");
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The sessions of other users look up their keys here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let at = folder.path();
        keygen(&at.join("user_key"), &["-t", "ed25519"]);
        fs::copy(at.join("user_key.pub"), at.join("authorized_keys")).expect("authorized_keys");
        prepare(at);
        let mut text = settings.join("\n") + "\n";
        if !text.contains("HostKey ") {
            keygen(&at.join("host_key"), &["-t", "ed25519"]);
            text += "HostKey {folder}/host_key\n";
        }
        let text = (text + DEFAULTS).replace("{folder}", &at.display().to_string());
        // Another process may take a free port first.
        let started = (0..5).find_map(|_| start_on(at, &text, free_port()));
        let (process, port) = started.unwrap_or_else(|| {
            panic!("sshd does not start:\n{}", fs::read_to_string(at.join("log")).expect("log"))
        });
        let sshd = TestSshd { folder, process, port };
        let keys: Vec<_> = fs::read_dir(sshd.folder()).expect("folder").filter_map(Result::ok).collect();
        let public = keys.iter().map(fs::DirEntry::path).filter(|path| is_public_host_key(path));
        let lines =
            public.map(|path| format!("[127.0.0.1]:{port} {}", fs::read_to_string(path).expect("key")));
        fs::write(sshd.known_hosts(), lines.collect::<String>()).expect("known_hosts");
        sshd
    }

    /// The folder with its configuration, keys (`host_key*`, `user_key`) and log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A private key that may log in.
    pub fn key(&self) -> PathBuf {
        self.folder().join("user_key")
    }

    /// A `known_hosts` file with its host keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder().join("known_hosts")
    }

    /// Lets the owner of this public key log in, too.
    ///
    /// # Panics
    /// Where the key cannot be read.
    pub fn authorize(&self, public_key: &Path) {
        let file = self.folder().join("authorized_keys");
        let keys = fs::read_to_string(&file).expect("authorized_keys");
        fs::write(&file, keys + &fs::read_to_string(public_key).expect("public key"))
            .expect("authorized_keys");
    }

    /// The `ssh` settings of a target that reaches it with [`TestSshd::key`].
    pub fn spec(&self) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "user": user(), "identity": self.key(), "agent": false,
            "knownHosts": self.known_hosts(),
        })
    }

    /// What it logged so far, at `LogLevel VERBOSE`.
    ///
    /// # Panics
    /// Where the log cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).expect("log")
    }

    /// How often its log has this text.
    pub fn logged(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// How many logins it accepted.
    pub fn logins(&self) -> usize {
        self.log().lines().filter(|line| line.starts_with("Accepted ") && line.contains(" for ")).count()
    }

    /// How many commands it ran.
    pub fn execs(&self) -> usize {
        self.logged("Starting session: command")
    }

    /// Ends it and its connections, as a host that goes down does.
    pub fn stop(&mut self) {
        self.kill_connections();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again after [`TestSshd::stop`], on the same port and with an empty log.
    ///
    /// # Panics
    /// Where it does not start, for instance because somebody else took the port.
    pub fn start_again(&mut self) {
        let started = (0..50).find_map(|_| launch(self.folder()));
        self.process = started.expect("sshd starts again");
    }

    /// Kills its connections, as a host that crashes does; it still listens.
    ///
    /// # Panics
    /// Where the processes cannot be listed.
    pub fn kill_connections(&self) {
        self.signal_connections("KILL");
    }

    /// Sends a signal to its connections and what they run; it still listens.
    ///
    /// # Panics
    /// Where `kill` does not run.
    pub fn signal_connections(&self, signal: &str) {
        for id in descendants(self.process.id()) {
            kill(id, signal);
        }
    }
}

impl Drop for TestSshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The name of the user who runs the tests.
///
/// # Panics
/// Where `id` does not run.
pub fn user() -> String {
    let id = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&id.stdout).trim().to_owned()
}

/// Makes a key pair with `ssh-keygen`. Without `-N` among `options` it has no passphrase.
///
/// # Panics
/// Where it cannot.
pub fn keygen(path: &Path, options: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-f"]).arg(path).args(options);
    if !options.contains(&"-N") {
        command.args(["-N", ""]);
    }
    let output = command.output().expect("ssh-keygen is missing: apt-get install openssh-client");
    assert!(output.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&output.stderr));
}

/// Sends a signal to a process, which may have ended.
///
/// # Panics
/// Where `kill` does not run.
pub fn kill(id: u32, signal: &str) {
    let arguments = [format!("-{signal}"), id.to_string()];
    Command::new("kill").args(arguments).stderr(Stdio::null()).status().expect("kill");
}

/// The server once it listens, or `None` where it ends instead.
fn start_on(folder: &Path, settings: &str, port: u16) -> Option<(Child, u16)> {
    if user() == "root" {
        // Where sshd separates privileges; packages make it when the service starts.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
    }
    fs::write(folder.join("sshd_config"), format!("{settings}ListenAddress 127.0.0.1:{port}\n"))
        .expect("config");
    launch(folder).map(|process| (process, port))
}

/// Starts the server of a folder, with an empty log.
fn launch(folder: &Path) -> Option<Child> {
    let log = folder.join("log");
    let mut command = Command::new(SSHD);
    command
        .args(["-D", "-e", "-f"])
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut process = command.stderr(fs::File::create(&log).expect("log")).spawn().expect("sshd");
    for _ in 0..1000 {
        if fs::read_to_string(&log).expect("log").contains("Server listening on") {
            return Some(process);
        }
        if process.try_wait().expect("sshd").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn is_public_host_key(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("host_key") && name.ends_with(".pub")
}

/// The processes below `id`, children before their children.
pub(crate) fn descendants(id: u32) -> Vec<u32> {
    let mut found = vec![id];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        at += 1;
    }
    found.split_off(1)
}
