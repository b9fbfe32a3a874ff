//! A call: what it is about is looked up, what has to be so is checked, and then it is sent, once.

use std::collections::HashSet;
use std::time::Duration;

use evenkeel_core::request::vsphere::{Object, Reference, Value as Argument, VsphereCall};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::faults::Refusal;
use super::line::Failure;
use super::resolve::Match;
use super::session::{Link, referred};
use super::write::{self, Known};

/// No task is waited for longer: a year.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// What became of a call: the reference that it gave, or `null`.
pub(super) type Outcome = Result<Value, Refusal>;

/// How far a call came when it was sent.
#[derive(Debug)]
pub(super) enum Begun {
    Ended(Outcome),
    /// It goes on in this task, which may take so long from then on.
    Goes(Reference, Instant, Duration),
}

/// A call in a sentence: `CloneVM_Task of avocado2`.
pub(super) fn told(call: &VsphereCall) -> String {
    let key = match &call.object {
        Object::Is(is) => &is.id,
        Object::Of(key)
        | Object::Marked { value: key, .. }
        | Object::Named { name: key, .. }
        | Object::Snapshot { vm: Reference { id: key, .. }, .. } => key,
    };
    format!("{} of {}", call.method, call.names.get(key).unwrap_or(key))
}

impl Link<'_> {
    /// Makes a call, where all that has to be so is so.
    pub(super) async fn begin(&self, call: &VsphereCall) -> Result<Begun, TransportError> {
        let body = match self.prepare(call).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Begun::Ended(Err(refusal))),
        };
        let patience =
            Duration::from_secs(call.seconds.unwrap_or_default()).max(self.patience()).min(LONGEST);
        let began = Instant::now();
        // Where the method is the task, the server says at once that it has begun.
        let answered = if call.is_task() { self.patience() } else { patience };
        let given = match self.send(&body, answered).await.map_err(|failure| unknown(failure, call))? {
            Ok(given) => given,
            Err(fault) => return Ok(Begun::Ended(Err(fault.into()))),
        };
        if !call.is_task() {
            return Ok(Begun::Ended(Ok(reference_or_null(&given))));
        }
        if let Some(task) = referred(&given).filter(|task| task.kind == "Task") {
            return Ok(Begun::Goes(task, began, patience));
        }
        let message = format!("{} answers to {} without a task", self.whose, told(call));
        let error = TransportError::new(TransportErrorKind::Protocol, message);
        Err(unknown(Failure { error, sent: true }, call))
    }

    /// The body of a call; or why it is not made.
    async fn prepare(&self, call: &VsphereCall) -> Result<Result<String, Refusal>, TransportError> {
        let mut needed: HashSet<&Object> = HashSet::from([&call.object]);
        call.arguments.iter().for_each(|(_, value)| objects(value, &mut needed));
        let asked: HashSet<&Object> = call.only_if.iter().map(|condition| &condition.object).collect();
        let matches = match self.look_up(needed.union(&asked).copied()).await? {
            Ok(matches) => matches,
            Err(fault) => return Ok(Err(fault.into())),
        };
        // What must not be there is told before what is not there.
        if let Err(refusal) = self.check(&call.only_if, &matches).await? {
            return Ok(Err(refusal));
        }
        let mut known = Known::new();
        for object in needed {
            match matches.get(object).unwrap_or(&Match::None).one(object) {
                Ok(is) => known.insert(object.clone(), is),
                Err(refusal) => return Ok(Err(refusal)),
            };
        }
        let written = match known.get(&call.object) {
            Some(object) => write::arguments(&call.arguments, &known)
                .and_then(|inside| write::method(&call.method, object, &inside)),
            None => Err("it has no object".to_owned()),
        };
        written.map(Ok).map_err(|why| {
            let message = format!("{} cannot be sent to {}: {why}", told(call), self.whose);
            TransportError::new(TransportErrorKind::Configuration, message)
        })
    }
}

/// The reference that a method or a task gave, or `null`.
pub(super) fn reference_or_null(given: &Value) -> Value {
    referred(given).map_or(Value::Null, |object| json!({ "type": object.kind, "id": object.id }))
}

/// All objects in a value.
fn objects<'v>(value: &'v Argument, all: &mut HashSet<&'v Object>) {
    match value {
        Argument::Object(object) => {
            all.insert(object);
        }
        Argument::Struct { fields, .. } => fields.iter().for_each(|(_, value)| objects(value, all)),
        Argument::List(values) => values.iter().for_each(|value| objects(value, all)),
        Argument::Text(_) | Argument::AnyText(_) | Argument::Bool(_) | Argument::Int(_) => {}
    }
}

/// The error for a call without an answer, which must not be sent again: it may have been done.
fn unknown(failure: Failure, call: &VsphereCall) -> TransportError {
    let Failure { mut error, sent } = failure;
    if sent {
        error.message = format!("it is not known whether {} was done: {}", told(call), error.message);
        if error.kind != TransportErrorKind::Timeout {
            error.kind = TransportErrorKind::ConnectionLost;
        }
    }
    error
}
