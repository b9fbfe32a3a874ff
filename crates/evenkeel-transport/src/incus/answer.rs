//! What an Incus server answers, taken apart.

use evenkeel_core::request::Reply;
use serde::Deserialize;
use serde_json::Value;

use super::http;

/// The exit status of what the server says no to without saying which one.
const FAILURE: u16 = 400;

/// What comes before this as a status has not ended yet.
const SUCCESS: u16 = 200;

/// A path that everything of an operation lies below.
const OPERATIONS: &str = "/1.0/operations/";

/// An answer in the server's own form.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is done, with this.
    Done(Value),
    /// It goes on as the operation with this path.
    Goes(String),
    /// It failed.
    Failed(Refusal),
}

/// What the server says no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) words: String,
    /// What an operation told that failed.
    pub(super) metadata: Value,
}

/// An operation as the server shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    status_code: u16,
    #[serde(default)]
    err: String,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    form: String,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    metadata: Value,
}

impl Answer {
    /// `None` where it is not what Incus answers. Not the HTTP status decides: the wait for an operation begins with one
    /// of success and may end with a failure.
    pub(super) fn of(answer: &http::Answer) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(&answer.body).ok()?;
        match envelope.form.as_str() {
            "sync" => Some(Answer::Done(envelope.metadata)),
            "async" => operation_path(&envelope.operation?).map(Answer::Goes),
            "error" => {
                let codes = [envelope.error_code, Some(answer.status)];
                let code = codes.into_iter().flatten().find(|code| *code >= FAILURE).unwrap_or(FAILURE);
                let words = envelope.error.filter(|words| !words.is_empty());
                let words = words.unwrap_or_else(|| format!("the server says {code} and not why"));
                Some(Answer::Failed(Refusal::new(code, words)))
            }
            _ => None,
        }
    }
}

impl Refusal {
    pub(super) fn new(code: u16, words: impl Into<String>) -> Self {
        Refusal { code, words: words.into(), metadata: Value::Null }
    }

    pub(super) fn reply(self) -> Reply {
        Reply { exit: self.code.into(), stdout: Vec::new(), stderr: self.words.into_bytes() }
    }
}

impl Operation {
    /// `None` where it is none.
    pub(super) fn of(shown: Value) -> Option<Self> {
        serde_json::from_value(shown).ok()
    }

    /// How it ended; `None` while it goes on.
    pub(super) fn ended(self) -> Option<Result<Value, Refusal>> {
        let Operation { status_code: code, err, metadata } = self;
        match code {
            ..SUCCESS => None,
            SUCCESS..FAILURE => Some(Ok(metadata)),
            _ => {
                let silent = "the operation was cancelled, or failed and does not say why";
                let words = if err.is_empty() { silent.to_owned() } else { err };
                Some(Err(Refusal { code, words, metadata }))
            }
        }
    }
}

/// Success, with this.
pub(super) fn success(metadata: &Value) -> Reply {
    Reply { exit: 0, stdout: metadata.to_string().into_bytes(), stderr: Vec::new() }
}

/// The path of an operation as the server names it, without the project behind it; `None` where it leads elsewhere.
fn operation_path(named: &str) -> Option<String> {
    let path = own_path(named)?;
    let name = path.strip_prefix(OPERATIONS)?;
    (!name.is_empty() && !name.contains('/')).then_some(path)
}

/// A path that the server names, without what is behind `?`; `None` where it is not one of its interface.
pub(super) fn own_path(named: &str) -> Option<String> {
    let path = named.split('?').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let fits = path.starts_with("/1.0/") && path.chars().all(plain) && !path.contains("..");
    fits.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, body: &Value) -> Option<Answer> {
        Answer::of(&http::Answer { status, body: body.to_string().into_bytes() })
    }

    #[test]
    fn a_failure_is_one_whatever_the_http_status() {
        for (status, body) in [
            (200, json!({ "type": "error", "error": "no", "error_code": 500, "metadata": null })),
            (500, json!({ "type": "error", "error": "no", "error_code": 0, "metadata": null })),
            (500, json!({ "type": "error", "error": "no" })),
        ] {
            let Some(Answer::Failed(refusal)) = of(status, &body) else { panic!("{body}") };
            assert_eq!(refusal, Refusal::new(500, "no"));
        }
        let Some(Answer::Failed(silent)) = of(404, &json!({ "type": "error", "error": "" })) else {
            panic!()
        };
        assert_eq!((silent.code, silent.words.contains("404")), (404, true));
    }

    #[test]
    fn an_operation_lies_where_operations_do() {
        let at = |path: &str| of(202, &json!({ "type": "async", "operation": path }));
        let Some(Answer::Goes(path)) = at("/1.0/operations/5a-b?project=x") else { panic!() };
        assert_eq!(path, "/1.0/operations/5a-b");
        for odd in ["", "/1.0/operations/", "/1.0/instances/a", "/1.0/operations/../images", "http://x/"] {
            assert!(at(odd).is_none(), "{odd}");
        }
        assert!(of(200, &json!({ "type": "other" })).is_none() && of(200, &json!([])).is_none());
    }

    #[test]
    fn an_operation_ends_well_or_badly_or_goes_on() {
        let ended = |shown: Value| Operation::of(shown).unwrap().ended();
        assert_eq!(ended(json!({ "status_code": 103, "metadata": null, "err": "" })), None);
        assert_eq!(ended(json!({ "status_code": 200, "metadata": { "a": 1 } })), Some(Ok(json!({ "a": 1 }))));
        assert_eq!(
            ended(json!({ "status_code": 400, "err": "no room" })),
            Some(Err(Refusal::new(400, "no room")))
        );
        assert_eq!(ended(json!({ "status_code": 401, "err": "" })).unwrap().unwrap_err().code, 401);
    }
}
