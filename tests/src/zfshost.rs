//! A real OpenZFS host: the virtual machine that `tests/testhost/zfshost` makes.

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
        let name = format!("real-{version}");
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

    /// Runs a shell command as root on the machine.
    ///
    /// # Panics
    /// Where it fails.
    pub fn sh(&self, command: &str) -> String {
        run(Command::new(ZFSHOST).args(["ssh", &self.name, command])).stdout
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

fn run(command: &mut Command) -> Ran {
    let ran = Ran::of(&command.output().expect("tests/testhost/zfshost runs"));
    let hint =
        "make the machines first: tests/testhost/zfshost build -z 2.3 && tests/testhost/zfshost bake -z 2.3";
    assert_eq!(ran.code, 0, "{command:?} failed; {hint}\n{}{}", ran.stdout, ran.stderr);
    ran
}
