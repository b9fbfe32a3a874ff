//! The replies of a vCenter as JSON, and how to find something in them.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::request::{Reply, Request};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Messages quote at most so many characters of what a server says.
const LONGEST: usize = 300;

/// The reply of what reads.
#[derive(Debug, Deserialize)]
pub(crate) struct Retrieved {
    pub(crate) about: About,
    count: usize,
    pub(crate) objects: Vec<Raw>,
}

/// The server's `AboutInfo`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct About(Map<String, Value>);

impl About {
    /// One of its texts; empty where it is not there.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// An object with the properties that were asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Raw {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) properties: Map<String, Value>,
    /// What could not be read, with the type of the fault.
    #[serde(default)]
    pub(crate) missing: BTreeMap<String, String>,
}

impl Retrieved {
    /// Reads it. One that failed, was cut short or makes no sense is an error as a whole.
    pub(crate) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        if reply.exit != 0 {
            return Err(failed(request, reply.exit, &reply.stderr_text()));
        }
        let unparsable = |problem: String| ObserveError::Unparsable { command: command(request), problem };
        let read: Retrieved =
            serde_json::from_slice(&reply.stdout).map_err(|error| unparsable(error.to_string()))?;
        if read.count != read.objects.len() {
            let (count, there) = (read.count, read.objects.len());
            return Err(unparsable(format!("{there} objects are there, and it says that there are {count}")));
        }
        Ok(read)
    }
}

/// The error for a request that was refused, by its exit status and what the server said.
fn failed(request: &Request, exit: i32, said: &str) -> ObserveError {
    let hint = (exit == 403).then(|| {
        "the user needs at least the role `Read-only` on the whole inventory: docs/backups.md lists the privileges"
            .to_owned()
    });
    let said = if said.is_empty() { "(no message)" } else { said };
    ObserveError::Command {
        command: command(request),
        exit,
        stderr: said.chars().take(LONGEST).collect(),
        hint,
    }
}

/// The request, not longer than a message may be.
fn command(request: &Request) -> String {
    let line = request.display();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
        None => line,
    }
}

/// The fields of a data object, or the properties of a managed one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A text, number or word; empty where it is not there.
    pub(crate) fn text(self, field: &str) -> &'a str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number; 0 where it is not there, or none.
    pub(crate) fn number(self, field: &str) -> u64 {
        self.text(field).parse().unwrap_or_default()
    }

    /// A data object.
    pub(crate) fn map(self, field: &str) -> Option<Self> {
        self.0.get(field).and_then(Value::as_object).map(Fields)
    }

    /// The managed object that a reference names.
    pub(crate) fn reference(self, field: &str) -> Option<Reference> {
        let reference = self.map(field)?;
        let (kind, id) = (reference.text("type"), reference.text("id"));
        (!id.is_empty()).then(|| Reference::new(kind, id))
    }

    /// The id of the reference that this is.
    pub(crate) fn id_of_itself(self) -> Option<String> {
        Some(self.text("id").to_owned()).filter(|id| !id.is_empty())
    }

    /// The id in a reference.
    pub(crate) fn id(self, field: &str) -> Option<String> {
        self.reference(field).map(|reference| reference.id)
    }

    /// The texts of a list.
    pub(crate) fn texts(self, field: &str) -> impl Iterator<Item = &'a str> {
        let list = self.0.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str)
    }

    /// The data objects of a list.
    pub(crate) fn each(self, field: &str) -> impl Iterator<Item = Self> {
        let list = self.0.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_object).map(Fields)
    }
}
