//! The NFS datastores of a host: one list for each version of NFS, and one of 4.x.

use std::collections::BTreeSet;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Replies, Reply, Request};
use evenkeel_core::target::Way;

use super::api::{self, System};
use super::commands;
use super::registered::{self, Registered};
use super::spec::{EsxiNfsDatastoreSpec, NfsVersion};
use crate::esxi::api::is_of_a_server;
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::failure::{is_unknown_command, quote, text, unparsable};
use crate::esxi::reply::table::Table;

/// How 4.x ends a line about a datastore: whether it is mounted, whether its server answers. The first that fits counts.
const STATES: [(&str, Option<bool>, Option<bool>); 5] = [
    (" mounted available", Some(true), Some(true)),
    (" mounted unavailable", Some(true), Some(false)),
    (" not mounted", Some(false), None),
    (" mounted", Some(true), None),
    ("", None, None),
];

/// What 4.x says where there is none.
const NONE: &str = "No NAS datastore found";

/// A datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) name: String,
    /// In small letters.
    pub(super) hosts: BTreeSet<String>,
    pub(super) share: String,
    pub(super) version: NfsVersion,
    /// These are `None` where the host does not tell.
    pub(super) read_only: Option<bool>,
    pub(super) mounted: Option<bool>,
    pub(super) accessible: Option<bool>,
    pub(super) security: Option<String>,
}

/// All datastores of a host.
#[derive(Debug)]
pub(super) struct Listing {
    access: Access,
    /// Whether the host knows NFS 4.1.
    knows_41: bool,
    pub(super) mounts: Vec<Mount>,
}

/// How a host is told.
#[derive(Debug)]
enum Access {
    /// By its own commands.
    Commands(Dialect),
    /// Over the vSphere API.
    Api(Box<System>),
}

/// What is asked; once the host has shown itself to be a 4.x, the list that it has instead, too.
pub(super) fn queries(so_far: &Replies) -> Vec<Query> {
    if so_far.way() == Way::Vsphere {
        return api::queries();
    }
    let mut queries = vec![Query::reading(commands::list()), Query::reading(commands::list_41())];
    if dialect(so_far) == Ok(Some(Dialect::Four)) {
        queries.push(Query::reading(commands::old_list()));
    }
    queries
}

/// The host's dialect; `None` while it was not asked.
fn dialect(replies: &Replies) -> Result<Option<Dialect>, ObserveError> {
    Dialect::told_by(&commands::list(), replies)
}

/// True where the host has no `esxcli` at all.
pub(super) fn is_no_esx(replies: &Replies) -> Result<bool, ObserveError> {
    Ok(replies.get(&Query::reading(commands::list()))?.exit == 127)
}

impl Listing {
    /// That of the host of this name, where the target is a vCenter and one is written.
    pub(super) fn read(host: Option<&str>, replies: &Replies) -> Result<Self, ObserveError> {
        is_of_a_server(host, replies)?;
        match replies.way() {
            Way::Vsphere => {
                let system = System::read(host, replies)?;
                let (knows_41, mounts) = (system.knows_41(), system.mounts());
                Ok(Listing { access: Access::Api(Box::new(system)), knows_41, mounts })
            }
            Way::Commands => Listing::printed(replies),
        }
    }

