//! What can be asked of a vCenter or an ESXi host over the vSphere API.
//!
//! Objects are named by what they are where a plan cannot know their references; the transport looks them up. Methods are
//! known in the constructors of [`VsphereCall`] only.

mod clone;
mod condition;
mod display;
mod fault;
mod machine;
mod snapshot;
mod storage;
#[cfg(test)]
mod tests;
mod value;

pub use clone::{CloneSpec, DiskFormat, RelocateSpec};
pub use condition::{Condition, Must};
pub use fault::exit_status;
pub use machine::{ConfigSpec, Nic};
pub use storage::{NasVersion, NasVolume};
pub use value::{Object, Reference, Value};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One request to a vCenter or an ESXi host.
///
/// The reply of one that reads is `{"about": {…}, "count": 1, "objects": [{"type": "VirtualMachine", "id": "vm-42",
/// "properties": {"name": "avocado2"}, "missing": {"config": "NoPermission"}}]}` on standard output. `about` is the
/// server's `AboutInfo`, `count` the number of the objects. Data objects are maps (with their type under `_type` where the
/// server tells it), arrays are lists, references `{"type": "…", "id": "…"}`, and all else texts. What is not set is not
/// there; what could not be read stands in `missing`, with the type of the fault.
///
/// The exit status is 0 for success, else that of [`exit_status`], with words on standard error and
/// `{"fault": "DuplicateName", "message": "…", "fields": {"name": "…"}}` on standard output.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum VsphereRequest {
    /// Reads every object of these types below the root folder, however many there are. Of `Task` those that the server
    /// calls recent.
    RetrieveAll {
        /// The types, each with the paths of the properties to read: `VirtualMachine`, `runtime.powerState`.
        what: BTreeMap<String, BTreeSet<String>>,
    },
    /// Reads these objects. One that is gone is missing in the reply.
    Retrieve {
        /// The objects, of one type.
        objects: BTreeSet<Reference>,
        /// The paths of the properties to read.
        paths: BTreeSet<String>,
    },
    /// Calls a method, once. The reply is `{"result": …}`, with the reference that it gave (of a task, that the task
    /// gave), or `null`.
    Call(VsphereCall),
    /// Calls that do not depend on each other. All of them are made, also where one fails. The reply is what became of
    /// each, in order: `[{"exit": 0, "result": …}, {"exit": 409, "fault": "…", "message": "…"}]`. Its exit status is 0
    /// where all are done, else that of the first that is not; standard error has a line for each of those.
    Together {
        /// At most so many are under way at the same time.
        at_once: u32,
        /// The calls.
        calls: Vec<VsphereCall>,
    },
}

/// A call of a method. A task that it begins is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VsphereCall {
    /// The object that it is called on.
    pub object: Object,
    /// The method: `CloneVM_Task`.
    pub method: String,
    /// The arguments in the order of the schema: a server refuses any other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, Value)>,
    /// What has to be so just before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_if: Vec<Condition>,
    /// Its task may take so many seconds, where that is more than the transport gives a call. Then it is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What its objects are called, by their ids and the values of their marks: for people, nothing of it is sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

impl VsphereCall {
    /// A call of this method.
    fn new(object: impl Into<Object>, method: &str, arguments: Vec<(String, Value)>) -> Self {
        VsphereCall {
            object: object.into(),
            method: method.to_owned(),
            arguments,
            only_if: Vec::new(),
            seconds: None,
            names: BTreeMap::new(),
        }
    }

    /// It is made only where this holds, too.
    #[must_use]
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.only_if.push(condition);
        self
    }

    /// Its task may take so many seconds.
    #[must_use]
    pub fn within(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// One of its objects, known by its reference or its mark, is called so.
    #[must_use]
    pub fn called(mut self, object: &Object, name: impl Into<String>) -> Self {
        if let Object::Is(Reference { id: key, .. }) | Object::Marked { value: key, .. } = object {
            self.names.insert(key.clone(), name.into());
        }
        self
    }

    /// True where it begins a task.
    pub fn is_task(&self) -> bool {
        self.method.ends_with("_Task")
    }

    /// The argument, or a field in it, that is reached by these names.
    pub fn argument(&self, path: &[&str]) -> Option<&Value> {
        let (name, rest) = path.split_first()?;
        self.arguments.iter().find(|(argument, _)| argument == name).and_then(|(_, value)| value.field(rest))
    }
}

impl VsphereRequest {
    /// Reads every object of these types, with these properties.
    pub fn retrieve_all<const N: usize>(what: [(&str, &[&str]); N]) -> Self {
        let paths = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect();
        let what = what.into_iter().map(|(kind, all)| (kind.to_owned(), paths(all))).collect();
        VsphereRequest::RetrieveAll { what }
    }

    /// True where it changes nothing.
    pub fn reads(&self) -> bool {
        matches!(self, VsphereRequest::RetrieveAll { .. } | VsphereRequest::Retrieve { .. })
    }

    /// As it would be typed for `govc`, where that has a word for it, else as `METHOD(object, name=value)`.
    pub fn display(&self) -> String {
        display::request(self)
    }
}
