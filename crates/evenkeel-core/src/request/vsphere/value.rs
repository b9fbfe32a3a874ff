//! What the calls of the vSphere API are about and made of: objects, named by what they are, and values.

use serde::{Deserialize, Serialize};

/// A managed object as a server calls it: `VirtualMachine`, `vm-42`. What the id looks like means nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// The type of the object. Of a virtual machine `VirtualMachine`, of a snapshot `VirtualMachineSnapshot`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the server calls it.
    pub id: String,
}

impl Reference {
    /// The object of this type and id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Reference { kind: kind.into(), id: id.into() }
    }
}

/// A managed object. What a step before makes has no reference yet when a plan is made, so that a request can say what the
/// object is: it is looked up just before the call, and there has to be exactly one (else 404 for none, 409 for several).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Object {
    /// This one.
    Is(Reference),
    /// The one that the server's `ServiceContent` names in this field: `taskManager`.
    Of(String),
    /// The one of this type and name. Names are compared as the server writes them (`%2f` for a `/`), with capitals and
    /// small letters told apart.
    Named {
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
        /// Its name.
        name: String,
        /// What it stands in directly, its `parent`. `None`: anywhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<Box<Object>>,
    },
    /// The virtual machine whose `config.extraConfig` has this value.
    Marked {
        /// The key.
        key: String,
        /// The whole value.
        value: String,
    },
    /// A virtual machine's snapshot of this name and description, wherever it stands in the tree of snapshots.
    Snapshot {
        /// The virtual machine.
        vm: Reference,
        /// The snapshot's name.
        name: String,
        /// The whole description.
        description: String,
    },
}

impl Object {
    /// The one object of this type and name directly in another.
    pub fn named(kind: impl Into<String>, name: impl Into<String>, within: impl Into<Object>) -> Self {
        Object::Named { kind: kind.into(), name: name.into(), within: Some(Box::new(within.into())) }
    }
}

impl From<Reference> for Object {
    fn from(reference: Reference) -> Self {
        Object::Is(reference)
    }
}

/// What an argument or a field is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// A text, or a word of an enumeration.
    Text(String),
    /// A text where the schema wants `anyType`: it is written with its type, `xsd:string`.
    AnyText(String),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A managed object: it is written as its reference.
    Object(Object),
    /// A data object.
    Struct {
        /// Its type, where the schema allows for several: it is written as `xsi:type`.
        #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Its fields in the order of the schema. One that is not set is not in it.
        fields: Vec<(String, Value)>,
    },
    /// Several: the element is written once for each.
    List(Vec<Value>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into())
    }

    /// A data object of the type that the schema names.
    pub(super) fn data(fields: Vec<(String, Value)>) -> Self {
        Value::Struct { kind: None, fields }
    }

    /// A data object of one of the types that the schema allows for.
    pub(super) fn of_type(kind: &str, fields: Vec<(String, Value)>) -> Self {
        Value::Struct { kind: Some(kind.to_owned()), fields }
    }

    /// The field that is reached by these names, from this value down. A list has none.
    pub fn field(&self, path: &[&str]) -> Option<&Value> {
        let Some((name, rest)) = path.split_first() else { return Some(self) };
        let Value::Struct { fields, .. } = self else { return None };
        fields.iter().find(|(field, _)| field == name).and_then(|(_, value)| value.field(rest))
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::AnyText(text) => Some(text),
            _ => None,
        }
    }

    /// The object, where it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The values of a list; any other value is the only one.
    pub fn each(&self) -> &[Value] {
        match self {
            Value::List(values) => values,
            other => std::slice::from_ref(other),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Self {
        Value::Bool(is_so)
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        Value::Object(Object::Is(reference))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Value::Object(object)
    }
}

/// The fields that are set, by name, in this order.
pub(super) fn fields<const N: usize>(all: [(&str, Option<Value>); N]) -> Vec<(String, Value)> {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
