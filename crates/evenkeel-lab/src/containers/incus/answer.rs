//! What the interface answers, and how a transport passes it on.

use evenkeel_core::request::Reply;
use serde_json::Value;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What was asked for.
    Now(Value),
    /// Something was made, and there is nothing to say of it.
    Made,
    /// It is done in the background.
    Later(Work),
    /// It is refused: the status, and why.
    Fault(u16, String),
}

/// Something done in the background.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// What it is: `Creating instance`.
    pub description: String,
    /// What it is about: the kind in plural, and the path.
    pub resources: Vec<(String, String)>,
    /// What came of it; else the status, and why.
    pub result: Result<Value, (u16, String)>,
}

impl Work {
    /// Work on an instance.
    pub(super) fn on_instance(description: &str, name: &str, result: Result<Value, (u16, String)>) -> Answer {
        let resources = vec![("instances".to_owned(), format!("/1.0/instances/{name}"))];
        Answer::Later(Work { description: description.to_owned(), resources, result })
    }
}

impl Answer {
    pub(super) fn missing(why: &str) -> Self {
        Answer::Fault(404, why.to_owned())
    }

    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Answer::Fault(400, why.into())
    }

    /// As a transport passes it on once all is done.
    pub fn reply(&self) -> Reply {
        let said =
            |value: &Value| Reply { exit: 0, stdout: value.to_string().into_bytes(), stderr: Vec::new() };
        match self {
            Answer::Made => said(&Value::Null),
            Answer::Now(value) | Answer::Later(Work { result: Ok(value), .. }) => said(value),
            Answer::Later(Work { result: Err((status, why)), .. }) | Answer::Fault(status, why) => Reply {
                exit: i32::from(*status),
                stdout: Vec::new(),
                stderr: format!("{why}\n").into_bytes(),
            },
        }
    }
}
