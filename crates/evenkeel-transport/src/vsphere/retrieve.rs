//! Reading properties: of all objects of some types, or of these objects, however many pages that takes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use serde_json::{Map, Value, json};

use super::faults::{Fault, NOT_AUTHENTICATED, OBJECT_GONE};
use super::line::Failure;
use super::session::{Content, Link, Session, referred};
use super::write;
use crate::DEFAULT_OUTPUT_LIMIT;

/// At most so many objects in one answer. Where nothing is said, a vCenter gives 100.
const PAGE: &str = "10000";

/// At most so many answers make a whole.
const PAGES: usize = 10_000;

/// A way from an object to others.
struct Branch<'a> {
    name: &'a str,
    /// From objects of this type
    from: &'a str,
    /// by this property
    path: &'a str,
    /// and from there on by these ways.
    then: &'a [&'a str],
    /// It leads to objects of these types.
    to: &'a [&'a str],
}

/// The types of which all objects can be read. Those behind folders of data centers are in [`BRANCHES`].
const FOLDERS: [&str; 2] = ["Folder", "Datacenter"];

/// All ways from the root folder. A type that others extend stands for those as well.
const BRANCHES: [Branch<'static>; 12] = [
    Branch {
        name: "vms",
        from: "Datacenter",
        path: "vmFolder",
        then: &["folder"],
        to: &["VirtualMachine", "Folder"],
    },
    Branch {
        name: "hosts",
        from: "Datacenter",
        path: "hostFolder",
        then: &["folder"],
        to: &[
            "HostSystem",
            "HostStorageSystem",
            "HostDatastoreSystem",
            "ComputeResource",
            "ResourcePool",
            "Folder",
        ],
    },
    Branch {
        name: "stores",
        from: "Datacenter",
        path: "datastoreFolder",
        then: &["folder"],
        to: &["Datastore", "Folder"],
    },
    Branch {
        name: "networks",
        from: "Datacenter",
        path: "networkFolder",
        then: &["folder"],
        to: &["Folder"],
    },
    Branch { name: "pods", from: "StoragePod", path: "childEntity", then: &[], to: &["Datastore"] },
    Branch { name: "appVms", from: "VirtualApp", path: "vm", then: &[], to: &["VirtualMachine"] },
    Branch {
        name: "apps",
        from: "VirtualApp",
        path: "resourcePool",
        then: &["apps", "appVms"],
        to: &["VirtualMachine"],
    },
    Branch {
        name: "members",
        from: "ComputeResource",
        path: "host",
        then: &["storage", "mounts"],
        to: &["HostSystem", "HostStorageSystem", "HostDatastoreSystem"],
    },
    Branch {
        name: "storage",
        from: "HostSystem",
        path: "configManager.storageSystem",
        then: &[],
        to: &["HostStorageSystem"],
    },
    Branch {
        name: "mounts",
        from: "HostSystem",
        path: "configManager.datastoreSystem",
        then: &[],
        to: &["HostDatastoreSystem"],
    },
    Branch {
        name: "root",
        from: "ComputeResource",
        path: "resourcePool",
        then: &["pools"],
        to: &["ResourcePool"],
    },
    Branch {
        name: "pools",
        from: "ResourcePool",
        path: "resourcePool",
        then: &["pools"],
        to: &["ResourcePool"],
    },
];

/// The paths of properties, by the type of their object.
pub(super) type Paths = BTreeMap<String, BTreeSet<String>>;

/// An object, and what could and could not be read of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) object: Reference,
    pub(super) properties: Map<String, Value>,
    /// By path, the type of the fault.
    missing: Map<String, Value>,
}

impl Found {
    fn of(object: &Value) -> Option<Self> {
        let list = |field: &str| object.get(field).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let properties =
            list("propSet").filter_map(|one| Some((text(one, "name")?, one.get("val")?.clone())));
        let missing = list("missingSet").filter_map(|one| {
            Some((text(one, "path")?, Value::String(Fault::localized(one.get("fault")?).kind)))
        });
        Some(Found {
            object: referred(object.get("obj")?)?,
            properties: properties.collect(),
            missing: missing.collect(),
        })
    }

    /// The text of a property.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.properties.get(path).and_then(Value::as_str)
    }

    /// Why the property there cannot be read.
    pub(super) fn is_missing(&self, path: &str) -> Option<&str> {
        self.missing.get(path).and_then(Value::as_str)
    }

    fn has_no_session(&self) -> bool {
        self.missing.values().any(|fault| fault.as_str() == Some(NOT_AUTHENTICATED))
    }

    fn json(self) -> Value {
        let Found { object, properties, missing } = self;
        let mut all = Map::new();
        all.insert("type".to_owned(), Value::String(object.kind));
        all.insert("id".to_owned(), Value::String(object.id));
        all.insert("properties".to_owned(), Value::Object(properties));
        if !missing.is_empty() {
            all.insert("missing".to_owned(), Value::Object(missing));
        }
        Value::Object(all)
    }
}

