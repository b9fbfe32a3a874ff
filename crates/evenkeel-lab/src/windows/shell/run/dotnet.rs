//! What our scripts use of .NET itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use std::rc::Rc;

use super::super::super::value::Value;
use super::super::parse::parse;
use super::super::{Edition, Mutex, World};
use super::{Done, Shell, Stop, errors};

const DATE: &str = "System.DateTime";
const OFFSET: &str = "System.DateTimeOffset";
const UTF8: &str = "System.Text.UTF8Encoding";
const UTF16: &str = "System.Text.UnicodeEncoding";
const MUTEX: &str = "System.Threading.Mutex";
const STREAM: &str = "System.IO.Stream";

/// A time: `UnixSeconds` since 1970 (UTC).
fn time(of: &'static str, seconds: i64) -> Value {
    Value::object(of, [("UnixSeconds", Value::Int(seconds))])
}

fn unit(of: &'static str) -> Value {
    Value::object(of, std::iter::empty::<(String, Value)>())
}

/// A property of a type.
pub(super) fn member(world: &dyn World, of: &str, name: &str) -> Option<Value> {
    match (of, name.to_lowercase().as_str()) {
        ("datetimeoffset", "utcnow" | "now") => Some(time(OFFSET, world.now())),
        ("datetime", "now" | "utcnow") => Some(time(DATE, world.now())),
        ("text.encoding", "utf8") => Some(unit(UTF8)),
        ("text.encoding", "unicode") => Some(unit(UTF16)),
        _ => None,
    }
}

/// `$PSVersionTable`
pub(super) fn version_table(edition: Edition) -> Value {
    let (version, name) = match edition {
        Edition::Desktop => ("5.1.20348.2849", "Desktop"),
        Edition::Core => ("7.4.6", "Core"),
    };
    let version = Value::object("System.Version", [("Text", Value::text(version))]);
    Value::table(vec![("PSVersion".to_owned(), version), ("PSEdition".to_owned(), Value::text(name))])
}

impl Shell<'_> {
    /// `$value.Name(…)` and `[type]::Name(…)`. What returns nothing yields nothing.
    pub(super) fn call_method(&mut self, of: &Value, name: &str, arguments: &[Value]) -> Done<Value> {
        let lower = name.to_lowercase();
        match of {
            Value::Null | Value::Nothing => Err(errors::method_on_null().into()),
            Value::Type(of) => self.call_static(of, &lower, arguments),
            Value::Object(object) => {
                let kind = object.borrow().of;
                self.call_of_object(of, kind, &lower, arguments)
            }
            other => Err(self.no_method(&other.to_text(), &lower)),
        }
    }

    fn no_method(&self, of: &str, name: &str) -> Stop {
        self.beyond(format!("the method {name} of {of} with these arguments"))
    }

    fn call_static(&mut self, of: &str, name: &str, arguments: &[Value]) -> Done<Value> {
        match (of, name, arguments) {
            ("console", "openstandardoutput", []) => Ok(unit(STREAM)),
            ("scriptblock" | "management.automation.scriptblock", "create", [text]) => {
                parse(&text.to_text()).map(Value::Block).map_err(Stop::Beyond)
            }
            // Nobody here takes it while it is made.
            ("threading.mutex", "new", [Value::Bool(false), name]) => {
                Ok(Value::object(MUTEX, [("Handle", Value::Text(name.to_text()))]))
            }
            ("convert", "tobase64string", [Value::Bytes(bytes)]) => {
                Ok(Value::Text(STANDARD.encode(bytes.as_ref())))
            }
            ("convert", "frombase64string", [text]) => match STANDARD.decode(text.to_text()) {
                Ok(bytes) => Ok(Value::Bytes(Rc::new(bytes))),
                Err(_) => {
                    Err(errors::invalid("FormatException", "The input is not a valid Base-64 string.").into())
                }
            },
            _ => Err(self.no_method(&format!("[{of}]"), name)),
        }
    }

    /// Waits for a mutex, so many milliseconds at most.
    fn wait_for(&mut self, mutex: &str, patience: i64) -> Done<Value> {
        let mut waited = 0;
        loop {
            match self.world.take_mutex(mutex, waited > 0) {
                Mutex::Taken => return Ok(Value::Bool(true)),
                Mutex::Abandoned => {
                    let message = "The wait completed due to an abandoned mutex.";
                    return Err(errors::invalid("AbandonedMutexException", message).into());
                }
                Mutex::Held if waited >= patience => return Ok(Value::Bool(false)),
                Mutex::Held if self.world.is_over() => return Err(Stop::Killed),
                Mutex::Held => {
                    self.world.sleep(1);
                    waited += 1000;
                }
            }
        }
    }

    fn call_of_object(&mut self, of: &Value, kind: &str, name: &str, arguments: &[Value]) -> Done<Value> {
        let seconds = || of.get("UnixSeconds").and_then(|seconds| seconds.as_int()).unwrap_or(0);
        match (kind, name, arguments) {
            (OFFSET, "tounixtimeseconds", []) => Ok(Value::Int(seconds())),
            (DATE, "addseconds", [more]) => match more.as_int() {
                Some(more) => Ok(time(DATE, seconds() + more)),
                None => Err(self.no_method(DATE, name)),
            },
            (UTF8, "getbytes", [text]) => Ok(Value::Bytes(Rc::new(text.to_text().into_bytes()))),
            (UTF16, "getbytes", [text]) => {
                let bytes = text.to_text().encode_utf16().flat_map(u16::to_le_bytes).collect();
                Ok(Value::Bytes(Rc::new(bytes)))
            }
            (UTF8, "getstring", [Value::Bytes(bytes)]) => {
                Ok(Value::Text(String::from_utf8_lossy(bytes).into_owned()))
            }
            (STREAM, "write", [Value::Bytes(bytes), from, count]) => {
                let range = || {
                    let from = usize::try_from(from.as_int()?).ok()?;
                    let to = from.checked_add(usize::try_from(count.as_int()?).ok()?)?;
                    bytes.get(from..to)
                };
                let Some(range) = range() else {
                    let message = "Offset and length were out of bounds for the array.";
                    return Err(errors::invalid("ArgumentException", message).into());
                };
                self.stdout.extend_from_slice(range);
                Ok(Value::Nothing)
            }
            (MUTEX, "waitone", [patience]) => {
                let patience = patience.as_int().ok_or_else(|| self.no_method(MUTEX, name))?;
                self.wait_for(&handle(of), patience)
            }
            (MUTEX, "releasemutex", []) => {
                if self.world.release_mutex(&handle(of)) {
                    return Ok(Value::Nothing);
                }
                let message =
                    "Object synchronization method was called from an unsynchronized block of code.";
                Err(errors::invalid("ApplicationException", message).into())
            }
            (MUTEX, "dispose" | "close", []) | (STREAM, "flush", []) => Ok(Value::Nothing),
            _ => Err(self.no_method(kind, name)),
        }
    }
}

fn handle(mutex: &Value) -> String {
    mutex.get("Handle").unwrap_or(Value::Null).to_text()
}
