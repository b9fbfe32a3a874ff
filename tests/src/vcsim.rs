//! A vCenter or a standalone ESXi of its own: govmomi's simulator, as `tests/vcsim-host` runs it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Who may log in.
pub const USER: &str = "administrator@vsphere.local";

/// The password of [`USER`]: one that has to be escaped in XML. A test's, not anybody's.
pub const PASSWORD: &str = "correct & <horse> 8";

const VCSIM_HOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vcsim-host");

/// A simulator that was told to end is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running simulator. It ends when it is dropped, and also where the test is killed, since it lives as long as the
/// pipe to its standard input.
#[derive(Debug)]
pub struct Vcsim {
    folder: TempDir,
    process: Child,
    url: String,
    address: SocketAddr,
    fingerprint: String,
}

impl Vcsim {
    /// Starts one with these flags (`tests/vcsim-host run -h` lists them).
    ///
    /// # Panics
    /// Where it does not start; the message says what to run.
    pub fn start(flags: &[&str]) -> Self {
        Vcsim::try_start(flags).unwrap_or_else(|why| panic!("{why}"))
    }

    /// As [`Vcsim::start`], or why it does not start and what to run.
    ///
    /// # Errors
    /// Where it is not built, or does not take these flags.
    ///
    /// # Panics
    /// Where there is no place for temporary files.
    pub fn try_start(flags: &[&str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        // Its own temporary files go here, too: nothing stays behind, even where it is killed.
        let files = folder.path().join("files");
        std::fs::create_dir(&files).expect("a folder");
        let mut command = Command::new(VCSIM_HOST);
        command.args(["run", "-user", USER, "-password", PASSWORD]);
        command.arg("-certificate").arg(folder.path().join("certificate.pem")).args(flags);
        command.env("TMPDIR", &files).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(&log).expect("a log"));
        let mut process = command.spawn().map_err(|e| format!("tests/vcsim-host does not run: {e}"))?;
        let mut line = String::new();
        let output = process.stdout.take().expect("its output");
        let read = BufReader::new(output).read_line(&mut line);
        let (url, fingerprint) = line.trim_end().split_once(' ').unwrap_or_default();
        let address = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix("/sdk")?.parse().ok());
        let Some(address) = address else {
            drop(process.stdin.take());
            let _ = process.wait();
            let said = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!(
                "the vCenter simulator does not start; run: tests/vcsim-host install (as root) && tests/vcsim-host \
                 build\n{said}{line}{}",
                read.err().map(|e| e.to_string()).unwrap_or_default()
            ));
        };
        let (url, fingerprint) = (url.to_owned(), fingerprint.to_owned());
        Ok(Vcsim { folder, process, url, address, fingerprint })
    }

    /// `https://127.0.0.1:PORT/sdk`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The SHA-256 of its certificate: 64 hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The file of its certificate, PEM, which it signed itself for 127.0.0.1.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The folder of its temporary files.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// What it wrote to standard error; with `-v` that is much.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The process that it is.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// The `vsphere` settings of a target that reaches it. `credentials` names what has [`USER`] and [`PASSWORD`].
    pub fn spec(&self, credentials: &str) -> Value {
        settings(self.address, &self.fingerprint, credentials)
    }

    /// Ends it, as dropping it does.
    pub fn stop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Vcsim {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The `vsphere` settings of a target behind this address.
pub(crate) fn settings(address: SocketAddr, fingerprint: &str, credentials: &str) -> Value {
    json!({
        "host": address.ip().to_string(),
        "port": address.port(),
        "credentialsRef": credentials,
        "certificateFingerprint": fingerprint,
    })
}
