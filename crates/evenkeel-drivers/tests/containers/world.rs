//! A root file system in a folder, with programs of its own and none of this machine's but the plain ones.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use evenkeel_core::request::Script;
use tempfile::TempDir;

/// The shells that containers have as `sh`.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

/// What a small system has.
const PROGRAMS: [&str; 19] = [
    "cat", "chmod", "chown", "cp", "env", "grep", "ln", "ls", "mkdir", "mktemp", "mv", "readlink", "rm",
    "sed", "sh", "sleep", "tail", "tr", "true",
];

/// A root file system, and the shell that its scripts are run by.
pub(crate) struct World {
    shell: &'static [&'static str],
    folder: TempDir,
}

/// Runs a test with every shell.
pub(crate) fn everywhere(test: impl Fn(&World)) {
    for shell in SHELLS {
        let world = World { shell, folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(world.path("/tmp")).unwrap();
        fs::create_dir_all(world.bin()).unwrap();
        for program in PROGRAMS {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
            let found = found.into_iter().find(|path| path.exists()).unwrap();
            symlink(found, world.bin().join(program)).unwrap();
        }
        test(&world);
    }
}

impl World {
    fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Where a path of the container is on this machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Never through a link: it may lead out of here.
        let _ = fs::remove_file(&path);
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        symlink(target, self.path(path)).unwrap();
    }

    /// Where a link leads to; `None` where there is none.
    pub(crate) fn leads_to(&self, path: &str) -> Option<String> {
        Some(fs::read_link(self.path(path)).ok()?.to_str().unwrap().to_owned())
    }

    /// Whether anything is there, be it a link that leads nowhere.
    pub(crate) fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o7777
    }

    /// Puts a program into the container that notes how it was called, and does `body`.
    pub(crate) fn program(&self, name: &str, body: &str) {
        let log = self.folder.path().join("calls");
        let path = self.bin().join(name);
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>'{}'\n{body}\n", log.display());
        // It may be a link to a program of this machine, which must not be written to.
        let _ = fs::remove_file(&path);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How programs were called, and forgets it.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = self.folder.path().join("calls");
        let calls = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        calls.lines().map(str::to_owned).collect()
    }

    /// Runs a script as OpenVZ and Proxmox VE do: on the standard input of a shell.
    pub(crate) fn run(&self, script: &Script, arguments: &[&str]) -> Output {
        let mut child = self.command(&[&["-s"][..], arguments].concat());
        let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
        // One that ends early reads no more.
        let _ = child.stdin.take().unwrap().write_all(script.text.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs a script as Incus does: as an argument.
    pub(crate) fn run_as_argument(&self, script: &Script, arguments: &[&str]) -> Output {
        let mut child = self.command(&[&["-c", &script.text, &script.name][..], arguments].concat());
        child.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a script that has to work, in both ways; what it says.
    #[track_caller]
    pub(crate) fn good(&self, script: &Script, arguments: &[&str]) -> String {
        self.run_as_argument(script, arguments);
        let output = self.run(script, arguments);
        let (told, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{:?}: {} {errors}", self.shell, output.status);
        format!("{told}{errors}")
    }

    /// Runs a script that has to fail; its status and what it says.
    #[track_caller]
    pub(crate) fn bad(&self, script: &Script, arguments: &[&str]) -> (i32, String) {
        let output = self.run(script, arguments);
        let as_argument = self.run_as_argument(script, arguments);
        assert!(!output.status.success(), "{:?}: {}", self.shell, text(&output.stdout));
        assert_eq!(output.status, as_argument.status, "{:?}", self.shell);
        (output.status.code().unwrap(), text(&output.stderr))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (program, first) = self.shell.split_first().unwrap();
        let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
        let found = found.into_iter().find(|path| path.exists());
        let found = found.unwrap_or_else(|| panic!("no {program}: apt-get install dash bash busybox"));
        let mut command = Command::new(found);
        command.args(first).args(arguments).env_clear();
        command.env("PATH", self.bin()).env("EVENKEEL_ROOT", self.root()).env("EVENKEEL_PATIENCE", "0");
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
