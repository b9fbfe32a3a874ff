//! What is read of an Incus server, and how each answer is understood. All of it is the same for every resource of a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{IncusRequest, Query, Replies, Reply, Request};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::record::{FORMAT, Record};

/// The configuration of an instance, and properties of an image, that are ours.
pub(super) const RESOURCE: &str = "user.evenkeel.resource";
pub(super) const OWNER: &str = "user.evenkeel.owner";
pub(super) const OBJECT: &str = "user.evenkeel.object";
/// The instance that was marked: a copy has the settings of what it was copied from, and another name.
pub(super) const INSTANCE: &str = "user.evenkeel.instance";
pub(super) const VERSION: &str = "user.evenkeel.version";
pub(super) const RECORD: &str = "user.evenkeel.record";

/// What an operation is called that makes an image: it does not say of which instance.
const PUBLISHES: &str = "Downloading image";

/// Messages quote at most so many characters of what a server says.
const LONGEST_QUOTE: usize = 300;

pub(super) fn images_query() -> Query {
    all("images")
}

pub(super) fn aliases_query() -> Query {
    all("images/aliases")
}

pub(super) fn instances_query() -> Query {
    all("instances")
}

pub(super) fn operations_query() -> Query {
    all("operations")
}

pub(super) fn pools_query() -> Query {
    all("storage-pools")
}

pub(super) fn networks_query() -> Query {
    all("networks")
}

fn all(what: &str) -> Query {
    let request = IncusRequest::get(format!("/1.0/{what}"), [("recursion", "1")]);
    Query::reading(Request::Incus(Box::new(request)))
}

/// An image.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) bytes: u64,
    pub(super) is_container: bool,
    /// The name of the version in its properties, and its record, where it has one that can be read.
    pub(super) record: Option<(String, Record)>,
}

/// Every image by its fingerprint.
#[derive(Debug)]
pub(super) struct Images(pub(super) BTreeMap<String, Image>);

#[derive(Deserialize)]
struct ImageForm {
    fingerprint: String,
    size: u64,
    #[serde(default)]
    r#type: String,
    created_at: Timestamp,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
}

pub(super) fn images(replies: &Replies) -> Result<Arc<Images>, ObserveError> {
    replies.parsed(&images_query(), |request, reply| {
        let all: Vec<ImageForm> = read(request, reply)?;
        let mut images = BTreeMap::new();
        for form in all {
            let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if !is_digest(&form.fingerprint) {
                return Err(strange(request, format!("{:?} is no fingerprint", form.fingerprint)));
            }
            let record = record(&form);
            let is_container = form.r#type.is_empty() || form.r#type == "container";
            images.insert(form.fingerprint, Image { bytes: form.size, is_container, record });
        }
        Ok(Images(images))
    })
}

/// The record in an image's properties, with what the server itself knows of the image.
fn record(form: &ImageForm) -> Option<(String, Record)> {
    let properties = form.properties.as_ref()?;
    let record: Record = serde_json::from_str(properties.get(RECORD)?).ok()?;
    let (bytes, sha256, built) = (form.size, form.fingerprint.clone(), form.created_at);
    let record = Record { bytes, sha256, built, mtime: None, ..record };
    (record.format == FORMAT).then_some((properties.get(VERSION)?.clone(), record))
}

/// Every alias, with the fingerprint of the image that it leads to.
#[derive(Debug)]
pub(super) struct Aliases(pub(super) BTreeMap<String, String>);

#[derive(Deserialize)]
struct AliasForm {
    name: String,
    target: String,
}

pub(super) fn aliases(replies: &Replies) -> Result<Arc<Aliases>, ObserveError> {
    replies.parsed(&aliases_query(), |request, reply| {
        let all: Vec<AliasForm> = read(request, reply)?;
        Ok(Aliases(all.into_iter().map(|alias| (alias.name, alias.target)).collect()))
    })
}

/// An instance.
#[derive(Debug, Clone)]
pub(super) struct InstanceSeen {
    pub(super) status: String,
    /// Its own configuration, without that of its profiles; empty where it was not made by us.
    pub(super) config: BTreeMap<String, String>,
}

