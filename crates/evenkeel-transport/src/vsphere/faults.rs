//! What a server refuses, and what we refuse in its name: with words for people and a status for programs.

use evenkeel_core::request::Reply;
use evenkeel_core::request::vsphere::exit_status;
use serde_json::{Map, Value, json};

/// The session has ended, or there never was one.
pub(super) const NOT_AUTHENTICATED: &str = "NotAuthenticated";

/// The fault of what a call is about when it is not there.
pub(super) const OBJECT_GONE: &str = "ManagedObjectNotFound";

/// The fault of a task that somebody has ended.
pub(super) const CANCELLED: &str = "RequestCanceled";

/// Fields of faults that hold other faults, or words.
const AROUND: [&str; 3] = ["_type", "faultCause", "faultMessage"];

/// What a server says that it does not do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    /// Its type: `DuplicateName`.
    pub(super) kind: String,
    /// What the server says of it, where that is prose.
    words: Vec<String>,
    pub(super) fields: Map<String, Value>,
}

impl Fault {
    /// The `Fault` in the body of an answer.
    pub(super) fn of_answer(fault: &Value) -> Self {
        let said = fault.get("faultstring").and_then(Value::as_str);
        let detail = fault.get("detail").and_then(Value::as_object);
        let (element, fields) = detail
            .and_then(|detail| detail.iter().find(|(name, _)| name.as_str() != "_type"))
            .map_or(("", None), |(element, of)| (element.as_str(), of.as_object()));
        Fault::new(element.trim_end_matches("Fault"), fields, said)
    }

    /// A `LocalizedMethodFault`: of a task, or of a property that cannot be read.
    pub(super) fn localized(fault: &Value) -> Self {
        let said = fault.get("localizedMessage").and_then(Value::as_str);
        Fault::new("", fault.get("fault").and_then(Value::as_object), said)
    }

    fn new(element: &str, fields: Option<&Map<String, Value>>, said: Option<&str>) -> Self {
        let empty = Map::new();
        let fields = fields.unwrap_or(&empty);
        let kind = fields.get("_type").and_then(Value::as_str).unwrap_or(element);
        let kind = if kind.is_empty() { "Fault" } else { kind };
        let further = fields.get("faultMessage").and_then(Value::as_array).into_iter().flatten();
        let further = further.filter_map(|one| one.get("message").and_then(Value::as_str));
        // What a host says beneath a `HostConfigFault`: which server refused what.
        let text = fields.get("text").and_then(Value::as_str);
        let mut words: Vec<String> = Vec::new();
        for one in said.into_iter().chain(further).chain(text).map(str::trim).filter(|words| is_prose(words))
        {
            if !words.iter().any(|known| known.contains(one)) {
                words.push(one.to_owned());
            }
        }
        let is_own = |(name, _): &(&String, &Value)| !AROUND.contains(&name.as_str());
        let own = fields.iter().filter(is_own).map(|(name, of)| (name.clone(), of.clone()));
        Fault { kind: kind.to_owned(), words, fields: own.collect() }
    }

    /// What it is, in words: the server's own where it has any, else what the fault is about.
    pub(super) fn message(&self) -> String {
        if !self.words.is_empty() {
            return format!("{}: {}", self.kind, self.words.join(" "));
        }
        let about = self.fields.iter().filter_map(|(name, of)| Some(format!("{name} {}", plain(of)?)));
        let about: Vec<String> = about.collect();
        if about.is_empty() { self.kind.clone() } else { format!("{}: {}", self.kind, about.join(", ")) }
    }
}

/// A text, or what a reference refers to.
fn plain(value: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    text(value).or_else(|| Some(format!("{}:{}", text(value.get("type")?)?, text(value.get("id")?)?)))
}

/// Some servers put the name of a type where words belong.
fn is_prose(words: &str) -> bool {
    words.contains(' ')
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    exit: i32,
    message: String,
    /// The server's own, where it is not ours.
    fault: Option<(String, Map<String, Value>)>,
}

impl Refusal {
    /// Ours.
    pub(super) fn new(exit: i32, message: impl Into<String>) -> Self {
        Refusal { exit, message: message.into(), fault: None }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.fault.as_ref().is_some_and(|(kind, _)| kind == CANCELLED)
    }

