//! NFS datastores.

use super::super::options::{Given, Opt, flag, required, value};
use super::super::setup::NfsMount;
use super::super::table::{self, Align, Column};
use super::super::{EsxHost, Release};
use super::{Command, FIVE, Outcome, SIX, show, write};

const ADD: &[Opt] = &[
    required('H', "host"),
    required('s', "share"),
    required('v', "volume-name"),
    flag('r', "readonly"),
    flag('p', "is-pe"),
];
const ADD_41: &[Opt] = &[
    required('H', "hosts"),
    required('s', "share"),
    required('v', "volume-name"),
    flag('r', "readonly"),
    flag('p', "is-pe"),
    value('a', "sec"),
];
const REMOVE: &[Opt] = &[value('v', "volume-name"), flag('a', "all")];

pub(super) const COMMANDS: &[Command] = &[
    show(FIVE, "storage nfs list", list),
    write(FIVE, "storage nfs add", ADD, add),
    write(FIVE, "storage nfs remove", REMOVE, remove),
    show(SIX, "storage nfs41 list", list_41),
    write(SIX, "storage nfs41 add", ADD_41, add_41),
    write(SIX, "storage nfs41 remove", REMOVE, remove_41),
];

const NAME: Column = ("Volume Name", Align::Left);
const HOST: Column = ("Host", Align::Left);
const SHARE: Column = ("Share", Align::Left);
const ACCESSIBLE: Column = ("Accessible", Align::Right);
const MOUNTED: Column = ("Mounted", Align::Right);
const READ_ONLY: Column = ("Read-Only", Align::Right);
const IS_PE: Column = ("isPE", Align::Right);
const ACCELERATION: Column = ("Hardware Acceleration", Align::Left);

/// The columns of 6.7 are recorded; those of 8.0 are as described: an adapter and a number of connections more.
fn list(host: &EsxHost) -> String {
    let release = host.release;
    let mounts: Vec<&NfsMount> = host.nfs.values().filter(|mount| !mount.is_v41).collect();
    let acceleration = || "Not Supported".to_owned();
    match release {
        Release::Esx41 | Release::Esxi55 => {
            let columns = [NAME, HOST, SHARE, ACCESSIBLE, MOUNTED, READ_ONLY, ACCELERATION];
            let row = |mount: &&NfsMount| {
                let [name, server, share, accessible, mounted, read_only] = cells(mount);
                [name, server, share, accessible, mounted, read_only, acceleration()]
            };
            table::esxcli(release, columns, &mounts.iter().map(row).collect::<Vec<_>>())
        }
        Release::Esxi67 => {
            let columns = [NAME, HOST, SHARE, ACCESSIBLE, MOUNTED, READ_ONLY, IS_PE, ACCELERATION];
            let row = |mount: &&NfsMount| {
                let [name, server, share, accessible, mounted, read_only] = cells(mount);
                [name, server, share, accessible, mounted, read_only, no(), acceleration()]
            };
            table::esxcli(release, columns, &mounts.iter().map(row).collect::<Vec<_>>())
        }
        Release::Esxi80 => {
            let (adapter, connections) = (("Vmknic", Align::Left), ("Connections", Align::Right));
            let columns = [
                NAME,
                HOST,
                SHARE,
                adapter,
                ACCESSIBLE,
                MOUNTED,
                connections,
                READ_ONLY,
                IS_PE,
                ACCELERATION,
            ];
            let row = |mount: &&NfsMount| {
                let [name, server, share, accessible, mounted, read_only] = cells(mount);
                let (adapter, connections) = ("None".to_owned(), "1".to_owned());
                [
                    name,
                    server,
                    share,
                    adapter,
                    accessible,
                    mounted,
                    connections,
                    read_only,
                    no(),
                    acceleration(),
                ]
            };
            table::esxcli(release, columns, &mounts.iter().map(row).collect::<Vec<_>>())
        }
    }
}

