//! A real SSH server in this process, on loopback, with simulated machines behind it.
//!
//! Every target is a listening port. A command is run by a real `/bin/sh`, whose `PATH` starts with a folder of
//! [shims](crate::shim) that reach the simulated machine through a socket. A Windows host has no such shell: its command lines
//! go to [`crate::windows::shell`].

mod broker;
mod containers;
mod dumps;
mod error;
mod esx;
mod fault;
mod files;
mod hvlab;
mod process;
mod session;
mod windows;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use russh::keys::PrivateKey;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::containers::ContainerHost;
use crate::esxi::EsxHost;
use crate::vzdump::DumpHost;
use crate::windows::WindowsHost;
use crate::zfs::{Version, ZfsHost};
use containers::Containers;
use dumps::Dumps;
pub use error::LabError;
use esx::Esx;
pub use fault::Fault;
pub use files::socket;
use windows::Windows;

/// What to start.
#[derive(Debug)]
pub struct LabConfig {
    /// A folder for keys, the socket and the shims; it must exist. A socket's path has at most 107 bytes.
    pub dir: PathBuf,
    /// The shim binary, see [`shim_binary`].
    pub shim: PathBuf,
    /// The targets.
    pub targets: Vec<LabTarget>,
}

/// A simulated machine and how it lets people in.
#[derive(Debug, Clone)]
pub struct LabTarget {
    /// The name of the target.
    pub name: String,
    /// The machine as it is at first.
    pub host: ZfsHost,
    /// Who may log in; anybody but `root` has no rights of its own.
    pub user: String,
    /// Lets the user in by password too.
    pub password: Option<String>,
    /// What `sudo` and `doas` do.
    pub sudo: Sudo,
    /// How the machine's host key stands in `known_hosts`.
    pub known_as: KnownAs,
    /// Whether `zfs` and `zpool` are installed.
    pub has_zfs: bool,
    /// Where it is a host of guests, with `vzdump` in place of ZFS.
    pub dumps: Option<DumpHost>,
    /// Where it is a host of containers, with `vzctl` or `pct` in place of ZFS.
    pub containers: Option<ContainerHost>,
    /// Where it is an ESX(i) host, with `esxcli` in place of ZFS.
    pub esx: Option<EsxHost>,
    /// Where it is a Windows host, with PowerShell in place of a shell.
    pub windows: Option<WindowsHost>,
    /// How many seconds pass on a Windows host in a second.
    pub speed: u64,
    /// How long nobody can reach it when it restarts; only ESX(i) hosts do.
    pub downtime: Duration,
    /// The labels in its manifest.
    pub labels: BTreeMap<String, String>,
}

impl LabTarget {
    /// A machine that `root` may log in to with the lab's key.
    pub fn new(name: impl Into<String>, mut host: ZfsHost) -> Self {
        let name = name.into();
        host.set_hostname(&name);
        LabTarget {
            name,
            host,
            user: "root".to_owned(),
            password: None,
            sudo: Sudo::Passwordless,
            known_as: KnownAs::Itself,
            has_zfs: true,
            dumps: None,
            containers: None,
            esx: None,
            windows: None,
            speed: 1,
            downtime: Duration::from_secs(2),
            labels: BTreeMap::new(),
        }
    }

    /// A host of guests that `root` may log in to with the lab's key. Its dumps are real files of this machine, in the
    /// folder that `vzdump` is told. Files in the folder [`Lab::state`] change what its `vzdump` does next:
    /// `fail/ID` with `error` or `dies` in it makes dumps of a guest fail (see [`crate::vzdump::Trouble`]), `size/ID` says how
    /// many bytes they have, and `rate` how many of these are written in a second.
    pub fn dump_host(host: DumpHost) -> Self {
        let mut target = LabTarget::new(host.name.clone(), ZfsHost::new(Version::V2_3));
        target.has_zfs = false;
        target.dumps = Some(host);
        target
    }

    /// A host of containers that `root` may log in to with the lab's key. All its files are in memory: the programs that
    /// are run on it, `sh` included, ask the lab. So nothing that takes real files can be done there, such as a transfer.
    pub fn container_host(host: ContainerHost) -> Self {
        let mut target = LabTarget::new(host.name.clone(), ZfsHost::new(Version::V2_3));
        target.has_zfs = false;
        target.containers = Some(host);
        target
    }

