//! Real FTP servers on a loopback port: vsftpd (like a NAS: no exact listings), proftpd and pure-ftpd.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::sshd::{descendants, free_port, kill, user};

/// The password of [`FtpServer::user`].
pub const PASSWORD: &str = "correct-horse-7";

/// A server that was started is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a server encrypts. All of them make data connections resume the control connection's session, as is their
/// default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// Where the client asks for it, and nobody gets in without.
    Explicit,
    /// From the first byte. Not for pure-ftpd.
    Implicit,
}

/// A running server. It and its sessions end with it.
#[derive(Debug)]
pub struct FtpServer {
    folder: TempDir,
    command: Vec<String>,
    user: &'static str,
    port: u16,
    tls: Tls,
    process: Option<Child>,
}

impl FtpServer {
    /// vsftpd, whose users see the file system's real paths and begin in `root`: no `MLSD`, what begins with a dot is
    /// not listed unless asked for.
    ///
    /// # Panics
    /// Where it is not there or does not start.
    pub fn vsftpd(root: &Path, tls: Tls) -> Self {
        FtpServer::vsftpd_with(root, tls, &[])
    }

    /// Like [`FtpServer::vsftpd`], with more lines of its configuration.
    ///
    /// # Panics
    /// Where it is not there or does not start.
    pub fn vsftpd_with(root: &Path, tls: Tls, settings: &[&str]) -> Self {
        let program = program("vsftpd");
        FtpServer::start("anonymous", tls, |folder, port| {
            let mut text = format!(
                "listen=YES\nlisten_ipv6=NO\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n\
                 run_as_launching_user=YES\nseccomp_sandbox=NO\nanonymous_enable=YES\nlocal_enable=NO\n\
                 write_enable=YES\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\n\
                 anon_other_write_enable=YES\nanon_world_readable_only=NO\nanon_umask=022\nanon_root={}\n\
                 ftp_username={}\nsecure_email_list_enable=YES\nemail_password_file={}/passwords\n\
                 allow_writeable_chroot=YES\nsecure_chroot_dir={}\n",
                root.display(),
                user(),
                folder.display(),
                folder.display(),
            );
            fs::write(folder.join("passwords"), format!("{PASSWORD}\n")).expect("passwords");
            if tls != Tls::None {
                let at = folder.display();
                let _ = write!(
                    text,
                    "ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n\
                     require_ssl_reuse=YES\nssl_ciphers=HIGH\nrsa_cert_file={at}/certificate.pem\n\
                     rsa_private_key_file={at}/key.pem\n"
                );
            }
            if tls == Tls::Implicit {
                text += "implicit_ssl=YES\n";
            }
            for setting in settings {
                text = text + setting + "\n";
            }
            fs::write(folder.join("vsftpd.conf"), text).expect("vsftpd.conf");
            vec![program.clone(), folder.join("vsftpd.conf").display().to_string()]
        })
    }

    /// proftpd: `MLSD`, checksums.
    ///
    /// # Panics
    /// Where it is not there or does not start.
    pub fn proftpd(root: &Path, tls: Tls) -> Self {
        FtpServer::proftpd_with(root, tls, &[])
    }

