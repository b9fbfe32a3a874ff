//! What happens to which call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What happens to a call.
#[derive(Clone)]
pub enum Act {
    /// The connection is cut before the call is delivered: nothing happened.
    CutBefore,
    /// The connection is cut when the server has done it: it happened, and the client is not told.
    CutAfter,
    /// The connection is cut in the middle of the answer.
    CutWithin,
    /// As [`Act::CutBefore`], and nobody can connect until [`SoapProxy::come_back`](super::SoapProxy::come_back).
    Refuse,
    /// It is neither delivered nor answered, for as long as the client waits.
    Hang,
    /// It is delivered later by this.
    Wait(Duration),
    /// Not delivered: HTTP 503, as a vCenter's gateway answers while its services start.
    Unavailable,
    /// Not delivered: a page for browsers, with HTTP 200, as a gateway that wants a person to log in.
    Html,
    /// Delivered; the answer is complete to HTTP, and its XML ends in the middle.
    Truncate,
    /// Not delivered: a SOAP fault.
    Fault(Fault),
    /// Not what was asked for: the server begins a task that ends with a fault of this type. Not with `-bare`.
    TaskFails(String),
    /// Delivered; the client gets what this makes of the answer's body.
    Rewrite(Arc<dyn Fn(String) -> String + Send + Sync>),
}

/// A SOAP fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its type: `NoPermission`.
    pub kind: String,
    /// What it says to people.
    pub words: String,
    /// What it says to programs, XML: `<privilegeId>VirtualMachine.Provisioning.Clone</privilegeId>`.
    pub fields: String,
}

impl Act {
    /// A SOAP fault of a type that says nothing else.
    pub fn fault(kind: &str) -> Self {
        Act::Fault(Fault { kind: kind.to_owned(), words: String::new(), fields: String::new() })
    }

    /// [`Act::Rewrite`], by this.
    pub fn rewrite(by: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        Act::Rewrite(Arc::new(by))
    }

    /// [`Act::Rewrite`] of every `from` to `to`.
    pub fn replace(from: &str, to: &str) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        Act::rewrite(move |body| body.replace(&from, &to))
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Act::CutBefore => "CutBefore",
            Act::CutAfter => "CutAfter",
            Act::CutWithin => "CutWithin",
            Act::Refuse => "Refuse",
            Act::Hang => "Hang",
            Act::Wait(time) => return write!(f, "Wait({time:?})"),
            Act::Unavailable => "Unavailable",
            Act::Html => "Html",
            Act::Truncate => "Truncate",
            Act::Fault(fault) => return write!(f, "{fault:?}"),
            Act::TaskFails(kind) => return write!(f, "TaskFails({kind})"),
            Act::Rewrite(_) => "Rewrite",
        })
    }
}

/// A call on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `CloneVM_Task`
    pub method: String,
    /// Which one it is of all calls, from 1.
    pub nth: usize,
    /// Its envelope.
    pub body: String,
}

/// When a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has arrived, and is not delivered yet.
    Before,
    /// The server has answered, and the client has not heard yet.
    After,
}

/// What a hook wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// That it goes on.
    GoOn,
    /// That it stays at this moment for as long as the client waits.
    Hang,
}

/// Asked at every call.
pub(super) type Hook = Arc<dyn Fn(&Call, Moment) -> Then + Send + Sync>;

/// What happens to one of the calls of a method.
#[derive(Debug)]
struct Rule {
    /// `None`: every method.
    method: Option<String>,
    /// From 1, counted from when the rule was made; `None`: every call.
    nth: Option<usize>,
    seen: usize,
    act: Act,
}

/// What is to happen.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn add(&mut self, method: &str, nth: Option<usize>, act: Act) {
        let method = (method != "*").then(|| method.to_owned());
        self.0.push(Rule { method, nth, seen: 0, act });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to the next call, which is of this method: what the first rule says that is for it.
    pub(super) fn next(&mut self, method: &str) -> Option<Act> {
        let mut chosen = None;
        for rule in &mut self.0 {
            if rule.method.as_deref().is_none_or(|known| known == method) {
                rule.seen += 1;
                if chosen.is_none() && rule.nth.is_none_or(|nth| nth == rule.seen) {
                    chosen = Some(rule.act.clone());
                }
            }
        }
        chosen
    }
}

/// The method that an envelope calls: the name of the first element of its body.
pub(super) fn method(envelope: &str) -> Option<&str> {
    let (_, body) = envelope.split_once("Body>")?;
    let name = body.trim_start().strip_prefix('<')?.split([' ', '\n', '\t', '\r', '>', '/']).next()?;
    name.rsplit(':').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Act, Rules, method};

    #[test]
    fn the_method_of_an_envelope_is_the_first_element_of_its_body() {
        for (envelope, wanted) in [
            (
                "<e:Envelope><e:Header/><e:Body><Login xmlns=\"urn:vim25\"><_this/></Login></e:Body>",
                Some("Login"),
            ),
            ("<Envelope><Body>\n <v:Logout/></Body></Envelope>", Some("Logout")),
            ("<e:Body></e:Body>", None),
            ("", None),
        ] {
            assert_eq!(method(envelope), wanted, "{envelope}");
        }
    }

    #[test]
    fn rules_count_from_when_they_were_made_and_the_first_one_decides() {
        let mut rules = Rules::default();
        rules.add("Login", Some(2), Act::CutBefore);
        rules.add("*", Some(3), Act::CutAfter);
        let told = |rules: &mut Rules, method| rules.next(method).map(|act| format!("{act:?}"));
        assert_eq!(told(&mut rules, "Login"), None);
        assert_eq!(told(&mut rules, "Login").as_deref(), Some("CutBefore"));
        assert_eq!(told(&mut rules, "Logout").as_deref(), Some("CutAfter"));
        rules.add("Login", None, Act::Html);
        for _ in 0..2 {
            assert_eq!(told(&mut rules, "Login").as_deref(), Some("Html"));
        }
        rules.clear();
        assert_eq!(told(&mut rules, "Login"), None);
    }
}