    /// An ESX(i) host that `root` may log in to with the lab's key. When it goes down
    /// ([`EsxHost::reboot_after`]), connections to it end, and so do new ones for as long as [`LabTarget::downtime`] says;
    /// then it is up again.
    pub fn esx_host(host: EsxHost) -> Self {
        let mut target = LabTarget::new(host.name.clone(), ZfsHost::new(Version::V2_3));
        target.has_zfs = false;
        target.esx = Some(host);
        target
    }

    /// A Windows host that `Administrator` may log in to with the lab's key. Its clock goes on by itself, at
    /// [`LabTarget::speed`]. While its own network lets nobody reach it, its connections are cut without a goodbye and new ones
    /// are refused.
    pub fn windows_host(name: impl Into<String>, host: WindowsHost) -> Self {
        let mut target = LabTarget::new(name, ZfsHost::new(Version::V2_3));
        "Administrator".clone_into(&mut target.user);
        target.has_zfs = false;
        target.windows = Some(host);
        target
    }
}

/// What `sudo` and `doas` do on a simulated machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sudo {
    /// Run the command.
    Passwordless,
    /// Run it if they are given this password.
    Password(String),
    /// Refuse everybody.
    Refused,
}

/// How a host key stands in the lab's `known_hosts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAs {
    /// As it is.
    Itself,
    /// With another key, as after a reinstallation or with somebody in between.
    AnotherKey,
    /// Not at all.
    Nobody,
}

/// A running lab. It ends when this is dropped.
pub struct Lab {
    dir: PathBuf,
    targets: BTreeMap<String, Arc<Served>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("dir", &self.dir)
            .field("targets", &self.targets.keys())
            .finish_non_exhaustive()
    }
}

/// A target while it is served.
struct Served {
    target: LabTarget,
    host: Mutex<ZfsHost>,
    dumps: Option<Dumps>,
    containers: Option<Containers>,
    esx: Option<Esx>,
    windows: Option<Arc<Windows>>,
    commands: Mutex<Vec<Vec<String>>>,
    fault: Mutex<Option<Fault>>,
    /// What every command waits for before it begins.
    pace: Mutex<Duration>,
    key: PrivateKey,
    address: SocketAddr,
    /// The shims that this target has on its path.
    path: PathBuf,
    socket: PathBuf,
}

/// A poisoned lock only says that a test failed while it held the machine.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lab {
    /// Starts everything on free loopback ports. It runs in a thread of its own, so that tests need no runtime.
    pub fn start(config: LabConfig) -> Result<Self, LabError> {
        if !config.shim.is_file() {
            return Err(LabError::ShimMissing { path: config.shim });
        }
        let (stop, stopped) = watch::channel(false);
        let (started, wait) = mpsc::channel();
        let dir = config.dir.clone();
        let thread = std::thread::Builder::new()
            .name("lab".to_owned())
            .spawn(move || run(config, &started, stopped))
            .map_err(LabError::Runtime)?;
        let targets = wait.recv().map_err(|_| LabError::Runtime(std::io::ErrorKind::Other.into()))??;
        Ok(Lab { dir, targets, stop, thread: Some(thread) })
    }

    /// The folder given in [`LabConfig::dir`].
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The private key that every target lets in.
    pub fn client_key(&self) -> PathBuf {
        files::client_key(&self.dir)
    }

    /// The `known_hosts` file with the targets' keys.
    pub fn known_hosts(&self) -> PathBuf {
        files::known_hosts(&self.dir)
    }

    /// The targets' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// Where a target listens; `None` for a name that it does not have.
    pub fn address(&self, target: &str) -> Option<SocketAddr> {
        self.targets.get(target).map(|served| served.address)
    }

    /// Looks at or changes a target's machine by hand.
    pub fn with_host<R>(&self, target: &str, act: impl FnOnce(&mut ZfsHost) -> R) -> Option<R> {
        self.targets.get(target).map(|served| act(&mut locked(&served.host)))
    }

    /// Looks at or changes a dump host by hand; `None` where the target is none.
    pub fn with_dump_host<R>(&self, target: &str, act: impl FnOnce(&mut DumpHost) -> R) -> Option<R> {
        let dumps = self.targets.get(target)?.dumps.as_ref()?;
        Some(act(&mut dumps.host()))
    }

    /// Looks at or changes a host of containers by hand; `None` where the target is none.
    pub fn with_container_host<R>(
        &self,
        target: &str,
        act: impl FnOnce(&mut ContainerHost) -> R,
    ) -> Option<R> {
        let containers = self.targets.get(target)?.containers.as_ref()?;
        Some(act(&mut containers.host()))
    }

    /// Looks at or changes an ESX(i) host by hand; `None` where the target is none.
    pub fn with_esx_host<R>(&self, target: &str, act: impl FnOnce(&mut EsxHost) -> R) -> Option<R> {
        let esx = self.targets.get(target)?.esx.as_ref()?;
        Some(esx.act(act))
    }

    /// Looks at or changes a Windows host by hand; `None` where the target is none.
    pub fn with_windows_host<R>(&self, target: &str, act: impl FnOnce(&mut WindowsHost) -> R) -> Option<R> {
        let windows = self.targets.get(target)?.windows.as_ref()?;
        Some(windows.act(act))
    }

    /// The folder whose files change what a dump host does, see [`LabTarget::dump_host`].
    pub fn state(&self, target: &str) -> PathBuf {
        dumps::state(&self.dir, target)
    }

    /// The commands of [`programs`](crate::shim::programs) that a target was sent so far, over SSH or by hand; of a Windows
    /// host all, the command lines of SSH as one word each.
    pub fn commands(&self, target: &str) -> Vec<Vec<String>> {
        self.targets.get(target).map(|served| locked(&served.commands).clone()).unwrap_or_default()
    }

    /// Makes the next command on a target go wrong.
    pub fn inject(&self, target: &str, fault: Fault) {
        if let Some(served) = self.targets.get(target) {
            *locked(&served.fault) = Some(fault);
        }
    }

    /// From now on every command on a target begins so much later: a test has time to step in.
    pub fn slow_down(&self, target: &str, pace: Duration) {
        if let Some(served) = self.targets.get(target) {
            *locked(&served.pace) = pace;
        }
    }

    /// `Target` manifests for all targets.
    pub fn manifests(&self) -> String {
        let manifests = self.targets.values().map(|served| files::manifest(&self.dir, served));
        manifests.collect::<Vec<_>>().join("---\n")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

type Started = Result<BTreeMap<String, Arc<Served>>, LabError>;

fn run(config: LabConfig, started: &mpsc::Sender<Started>, mut stopped: watch::Receiver<bool>) {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(LabError::Runtime(error)))),
    };
    runtime.block_on(async {
        match serve(config).await {
            Ok(targets) => {
                drop(started.send(Ok(targets)));
                // An error means that the lab was dropped, too.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
            Err(error) => drop(started.send(Err(error))),
        }
    });
    runtime.shutdown_background();
}