    /// Like [`FtpServer::proftpd`], with more lines of its configuration.
    ///
    /// # Panics
    /// Where it is not there or does not start.
    pub fn proftpd_with(root: &Path, tls: Tls, settings: &[&str]) -> Self {
        let program = program("proftpd");
        let modules = unpacked("proftpd").join("usr/lib/proftpd");
        FtpServer::start("backup", tls, |folder, port| {
            let at = folder.display();
            let user = user();
            let group = output("id", &["-gn"]);
            let mut text = format!(
                "ServerName test\nServerType standalone\nPort {port}\nDefaultAddress 127.0.0.1\n\
                 SocketBindTight on\nUseIPv6 off\nUseReverseDNS off\nUser {user}\nGroup {group}\nRootLogin on\n\
                 AuthOrder mod_auth_file.c\nAuthUserFile {at}/users\nRequireValidShell off\nWtmpLog off\n\
                 ScoreboardFile {at}/scoreboard\nPidFile {at}/pid\nSystemLog {at}/log\nTransferLog none\n\
                 ModulePath {}\nLoadModule mod_digest.c\nDigestEngine on\nUmask 022\n",
                modules.display()
            );
            for allowed in ["AllowOverwrite", "AllowStoreRestart"] {
                if !settings.iter().any(|setting| setting.starts_with(allowed)) {
                    text = text + allowed + " on\n";
                }
            }
            if tls != Tls::None {
                let implicit = if tls == Tls::Implicit { "TLSOptions UseImplicitSSL\n" } else { "" };
                let _ = write!(
                    text,
                    "LoadModule mod_tls.c\nTLSEngine on\nTLSRequired on\n{implicit}TLSVerifyClient off\n\
                     TLSRSACertificateFile {at}/certificate.pem\nTLSRSACertificateKeyFile {at}/key.pem\n"
                );
            }
            for setting in settings {
                text = text + setting + "\n";
            }
            fs::write(folder.join("proftpd.conf"), text).expect("proftpd.conf");
            let hash = output("openssl", &["passwd", "-6", PASSWORD]);
            let (uid, gid) = (output("id", &["-u"]), output("id", &["-g"]));
            private(
                &folder.join("users"),
                &format!("backup:{hash}:{uid}:{gid}::{}:/bin/sh\n", root.display()),
            );
            let config = folder.join("proftpd.conf").display().to_string();
            vec![program.clone(), "-n".to_owned(), "-q".to_owned(), "-c".to_owned(), config]
        })
    }

    /// pure-ftpd, which shows its users nothing but `root`, as `/`. It runs as root only; `root` is given to `nobody`.
    ///
    /// # Panics
    /// Where it is not there or does not start.
    pub fn pure_ftpd(root: &Path, tls: Tls) -> Self {
        assert_ne!(tls, Tls::Implicit, "pure-ftpd cannot encrypt from the first byte and nothing else");
        assert_eq!(user(), "root", "pure-ftpd runs as root only");
        let program = program("pure-ftpd");
        let users = unpacked("pure-ftpd").join("usr/bin/pure-pw");
        chown(root, Some(65534), Some(65534)).expect("the root for nobody");
        FtpServer::start("backup", tls, |folder, port| {
            let at = folder.display().to_string();
            let hash = output("openssl", &["passwd", "-6", PASSWORD]);
            let line = format!("backup:{hash}:65534:65534::{}/./::::::::::::\n", root.display());
            private(&folder.join("users"), &line);
            let (from, to) = (format!("{at}/users"), format!("{at}/users.pdb"));
            output(&users.display().to_string(), &["mkdb", &to, "-f", &from]);
            let mode = if tls == Tls::None { "0" } else { "3" };
            let mut command: Vec<String> =
                vec![program.clone(), "-S".to_owned(), format!("127.0.0.1,{port}")];
            command.extend(["-l".to_owned(), format!("puredb:{to}"), "-E".to_owned(), "-H".to_owned()]);
            command.extend(["-Y".to_owned(), mode.to_owned(), "-g".to_owned(), format!("{at}/pid")]);
            if tls != Tls::None {
                let both = ["key.pem", "certificate.pem"]
                    .map(|name| fs::read_to_string(folder.join(name)).expect(name));
                private(&folder.join("both.pem"), &both.concat());
                command.extend(["-2".to_owned(), format!("{at}/both.pem")]);
            }
            command
        })
    }

