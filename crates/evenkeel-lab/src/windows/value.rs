//! Values as PowerShell has them.

use std::cell::RefCell;
use std::rc::Rc;

use super::shell::{Arguments, Body};

/// A value. Lists, tables and objects are references, as in .NET.
#[derive(Debug, Clone)]
pub enum Value {
    /// `$null`
    Null,
    /// What a pipeline that yields nothing leaves in a variable: `$null` wherever it is looked at, but no item of a list.
    Nothing,
    /// `$true`, `$false`
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A text.
    Text(String),
    /// A member of an enumeration: a text wherever one is wanted, but `ConvertTo-Json` of 5.1 writes its number.
    Enum {
        /// Its name.
        name: &'static str,
        /// Its number.
        number: i64,
    },
    /// `[byte[]]`
    Bytes(Rc<Vec<u8>>),
    /// `@( )`
    List(Rc<RefCell<Vec<Value>>>),
    /// `@{ }`, in the order of its keys' first assignment. Keys do not tell cases apart.
    Table(Rc<RefCell<Vec<(String, Value)>>>),
    /// Anything with properties: what cmdlets give, `PSCustomObject`, an error record.
    Object(Rc<RefCell<Object>>),
    /// A script block.
    Block(Rc<Body>),
    /// A type: `[Console]`.
    Type(String),
}

/// Something with properties.
#[derive(Debug, Clone)]
pub struct Object {
    /// The name of its type, for messages: `Microsoft.HyperV.PowerShell.VMSwitch`.
    pub of: &'static str,
    /// Its properties, in order. Names do not tell cases apart.
    pub properties: Vec<(String, Value)>,
}

/// What a failed statement leaves in `$_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRecord {
    /// `CategoryInfo.Activity`: the cmdlet, or empty for `throw`.
    pub cmdlet: String,
    /// `CategoryInfo.Category`: `ObjectNotFound`, `InvalidArgument`, `OperationStopped`, …
    pub category: &'static str,
    /// `CategoryInfo.TargetName`
    pub target: String,
    /// `FullyQualifiedErrorId`
    pub id: String,
    /// `Exception.Message`
    pub message: String,
}

impl ErrorRecord {
    /// An error of a cmdlet. `category` is one of .NET's names (`ObjectNotFound`, `InvalidArgument`, …), `id` what stands before the comma of
    /// `FullyQualifiedErrorId`.
    pub fn of(
        cmdlet: impl Into<String>,
        category: &'static str,
        target: impl Into<String>,
        id: impl Into<String>,
        message: impl Into<String>,
    ) -> ErrorRecord {
        ErrorRecord {
            cmdlet: cmdlet.into(),
            category,
            target: target.into(),
            id: id.into(),
            message: message.into(),
        }
    }
}

impl Arguments {
    /// What a parameter was given, if it was.
    pub fn get(&self, parameter: &str) -> Option<&Value> {
        self.given.iter().find(|(name, _)| name.eq_ignore_ascii_case(parameter)).map(|(_, value)| value)
    }

    /// The parameter was given, and is true: for switches.
    pub fn is_on(&self, parameter: &str) -> bool {
        self.get(parameter).is_some_and(Value::is_true)
    }

    /// A text that was given.
    pub fn text(&self, parameter: &str) -> Option<String> {
        self.get(parameter).map(Value::to_text)
    }

    /// A number that was given.
    pub fn int(&self, parameter: &str) -> Option<i64> {
        self.get(parameter).and_then(Value::as_int)
    }

    /// A truth that was given.
    pub fn bool(&self, parameter: &str) -> Option<bool> {
        self.get(parameter).map(Value::is_true)
    }

