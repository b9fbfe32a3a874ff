//! Real servers for object stores and WebDAV on loopback ports: moto (S3), Azurite (Azure Blob) and Apache.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::{digest, hmac};
use tempfile::TempDir;

/// A server that was started is waited for so long.
const PATIENCE: Duration = Duration::from_mins(2);

const APACHE: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// A server of its own process, which ends with it.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    process: Child,
    port: u16,
}

/// The account of [`Server::azurite`].
pub const AZURE_ACCOUNT: &str = "evenkeel";

/// Its key. A test's, not anybody's.
pub const AZURE_KEY: &str = "ZXZlbmtlZWwgZXZlbmtlZWwgZXZlbmtlZWwgZXZlbmtlZWw=";

/// The user of [`Server::webdav`].
pub const DAV_USER: &str = "ops";

/// Its password.
pub const DAV_PASSWORD: &str = "hunter2 hunter2";

impl Server {
    /// An S3 server with a bucket `backup`, which takes any key. It keeps everything in memory.
    ///
    /// # Panics
    /// Where moto is not installed or does not start.
    pub fn s3() -> Self {
        Server::moto(&[])
    }

    /// As [`Server::s3`]; it knows no key.
    ///
    /// # Panics
    /// As [`Server::s3`].
    pub fn s3_without_keys() -> Self {
        Server::moto(&[("INITIAL_NO_AUTH_ACTION_COUNT", "1")])
    }

    fn moto(environment: &[(&str, &str)]) -> Self {
        let program = peers().join("moto/bin/moto_server");
        let lines =
            "python3 -m venv target/peers/moto && target/peers/moto/bin/pip install 'moto[server]==5.2.1'";
        assert!(program.exists(), "{} is missing: {lines}", program.display());
        let server = Server::start(|_, port| {
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).envs(environment.iter().copied());
            command
        });
        let status = server.ask("PUT /backup HTTP/1.1", &[]);
        assert!(status.contains(" 200 "), "cannot make a bucket: {status}");
        server
    }

    /// An Azure Blob server with a container `backup` in the account [`AZURE_ACCOUNT`].
    ///
    /// # Panics
    /// Where Azurite is not installed or does not start.
    pub fn azurite() -> Self {
        let program = peers().join("azurite/node_modules/.bin/azurite-blob");
        let line = "npm install --prefix target/peers/azurite azurite@3.35.0";
        assert!(program.exists(), "{} is missing: {line}", program.display());
        let server = Server::start(|folder, port| {
            let mut command = Command::new(&program);
            command.args([
                "--blobHost",
                "127.0.0.1",
                "--silent",
                "--skipApiVersionCheck",
                "--disableTelemetry",
            ]);
            command.args(["--blobPort", &port.to_string()]).arg("--location").arg(folder);
            command.env("AZURITE_ACCOUNTS", format!("{AZURE_ACCOUNT}:{AZURE_KEY}"));
            command
        });
        let date =
            Command::new("date").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]).env("LC_ALL", "C").output();
        let date = String::from_utf8(date.expect("date").stdout).expect("date");
        let headers = format!("x-ms-date:{}\nx-ms-version:2023-11-03", date.trim());
        let place = format!("/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/backup\nrestype:container");
        let text = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}\n{place}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(AZURE_KEY).expect("a key"));
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let authorization = format!("Authorization: SharedKey {AZURE_ACCOUNT}:{signature}");
        let mut lines: Vec<&str> = headers.lines().collect();
        lines.push(&authorization);
        let status = server.ask(&format!("PUT /{AZURE_ACCOUNT}/backup?restype=container HTTP/1.1"), &lines);
        assert!(status.contains(" 201 "), "cannot make a container: {status}");
        server
    }

    /// A WebDAV server whose folder is [`Server::files`], at `/dav/`, for [`DAV_USER`] with [`DAV_PASSWORD`].
    ///
    /// # Panics
    /// Where Apache is not installed or does not start.
    pub fn webdav() -> Self {
        Server::apache("")
    }

    /// As [`Server::webdav`], over TLS; [`Server::authority`] signed its certificate.
    ///
    /// # Panics
    /// As [`Server::webdav`], and where `openssl` is not installed.
    pub fn webdav_tls() -> Self {
        Server::apache(
            "SSLEngine on\nSSLCertificateFile {folder}/leaf.pem\nSSLCertificateKeyFile {folder}/leaf.key\n",
        )
    }

    fn apache(tls: &str) -> Self {
        assert!(Path::new(APACHE).exists(), "{APACHE} is missing: apt-get install apache2-bin");
        Server::start(|folder, port| {
            let dav = folder.join("files/dav");
            fs::create_dir_all(&dav).expect("a folder");
            if !tls.is_empty() {
                sign(folder);
            }
            fs::write(folder.join("users"), format!("{DAV_USER}:{}\n", hash(DAV_PASSWORD))).expect("users");
            fs::write(folder.join("httpd.conf"), settings(folder, port, tls)).expect("settings");
            if is_root() {
                // It becomes another user, who has to get there.
                let owned = [folder.to_path_buf(), folder.join("files"), dav];
                let status = Command::new("chown").arg("www-data").args(owned).status().expect("chown");
                assert!(status.success(), "chown");
            }
            let mut command = Command::new(APACHE);
            command.arg("-d").arg(folder).arg("-f").arg(folder.join("httpd.conf")).arg("-DFOREGROUND");
            command
        })
    }

    /// Starts what `command` makes of a folder and a port, and waits until it listens.
    fn start(command: impl Fn(&Path, u16) -> Command) -> Self {
        let mut said = String::new();
        // Another process may take a free port first.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let port = free_port();
            let log = folder.path().join("log");
            let file = fs::File::create(&log).expect("a log");
            let mut command = command(folder.path(), port);
            command.stdin(Stdio::null()).stdout(file.try_clone().expect("a log")).stderr(file);
            let process = command.spawn().expect("a server");
            let mut server = Server { folder, process, port };
            if server.listens() {
                return server;
            }
            said = fs::read_to_string(log).unwrap_or_default();
            said += &fs::read_to_string(server.folder.path().join("error.log")).unwrap_or_default();
        }
        panic!("a server does not start:\n{said}");
    }

    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return self.process.try_wait().expect("a server").is_none();
            }
            if self.process.try_wait().expect("a server").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Sends a request without content and gives the first line of the answer.
    fn ask(&self, line: &str, headers: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut lines = vec![line, "Host: 127.0.0.1", "Content-Length: 0", "Connection: close"];
        lines.extend(headers);
        stream.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that a WebDAV server shows.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files/dav")
    }

    /// The certificate of the authority that signed a server's.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What it said.
    pub fn log(&self) -> String {
        ["log", "error.log", "access.log"]
            .iter()
            .filter_map(|name| fs::read_to_string(self.folder.path().join(name)).ok())
            .collect()
    }

    /// Sends it a signal: `STOP` makes it silent, `CONT` lets it go on.
    ///
    /// # Panics
    /// Where `kill` does not run.
    pub fn signal(&self, signal: &str) {
        let arguments = [format!("-{signal}"), self.process.id().to_string()];
        Command::new("kill").args(arguments).stderr(Stdio::null()).status().expect("kill");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In good order: Apache takes its children along.
        self.signal("CONT");
        self.signal("TERM");
        for _ in 0..200 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where `./test` installs servers that Debian has no packages of.
fn peers() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap_or(here);
    root.join("target/peers")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    String::from_utf8_lossy(&id.stdout).trim() == "0"
}

