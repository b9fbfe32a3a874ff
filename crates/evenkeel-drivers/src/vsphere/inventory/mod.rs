//! What there is on a vCenter or an ESXi host: an inventory for people, of which nothing is managed.
//!
//! What the server does not let its user read is told as that, never as if it were not there.

mod command;
mod read;
#[cfg(test)]
mod tests;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Replies};
use evenkeel_core::target::Way;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::releases::{Known, Product, lookup};

/// The one thing to ask.
pub fn query(way: Way) -> Query {
    match way {
        Way::Vsphere => read::everything(),
        Way::Commands => command::version(),
    }
}

/// Reads the answer to [`query`]. One that is cut short or makes no sense is an error as a whole.
///
/// # Errors
/// Where there is none, or it is not one of a vCenter or an ESXi host.
pub fn read(replies: &Replies) -> Result<Inventory, ObserveError> {
    match replies.way() {
        Way::Vsphere => read::inventory(replies),
        Way::Commands => command::inventory(replies),
    }
}

/// A vCenter or a host with all that is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// What was asked.
    pub server: Server,
    /// The hosts. Of one that was asked by commands it is not known what it is called.
    pub hosts: Vec<Host>,
    /// What is on them. `None` where commands were asked: they tell the release only.
    pub contents: Option<Contents>,
}

/// What answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `VMware vCenter Server`, `VMware ESXi`.
    pub product: String,
    /// What it is.
    #[serde(flatten)]
    pub software: Software,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Software {
    /// `7.0.3`
    pub version: String,
    /// `20036589`
    pub build: String,
    /// The release that this build is, where that is known.
    pub release: Option<Release>,
}

/// The release that a build is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// `7.0 Update 3f`
    pub name: String,
    /// The day of that release.
    pub date: Option<Date>,
    /// False: the build is none that is known, and later than this release.
    pub exact: bool,
}

impl Software {
    /// What a product of this version and build is.
    fn of(product: Product, version: &str, build: &str) -> Self {
        let release = lookup(product, version, build).map(|known| {
            let (Known::Exactly(of) | Known::NewerThan(of)) = known;
            Release { name: of.name.to_owned(), date: of.date, exact: known.exactly().is_some() }
        });
        Software { version: version.to_owned(), build: build.to_owned(), release }
    }
}

/// What is on the hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// By path.
    pub datastores: Vec<Datastore>,
    /// By path.
    pub machines: Vec<Machine>,
    /// By path of the machine, then in the order in which they stand on each other.
    pub snapshots: Vec<Snapshot>,
}

/// What a server said of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<T> {
    /// This.
    Is(T),
    /// That it has none.
    Unset,
    /// Nothing; the type of the fault, such as `NoPermission`.
    Unknown(String),
}

impl<T> Told<T> {
    /// It, where it was told.
    pub fn known(&self) -> Option<&T> {
        match self {
            Told::Is(value) => Some(value),
            Told::Unset | Told::Unknown(_) => None,
        }
    }

    /// The same in another form.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Told::Is(value) => Told::Is(form(value)),
            Told::Unset => Told::Unset,
            Told::Unknown(why) => Told::Unknown(why),
        }
    }
}

/// The value, `null`, or `{"unknown": "NoPermission"}`.
impl<T: Serialize> Serialize for Told<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Told::Is(value) => value.serialize(serializer),
            Told::Unset => serializer.serialize_none(),
            Told::Unknown(why) => serializer.collect_map([("unknown", why)]),
        }
    }
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Its reference: `host-21`. `None` where commands were asked.
    pub id: Option<String>,
    /// What it is called.
    pub name: Told<String>,
    /// What is installed on it.
    pub software: Told<Software>,
    /// `connected`, `disconnected` or `notResponding`.
    pub connection: Told<String>,
    /// Whether it is in maintenance mode.
    pub maintenance: Told<bool>,
}

/// A datastore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Datastore {
    /// Its reference: `datastore-11`.
    pub id: String,
    /// Where it stands: `/DC0/datastore/NFS_durian`.
    pub path: Told<String>,
    /// `VMFS`, `NFS`, `NFS41`, `vsan`.
    #[serde(rename = "type")]
    pub kind: Told<String>,
    /// Bytes.
    pub capacity: Told<u64>,
    /// Bytes, as the server counted them last.
    pub free: Told<u64>,
    /// Whether a host can reach it.
    pub accessible: Told<bool>,
    /// The paths of the virtual machines that have files on it.
    pub virtual_machines: Told<Vec<String>>,
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Its reference: `vm-42`.
    pub id: String,
    /// Where it stands: `/DC0/vm/avocado2`.
    pub path: Told<String>,
    /// `poweredOn`, `poweredOff` or `suspended`.
    pub power: Told<String>,
    /// `connected`, or why it cannot be reached: `inaccessible`.
    pub connection: Told<String>,
    /// Whether it is a template.
    pub template: Told<bool>,
    /// The name of the host that it is on.
    pub host: Told<String>,
    /// The names of the datastores that it has files on.
    pub datastores: Told<Vec<String>>,
    /// `guestToolsRunning`, `guestToolsNotRunning`, `guestToolsExecutingScripts`.
    pub tools: Told<String>,
    /// How many snapshots it has.
    pub snapshots: Told<usize>,
    /// Of what it is one of our clones.
    pub clone_of: Told<CloneOf>,
}

/// What a mark says of a clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloneOf {
    /// What it is a clone of, as the manifest named that.
    pub vm: String,
    /// The slot that it was made for.
    pub slot: String,
    /// The resource that it was made for.
    pub resource: String,
    /// Whether it was whole when it was made.
    pub sealed: bool,
}

/// A snapshot of a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its reference: `snapshot-61`.
    pub id: String,
    /// Where its machine stands.
    pub virtual_machine: Told<String>,
    /// What it is called.
    pub name: String,
    /// What is written on it.
    pub description: String,
    /// When it was taken, by the server's clock.
    pub taken: Option<Timestamp>,
    /// Whether a schedule of ours took it, for as long as a clone is made.
    pub ours: bool,
}

impl Snapshot {
    /// How old it is. One that says it is of the future is of now.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(now.duration_since(self.taken?).max(SignedDuration::ZERO))
    }

    /// Whether it is older than that. `None`: it is not known when it was taken.
    pub fn is_older(&self, limit: SignedDuration, now: Timestamp) -> Option<bool> {
        self.age(now).map(|age| age > limit)
    }
}

impl Contents {
    /// The virtual machines whose snapshots are not known, and why.
    pub fn unread(&self) -> impl Iterator<Item = (&Machine, &str)> {
        self.machines.iter().filter_map(|machine| match &machine.snapshots {
            Told::Unknown(why) => Some((machine, why.as_str())),
            Told::Is(_) | Told::Unset => None,
        })
    }
}