    /// Texts that were given; empty where none were.
    pub fn texts(&self, parameter: &str) -> Vec<String> {
        self.get(parameter)
            .map(|given| given.items().iter().map(Value::to_text).collect())
            .unwrap_or_default()
    }
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(RefCell::new(items)))
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Value {
        Value::list(items.into_iter().map(Value::text).collect())
    }

    /// A table.
    pub fn table(entries: Vec<(String, Value)>) -> Value {
        Value::Table(Rc::new(RefCell::new(entries)))
    }

    /// An object of a type.
    pub fn object<K: Into<String>>(
        of: &'static str,
        properties: impl IntoIterator<Item = (K, Value)>,
    ) -> Value {
        let properties = properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Value::Object(Rc::new(RefCell::new(Object { of, properties })))
    }

    /// A property of an object or an entry of a table, in whatever case of letters. `None` where there is none, and for anything else.
    pub fn get(&self, name: &str) -> Option<Value> {
        match self {
            Value::Object(object) => find(&object.borrow().properties, name),
            Value::Table(entries) => find(&entries.borrow(), name),
            _ => None,
        }
    }

    /// Sets a property of an object or an entry of a table, a new one if need be. Nothing happens to anything else.
    pub fn set(&self, name: &str, value: Value) {
        match self {
            Value::Object(object) => put(&mut object.borrow_mut().properties, name, value),
            Value::Table(entries) => put(&mut entries.borrow_mut(), name, value),
            _ => {}
        }
    }

    /// `$null`
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::Nothing)
    }

    /// What a pipeline makes of it: a list's items, nothing for `$null`, and everything else as it is.
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Null | Value::Nothing => Vec::new(),
            Value::List(items) => items.borrow().clone(),
            other => vec![other.clone()],
        }
    }

    /// As `if` sees it: nothing, false, 0, an empty text and an empty list are not true, a list of one is what its one item is.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Null | Value::Nothing => false,
            Value::Bool(truth) => *truth,
            Value::Int(number) | Value::Enum { number, .. } => *number != 0,
            Value::Text(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(items) => match items.borrow().as_slice() {
                [] => false,
                [one] => one.is_true(),
                _ => true,
            },
            Value::Table(_) | Value::Object(_) | Value::Block(_) | Value::Type(_) => true,
        }
    }

    /// A number, or a text that is one; `$null` is 0, as in PowerShell.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Null | Value::Nothing => Some(0),
            Value::Bool(truth) => Some(i64::from(*truth)),
            Value::Int(number) | Value::Enum { number, .. } => Some(*number),
            Value::Text(text) if text.is_empty() => Some(0),
            Value::Text(text) => text.trim().parse().ok(),
            Value::List(items) => match items.borrow().as_slice() {
                [one] => one.as_int(),
                _ => None,
            },
            _ => None,
        }
    }

    /// As it stands in a text: `"$value"`.
    pub fn to_text(&self) -> String {
        match self {
            Value::Null | Value::Nothing => String::new(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::Enum { name, .. } => (*name).to_owned(),
            Value::Bytes(bytes) => joined(bytes.iter().map(u8::to_string)),
            Value::List(items) => joined(items.borrow().iter().map(Value::to_text)),
            Value::Table(_) => "System.Collections.Hashtable".to_owned(),
            Value::Object(object) => object.borrow().to_text(),
            Value::Block(_) => "{…}".to_owned(),
            Value::Type(name) => name.clone(),
        }
    }
}

impl Object {
    /// A `PSCustomObject` shows what it has; of others, .NET says the type, unless the type says something better.
    fn to_text(&self) -> String {
        let of = |name| find(&self.properties, name).unwrap_or(Value::Null).to_text();
        match self.of {
            PS_CUSTOM_OBJECT => {
                // .NET says no more of a list within.
                let text = |value: &Value| match value {
                    Value::List(_) => "System.Object[]".to_owned(),
                    other => other.to_text(),
                };
                let shown: Vec<String> =
                    self.properties.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
                format!("@{{{}}}", shown.join("; "))
            }
            "System.Version" => of("Text"),
            "System.Management.Automation.ErrorRecord" => find(&self.properties, "Exception")
                .and_then(|e| e.get("Message"))
                .unwrap_or(Value::Null)
                .to_text(),
            other => other.to_owned(),
        }
    }
}

/// What `[pscustomobject]` and `ConvertFrom-Json` make.
pub const PS_CUSTOM_OBJECT: &str = "System.Management.Automation.PSCustomObject";

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(" ")
}

/// Names do not tell cases apart, in any script.
pub(super) fn is_name(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.to_lowercase() == other.to_lowercase()
}

fn find(entries: &[(String, Value)], name: &str) -> Option<Value> {
    entries.iter().find(|(key, _)| is_name(key, name)).map(|(_, value)| value.clone())
}

fn put(entries: &mut Vec<(String, Value)>, name: &str, value: Value) {
    match entries.iter_mut().find(|(key, _)| is_name(key, name)) {
        Some((_, old)) => *old = value,
        None => entries.push((name.to_owned(), value)),
    }
}