async fn serve(config: LabConfig) -> Started {
    let dir = &config.dir;
    let client = files::write_client_key(dir)?;
    let socket = files::socket(dir);
    files::remove_leftover(&socket)?;
    let listener = UnixListener::bind(&socket).map_err(LabError::at(&socket))?;
    let mut targets = BTreeMap::new();
    let mut listeners = Vec::new();
    for target in config.targets {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(LabError::Runtime)?;
        let address = listener.local_addr().map_err(LabError::Runtime)?;
        let served = Arc::new(Served {
            host: Mutex::new(target.host.clone()),
            dumps: target.dumps.clone().map(|host| Dumps::open(dir, host)).transpose()?,
            containers: target.containers.clone().map(Containers::new),
            esx: target.esx.clone().map(|host| Esx::new(host, target.downtime)),
            windows: target.windows.clone().map(|host| Arc::new(Windows::new(host, target.speed))),
            commands: Mutex::default(),
            fault: Mutex::default(),
            pace: Mutex::default(),
            key: files::new_key()?,
            address,
            path: files::link_shims(dir, &config.shim, &target)?,
            socket: socket.clone(),
            target,
        });
        listeners.push((listener, Arc::clone(&served)));
        targets.insert(served.target.name.clone(), served);
    }
    files::write_known_hosts(dir, targets.values().map(Arc::as_ref))?;
    let trusted = client.public_key().clone();
    for (listener, served) in listeners {
        if let Some(windows) = &served.windows {
            windows.start();
        }
        tokio::spawn(session::accept(listener, served, trusted.clone()));
    }
    tokio::spawn(broker::accept(listener, targets.clone()));
    Ok(targets)
}

/// The shim binary of the build that a test or program belongs to: beside the program itself, or in the folder
/// above that of test binaries.
pub fn shim_binary() -> Result<PathBuf, LabError> {
    let here = std::env::current_exe().map_err(LabError::Runtime)?;
    let folders = here.ancestors().skip(1).take(2);
    let mut candidates = folders.map(|folder| folder.join("evenkeel-lab"));
    match candidates.find(|candidate| candidate.is_file()) {
        Some(found) => Ok(found),
        None => Err(LabError::ShimMissing { path: here.with_file_name("evenkeel-lab") }),
    }
}