    fn printed(replies: &Replies) -> Result<Self, ObserveError> {
        let not_asked = || ObserveError::NotAsked { command: commands::list().display() };
        let dialect = dialect(replies)?.ok_or_else(not_asked)?;
        if dialect == Dialect::Four {
            let mounts = replies.parsed(&Query::reading(commands::old_list()), old)?;
            return Ok(Listing {
                access: Access::Commands(dialect),
                knows_41: false,
                mounts: mounts.to_vec(),
            });
        }
        let of_3 = replies.parsed(&Query::reading(commands::list()), of_3)?;
        let query_41 = Query::reading(commands::list_41());
        let knows_41 = !is_unknown_command(replies.get(&query_41)?);
        let mut mounts = of_3.to_vec();
        if knows_41 {
            mounts.extend(replies.parsed(&query_41, of_41)?.iter().cloned());
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = mounts.iter().find(|mount| !names.insert(mount.name.as_str())) {
            let problem = format!("`{}` is there twice", quote(&twice.name));
            return Err(unparsable(&commands::list_41(), problem));
        }
        Ok(Listing { access: Access::Commands(dialect), knows_41, mounts })
    }

    pub(super) fn mount(&self, spec: &EsxiNfsDatastoreSpec) -> Request {
        match &self.access {
            Access::Commands(dialect) => commands::mount(*dialect, spec),
            Access::Api(system) => system.mount(spec),
        }
    }

    /// `None`: the host has none of this name.
    pub(super) fn unmount(&self, name: &str, version: NfsVersion) -> Option<Request> {
        match &self.access {
            Access::Commands(dialect) => Some(commands::unmount(*dialect, name, version)),
            Access::Api(system) => system.unmount(name),
        }
    }

    /// True where the host is known to have a datastore of this name that is no NFS datastore.
    pub(super) fn has_other(&self, name: &str) -> bool {
        matches!(&self.access, Access::Api(system) if system.has_other(name))
    }

    /// Who is registered on the datastore of this name.
    pub(super) fn registered(&self, name: &str, replies: &Replies) -> Result<Registered, ObserveError> {
        match &self.access {
            Access::Commands(_) => registered::read(replies, name),
            Access::Api(system) => system.registered(name, replies),
        }
    }

    /// The error where the host cannot have what a spec says.
    pub(super) fn fits(&self, spec: &EsxiNfsDatastoreSpec) -> Result<(), ObserveError> {
        let unfit = |field: &str, message: &str, hint: &str| {
            Err(ObserveError::Unfit {
                path: vec![field.to_owned()],
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
            })
        };
        if spec.version == NfsVersion::V41 && !self.knows_41 {
            let message = "this host knows no NFS 4.1: ESXi 6.0 is the first that does";
            return unfit("version", message, "write `version: 3` for it");
        }
        if spec.read_only && matches!(self.access, Access::Commands(Dialect::Four)) {
            let message = "ESX and ESXi 4.x neither mount a datastore read-only nor tell of it";
            return unfit(
                "readOnly",
                message,
                "leave `readOnly` out for this host, and export the share read-only",
            );
        }
        Ok(())
    }
}

fn of_3(request: &Request, reply: &Reply) -> Result<Vec<Mount>, ObserveError> {
    table(request, reply, "Host", NfsVersion::V3)
}

fn of_41(request: &Request, reply: &Reply) -> Result<Vec<Mount>, ObserveError> {
    table(request, reply, "Host(s)", NfsVersion::V41)
}

/// Where there are no datastores, nothing at all is printed. `Read-Only` came with 5.5.
fn table(
    request: &Request,
    reply: &Reply,
    hosts: &str,
    version: NfsVersion,
) -> Result<Vec<Mount>, ObserveError> {
    let table = Table::read(request, reply, &["Volume Name", hosts, "Share", "Accessible", "Mounted"])?;
    let mounts = table.rows().map(|row| {
        Ok(Mount {
            name: row.need("Volume Name")?.to_owned(),
            hosts: row.need(hosts)?.split(',').map(|host| host.trim().to_ascii_lowercase()).collect(),
            share: row.need("Share")?.to_owned(),
            version,
            read_only: row.flag("Read-Only")?,
            mounted: row.flag("Mounted")?,
            accessible: row.flag("Accessible")?,
            security: row.get("Security").map(str::to_owned),
        })
    });
    mounts.collect()
}

/// The list of 4.x: `NFS_durian is /POOL1/nfs from durian.teppi.net mounted`, a line each.
fn old(request: &Request, reply: &Reply) -> Result<Vec<Mount>, ObserveError> {
    if says_none(reply) {
        return Ok(Vec::new());
    }
    let text = text(request, reply)?;
    let mut mounts: Vec<Mount> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mount = old_line(line.trim())
            .ok_or_else(|| unparsable(request, format!("`{}` is no datastore", quote(line))))?;
        if mounts.iter().any(|other| other.name == mount.name) {
            return Err(unparsable(request, format!("`{}` is there twice", quote(&mount.name))));
        }
        mounts.push(mount);
    }
    if mounts.is_empty() {
        return Err(unparsable(request, format!("it is empty, and does not say `{NONE}`")));
    }
    Ok(mounts)
}

fn says_none(reply: &Reply) -> bool {
    let printed = String::from_utf8_lossy(&reply.stdout);
    let said = if printed.trim().is_empty() { reply.stderr_text() } else { printed.trim().to_owned() };
    said == NONE || said.strip_suffix('.') == Some(NONE)
}

/// `None` where the line is none of a datastore, or could be read in two ways.
fn old_line(line: &str) -> Option<Mount> {
    let fits = |(ending, mounted, accessible)| Some((line.strip_suffix(ending)?, mounted, accessible));
    let (rest, mounted, accessible) = STATES.into_iter().find_map(fits)?;
    let (rest, host) = rest.rsplit_once(" from ")?;
    if host.is_empty() || host.contains(char::is_whitespace) {
        return None;
    }
    // A name may have ` is ` in it, and so may a share; what a share begins with tells them apart.
    let cuts = rest.match_indices(" is ").filter_map(|(at, between)| {
        let (name, share) = (rest.get(..at)?, rest.get(at + between.len()..)?);
        (!name.is_empty() && !share.is_empty()).then_some((name, share))
    });
    let cuts: Vec<(&str, &str)> = cuts.collect();
    let absolute: Vec<(&str, &str)> =
        cuts.iter().copied().filter(|(_, share)| share.starts_with('/')).collect();
    let (name, share) = match (cuts.as_slice(), absolute.as_slice()) {
        ([one], _) | (_, [one]) => *one,
        _ => return None,
    };
    Some(Mount {
        name: name.to_owned(),
        hosts: BTreeSet::from([host.to_ascii_lowercase()]),
        share: share.to_owned(),
        version: NfsVersion::V3,
        read_only: None,
        mounted,
        accessible,
        security: None,
    })
}