    /// The same, with other words.
    pub(super) fn in_words(self, message: String) -> Self {
        Refusal { message, ..self }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn exit(&self) -> i32 {
        self.exit
    }

    /// `{"fault": "DuplicateName", "message": "…", "fields": {"name": "…"}}`; only the message where it is ours.
    pub(super) fn json(&self) -> Map<String, Value> {
        let mut all = Map::from_iter([("message".to_owned(), json!(self.message))]);
        if let Some((kind, fields)) = &self.fault {
            all.insert("fault".to_owned(), json!(kind));
            all.insert("fields".to_owned(), Value::Object(fields.clone()));
        }
        all
    }

    pub(super) fn reply(&self) -> Reply {
        let stdout = Value::Object(self.json()).to_string().into_bytes();
        Reply { exit: self.exit, stdout, stderr: self.message.clone().into_bytes() }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal {
            exit: exit_status(&fault.kind),
            message: fault.message(),
            fault: Some((fault.kind, fault.fields)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_fault_is_told_with_the_servers_words_or_what_it_is_about() {
        let of = |said: &str, detail: Value| {
            let fault = json!({ "faultcode": "ServerFaultCode", "faultstring": said, "detail": detail });
            Refusal::from(Fault::of_answer(&fault))
        };
        let duplicate = json!({ "DuplicateNameFault": {
            "_type": "DuplicateName", "name": "zz_a", "object": { "type": "VirtualMachine", "id": "vm-1" },
        } });
        let refusal = of("The name 'zz_a' already exists.", duplicate.clone());
        assert_eq!(
            (refusal.exit(), refusal.message()),
            (409, "DuplicateName: The name 'zz_a' already exists.")
        );
        let expected = json!({
            "fault": "DuplicateName",
            "message": "DuplicateName: The name 'zz_a' already exists.",
            "fields": { "name": "zz_a", "object": { "type": "VirtualMachine", "id": "vm-1" } },
        });
        assert_eq!(Value::Object(refusal.json()), expected);
        let refusal = of("*types.DuplicateName", duplicate);
        assert_eq!(refusal.message(), "DuplicateName: name zz_a, object VirtualMachine:vm-1");
        let refusal = of("", json!({ "InvalidLoginFault": "" }));
        assert_eq!((refusal.exit(), refusal.message()), (500, "InvalidLogin"));
        let refusal = of("Something went wrong", json!(""));
        assert_eq!((refusal.exit(), refusal.message()), (500, "Fault: Something went wrong"));
        let refusal = of(
            "An error occurred during host configuration.",
            json!({ "PlatformConfigFaultFault": { "_type": "PlatformConfigFault", "text": "the server denied it" } }),
        );
        let expected =
            "PlatformConfigFault: An error occurred during host configuration. the server denied it";
        assert_eq!(refusal.message(), expected);
    }

    #[test]
    fn a_tasks_fault_has_its_further_words_and_each_once() {
        let fault = json!({
            "fault": {
                "_type": "ApplicationQuiesceFault",
                "faultMessage": [
                    { "key": "a", "message": "The guest did not answer." },
                    { "key": "b", "message": "An error occurred." },
                ],
                "faultCause": { "fault": { "_type": "SystemError" } },
            },
            "localizedMessage": "An error occurred.",
        });
        let fault = Fault::localized(&fault);
        assert_eq!(fault.message(), "ApplicationQuiesceFault: An error occurred. The guest did not answer.");
        assert!(fault.fields.is_empty());
        assert_eq!(Fault::localized(&json!({})).kind, "Fault");
        assert!(Refusal::from(Fault::localized(&json!({ "fault": { "_type": CANCELLED } }))).is_cancelled());
    }

    #[test]
    fn what_we_refuse_has_words_only() {
        let reply = Refusal::new(404, "there is no such folder").reply();
        assert_eq!((reply.exit, reply.stderr_text().as_str()), (404, "there is no such folder"));
        assert_eq!(reply.stdout, br#"{"message":"there is no such folder"}"#);
    }
}
