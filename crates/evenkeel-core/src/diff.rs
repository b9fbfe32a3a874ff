//! The one diff: what is wanted, read as a JSON merge patch, against what is there.
//!
//! Absent in what is wanted: not ours. `null`: must not exist. A value: must be equal. Objects merge by key,
//! everything else is a leaf. Special cases live in a driver's State type, never here.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The way from the State's root to a field, key by key (keys may contain dots).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(pub Vec<String>);

impl FieldPath {
    /// A path from its keys.
    pub fn of<I, S>(keys: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        FieldPath(keys.into_iter().map(Into::into).collect())
    }

    /// The keys.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// True where this path is `prefix` (dotted) or lies below it.
    pub fn is_within(&self, prefix: &str) -> bool {
        let dotted = self.to_string();
        dotted.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// One field that is not as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Which field.
    pub path: FieldPath,
    /// What is there; `None` where nothing is.
    pub before: Option<Value>,
    /// What shall be; `None` where nothing shall be.
    pub after: Option<Value>,
}

/// The fields of `wanted` that `seen` does not meet, in order of their paths.
pub fn unmet(wanted: &Value, seen: Option<&Value>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), wanted, seen, &mut changes);
    changes
}

/// `path` is the way to `wanted`; it is as before afterwards.
fn compare<'v>(path: &mut Vec<&'v str>, wanted: &'v Value, seen: Option<&Value>, out: &mut Vec<FieldChange>) {
    let seen = seen.filter(|v| !v.is_null());
    match wanted {
        Value::Object(fields) if !fields.is_empty() => {
            let inside = seen.and_then(Value::as_object);
            for (key, value) in fields {
                path.push(key);
                compare(path, value, inside.and_then(|m| m.get(key)), out);
                path.pop();
            }
        }
        // An empty object wants nothing of its own, but wants to be there.
        Value::Object(_) if seen.is_some_and(Value::is_object) => {}
        Value::Null if seen.is_none() => {}
        leaf if seen == Some(leaf) => {}
        leaf => out.push(FieldChange {
            path: FieldPath::of(path.iter().copied()),
            before: seen.cloned(),
            after: (!leaf.is_null()).then(|| leaf.clone()),
        }),
    }
}

/// Every leaf of `value` with its path, in order.
pub fn leaves(value: &Value) -> Vec<(FieldPath, &Value)> {
    fn walk<'v>(path: &mut Vec<&'v str>, value: &'v Value, out: &mut Vec<(FieldPath, &'v Value)>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (key, inner) in fields {
                    path.push(key);
                    walk(path, inner, out);
                    path.pop();
                }
            }
            leaf => out.push((FieldPath::of(path.iter().copied()), leaf)),
        }
    }
    let mut out = Vec::new();
    walk(&mut Vec::new(), value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(wanted: &Value, seen: &Value) -> Vec<String> {
        unmet(wanted, Some(seen)).iter().map(|c| c.path.to_string()).collect()
    }

    #[test]
    fn only_what_is_owned_is_compared() {
        let seen = json!({"sync": "standard", "atime": "on", "user": {"a": "1", "b": "2"}});
        assert_eq!(paths(&json!({"sync": "standard"}), &seen), Vec::<String>::new());
        assert_eq!(paths(&json!({"atime": "off", "user": {"b": "3"}}), &seen), ["atime", "user.b"]);
    }

    #[test]
    fn null_means_must_not_exist() {
        assert_eq!(paths(&json!({"a": null}), &json!({})), Vec::<String>::new());
        assert_eq!(paths(&json!({"a": null}), &json!({"a": null})), Vec::<String>::new());
        let changes = unmet(&json!({"a": null}), Some(&json!({"a": {"b": 1}})));
        assert_eq!(changes[0].before, Some(json!({"b": 1})));
        assert_eq!(changes[0].after, None);
    }

    #[test]
    fn arrays_are_leaves() {
        assert_eq!(paths(&json!({"a": [1, 2]}), &json!({"a": [2, 1]})), ["a"]);
    }

    #[test]
    fn a_key_with_dots_is_one_key() {
        let changes = unmet(&json!({"user": {"com.acme:x": "1"}}), Some(&json!({"user": {}})));
        assert_eq!(changes[0].path.keys(), ["user", "com.acme:x"]);
        assert!(changes[0].path.is_within("user"));
        assert!(!changes[0].path.is_within("use"));
    }

    #[test]
    fn an_empty_object_wants_to_be_there() {
        assert_eq!(paths(&json!({"a": {}}), &json!({"a": {"x": 1}})), Vec::<String>::new());
        assert_eq!(paths(&json!({"a": {}}), &json!({})), ["a"]);
    }
}
