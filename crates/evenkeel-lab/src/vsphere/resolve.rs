//! Which objects are meant that a request names by what they are.

use evenkeel_core::request::vsphere::{Object, Reference, Value};

use super::fault::Refusal;
use super::{ROOT, Vcenter};

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    One(Reference),
    None,
    Several(usize),
}

impl Match {
    fn of(kind: &str, mut ids: Vec<&String>) -> Self {
        match (ids.pop(), ids.len()) {
            (Some(id), 0) => Match::One(Reference::new(kind, id)),
            (Some(_), others) => Match::Several(others + 1),
            (None, _) => Match::None,
        }
    }
}

impl Vcenter {
    /// Looks for an object. One that is named by its reference is taken as it is.
    pub(super) fn find(&self, object: &Object) -> Match {
        match object {
            Object::Is(is) => Match::One(is.clone()),
            Object::Of(field) => match field.as_str() {
                "rootFolder" => Match::One(Reference::new("Folder", ROOT)),
                "taskManager" => Match::One(Reference::new("TaskManager", "TaskManager")),
                _ => Match::None,
            },
            Object::Named { kind, name, within } => {
                let parent = match within.as_ref().map(|within| self.find(within)) {
                    None => None,
                    Some(Match::One(parent)) => Some(parent.id),
                    Some(other) => return other,
                };
                Match::of(kind, self.named_in(kind, name, parent.as_deref()))
            }
            Object::Marked { key, value } => {
                let is_marked =
                    |id: &&String| self.vms.get(*id).is_some_and(|vm| vm.extra.get(key) == Some(value));
                Match::of("VirtualMachine", self.vms.keys().filter(is_marked).collect())
            }
            Object::Snapshot { vm, name, description } => {
                let all = self.vms.get(&vm.id).into_iter().flat_map(|vm| &vm.snapshots);
                let all = all.filter(|one| one.name == *name && one.description == *description);
                Match::of("VirtualMachineSnapshot", all.map(|one| &one.id).collect())
            }
        }
    }

    /// The ids of what has this type and name, anywhere or directly in a place.
    pub(super) fn named_in(&self, kind: &str, name: &str, parent: Option<&str>) -> Vec<&String> {
        let is_in = |of: &str| parent.is_none_or(|parent| parent == of);
        match kind {
            "VirtualMachine" => {
                let all = self.vms.iter().filter(|(_, vm)| vm.name == name && is_in(&vm.parent));
                all.map(|(id, _)| id).collect()
            }
            "Datastore" => {
                let all = self.stores.iter().filter(|(_, store)| store.name == name);
                all.filter(|_| is_in(super::STORE_FOLDER)).map(|(id, _)| id).collect()
            }
            kind => {
                let all = self.places.iter().filter(|(_, place)| place.kind == kind && place.name == name);
                all.filter(|(_, place)| is_in(place.parent.as_deref().unwrap_or_default()))
                    .map(|(id, _)| id)
                    .collect()
            }
        }
    }

    /// The one object that is meant.
    pub(super) fn one(&self, object: &Object) -> Result<Reference, Refusal> {
        match self.find(object) {
            Match::One(is) => Ok(is),
            Match::None => Err(Refusal::new(404, format!("there is no {}", described(object)))),
            Match::Several(count) => {
                let message = format!("there are {count} of what should be one: {}", described(object));
                Err(Refusal::new(409, message))
            }
        }
    }

    /// The same value, with all objects in it as references.
    pub(super) fn settled(&self, value: &Value) -> Result<Value, Refusal> {
        Ok(match value {
            Value::Object(object) => Value::Object(Object::Is(self.one(object)?)),
            Value::Struct { kind, fields } => {
                Value::Struct { kind: kind.clone(), fields: self.all_settled(fields)? }
            }
            Value::List(values) => {
                Value::List(values.iter().map(|value| self.settled(value)).collect::<Result<_, _>>()?)
            }
            Value::Text(_) | Value::AnyText(_) | Value::Bool(_) | Value::Int(_) => value.clone(),
        })
    }

    /// The same of several with their names.
    pub(super) fn all_settled(&self, fields: &[(String, Value)]) -> Result<Vec<(String, Value)>, Refusal> {
        fields.iter().map(|(name, value)| Ok((name.clone(), self.settled(value)?))).collect()
    }
}

/// An object in a sentence.
pub(super) fn described(object: &Object) -> String {
    match object {
        Object::Is(is) => format!("{} {}", is.kind, is.id),
        Object::Of(field) => format!("`{field}` on this server"),
        Object::Named { kind, name, within: None } => format!("{kind} of the name `{name}`"),
        Object::Named { kind, name, within: Some(within) } => {
            format!("{kind} of the name `{name}` in the {}", described(within))
        }
        Object::Marked { key, value } => format!("VirtualMachine with {key}={value}"),
        Object::Snapshot { vm, name, description } => {
            format!("snapshot `{name}` of the VirtualMachine {} with the description `{description}`", vm.id)
        }
    }
}
