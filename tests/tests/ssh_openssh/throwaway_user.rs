//! A system user with a known password, for the time of one test.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use evenkeel_tests::sshd::user;

pub(crate) struct ThrowawayUser {
    name: String,
    sudoers: Option<PathBuf>,
}

impl ThrowawayUser {
    /// Panics where the tests do not run as root: nobody else can make users or check their passwords.
    pub(crate) fn new() -> Self {
        assert_eq!(user(), "root", "this test makes a user: run it as root, as `sudo ./test` does");
        let name = format!("ektest{}", std::process::id());
        // Tests in other processes may hold the lock of the user database.
        let made = (0..50).any(|_| {
            let command =
                Command::new("useradd").args(["-m", "-s", "/bin/bash", &name]).stderr(Stdio::null()).status();
            let made = command.expect("useradd is missing: apt-get install passwd").success();
            if !made {
                std::thread::sleep(Duration::from_millis(100));
            }
            made
        });
        assert!(made, "useradd {name} fails");
        let user = ThrowawayUser { name, sudoers: None };
        let mut change = Command::new("chpasswd").stdin(Stdio::piped()).spawn().unwrap();
        let line = format!("{}:{}", user.name(), user.password());
        change.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        assert!(change.wait().unwrap().success(), "chpasswd fails");
        user
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[allow(clippy::unused_self, reason = "it is this user's")]
    pub(crate) fn password(&self) -> &'static str {
        "pässword with 'quotes' $(and) \\more"
    }

    /// Gives the user a rule in sudoers, such as `ALL=(root) NOPASSWD: ALL`.
    pub(crate) fn sudo_rule(&mut self, rule: &str) {
        let path = PathBuf::from(format!("/etc/sudoers.d/{}", self.name));
        self.sudoers = Some(path.clone());
        std::fs::write(path, format!("{} {rule}\n", self.name)).unwrap();
    }
}

impl Drop for ThrowawayUser {
    fn drop(&mut self) {
        if let Some(path) = &self.sudoers {
            let _ = std::fs::remove_file(path);
        }
        for _ in 0..50 {
            let gone = Command::new("userdel").args(["-r", "-f", &self.name]).stderr(Stdio::null()).status();
            if gone.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
