//! Running the `evenkeel` program as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of manifests to run the program in.
#[derive(Debug)]
pub struct Workdir {
    folder: tempfile::TempDir,
}

/// What a run printed and how it ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Workdir {
    /// An empty folder.
    ///
    /// # Panics
    /// Where there is no place for temporary files.
    pub fn new() -> Self {
        Workdir { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder for the file");
        }
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    /// Runs `evenkeel ARGS` in the folder.
    ///
    /// # Panics
    /// Where the program is not built.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().expect("evenkeel runs"))
    }

    /// Runs `evenkeel ARGS` and expects an exit code.
    ///
    /// # Panics
    /// Where the exit code is another; both outputs are shown.
    pub fn expect(&self, code: i32, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(
            ran.code, code,
            "evenkeel {args:?}\n--- stdout\n{}\n--- stderr\n{}",
            ran.stdout, ran.stderr
        );
        ran
    }

    /// `evenkeel ARGS`, not yet started. The home folder is the work folder, so that the developer's own SSH and
    /// credentials settings have no say.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("evenkeel"));
        command.args(args).current_dir(self.path()).env("HOME", self.path());
        for name in ["SSH_AUTH_SOCK", "EVENKEEL_CREDENTIALS", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }
}

impl Default for Workdir {
    fn default() -> Self {
        Self::new()
    }
}

impl Ran {
    /// The parts of a finished process.
    pub fn of(output: &Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// Where it is not one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON ({e}):\n{}\n{}", self.stdout, self.stderr))
    }

    /// Expects every one of `parts` in what was printed.
    ///
    /// # Panics
    /// Where one is missing.
    pub fn says(&self, parts: &[&str]) {
        let all = format!("{}{}", self.stdout, self.stderr);
        for part in parts {
            assert!(all.contains(part), "no {part:?} in:\n{all}");
        }
    }
}

/// A program of this workspace, built beside this test.
///
/// # Panics
/// Where it is not there.
pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a path of this test");
    let found = here.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace`"))
}