/// What was read, as the reply to a request shows it.
pub(super) fn shown(content: &Content, found: Vec<Found>) -> Value {
    let count = found.len();
    let objects: Vec<Value> = found.into_iter().map(Found::json).collect();
    json!({ "about": content.about, "count": count, "objects": objects })
}

/// What was read, or why the server does not show it.
pub(super) type Outcome = Result<Vec<Found>, Fault>;

impl Link<'_> {
    /// Reads all objects of these types.
    pub(super) async fn retrieve_all(&self, what: &Paths) -> Result<Outcome, TransportError> {
        let outcome = self.read(|content| all_of(content, what)).await?;
        match outcome {
            // It went while the server was looking at it.
            Err(fault) if fault.kind == OBJECT_GONE => self.read(|content| all_of(content, what)).await,
            outcome => Ok(outcome),
        }
    }

    /// Reads these objects. Those that are gone are not in it.
    pub(super) async fn retrieve(
        &self,
        objects: &BTreeSet<Reference>,
        paths: &Paths,
    ) -> Result<Outcome, TransportError> {
        let mut left = objects.clone();
        while !left.is_empty() {
            match self.read(|_| these(&left, paths)).await? {
                // The server tells of one at a time.
                Err(fault)
                    if fault.kind == OBJECT_GONE
                        && fault
                            .fields
                            .get("obj")
                            .and_then(referred)
                            .is_some_and(|gone| left.remove(&gone)) => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Ok(Vec::new()))
    }

    /// Reads all pages: once more where the answer is lost, and once more where the session has ended. A page is of no use
    /// without those before it, so that all are read again.
    async fn read(
        &self,
        filter: impl Fn(&Content) -> Result<String, String>,
    ) -> Result<Outcome, TransportError> {
        let (mut was_lost, mut was_renewed) = (false, false);
        loop {
            let session = self.open().await?;
            let outcome = match self.pages(&session, &filter).await {
                Ok(outcome) => outcome,
                Err(failure) if failure.is_loss() && !was_lost => {
                    tracing::debug!(whose = self.whose, error = %failure.error, "reading once more");
                    was_lost = true;
                    continue;
                }
                Err(failure) => return Err(failure.error),
            };
            let has_ended = match &outcome {
                Ok(found) => found.iter().any(Found::has_no_session),
                Err(fault) => fault.kind == NOT_AUTHENTICATED,
            };
            if !has_ended {
                return Ok(outcome);
            }
            self.forget(&session).await;
            if was_renewed {
                return Err(self.shut_out());
            }
            was_renewed = true;
        }
    }

    async fn pages(
        &self,
        session: &Session,
        filter: impl Fn(&Content) -> Result<String, String>,
    ) -> Result<Outcome, Failure> {
        let fail = |kind, why: String| Failure {
            error: TransportError::new(kind, format!("{}: {why}", self.whose)),
            sent: false,
        };
        let configuration = |why| fail(TransportErrorKind::Configuration, why);
        let collector = session.content.find("propertyCollector");
        let collector = collector
            .ok_or_else(|| fail(TransportErrorKind::Protocol, "it has no property collector".to_owned()))?;
        let inside = filter(&session.content).map_err(configuration)?;
        let mut body = write::method("RetrievePropertiesEx", &collector, &inside).map_err(configuration)?;
        let (mut all, mut known, mut bytes) = (Vec::new(), HashSet::new(), 0);
        for _ in 0..PAGES {
            let page = match self.over(session, &body, self.patience()).await? {
                Ok(page) => page,
                Err(fault) => return Ok(Err(fault)),
            };
            let objects = page.get("objects").and_then(Value::as_array).into_iter().flatten();
            for object in objects {
                let odd = || fail(TransportErrorKind::Protocol, "it shows an object that is none".to_owned());
                let found = Found::of(object).ok_or_else(odd)?;
                bytes += size(&found.properties);
                // Two ways may lead to one object.
                if known.insert(found.object.clone()) {
                    all.push(found);
                }
            }
            if bytes > DEFAULT_OUTPUT_LIMIT {
                let why = format!("what was asked for is larger than {DEFAULT_OUTPUT_LIMIT} bytes");
                return Err(fail(TransportErrorKind::OutputTooLarge, why));
            }
            let Some(token) = page.get("token").and_then(Value::as_str) else { return Ok(Ok(all)) };
            let mut inside = String::new();
            write::text(&mut inside, "token", token).map_err(configuration)?;
            body =
                write::method("ContinueRetrievePropertiesEx", &collector, &inside).map_err(configuration)?;
        }
        Err(fail(TransportErrorKind::Protocol, format!("an answer has more than {PAGES} pages")))
    }
}

