//! Values as PowerShell has them.

use std::cell::RefCell;
use std::rc::Rc;

/// A value. Lists, tables and objects are references, as in .NET.
#[derive(Debug, Clone)]
pub enum Value {
    /// `$null`
    Null,
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
    /// `@( )`
    List(Rc<RefCell<Vec<Value>>>),
    /// `@{ }`, in the order of its keys' first assignment. Keys do not tell cases apart.
    Table(Rc<RefCell<Vec<(String, Value)>>>),
    /// Anything with properties: what cmdlets give, `PSCustomObject`, an error record.
    Object(Rc<RefCell<Object>>),
    /// A script block, by its number in the interpreter that made it.
    Block(usize),
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

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(RefCell::new(items)))
    }

    /// An object of a type.
    pub fn object<K: Into<String>>(
        of: &'static str,
        properties: impl IntoIterator<Item = (K, Value)>,
    ) -> Value {
        let properties = properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Value::Object(Rc::new(RefCell::new(Object { of, properties })))
    }
}
