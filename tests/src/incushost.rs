//! A real Incus of its own, with the images `debian` and `busybox`: what `tests/incus-host` runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::evenkeel::Ran;

const INCUSHOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/incus-host");

/// A server that was told to end is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server with a storage pool `default` and no network. It ends with its containers when it is dropped, and
/// also where the test is killed, since it lives as long as the pipe to its standard input.
#[derive(Debug)]
pub struct IncusHost {
    folder: TempDir,
    process: Child,
}

impl IncusHost {
    /// Starts a server, which takes about a second.
    ///
    /// # Panics
    /// Where it does not start; the message says what to install.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The root of a container is another user's here, who has to get there.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("a mode");
        let mut command = Command::new(INCUSHOST);
        command.arg("run").arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let process = command.stderr(log).spawn().expect("tests/incus-host runs");
        let mut host = IncusHost { folder, process };
        let mut line = String::new();
        let output = host.process.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("its output can be read");
        let said = || std::fs::read_to_string(host.folder.path().join("log")).unwrap_or_default();
        assert_eq!(
            line,
            "ready\n",
            "a real Incus does not start; as root, run: tests/incus-host install && tests/incus-host image\n{}",
            said()
        );
        host
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("unix.socket")
    }

    /// The folder in which it keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What Incus's own client prints for these arguments.
    ///
    /// # Panics
    /// Where it fails.
    pub fn incus(&self, arguments: &[&str]) -> String {
        let ran = self.client(arguments, "");
        assert_eq!(ran.code, 0, "incus {arguments:?}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// The `metadata` of what the interface answers to a GET; `None` where there is no such thing.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn get(&self, path: &str) -> Option<Value> {
        let mut body: Value = serde_json::from_str(&self.body(path)?).expect("JSON");
        Some(body.get_mut("metadata").map_or(Value::Null, Value::take))
    }

    /// What is in a file of an instance, which need not run; `None` where it is not there, or the instance is just starting.
    ///
    /// # Panics
    /// As [`IncusHost::get`].
    pub fn file(&self, instance: &str, path: &str) -> Option<String> {
        self.body(&format!("/1.0/instances/{instance}/files?path={path}"))
    }

    fn body(&self, path: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).expect("the server's socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let is_starting = answer.contains("forkfile.sock");
        if head.starts_with("HTTP/1.0 404 ") || is_starting {
            return None;
        }
        assert!(head.starts_with("HTTP/1.0 200 "), "GET {path}: {answer}");
        Some(body.to_owned())
    }

    /// Has it listen on a port of the loopback address, too.
    ///
    /// # Panics
    /// Where it does not.
    pub fn listen(&self) -> u16 {
        // Another process may take a free port first.
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("its address").port();
            drop(listener);
            self.incus(&["config", "set", &format!("core.https_address=127.0.0.1:{port}")]);
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
        panic!("the server listens on no port");
    }

    /// What a shell in an instance prints for a command.
    ///
    /// # Panics
    /// Where it fails.
    pub fn sh(&self, instance: &str, command: &str) -> String {
        self.incus(&["exec", instance, "--", "sh", "-c", command])
    }

    /// Runs a script in an instance by `sh -s ARGUMENTS`.
    pub fn script(&self, instance: &str, script: &str, arguments: &[&str]) -> Ran {
        self.client(&[&["exec", instance, "--", "sh", "-s"], arguments].concat(), script)
    }

    /// An instance without a network, started from an image.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn launch(&self, image: &str, name: &str) {
        self.incus(&["launch", "--quiet", image, name, "--no-profiles", "--storage", "default"]);
    }

    fn client(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(INCUSHOST);
        command.arg("client").arg(self.folder.path()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().expect("tests/incus-host runs");
        let mut pipe = client.stdin.take().expect("its input");
        // One that has seen enough closes it, and says so by its exit code.
        let _ = pipe.write_all(input.as_bytes());
        drop(pipe);
        Ran::of(&client.wait_with_output().expect("the client's output"))
    }
}

impl Drop for IncusHost {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
