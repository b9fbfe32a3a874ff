//! A real OpenZFS host: the virtual machine that `tests/testhost/zfshost` makes.

use std::fmt::Write as _;
use std::io::{Seek as _, Write as _};
use std::process::Command;

use crate::evenkeel::Ran;

const ZFSHOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testhost/zfshost");

/// A running machine. Tests of one version share it, each with a dataset tree of its own in the pool `tank`.
#[derive(Debug)]
pub struct ZfsHost {
    name: String,
    port: String,
    key: String,
    known_hosts: String,
}

impl ZfsHost {
    /// The machine with this version of OpenZFS (`2.3` or `2.1`), started where it does not run yet.
    ///
    /// # Panics
    /// Where it cannot be started; the message says how to build it.
    pub fn start(version: &str) -> Self {
        Self::start_as(format!("real-{version}"), version)
    }

    /// A second machine with this version, for what goes from one to the other.
    ///
    /// # Panics
    /// As [`ZfsHost::start`] does.
    pub fn start_second(version: &str) -> Self {
        Self::start_as(format!("real-{version}-second"), version)
    }

    fn start_as(name: String, version: &str) -> Self {
        run(Command::new(ZFSHOST).args(["start", &name, "-z", version]));
        let env = run(Command::new(ZFSHOST).args(["env", &name])).stdout;
        let value = |key: &str| {
            let line = env.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {key} in {env}")).to_owned()
        };
        let host =
            ZfsHost { port: value("PORT"), key: value("KEY"), known_hosts: value("KNOWN_HOSTS"), name };
        host.sh("zpool list tank >/dev/null 2>&1 || zpool create tank /dev/disk/by-id/virtio-disk1");
        host
    }

    /// A fresh dataset tree `tank/NAME`.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn tree(&self, name: &str) -> String {
        let tree = format!("tank/{name}");
        self.sh(&format!(
            "if zfs list {tree} >/dev/null 2>&1; then zfs destroy -R {tree}; fi; zfs create {tree}"
        ));
        tree
    }

    /// A fresh dataset tree `back/NAME` in a second pool, on a disk of its own.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn second_tree(&self, name: &str) -> String {
        self.sh("zpool list back >/dev/null 2>&1 || zpool create back /dev/disk/by-id/virtio-disk2");
        let tree = format!("back/{name}");
        self.sh(&format!("! zfs list {tree} >/dev/null 2>&1 || zfs destroy -R {tree}; zfs create {tree}"));
        tree
    }

    /// Runs a shell command as root on the machine.
    ///
    /// # Panics
    /// Where it fails.
    pub fn sh(&self, command: &str) -> String {
        run(Command::new(ZFSHOST).args(["ssh", &self.name, command])).stdout
    }

    /// Runs commands as root one after the other in one login, whatever becomes of those before.
    ///
    /// # Panics
    /// Where the login fails, or an answer is missing.
    pub fn each<S: AsRef<str>>(&self, commands: &[Vec<S>]) -> Vec<Ran> {
        const END: &str = "\n-- end of command ";
        let mut script = String::new();
        for command in commands {
            let words: Vec<String> = command.iter().map(|word| quoted(word.as_ref())).collect();
            let end = END.trim_start();
            let _ = writeln!(
                script,
                "{} </dev/null; r=$?; printf '\\n{end}%s\\n' $r; printf '\\n{end}\\n' >&2",
                words.join(" ")
            );
        }
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(script.as_bytes()).expect("a script in the temporary file");
        file.rewind().expect("the script is read from its start");
        let all = run(Command::new(ZFSHOST).args(["ssh", &self.name, "sh"]).stdin(file));
        let end_of_error = format!("{END}\n");
        let mut errors = all.stderr.split(&end_of_error);
        let mut answers = Vec::new();
        let mut rest = all.stdout.as_str();
        while let Some((stdout, after)) = rest.split_once(END) {
            let (code, after) = after.split_once('\n').expect("an exit code at the end of each answer");
            let code = code.parse().expect("the exit code is a number");
            let stderr = errors.next().expect("as many errors as outputs").to_owned();
            answers.push(Ran { code, stdout: stdout.to_owned(), stderr });
            rest = after;
        }
        assert_eq!(answers.len(), commands.len(), "every command was answered: {all:?}");
        answers
    }

    /// A Target manifest that reaches it as `user`; `more` is added to `spec.ssh`.
    pub fn target(&self, name: &str, user: &str, more: &str) -> String {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name} }}\nspec:\n  ssh: {{ host: 127.0.0.1, \
             port: {}, user: {user}, identity: {}, knownHosts: {}, agent: false{more} }}\n",
            self.port, self.key, self.known_hosts
        )
    }
}

/// One word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn run(command: &mut Command) -> Ran {
    let ran = Ran::of(&command.output().expect("tests/testhost/zfshost runs"));
    let hint =
        "make the machines first: tests/testhost/zfshost build -z 2.3 && tests/testhost/zfshost bake -z 2.3";
    assert_eq!(ran.code, 0, "{command:?} failed; {hint}\n{}{}", ran.stdout, ran.stderr);
    ran
}

/// Makes each named function, which takes a version, a test on every version of OpenZFS.
#[macro_export]
macro_rules! on_each_version {
    ($($test:ident),* $(,)?) => {
        mod on_2_3 { $( #[test] fn $test() { super::$test("2.3"); } )* }
        mod on_2_1 { $( #[test] fn $test() { super::$test("2.1"); } )* }
    };
}
