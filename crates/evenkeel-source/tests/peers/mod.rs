//! The peers of these tests: repositories made by the real git, and what serves them.

pub mod http;
pub mod sshd;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use evenkeel_core::config::GitSourceSpec;
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use evenkeel_engine::source::{Fetched, Snapshot, Source, SourceError};
use evenkeel_source::{GitOptions, GitSource};
use evenkeel_transport::{Credentials, SshClient, SshOptions};
use secrecy::SecretString;
use tempfile::TempDir;

/// Repositories, a home and a state folder, for one test. `site.git` is bare; `work` is a clone that pushes to it.
pub struct Site {
    pub folder: TempDir,
}

impl Site {
    /// With one commit on `main` that has `a.yaml`.
    pub fn new() -> Self {
        let site = Site { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(site.path("home/.ssh")).unwrap();
        site.git(".", &["init", "--quiet", "--bare", "--initial-branch=main", "site.git"]);
        site.git(".", &["init", "--quiet", "--initial-branch=main", "work"]);
        site.git("work", &["remote", "add", "origin", "../site.git"]);
        site.commit(&[("a.yaml", "a: 1\n")]);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn bare(&self) -> String {
        self.path("site.git").display().to_string()
    }

    pub fn command(&self, program: &str, folder: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path(folder)).env_clear().env("PATH", std::env::var("PATH").unwrap());
        command.env("HOME", self.path("home")).env("LC_ALL", "C").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_CONFIG_GLOBAL", self.path("home/gitconfig")).env("GNUPGHOME", self.path("gnupg"));
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ann Example");
            command.env(format!("GIT_{who}_EMAIL"), "ann@example.net");
        }
        command
    }

    /// Runs a program that must succeed, and gives what it printed.
    pub fn run(&self, program: &str, folder: &str, arguments: &[&str]) -> String {
        let output = self.command(program, folder).args(arguments).output();
        succeeded(
            program,
            output.unwrap_or_else(|e| panic!("{program}: {e}: apt-get install {}", package(program))),
        )
    }

    pub fn git(&self, folder: &str, arguments: &[&str]) -> String {
        self.run("git", folder, arguments)
    }

    /// Writes files, commits and pushes them; the hash of the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        self.commit_with(files, &[])
    }

    pub fn commit_with(&self, files: &[(&str, &str)], options: &[&str]) -> String {
        for (name, text) in files {
            let path = self.path("work").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git("work", &["add", "--all"]);
        let mut arguments = vec!["commit", "--quiet", "--allow-empty", "--message", "Change the site"];
        arguments.extend(options);
        self.git("work", &arguments);
        self.push()
    }

    /// Puts ten thousand manifests into the repository, quickly.
    pub fn import_ten_thousand(&self) {
        let mut stream = "commit refs/heads/main\ncommitter Ann Example <ann@example.net> 1700000000 +0000\n\
                          data 4\nmany\nfrom refs/heads/main^0\n"
            .to_owned();
        for at in 0..10_000 {
            let text = format!("n: {at}\n");
            write!(stream, "M 100644 inline host{}/{at}.yaml\ndata {}\n{text}\n", at % 100, text.len())
                .unwrap();
        }
        let mut command = self.command("git", "site.git");
        command.args(["fast-import", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        succeeded("git fast-import", process.wait_with_output().unwrap());
    }

    /// Pushes what `work` is at; the hash of the commit.
    pub fn push(&self) -> String {
        self.git("work", &["push", "--quiet", "--force", "--tags", "origin", "HEAD:main"]);
        self.git("work", &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A source with these settings, as JSON beside the `url`.
    pub fn try_source(&self, url: &str, settings: &str) -> Result<GitSource, SourceError> {
        GitSource::new("site", spec(url, settings), self.options(&[]))
    }

    pub fn source(&self, url: &str, settings: &str) -> GitSource {
        self.try_source(url, settings).unwrap()
    }

    /// A source with the credential `forge`, which has these keys.
    pub fn source_with(&self, url: &str, settings: &str, secrets: &[(&str, String)]) -> GitSource {
        GitSource::new("site", spec(url, settings), self.options(secrets)).unwrap()
    }

    pub fn options(&self, secrets: &[(&str, String)]) -> GitOptions {
        self.options_with(secrets, SshOptions::isolated(self.path("home"), "nobody"))
    }

    pub fn options_with(&self, secrets: &[(&str, String)], ssh: SshOptions) -> GitOptions {
        let secrets = secrets.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let credentials = Arc::new(Forge(secrets));
        GitOptions {
            clones: self.path("state/clones"),
            home: self.path("home"),
            base: self.folder.path().to_owned(),
            ssh: Arc::new(SshClient::new(ssh, Arc::clone(&credentials) as _)),
            credentials,
            user_agent: "evenkeel-test".to_owned(),
        }
    }
}

/// The credential `forge`.
struct Forge(Vec<(String, String)>);

impl Credentials for Forge {
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
        if secret.name != "forge" {
            let message = "there is no such credential";
            return Err(TransportError::new(TransportErrorKind::Credentials, message));
        }
        let found = self.0.iter().find(|(key, _)| *key == secret.key);
        Ok(found.map(|(_, value)| SecretString::from(value.clone())))
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        format!("the test gives no `{}`", secret.key)
    }
}

fn package(program: &str) -> &str {
    match program {
        "gpg" => "gnupg",
        "ssh-keygen" => "openssh-client",
        other => other,
    }
}

/// What a program printed that must succeed.
pub fn succeeded(program: &str, output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} ended with {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The settings of a source, from JSON text.
pub fn spec(url: &str, settings: &str) -> GitSourceSpec {
    let mut value: serde_json::Value = serde_json::from_str(settings).unwrap();
    value["url"] = url.into();
    serde_json::from_value(value).unwrap()
}

/// What is new.
pub async fn fetch(source: &impl Source) -> Snapshot {
    match source.fetch(None).await {
        Ok(Fetched::New(snapshot)) => *snapshot,
        other => panic!("{other:?}"),
    }
}

/// Why there is nothing.
pub async fn failure(source: &impl Source) -> SourceError {
    source.fetch(None).await.expect_err("nothing is to be had")
}

/// Paths and contents.
pub fn files(files: &[evenkeel_core::manifest::SourceFile]) -> Vec<(&str, &str)> {
    files.iter().map(|file| (file.path.as_str(), std::str::from_utf8(&file.bytes).unwrap())).collect()
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
