//! A site of simulated ESX(i) hosts of three generations (a stand-in that we wrote) behind a real SSH server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use evenkeel_lab::esxi::EsxHost;
use evenkeel_lab::server::shim_binary;
use evenkeel_lab::site::esx_host;
use tempfile::TempDir;

use crate::site::Site;

/// The hosts: olive (4.1), lime (5.5) and plum (8.0), in the order in which they take turns.
pub const HOSTS: [&str; 3] = ["lime", "olive", "plum"];

/// The site, with the manifests of an example.
#[derive(Debug)]
pub struct EsxSite {
    /// The hosts and the folder of manifests.
    pub site: Site,
    seen: PathBuf,
    _folder: TempDir,
}

impl EsxSite {
    /// Three hosts with so many LUNs each.
    ///
    /// # Panics
    /// Where the lab does not start, or there is no such example.
    pub fn of_example(example: &str, luns: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let seen = folder.path().join("seen");
        fs::write(&seen, "").expect("a file");
        let shim = telling_shim(folder.path(), &seen);
        let site = Site::with_shim((0..3).map(|at| esx_host(at, luns)).collect(), shim);
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
        for file in fs::read_dir(&examples).expect("the example").flatten() {
            let name = file.file_name().into_string().expect("a name");
            // Where the hosts are is the lab's to say.
            if name != "targets.yaml" {
                site.work.write(&name, &fs::read_to_string(file.path()).expect("a manifest"));
            }
        }
        EsxSite { site, seen, _folder: folder }
    }

    /// Looks at or changes a host by hand.
    ///
    /// # Panics
    /// Where there is no such host.
    pub fn host<R>(&self, name: &str, act: impl FnOnce(&mut EsxHost) -> R) -> R {
        self.site.lab.with_esx_host(name, act).expect("a host of the lab")
    }

    /// The commands that hosts were sent so far that write, each behind the name of its host, in the order in which
    /// they began on all of them.
    ///
    /// # Panics
    /// Where the record cannot be read.
    pub fn writes(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(&self.seen).expect("what was seen");
        let split =
            |line: &str| line.split_once(' ').map(|(host, command)| (host.to_owned(), command.to_owned()));
        let writes = |command: &str| {
            let words: Vec<&str> = command.split(' ').collect();
            [
                "set",
                "setpolicy",
                "setdefaultpsp",
                "setconfig",
                "setpreferred",
                "add",
                "remove",
                "addrule",
                "deleterule",
            ]
            .iter()
            .any(|verb| words.contains(verb))
        };
        text.lines().filter_map(split).filter(|(_, command)| writes(command)).collect()
    }

    /// All commands that a host was sent so far.
    ///
    /// # Panics
    /// Where the record cannot be read.
    pub fn commands(&self, host: &str) -> Vec<String> {
        let text = fs::read_to_string(&self.seen).expect("what was seen");
        let of_host = |line: &str| line.strip_prefix(host)?.strip_prefix(' ').map(str::to_owned);
        text.lines().filter_map(of_host).collect()
    }
}

/// The lab's programs, which write down what they are asked before they do it.
fn telling_shim(folder: &Path, seen: &Path) -> PathBuf {
    let shim = shim_binary().expect("the lab's shim is built");
    let script = format!(
        "#!/bin/bash\nprintf '%s\\n' \"$EVENKEEL_LAB_TARGET ${{0##*/}} $*\" >>'{}'\nexec -a \"$0\" '{}' \"$@\"\n",
        seen.display(),
        shim.display()
    );
    let path = folder.join("telling-shim");
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}