/// Every instance by its name.
#[derive(Debug)]
pub(super) struct Instances(pub(super) BTreeMap<String, InstanceSeen>);

#[derive(Deserialize)]
struct InstanceForm {
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    config: Option<BTreeMap<String, String>>,
}

pub(super) fn instances(replies: &Replies) -> Result<Arc<Instances>, ObserveError> {
    replies.parsed(&instances_query(), |request, reply| {
        let all: Vec<InstanceForm> = read(request, reply)?;
        let seen = |form: InstanceForm| {
            let mut config = form.config.unwrap_or_default();
            if config.get(INSTANCE) != Some(&form.name) {
                config.clear();
            }
            (form.name, InstanceSeen { status: form.status, config })
        };
        Ok(Instances(all.into_iter().map(seen).collect()))
    })
}

/// What the server is doing: the instances that something is done with, and whether it makes an image.
#[derive(Debug, Default)]
pub(super) struct Operations {
    /// By the instance: what is done.
    pub(super) on: BTreeMap<String, String>,
    pub(super) publishes: bool,
}

#[derive(Deserialize)]
struct OperationForm {
    status_code: u32,
    #[serde(default)]
    description: String,
    #[serde(default)]
    resources: Option<BTreeMap<String, Vec<String>>>,
}

impl OperationForm {
    /// Pending, running, being cancelled, or just begun.
    fn is_open(&self) -> bool {
        matches!(self.status_code, 100 | 101 | 103..=105)
    }
}

pub(super) fn operations(replies: &Replies) -> Result<Arc<Operations>, ObserveError> {
    replies.parsed(&operations_query(), |request, reply| {
        // By their status in words.
        let all: BTreeMap<String, Vec<OperationForm>> = read(request, reply)?;
        let mut operations = Operations::default();
        for operation in all.into_values().flatten().filter(OperationForm::is_open) {
            operations.publishes |= operation.description == PUBLISHES;
            let resources = operation.resources.unwrap_or_default();
            let instances = ["instances", "containers"].into_iter().filter_map(|of| resources.get(of));
            for path in instances.flatten() {
                if let Some(name) = path.rsplit('/').next() {
                    operations.on.insert(name.to_owned(), operation.description.clone());
                }
            }
        }
        Ok(operations)
    })
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// The names of the storage pools.
#[derive(Debug)]
pub(super) struct Pools(pub(super) Vec<String>);

pub(super) fn pools(replies: &Replies) -> Result<Arc<Pools>, ObserveError> {
    replies.parsed(&pools_query(), |request, reply| {
        let all: Vec<Named> = read(request, reply)?;
        Ok(Pools(all.into_iter().map(|pool| pool.name).collect()))
    })
}

/// The networks by name, and whether each is one of the server's own.
#[derive(Debug)]
pub(super) struct Networks(pub(super) BTreeMap<String, bool>);

#[derive(Deserialize)]
struct NetworkForm {
    name: String,
    #[serde(default)]
    managed: bool,
}

pub(super) fn networks(replies: &Replies) -> Result<Arc<Networks>, ObserveError> {
    replies.parsed(&networks_query(), |request, reply| {
        let all: Vec<NetworkForm> = read(request, reply)?;
        Ok(Networks(all.into_iter().map(|network| (network.name, network.managed)).collect()))
    })
}

fn read<T: DeserializeOwned>(request: &Request, reply: &Reply) -> Result<T, ObserveError> {
    if reply.exit != 0 {
        return Err(failed(request, reply));
    }
    serde_json::from_slice(&reply.stdout).map_err(|error| strange(request, error.to_string()))
}

fn failed(request: &Request, reply: &Reply) -> ObserveError {
    let hint = match reply.exit {
        403 => {
            Some("the client's certificate may be restricted to other projects: `incus config trust list`")
        }
        _ => None,
    };
    ObserveError::Command {
        command: request.display(),
        exit: reply.exit,
        stderr: reply.stderr_text().chars().take(LONGEST_QUOTE).collect(),
        hint: hint.map(str::to_owned),
    }
}

fn strange(request: &Request, problem: impl Into<String>) -> ObserveError {
    let problem: String = problem.into().chars().take(LONGEST_QUOTE).collect();
    ObserveError::Unparsable { command: request.display(), problem }
}
