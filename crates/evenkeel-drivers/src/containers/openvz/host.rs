//! How OpenVZ is set up on a host, as one exchange tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};

use super::scripts::LOOK;
use crate::containers::host::told;

/// An OpenVZ host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// The folder of templates.
    pub cache: String,
    /// The folder in which each container has its files in a folder named by its id.
    areas_in: String,
    /// New containers are kept in one file each unless it is told otherwise, and that cannot be packed.
    pub is_ploop: bool,
    /// The kernel is OpenVZ's, and counts the disk space of containers.
    pub has_quota: bool,
    /// The kernel can limit memory and swap alone.
    pub has_vswap: bool,
    /// What vz.conf and the sample of a container's settings give a value to.
    pub set: BTreeSet<String>,
    /// The containers by id, with their host names.
    containers: BTreeMap<u32, String>,
    /// The ids for which there are files.
    areas: BTreeSet<u32>,
    /// The files of distributions, without `.conf`.
    pub dists: BTreeMap<String, Dist>,
}

/// A distribution's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dist {
    /// Its number in the file system: two names of one file have the same. 0 where a link leads nowhere.
    inode: u64,
    /// Where it leads, if it is a symbolic link.
    link: Option<String>,
}

/// Asks for it; of another target where one is named.
pub(super) fn query(target: Option<&str>) -> Query {
    let query = Query::reading(Request::Exec(Exec::new(["sh", "-s"]).reading(LOOK)));
    match target {
        Some(target) => query.at(target),
        None => query,
    }
}

impl Host {
    /// What was told.
    pub(super) fn read(replies: &Replies, target: Option<&str>) -> Result<Arc<Host>, ObserveError> {
        replies.parsed(&query(target), parse)
    }

    /// The folder with the files of a container.
    pub(super) fn area(&self, id: u32) -> String {
        format!("{}/{id}", self.areas_in)
    }

    /// What has the id, if anything: a container's host name, or that there are files of one.
    pub(super) fn holder(&self, id: u32) -> Option<String> {
        let named = self.containers.get(&id).map(|name| match name.as_str() {
            "" => format!("the container {id}"),
            name => format!("the container {id} ({name})"),
        });
        named.or_else(|| {
            self.areas.contains(&id).then(|| format!("{}, the files of a container", self.area(id)))
        })
    }

    /// True where a container has the id that is called otherwise than scratch containers are.
    pub(super) fn is_theirs(&self, id: u32) -> bool {
        self.containers.get(&id).is_some_and(|name| !name.is_empty() && !name.starts_with("evenkeel-build-"))
    }

    /// Which distribution's file `name` is or leads to, if it is there.
    pub(super) fn leads_to(&self, name: &str) -> Option<&str> {
        let (name, dist) = self.dists.get_key_value(name)?;
        if let Some(link) = &dist.link {
            let base = link.rsplit('/').next().unwrap_or(link);
            return Some(base.strip_suffix(".conf").unwrap_or(base));
        }
        // Of two names of one file the shorter is what the distribution is called.
        let same = self
            .dists
            .iter()
            .filter(|(_, other)| other.link.is_none() && other.inode == dist.inode && dist.inode != 0);
        same.map(|(other, _)| other).min_by_key(|other| other.len()).or(Some(name)).map(String::as_str)
    }

    /// True where `name` is no link, but a file of its own.
    pub(super) fn is_own_file(&self, name: &str) -> bool {
        self.dists.get(name).is_some_and(|dist| dist.link.is_none()) && self.leads_to(name) == Some(name)
    }

    /// True where nothing is at the end of the link `name`, or nothing is there.
    pub(super) fn lacks_dist(&self, name: &str) -> bool {
        self.dists.get(name).is_none_or(|dist| dist.inode == 0)
    }

    /// The file that vzctl takes for a template: its name, stripped from the last `-` again and again; `None` where that ends
    /// in `default`.
    pub(super) fn distribution_of(&self, template: &str) -> Option<&str> {
        let mut name = template;
        loop {
            if let Some((known, dist)) = self.dists.get_key_value(name)
                && dist.inode != 0
            {
                return Some(known);
            }
            name = name.rsplit_once('-')?.0;
        }
    }
}

fn parse(request: &Request, reply: &Reply) -> Result<Host, ObserveError> {
    let hint = "name an OpenVZ host as the target, and log in as root (`become: sudo` in the Target)";
    let mut host = Host::default();
    told(request, reply, Some(hint), |line, _| Ok(host.take(line)))?;
    if host.cache.is_empty() || host.areas_in.is_empty() {
        let problem =
            "it does not tell where templates and containers are: vz.conf makes no sense".to_owned();
        return Err(ObserveError::Unparsable { command: request.display(), problem });
    }
    Ok(host)
}

impl Host {
    fn take(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "template" => self.cache = format!("{}/cache", rest.trim_end_matches('/')),
            "private" => rest.strip_suffix("/0")?.clone_into(&mut self.areas_in),
            "layout" => self.is_ploop = rest == "ploop",
            "quota" => self.has_quota = true,
            "vswap" => self.has_vswap = true,
            "set" => self.set.extend([rest.to_owned()]),
            "container" => {
                let (id, name) = rest.split_once(' ').unwrap_or((rest, ""));
                self.containers.extend(id.parse().ok().map(|id: u32| (id, name.to_owned())));
            }
            // What has no number for a name is of no container.
            "area" => self.areas.extend(rest.parse::<u32>().ok()),
            "dist" => {
                let mut parts = rest.splitn(3, ' ');
                let (inode, name, leads) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
                let dist = Dist { inode, link: (leads != "-").then(|| leads.to_owned()) };
                self.dists.insert(name.to_owned(), dist);
            }
            _ => return None,
        }
        Some(())
    }
}
