//! A simulated Incus server: images, aliases and instances in memory, behind its REST interface.
//!
//! A stand-in that we wrote; what it answers is held against a recording of the real server, version 6.0.4. What is run in an
//! instance is acted out as on the other simulated hosts.

mod answer;
mod forms;
mod images;
mod instances;
mod machine;
mod serve;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::{IncusRequest, Method, Reply, Script};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::inside::{Around, run};
use super::{System, Tree};

pub use answer::{Answer, Work};
pub use serve::IncusServer;

/// An image.
#[derive(Debug, Clone)]
pub struct Image {
    /// What people say of it, and what we do.
    pub properties: BTreeMap<String, String>,
    /// The name of the file that it was read from.
    pub file: String,
    /// In seconds since 1970.
    pub created: i64,
    /// In seconds since 1970.
    pub uploaded: i64,
    /// When an instance was last made of it, in seconds since 1970; 0 where none ever was.
    pub used: i64,
    /// Its size in bytes.
    pub bytes: u64,
    /// `container`, or `virtual-machine`.
    pub kind: String,
    /// What is in it.
    pub root: Tree,
}

/// A name of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alias {
    /// The image's fingerprint.
    pub target: String,
    /// What people say of it.
    pub description: String,
}

/// An instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its own settings, and what the server notes beside them.
    pub config: BTreeMap<String, String>,
    /// Its devices.
    pub devices: Value,
    /// Whether it runs.
    pub running: bool,
    /// In seconds since 1970.
    pub created: i64,
    /// In seconds since 1970; 0 where it was never started.
    pub used: i64,
    /// All its files.
    pub root: Tree,
}

/// What the server is at work on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Busy {
    /// What it does: `Starting instance`.
    pub description: String,
    /// With which instance, where it says so.
    pub instance: Option<String>,
}

/// A server.
#[derive(Debug, Clone)]
pub struct IncusHost {
    /// Its images, by fingerprint.
    pub images: BTreeMap<String, Image>,
    /// Their names.
    pub aliases: BTreeMap<String, Alias>,
    /// Its instances.
    pub instances: BTreeMap<String, Instance>,
    /// Its storage pools.
    pub pools: BTreeSet<String>,
    /// The networks, and whether each is one of its own.
    pub networks: BTreeMap<String, bool>,
    /// The newest version of each package that instances can have.
    pub repository: BTreeMap<String, u32>,
    /// What is said where an instance shall start, instead of starting it.
    pub fail_start: Option<String>,
    /// Whether instances end by force alone.
    pub ignore_stop: bool,
    /// What managers of packages say instead of doing anything.
    pub fail_packages: Option<String>,
    /// So many bytes fit into all images; `None`: as many as come.
    pub room: Option<u64>,
    /// What it is at work on.
    pub busy: Vec<Busy>,
    /// Its clock, in seconds since 1970.
    pub now: i64,
    made: u64,
}

impl IncusHost {
    /// A server with a pool `default` and nothing else.
    pub fn new(now: Timestamp) -> Self {
        IncusHost {
            images: BTreeMap::new(),
            aliases: BTreeMap::new(),
            instances: BTreeMap::new(),
            pools: BTreeSet::from(["default".to_owned()]),
            networks: BTreeMap::from([("eth0".to_owned(), false), ("lo".to_owned(), false)]),
            repository: BTreeMap::new(),
            fail_start: None,
            ignore_stop: false,
            fail_packages: None,
            room: None,
            busy: Vec::new(),
            now: now.as_second(),
            made: 0,
        }
    }

    /// Somebody puts an image there, under this alias. Its fingerprint.
    pub fn add_image(&mut self, alias: &str, os: &str, release: &str, system: System) -> String {
        let mut root = Tree::new(self.now);
        for (path, node) in system.root() {
            root.place(&format!("/{path}"), node);
        }
        let said = [("description", alias), ("os", os), ("release", release)];
        let properties = said.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let image = Image {
            properties,
            file: format!("{alias}.tar"),
            // As it stands in the image itself.
            created: 1_700_000_000,
            uploaded: self.now,
            used: 0,
            bytes: root.used(),
            kind: "container".to_owned(),
            root,
        };
        let fingerprint = self.keep(image);
        self.name_image(alias, &fingerprint);
        fingerprint
    }

    /// Somebody gives an image a name, whatever had it before.
    pub fn name_image(&mut self, alias: &str, fingerprint: &str) {
        let alias_of = Alias { target: fingerprint.to_owned(), description: String::new() };
        self.aliases.insert(alias.to_owned(), alias_of);
    }

    /// The image that an alias leads to.
    pub fn image(&self, alias: &str) -> Option<&Image> {
        self.images.get(&self.aliases.get(alias)?.target)
    }

    /// No two images have the same fingerprint, be the same in them.
    fn keep(&mut self, image: Image) -> String {
        self.made += 1;
        let fingerprint = hex::encode(Sha256::digest(format!("image {}", self.made)));
        self.images.insert(fingerprint.clone(), image);
        fingerprint
    }

