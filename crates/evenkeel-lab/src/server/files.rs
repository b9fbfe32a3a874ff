//! The lab's files: keys, `known_hosts`, shims and manifests.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

use super::{KnownAs, LabError, LabTarget, Served, containers, dumps};
use crate::{esxi, shim, vzdump};

pub(super) fn client_key(dir: &Path) -> PathBuf {
    dir.join("id_ed25519")
}

pub(super) fn known_hosts(dir: &Path) -> PathBuf {
    dir.join("known_hosts")
}

/// The socket that shims and `evenkeel-lab run` talk to.
pub fn socket(dir: &Path) -> PathBuf {
    dir.join("lab.sock")
}

/// A fresh key: whoever can guess it can run commands as the user who runs the lab.
pub(super) fn new_key() -> Result<PrivateKey, LabError> {
    let source = Path::new("/dev/urandom");
    let mut seed = [0; 32];
    fs::File::open(source).and_then(|mut file| file.read_exact(&mut seed)).map_err(LabError::at(source))?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), LabError> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(LabError::at(path))
}

pub(super) fn write_client_key(dir: &Path) -> Result<PrivateKey, LabError> {
    let key = new_key()?;
    let path = client_key(dir);
    // Made before its content, so that the content is never readable by others.
    write(&path, "", 0o600)?;
    let text = key.to_openssh(LineEnding::LF).map_err(|error| LabError::Key(error.into()))?;
    write(&path, &text, 0o600)?;
    Ok(key)
}

pub(super) fn write_known_hosts<'a>(
    dir: &Path,
    targets: impl Iterator<Item = &'a Served>,
) -> Result<(), LabError> {
    let mut lines = String::new();
    for served in targets {
        let key = match served.target.known_as {
            KnownAs::Itself => served.key.clone(),
            KnownAs::AnotherKey => new_key()?,
            KnownAs::Nobody => continue,
        };
        let public = key.public_key().to_openssh().map_err(|error| LabError::Key(error.into()))?;
        lines.push_str(&format_line(served, &public));
    }
    write(&known_hosts(dir), &lines, 0o644)
}

fn format_line(served: &Served, public: &str) -> String {
    let address = served.address;
    format!("[{}]:{} {public}\n", address.ip(), address.port())
}

/// Makes the folder of shims that a target's `PATH` starts with.
pub(super) fn link_shims(dir: &Path, shim: &Path, target: &LabTarget) -> Result<PathBuf, LabError> {
    let shim = shim.canonicalize().map_err(LabError::at(shim))?;
    let (name, programs): (&str, Vec<&str>) = match (&target.dumps, &target.containers) {
        (Some(host), _) => (dumps::folder(host.dialect()), vzdump::programs(host.dialect()).to_vec()),
        (None, Some(host)) => (containers::folder(host.dialect()), containers::linked(host.dialect())),
        _ if target.esx.is_some() => ("bin-esx", esxi::PROGRAMS.to_vec()),
        _ if target.has_zfs => ("bin", shim::ZFS.to_vec()),
        _ => ("bin-without-zfs", Vec::new()),
    };
    let folder = dir.join(name);
    fs::create_dir_all(&folder).map_err(LabError::at(&folder))?;
    for program in shim::EVERYWHERE.into_iter().chain(programs) {
        let link = folder.join(program);
        remove_leftover(&link)?;
        symlink(&shim, &link).map_err(LabError::at(&link))?;
    }
    Ok(folder)
}

/// Removes what a lab that ran in this folder before left behind.
pub(super) fn remove_leftover(path: &Path) -> Result<(), LabError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LabError::at(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn manifest(dir: &Path, served: &Served) -> String {
    let labels: Vec<String> =
        served.target.labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!(", labels: {{ {} }}", labels.join(", ")) };
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\n\
         kind: Target\n\
         metadata: {{ name: {name}{labels} }}\n\
         spec:\n\
         \x20 ssh:\n\
         \x20   host: {host}\n\
         \x20   port: {port}\n\
         \x20   user: {user}\n\
         \x20   identity: {identity}\n\
         \x20   agent: false\n\
         \x20   knownHosts: {known_hosts}\n",
        name = served.target.name,
        host = served.address.ip(),
        port = served.address.port(),
        user = served.target.user,
        identity = client_key(dir).display(),
        known_hosts = known_hosts(dir).display(),
    )
}