/// As recorded; 8.0 has two columns more there, too.
fn list_41(host: &EsxHost) -> String {
    let release = host.release;
    let mounts: Vec<&NfsMount> = host.nfs.values().filter(|mount| mount.is_v41).collect();
    let (hosts, security) = (("Host(s)", Align::Left), ("Security", Align::Left));
    if release < Release::Esxi80 {
        let columns = [NAME, hosts, SHARE, ACCESSIBLE, MOUNTED, READ_ONLY, security, IS_PE, ACCELERATION];
        let row = |mount: &&NfsMount| {
            let [name, servers, share, accessible, mounted, read_only] = cells(mount);
            [name, servers, share, accessible, mounted, read_only, auth(), no(), "Unknown".to_owned()]
        };
        return table::esxcli(release, columns, &mounts.iter().map(row).collect::<Vec<_>>());
    }
    let (adapters, connections) = (("Vmknics", Align::Left), ("Connections", Align::Right));
    let columns = [
        NAME,
        hosts,
        SHARE,
        adapters,
        ACCESSIBLE,
        MOUNTED,
        connections,
        READ_ONLY,
        security,
        IS_PE,
        ACCELERATION,
    ];
    let row = |mount: &&NfsMount| {
        let [name, servers, share, accessible, mounted, read_only] = cells(mount);
        let (adapters, connections) = ("None".to_owned(), "1".to_owned());
        [
            name,
            servers,
            share,
            adapters,
            accessible,
            mounted,
            connections,
            read_only,
            auth(),
            no(),
            "Unknown".to_owned(),
        ]
    };
    table::esxcli(release, columns, &mounts.iter().map(row).collect::<Vec<_>>())
}

fn no() -> String {
    "false".to_owned()
}

fn auth() -> String {
    "AUTH_SYS".to_owned()
}

/// Name, servers, share, accessible, mounted, read-only. What is not accessible is not mounted either, as recorded.
fn cells(mount: &NfsMount) -> [String; 6] {
    [
        mount.name.clone(),
        mount.hosts.join(","),
        mount.share.clone(),
        mount.is_accessible.to_string(),
        mount.is_accessible.to_string(),
        mount.read_only.to_string(),
    ]
}

fn add(host: &mut EsxHost, given: &Given) -> Outcome {
    mount(host, vec![given.text("host")], given, false)
}

fn add_41(host: &mut EsxHost, given: &Given) -> Outcome {
    mount(host, given.text("hosts").split(',').map(str::to_owned).collect(), given, true)
}

fn mount(host: &mut EsxHost, hosts: Vec<String>, given: &Given, is_v41: bool) -> Outcome {
    host.mount(NfsMount {
        name: given.text("volume-name"),
        hosts,
        share: given.text("share"),
        read_only: given.has("readonly"),
        is_v41,
        is_accessible: true,
    })?;
    Ok(String::new())
}

fn remove(host: &mut EsxHost, given: &Given) -> Outcome {
    host.unmount(&given.text("volume-name"), false)?;
    Ok(String::new())
}

fn remove_41(host: &mut EsxHost, given: &Given) -> Outcome {
    host.unmount(&given.text("volume-name"), true)?;
    Ok(String::new())
}

impl EsxHost {
    /// The first text and that of the server are recorded, the other is believed.
    pub(super) fn mount(&mut self, mount: NfsMount) -> Result<(), String> {
        let failed = |problem: &str| Err(format!("Unable to create new NAS volume.  {problem}"));
        let is_same = |known: &&NfsMount| known.hosts == mount.hosts && known.share == mount.share;
        if let Some(known) = self.nfs.values().find(is_same) {
            let (servers, share, name) = (known.hosts.join(","), &known.share, &known.name);
            return failed(&format!(
                "{servers}:{share} is already exported by a volume with the name {name}"
            ));
        }
        let is_taken = self.datastores.iter().any(|datastore| datastore.name == mount.name);
        if is_taken || self.nfs.contains_key(&mount.name) {
            return failed(&format!("A datastore with the name {} already exists", mount.name));
        }
        if mount.hosts.iter().any(|server| self.deaf_servers.contains(server)) {
            return Err(
                "Unable to complete Sysinfo operation.  Please see the VMkernel log file for more details.: \
                        Sysinfo error: The NFS server denied the mount requestSee VMkernel log for details."
                    .to_owned(),
            );
        }
        self.nfs.insert(mount.name.clone(), mount);
        Ok(())
    }

    /// Where virtual machines run on it, it is busy. Those that are only registered do not hold it. The texts are
    /// believed.
    pub(super) fn unmount(&mut self, name: &str, is_v41: bool) -> Result<(), String> {
        if self.nfs.get(name).is_none_or(|mount| mount.is_v41 != is_v41) {
            return Err(format!("Unable to remove NAS volume.  Unable to find volume with the name {name}"));
        }
        if self.vms.iter().any(|vm| vm.is_running && vm.datastore == name) {
            return Err(
                "Unable to complete Sysinfo operation.  Please see the VMkernel log file for more details.: \
                        Sysinfo error: BusySee VMkernel log for details."
                    .to_owned(),
            );
        }
        self.nfs.remove(name);
        Ok(())
    }
}