    /// Does what a transport is asked for, as that would.
    pub fn request(&mut self, request: &IncusRequest) -> Reply {
        match request {
            IncusRequest::Call { method, path, query, body, .. } => {
                self.call(*method, path, query, body.as_ref()).reply()
            }
            IncusRequest::Retarget { alias, like } => self.retarget(alias, like).reply(),
            IncusRequest::Stop { instance, .. } => self.stop(instance).reply(),
            IncusRequest::Discard { instance, marked } => self.discard(instance, marked).reply(),
            IncusRequest::Exec { instance, script, arguments, .. } => {
                match self.exec(instance, script, arguments) {
                    Ok(reply) => reply,
                    Err(refused) => refused.reply(),
                }
            }
        }
    }

    /// Answers a call of the interface. Whatever it does takes a second.
    pub fn call(
        &mut self,
        method: Method,
        path: &str,
        query: &BTreeMap<String, String>,
        body: Option<&Value>,
    ) -> Answer {
        if method != Method::Get {
            self.now += 1;
        }
        let whole = query.get("recursion").is_some_and(|recursion| recursion != "0");
        let nothing = Value::Null;
        let body = body.unwrap_or(&nothing);
        let Some(path) = path.strip_prefix("/1.0/") else { return Answer::missing("not found") };
        if let Some(name) = path.strip_prefix("images/aliases/") {
            return self.alias(method, name, body);
        }
        let parts: Vec<&str> = path.split('/').collect();
        match (method, parts.as_slice()) {
            (Method::Get, ["images"]) if whole => Answer::Now(self.list_images()),
            (Method::Get, ["images", "aliases"]) if whole => Answer::Now(self.list_aliases()),
            (Method::Get, ["instances"]) if whole => Answer::Now(self.list_instances()),
            (Method::Get, ["operations"]) if whole => Answer::Now(self.list_operations()),
            (Method::Get, ["storage-pools"]) if whole => Answer::Now(self.list_pools()),
            (Method::Get, ["networks"]) if whole => Answer::Now(self.list_networks()),
            (Method::Post, ["images", "aliases"]) => self.add_alias(body),
            (Method::Post, ["images"]) => self.publish(body),
            (Method::Delete, ["images", fingerprint]) => self.delete_image(fingerprint),
            (Method::Post, ["instances"]) => self.create(body),
            (Method::Get, ["instances", name]) => self.get_instance(name),
            (Method::Delete, ["instances", name]) => self.delete_instance(name),
            (Method::Put, ["instances", name, "state"]) => self.set_state(name, body),
            _ => Answer::missing("not found"),
        }
    }

    fn retarget(&mut self, alias: &str, like: &str) -> Answer {
        let target = match self.aliases.get(like) {
            Some(alias) => alias.target.clone(),
            None => return Answer::missing("Image alias not found"),
        };
        let description = self.aliases.get(alias).map(|alias| alias.description.clone());
        match description {
            Some(description) => {
                self.alias(Method::Put, alias, &json!({ "target": target, "description": description }))
            }
            None => self.add_alias(&json!({ "name": alias, "target": target })),
        }
    }

    fn stop(&mut self, name: &str) -> Answer {
        let state = format!("/1.0/instances/{name}/state");
        let mut put = |force: bool| {
            self.call(
                Method::Put,
                &state,
                &BTreeMap::new(),
                Some(&json!({ "action": "stop", "force": force })),
            )
        };
        let told = put(false);
        if told.reply().exit == 0 { told } else { put(true) }
    }

    fn discard(&mut self, name: &str, marked: &BTreeMap<String, String>) -> Answer {
        let Some(instance) = self.instances.get(name) else { return Answer::Now(Value::Null) };
        if marked.iter().any(|(key, value)| instance.config.get(key) != Some(value)) {
            return Answer::Fault(409, format!("the instance {name} is not marked as ours"));
        }
        if instance.running {
            self.set_state(name, &json!({ "action": "stop", "force": true }));
        }
        self.delete_instance(name)
    }

    fn exec(&mut self, name: &str, script: &Script, arguments: &[String]) -> Result<Reply, Answer> {
        let mut words = vec!["sh", "-c", &script.text, &script.name];
        words.extend(arguments.iter().map(String::as_str));
        self.run_in(name, &words)
    }

    /// Runs words in an instance.
    fn run_in(&mut self, name: &str, words: &[&str]) -> Result<Reply, Answer> {
        let missing = || forms::no_instance(name);
        let around = Around {
            repository: self.repository.clone(),
            network: true,
            fail_packages: self.fail_packages.clone(),
            host_name: name.to_owned(),
        };
        self.now += 1;
        let instance = self.instances.get_mut(name).ok_or_else(missing)?;
        if !instance.running {
            return Err(Answer::Fault(400, "Instance is not running".to_owned()));
        }
        instance.root.now = self.now;
        Ok(run(&mut instance.root, "", &around, words, ""))
    }
}
