//! A bare repository that is pushed to, and a controller that follows it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::evenkeel::{Workdir, program};
use crate::sshd::TestSshd;

/// How long something is waited for that happens within a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// A bare repository and a clone of it, with a git that takes nothing from this machine's settings.
#[derive(Debug)]
pub struct Repository {
    folder: tempfile::TempDir,
    /// How git reaches an SSH server, where it is pushed over one.
    ssh_command: Option<String>,
}

impl Repository {
    /// A new repository with the branch `main`, without commits.
    ///
    /// # Panics
    /// Where git is not installed.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Repository { folder, ssh_command: None };
        let bare = repository.bare();
        repository.git_in(
            repository.folder.path(),
            &["init", "--quiet", "--bare", "--initial-branch=main", &bare.display().to_string()],
        );
        repository.git_in(
            repository.folder.path(),
            &[
                "clone",
                "--quiet",
                &bare.display().to_string(),
                &repository.clone_path().display().to_string(),
            ],
        );
        repository.git(&["checkout", "--quiet", "-b", "main"]);
        repository
    }

    /// The bare repository.
    pub fn bare(&self) -> PathBuf {
        self.folder.path().join("infra.git")
    }

    /// The clone that commits are made in.
    pub fn clone_path(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// From now on it is pushed to `url`, reached by this `ssh` command.
    pub fn push_over(&mut self, url: &str, ssh_command: String) {
        self.ssh_command = Some(ssh_command);
        self.git(&["remote", "set-url", "origin", url]);
    }

    /// What the server does after a push.
    ///
    /// # Panics
    /// Where the hook cannot be written.
    pub fn hook(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = self.bare().join("hooks/post-receive");
        std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).expect("a hook");
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    }

    /// Writes a file of the clone.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.clone_path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        std::fs::write(path, text).expect("a file of the clone");
    }

    /// Commits everything and pushes it. Gives the commit and what the server said.
    pub fn push(&self, message: &str) -> (String, String) {
        self.commit(message, &[]);
        self.push_only()
    }

    /// Commits everything; `more` are further arguments of `git commit`.
    pub fn commit(&self, message: &str, more: &[&str]) {
        self.git(&["add", "--all"]);
        self.git(&[&["commit", "--quiet", "--allow-empty", "-m", message], more].concat());
    }

    /// Pushes what was committed. Gives the commit and what the server said.
    pub fn push_only(&self) -> (String, String) {
        let said = self.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
        (self.git(&["rev-parse", "HEAD"]).trim().to_owned(), said)
    }

    /// Runs git in the clone. Gives what it printed.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.clone_path(), args)
    }

    fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false"])
            .args(args)
            .current_dir(folder)
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        if let Some(ssh) = &self.ssh_command {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        let output = command.output().expect("git is installed: apt-get install git");
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "git {args:?}: {said}");
        said
    }
}

impl Default for Repository {
    fn default() -> Self {
        Self::new()
    }
}

/// A repository behind a real SSH server, and the configuration of a controller that follows it. The controller is
/// woken by the repository's hook only: it looks by itself once an hour.
#[derive(Debug)]
pub struct Followed {
    /// The repository. It is pushed to over SSH.
    pub repository: Repository,
    server: TestSshd,
}

impl Followed {
    /// Writes `evenkeel.yaml` into the folder, with the source `site`; `source` are further fields of it.
    ///
    /// # Panics
    /// Where git or OpenSSH is not installed.
    pub fn new(work: &Workdir, source: &str) -> Self {
        let server = TestSshd::start();
        let mut repository = Repository::new();
        let user = server.spec().get("user").and_then(|user| user.as_str().map(str::to_owned));
        let user = user.expect("the user of the server");
        let url = format!("ssh://{user}@127.0.0.1:{}{}", server.port(), repository.bare().display());
        let (key, known) = (server.key().display().to_string(), server.known_hosts().display().to_string());
        repository.push_over(&url, format!("ssh -F /dev/null -i {key} -o UserKnownHostsFile={known}"));
        let (evenkeel, config) = (program("evenkeel"), work.path().join("evenkeel.yaml"));
        repository.hook(&format!("{} notify --config {} site", evenkeel.display(), config.display()));
        let more: Vec<String> = source.lines().map(|line| format!("  {line}\n")).collect();
        let more = more.concat();
        let manifest = |kind: &str, name: &str, spec: String| {
            format!(
                "---\napiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec:\n{spec}"
            )
        };
        let text = [
            manifest("Controller", "test", "  stateDirectory: state\n".to_owned()),
            manifest("Secret", "git", format!("  file: {{ privateKey: {key} }}\n")),
            manifest(
                "GitSource",
                "site",
                format!(
                    "  url: {url}\n  ref: {{ branch: main }}\n  credentialsRef: git\n  knownHosts: {known}\n  interval: 1h\n{more}"
                ),
            ),
        ];
        work.write("evenkeel.yaml", &text.concat());
        Followed { repository, server }
    }

    /// The server of the repository.
    pub fn server(&self) -> &TestSshd {
        &self.server
    }
}

/// `evenkeel serve` that runs beside the test, and ends with it.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    log: PathBuf,
    /// How much of the log was waited through.
    read: usize,
}

impl Serving {
    /// Starts `evenkeel serve ARGS` in the folder and waits until it can be asked.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(work: &Workdir, args: &[&str]) -> Self {
        Serving::start_with(work, args, &[])
    }

    /// Like [`Serving::start`], with these environment variables.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_with(work: &Workdir, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = work.command(&[&["serve"], args].concat());
        let log = work.path().join("serve.log");
        File::create(&log).expect("a log");
        let log = File::options().append(true).open(&log).expect("the log");
        command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(log);
        Serving::of(work, command)
    }

    /// Like [`Serving::start`], with a command of one's own; its standard error is the log.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn of(work: &Workdir, mut command: Command) -> Self {
        let log = work.path().join("serve.log");
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let child = command.stderr(file).spawn().expect("evenkeel runs");
        let mut serving = Serving { child, log, read: 0 };
        serving.wait_for("serves ");
        serving
    }

    /// Waits until it says `text`, after what was waited for before. Gives the line.
    ///
    /// # Panics
    /// Where it ends, or does not say it in time.
    pub fn wait_for(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            let log = self.said();
            let fresh = log.get(self.read..).unwrap_or_default();
            if let Some(at) = fresh.find(text) {
                let start = fresh[..at].rfind('\n').map_or(0, |n| n + 1);
                let end = fresh[at..].find('\n').map_or(fresh.len(), |n| at + n);
                self.read += end;
                return fresh[start..end].to_owned();
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none(), "it ended ({ended:?}) without {text:?}:\n{log}");
            assert!(begin.elapsed() < PATIENCE, "it does not say {text:?}:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything that it said so far.
    ///
    /// # Panics
    /// Where its log cannot be read.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).expect("its log")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `TERM`.
    ///
    /// # Panics
    /// Where there is no such process.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    /// Waits until it ended. Gives the exit code; `None` where a signal ended it.
    ///
    /// # Panics
    /// Where it does not end in time.
    pub fn ended(&mut self) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.code();
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            use std::io::Write as _;
            let said = self.said();
            let _ = writeln!(std::io::stderr(), "--- evenkeel serve\n{said}");
        }
    }
}

/// Waits until `holds`.
///
/// # Panics
/// Where it does not hold in time.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
