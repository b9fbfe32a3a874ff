//! A site to back up: a simulated host of guests behind a real SSH server, a real FTP server as its NAS, and a real
//! OpenSSH server for copies elsewhere.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use evenkeel_lab::server::LabTarget;
use evenkeel_lab::site::dump_host;
use tempfile::TempDir;

use crate::ftpd::{self, FtpServer, Tls};
use crate::site::Site;
use crate::sshd::TestSshd;

/// The folder of dumps on the NAS, as the examples have it.
pub const DUMPS: &str = "disk1/backup/dump";

/// What a guest's dump has, in bytes.
const DUMP_BYTES: u64 = 300_000;

/// The site. Its host is `pve1`, of the OpenVZ era, with the guests 101 to 103 running and 104 not; or `pve2`, of today.
#[derive(Debug)]
pub struct BackupSite {
    /// The host and the folder of manifests.
    pub site: Site,
    /// The NAS, whose user sees `nas`.
    pub ftp: FtpServer,
    /// The other place.
    pub offsite: TestSshd,
    nas: TempDir,
    home: TempDir,
}

impl BackupSite {
    /// With the manifests of this example.
    ///
    /// # Panics
    /// Where a peer is missing or does not start.
    pub fn of_example(name: &str) -> Self {
        Self::with(name, |root| FtpServer::vsftpd(root, Tls::None))
    }

    /// With the manifests of this example, and this FTP server.
    ///
    /// # Panics
    /// Where a peer is missing or does not start.
    pub fn with(example: &str, ftp: impl FnOnce(&Path) -> FtpServer) -> Self {
        let nas = tempfile::tempdir().expect("a folder for the NAS");
        fs::set_permissions(nas.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
        let disk = nas.path().join("disk1/backup");
        fs::create_dir_all(&disk).expect("the NAS's disk");
        let ftp = ftp(nas.path());
        let home = tempfile::tempdir().expect("a folder for the other place");
        let offsite = TestSshd::with(&[
            "Subsystem sftp internal-sftp",
            &format!("ForceCommand internal-sftp -d {}", home.path().display()),
        ]);
        let hosts: Vec<LabTarget> = (0..2).map(|at| dump_host(at, DUMP_BYTES)).collect();
        let site = Site::with(hosts);
        fs::remove_file(site.work.path().join("targets.yaml")).expect("the lab's targets");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
        for file in fs::read_dir(&examples).expect("the example").flatten() {
            let text = fs::read_to_string(file.path()).expect("a manifest");
            site.work.write(file.file_name().to_str().expect("a name"), &text);
        }
        let made = BackupSite { site, ftp, offsite, nas, home };
        made.settle();
        made
    }

    /// What an operator has to say about this site: addresses, the password of the NAS, the key for the other place.
    fn settle(&self) {
        let values = format!(
            "linkstationHost: 127.0.0.1\nlinkstationPort: {}\nlinkstationUser: {}\n",
            self.ftp.port(),
            self.ftp.user()
        );
        self.site.work.write("values.yaml", &values);
        let password =
            self.site.work.write(".config/evenkeel/credentials/linkstation/password", ftpd::PASSWORD);
        for path in password.ancestors().take(4) {
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
        }
        let config = self.ssh_config();
        let mut text = fs::read_to_string(&config).expect(".ssh/config");
        let (key, known) = (self.offsite.key(), self.offsite.known_hosts());
        let _ = write!(
            text,
            "Host offsite\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n",
            self.offsite.port(),
            key.display(),
            known.display()
        );
        fs::write(&config, text).expect(".ssh/config");
    }

    /// The `ssh_config` that reaches the hosts.
    pub fn ssh_config(&self) -> PathBuf {
        self.site.work.path().join(".ssh/config")
    }

    /// A folder on the NAS.
    pub fn nas(&self, folder: &str) -> PathBuf {
        self.nas.path().join(folder)
    }

    /// A folder at the other place.
    pub fn elsewhere(&self, folder: &str) -> PathBuf {
        self.home.path().join(folder)
    }

    /// The names in a folder, sorted; nothing where it is not there.
    pub fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Makes the dumps of a guest fail from now on (`error`: exit status 0 with an error in the log, as the old vzdump does;
    /// `dies`: half of it, then an error), or no longer.
    ///
    /// # Panics
    /// Where the lab's folder cannot be written.
    pub fn fail(&self, host: &str, guest: u32, how: Option<&str>) {
        let file = self.site.lab.state(host).join(format!("fail/{guest}"));
        match how {
            Some(how) => fs::write(&file, how).expect("a file of the lab"),
            None => drop(fs::remove_file(&file)),
        }
    }

    /// Lets a host write dumps no faster than so many bytes per second; 0: as fast as it can.
    ///
    /// # Panics
    /// Where the lab's folder cannot be written.
    pub fn slow_down(&self, host: &str, bytes_per_second: u64) {
        let file = self.site.lab.state(host).join("rate");
        match bytes_per_second {
            0 => drop(fs::remove_file(&file)),
            rate => fs::write(&file, rate.to_string()).expect("a file of the lab"),
        }
    }
}

/// True for the name of an archive of the old vzdump.
pub fn is_dump(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "tgz")
}
