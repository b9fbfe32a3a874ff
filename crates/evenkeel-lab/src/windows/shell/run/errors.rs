//! Error records, as PowerShell itself makes them, and as scripts see them (`about_Try_Catch_Finally`, `ErrorRecord` of the SDK).

use super::super::super::value::{ErrorRecord, Value};

const RECORD: &str = "System.Management.Automation.ErrorRecord";

/// What `throw` makes of its value: a text is message, target and id at once; a record stays what it is.
pub(super) fn thrown(value: &Value) -> ErrorRecord {
    if let Some(record) = from_value(value) {
        return record;
    }
    let text = value.to_text();
    ErrorRecord::of("", "OperationStopped", text.clone(), text.clone(), text)
}

/// `$null[0]`, `$null['a'] = 1`
pub(super) fn null_array() -> ErrorRecord {
    ErrorRecord::of("", "InvalidOperation", "", "NullArray", "Cannot index into a null array.")
}

/// `$null.Method()`
pub(super) fn method_on_null() -> ErrorRecord {
    let message = "You cannot call a method on a null-valued expression.";
    ErrorRecord::of("", "InvalidOperation", "", "InvokeMethodOnNull", message)
}

/// Any other error while an expression is computed.
pub(super) fn invalid(id: &str, message: impl Into<String>) -> ErrorRecord {
    ErrorRecord::of("", "InvalidOperation", "", id, message)
}

/// A command that there is not. 5.1 and 7 have nearly the same text.
pub(super) fn no_command(cmdlet: &str, name: &str) -> ErrorRecord {
    let message = format!(
        "The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of \
         the name, or if a path was included, verify that the path is correct and try again."
    );
    ErrorRecord::of(cmdlet, "ObjectNotFound", name, "CommandNotFoundException", message)
}

/// A record, as `$_` in a catch block.
pub(super) fn to_value(record: &ErrorRecord) -> Value {
    let category = Value::Enum { name: record.category, number: 0 };
    let info = Value::object(
        "System.Management.Automation.ErrorCategoryInfo",
        [
            ("Category", category),
            ("Activity", Value::text(&record.cmdlet)),
            ("Reason", Value::text("")),
            ("TargetName", Value::text(&record.target)),
        ],
    );
    let exception = Value::object("System.Exception", [("Message", Value::text(&record.message))]);
    Value::object(
        RECORD,
        [
            ("Exception", exception),
            ("CategoryInfo", info),
            ("FullyQualifiedErrorId", Value::text(&record.id)),
            ("TargetObject", Value::text(&record.target)),
        ],
    )
}

/// The record that `$_` of a catch block is; `None` for anything else.
pub(super) fn from_value(value: &Value) -> Option<ErrorRecord> {
    match value {
        Value::Object(object) if object.borrow().of == RECORD => {}
        _ => return None,
    }
    let info = value.get("CategoryInfo")?;
    let Value::Enum { name: category, .. } = info.get("Category")? else {
        return None;
    };
    let text = |of: &Value, name| of.get(name).map(|value| value.to_text()).unwrap_or_default();
    Some(ErrorRecord {
        cmdlet: text(&info, "Activity"),
        category,
        target: text(&info, "TargetName"),
        id: text(value, "FullyQualifiedErrorId"),
        message: text(&value.get("Exception")?, "Message"),
    })
}