    fn start(user: &'static str, tls: Tls, prepare: impl Fn(&Path, u16) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if tls != Tls::None {
            certify(folder.path());
        }
        let mut server = FtpServer { folder, command: Vec::new(), user, port: 0, tls, process: None };
        // Another process may take a free port first.
        for _ in 0..5 {
            server.port = free_port();
            server.command = prepare(server.folder.path(), server.port);
            server.process = server.launch();
            if server.process.is_some() {
                return server;
            }
        }
        panic!("{:?} does not start:\n{}", server.command, server.log());
    }

    /// The process once it listens, or `None` where it ends instead.
    fn launch(&self) -> Option<Child> {
        let log = fs::File::create(self.folder.path().join("output")).expect("output");
        let (program, arguments) = self.command.split_first().expect("a command");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().expect("output")).stderr(log);
        let mut process = command.spawn().expect("the server");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if process.try_wait().expect("the server").is_some() {
                return None;
            }
            if listens(process.id(), self.port) {
                return Some(process);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = process.kill();
        let _ = process.wait();
        None
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who may log in, with [`PASSWORD`].
    pub fn user(&self) -> &str {
        self.user
    }

    /// Its certificate, which it signed itself and which calls itself an authority, as those of devices do. It is for
    /// 127.0.0.1.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The SHA-256 of its certificate, with colons.
    ///
    /// # Panics
    /// Where it has none.
    pub fn fingerprint(&self) -> String {
        let file = self.certificate().display().to_string();
        let text = output("openssl", &["x509", "-noout", "-fingerprint", "-sha256", "-in", &file]);
        text.split_once('=').expect("a fingerprint").1.to_owned()
    }

    /// The `ftp` settings of a target that reaches it. The password is not among them: `credentials` names what has it.
    pub fn spec(&self, credentials: &str) -> Value {
        let mut spec = json!({
            "host": "127.0.0.1", "port": self.port, "user": self.user, "credentialsRef": credentials,
            "tls": match self.tls { Tls::None => "none", Tls::Explicit => "explicit", Tls::Implicit => "implicit" },
        });
        if self.tls != Tls::None
            && let Some(fields) = spec.as_object_mut()
        {
            fields.insert("certificateFingerprint".to_owned(), self.fingerprint().into());
        }
        spec
    }

    /// Ends it and its connections, as a host that goes down does.
    pub fn stop(&mut self) {
        self.kill_connections();
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again after [`FtpServer::stop`], on the same port.
    ///
    /// # Panics
    /// Where it does not start, for instance because somebody else took the port.
    pub fn start_again(&mut self) {
        self.process = (0..50).find_map(|_| self.launch());
        assert!(self.process.is_some(), "{:?} starts again:\n{}", self.command, self.log());
    }

    /// Kills its connections; it still listens.
    ///
    /// # Panics
    /// Where `kill` does not run.
    pub fn kill_connections(&self) {
        let Some(process) = &self.process else { return };
        for id in descendants(process.id()) {
            kill(id, "KILL");
        }
    }

    /// What it printed and logged.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("output") + &read("log")
    }
}

impl Drop for FtpServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// True once this very process listens there: the port may have been taken by somebody else's server.
fn listens(process: u32, port: u16) -> bool {
    let sockets = fs::read_to_string("/proc/net/tcp").expect("/proc/net/tcp");
    let local = format!("0100007F:{port:04X}");
    let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut listening =
        fields.filter(|fields| fields.get(1) == Some(&local.as_str()) && fields.get(3) == Some(&"0A"));
    let Some(socket) = listening.next().and_then(|fields| Some(format!("socket:[{}]", fields.get(9)?)))
    else {
        return false;
    };
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    open.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|link| link.to_string_lossy() == socket))
}

/// A key, and a certificate of its own.
fn certify(folder: &Path) {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let (key, certificate) = (key.display().to_string(), certificate.display().to_string());
    output(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=nas",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
}

/// Where `tests/ftp-servers` unpacks.
fn unpacked(server: &str) -> PathBuf {
    // Tests of several packages use this file.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let top = folders.find(|folder| folder.join("Cargo.lock").exists()).expect("the top folder");
    top.join("target/ftp-servers").join(server)
}

fn program(server: &str) -> String {
    let path = unpacked(server).join("usr/sbin").join(server);
    assert!(
        path.exists(),
        "{server} is missing: run tests/ftp-servers as root (it runs apt-get install for the libraries and unpacks the \
         three servers, whose packages conflict)"
    );
    path.canonicalize().expect("its path").display().to_string()
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// What a program prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|e| panic!("{program} does not run: {e}: apt-get install openssl coreutils"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
