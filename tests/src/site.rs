//! A lab of simulated hosts together with a folder of manifests for them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use evenkeel_lab::server::{Lab, LabConfig, LabTarget, shim_binary};
use evenkeel_lab::zfs::{Version, ZfsHost};

use crate::evenkeel::Workdir;

/// Simulated hosts, and a work folder whose `targets.yaml` and `.ssh/config` reach them.
#[derive(Debug)]
pub struct Site {
    /// The hosts.
    pub lab: Lab,
    /// The manifests.
    pub work: Workdir,
    // Dropped last: the lab has its socket in it.
    _lab_dir: tempfile::TempDir,
}

impl Site {
    /// The site of the demo: durian (2.1, POOL1), kiwi and papaya (2.3 and 2.1, tank).
    pub fn of_the_demo() -> Self {
        Self::with((0..3).map(|at| evenkeel_lab::site::target(at, 0, 0)).collect())
    }

    /// One host named `host` with the pool `tank` and the dataset `tank/vm`.
    pub fn of_one() -> Self {
        Self::with(vec![Self::host()])
    }

    /// The host of [`Site::of_one`], to be changed before it starts.
    pub fn host() -> LabTarget {
        let mut host = ZfsHost::new(Version::V2_3);
        host.add_pool("tank", 8 << 40);
        host.run(&["zfs", "create", "tank/vm"]);
        LabTarget::new("host", host)
    }

    /// These hosts.
    ///
    /// # Panics
    /// Where the lab does not start.
    pub fn with(targets: Vec<LabTarget>) -> Self {
        Self::with_shim(targets, shim_binary().expect("the lab's shim is built"))
    }

    /// These hosts, whose programs are `shim`: the lab's own, or one that does something before it becomes that.
    ///
    /// # Panics
    /// Where the lab does not start.
    pub fn with_shim(targets: Vec<LabTarget>, shim: PathBuf) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = LabConfig { dir: dir.path().to_path_buf(), shim, targets };
        let lab = Lab::start(config).expect("the lab starts");
        let work = Workdir::new();
        work.write("targets.yaml", &lab.manifests());
        let site = Site { lab, work, _lab_dir: dir };
        let config = site.work.write(".ssh/config", &site.ssh_config());
        std::fs::set_permissions(config, std::fs::Permissions::from_mode(0o600))
            .expect("a mode for .ssh/config");
        site
    }

    /// A resource of `kind` on the target `host`.
    pub fn resource(kind: &str, name: &str, spec: &str) -> String {
        format!(
            "---\napiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec: {{ target: host, {spec} }}\n"
        )
    }

    /// A `ZfsDataset` on the target `host`, with properties in flow style.
    pub fn dataset(name: &str, dataset: &str, properties: &str) -> String {
        Self::resource("ZfsDataset", name, &format!("dataset: {dataset}, properties: {{ {properties} }}"))
    }

    /// Changes a host by hand.
    ///
    /// # Panics
    /// Where the command fails.
    pub fn by_hand(&self, target: &str, command: &[&str]) {
        let output = self.lab.with_host(target, |host| host.run(command)).expect("a host of the lab");
        assert_eq!(output.exit, 0, "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The writes that a host was sent, over SSH or by hand.
    pub fn writes(&self, target: &str) -> Vec<String> {
        let reads = |c: &&Vec<String>| {
            !matches!(c.get(1).map(String::as_str), Some("get" | "list" | "version" | "history") | None)
        };
        self.lab.commands(target).iter().filter(reads).map(|c| c.join(" ")).collect()
    }

    /// What an operator would have in `~/.ssh/config` for these hosts.
    fn ssh_config(&self) -> String {
        let host = |name: &str| {
            let address = self.lab.address(name).expect("an address");
            let (key, known) = (self.lab.client_key(), self.lab.known_hosts());
            format!(
                "Host {name}\n  HostName {}\n  Port {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n",
                address.ip(),
                address.port(),
                key.display(),
                known.display()
            )
        };
        self.lab.names().map(host).collect()
    }
}