/// A password as Apache's files of users have it.
fn hash(password: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    format!("{{SHA}}{}", BASE64_STANDARD.encode(hash))
}

fn settings(folder: &Path, port: u16, tls: &str) -> String {
    let modules = [
        "mpm_event",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_basic",
        "dav",
        "dav_fs",
        "dav_lock",
        "ssl",
    ];
    let modules = modules.iter().map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"));
    let user = if is_root() { "User www-data\nGroup www-data\n" } else { "" };
    let text = format!(
        "{}{user}ServerName 127.0.0.1\nListen 127.0.0.1:{port}\nPidFile {{folder}}/pid\nErrorLog {{folder}}/error.log\n\
         LogLevel info\nDefaultRuntimeDir {{folder}}\nDocumentRoot {{folder}}/files\nDavLockDB {{folder}}/files/lock\n\
         StartServers 1\nServerLimit 2\nThreadsPerChild 8\nMaxRequestWorkers 16\nDavMinTimeout 600\n{tls}\
         <Location /dav>\nDav On\nAuthType Basic\nAuthName dav\nAuthUserFile {{folder}}/users\n\
         Require valid-user\n</Location>\n",
        modules.collect::<String>()
    );
    text.replace("{folder}", &folder.display().to_string())
}

/// An authority and a certificate for 127.0.0.1.
fn sign(folder: &Path) {
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("names");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output();
        let output = output.expect("openssl is missing: apt-get install openssl");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    };
    let of = |arguments: &[&'static str]| [["req"].as_slice(), &key, arguments].concat();
    openssl(&of(&[
        "-x509",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=an authority",
        "-days",
        "2",
    ]));
    openssl(&of(&["-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf"]));
    let signing = ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(&[signing.as_slice(), &["-out", "leaf.pem", "-days", "2", "-extfile", "names"]].concat());
}
