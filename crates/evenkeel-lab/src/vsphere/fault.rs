//! Why something is not done, and how a transport passes that on.

use evenkeel_core::request::Reply;
use evenkeel_core::request::vsphere::{Reference, exit_status};
use serde_json::{Map, Value, json};

/// Why something is not done.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) exit: i32,
    pub(super) message: String,
    /// What the server says, where it is the server that refuses: the type of the fault, and its fields.
    fault: Option<(String, Value)>,
}

impl Refusal {
    /// The transport's own.
    pub(super) fn new(exit: i32, message: impl Into<String>) -> Self {
        Refusal { exit, message: message.into(), fault: None }
    }

    /// A fault of this type, about nothing.
    pub(super) fn fault(kind: &str, message: impl Into<String>) -> Self {
        Refusal::about(kind, message, &json!({}))
    }

    /// A fault of this type, with these fields.
    pub(super) fn about(kind: &str, message: impl Into<String>, fields: &Value) -> Self {
        let message = format!("{kind}: {}", message.into());
        Refusal { exit: exit_status(kind), message, fault: Some((kind.to_owned(), fields.clone())) }
    }

    /// There is no such object.
    pub(super) fn gone(object: &Reference) -> Self {
        let message = "The object has already been deleted or has not been completely created";
        Refusal::about("ManagedObjectNotFound", message, &json!({ "obj": shown(object) }))
    }

    /// The server does not take the request.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Refusal::fault("InvalidRequest", message)
    }

    pub(super) fn json(&self) -> Map<String, Value> {
        let mut all = Map::from_iter([("message".to_owned(), json!(self.message))]);
        if let Some((kind, fields)) = &self.fault {
            all.insert("fault".to_owned(), json!(kind));
            all.insert("fields".to_owned(), fields.clone());
        }
        all
    }

    pub(super) fn reply(&self) -> Reply {
        let stdout = Value::Object(self.json()).to_string().into_bytes();
        Reply { exit: self.exit, stdout, stderr: self.message.clone().into_bytes() }
    }
}

/// A reference in a reply.
pub(super) fn shown(object: &Reference) -> Value {
    refer(&object.kind, &object.id)
}

/// The same of its parts.
pub(super) fn refer(kind: &str, id: &str) -> Value {
    json!({ "type": kind, "id": id })
}