/// About how much memory properties take.
fn size(properties: &Map<String, Value>) -> usize {
    properties.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 8,
        Value::Array(all) => all.iter().map(size_of_value).sum::<usize>() + 8,
        Value::Object(fields) => size(fields) + 8,
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// The arguments that read all objects of these types.
fn all_of(content: &Content, what: &Paths) -> Result<String, String> {
    let mut inside = "<specSet>".to_owned();
    let of = |wanted: &dyn Fn(&str) -> bool| -> Result<Option<String>, String> {
        let some: Vec<_> = what.iter().filter(|(kind, _)| wanted(kind)).collect();
        let written = some.iter().map(|(kind, paths)| property_set(kind, paths));
        Ok((!some.is_empty()).then_some(written.collect::<Result<String, String>>()?))
    };
    for kind in what.keys() {
        let is_known = kind == "Task"
            || FOLDERS.contains(&kind.as_str())
            || BRANCHES.iter().any(|branch| branch.to.contains(&kind.as_str()));
        if !is_known {
            return Err(format!("the objects of the type `{kind}` cannot be read all at once"));
        }
    }
    if let Some(sets) = of(&|kind| kind != "Task")? {
        let root = content.find("rootFolder").ok_or("it has no root folder")?;
        inside += &sets;
        inside += "<objectSet>";
        write::reference(&mut inside, "obj", &root)?;
        inside += "<skip>false</skip>";
        let used: Vec<&Branch<'_>> = BRANCHES
            .iter()
            .filter(|branch| what.keys().any(|kind| branch.to.contains(&kind.as_str())))
            .collect();
        // What a folder holds may be the beginning of every other way.
        let names: Vec<&str> = ["folder"].into_iter().chain(used.iter().map(|branch| branch.name)).collect();
        let folder = Branch { name: "folder", from: "Folder", path: "childEntity", then: &names, to: &[] };
        for branch in [&folder].into_iter().chain(used.iter().copied()) {
            inside += &traversal(branch, &names)?;
        }
        inside += "</objectSet>";
    }
    if let Some(sets) = of(&|kind| kind == "Task")? {
        let tasks = content.find("taskManager").ok_or("it has no task manager")?;
        if what.len() > 1 {
            inside += "</specSet><specSet>";
        }
        inside += &sets;
        inside += "<objectSet>";
        write::reference(&mut inside, "obj", &tasks)?;
        inside += "<skip>true</skip>";
        let recent = Branch { name: "tasks", from: "TaskManager", path: "recentTask", then: &[], to: &[] };
        inside += &traversal(&recent, &[])?;
        inside += "</objectSet>";
    }
    inside += "</specSet>";
    Ok(inside + &options())
}

/// The arguments that read these objects.
fn these(objects: &BTreeSet<Reference>, paths: &Paths) -> Result<String, String> {
    let mut inside = "<specSet>".to_owned();
    for (kind, paths) in paths {
        inside += &property_set(kind, paths)?;
    }
    for object in objects {
        inside += "<objectSet>";
        write::reference(&mut inside, "obj", object)?;
        inside += "<skip>false</skip></objectSet>";
    }
    inside += "</specSet>";
    Ok(inside + &options())
}

fn options() -> String {
    format!("<options><maxObjects>{PAGE}</maxObjects></options>")
}

fn property_set(kind: &str, paths: &BTreeSet<String>) -> Result<String, String> {
    let mut out = "<propSet>".to_owned();
    write::text(&mut out, "type", kind)?;
    write::text(&mut out, "all", "false")?;
    for path in paths {
        write::text(&mut out, "pathSet", path)?;
    }
    Ok(out + "</propSet>")
}

/// A way, and those of the further ones that are `known` to the request.
fn traversal(branch: &Branch<'_>, known: &[&str]) -> Result<String, String> {
    let mut out = "<selectSet xsi:type=\"TraversalSpec\">".to_owned();
    for (field, text) in
        [("name", branch.name), ("type", branch.from), ("path", branch.path), ("skip", "false")]
    {
        write::text(&mut out, field, text)?;
    }
    for name in branch.then.iter().filter(|name| known.contains(name)) {
        out += "<selectSet>";
        write::text(&mut out, "name", name)?;
        out += "</selectSet>";
    }
    Ok(out + "</selectSet>")
}
