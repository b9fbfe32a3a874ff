//! Requests as people know them: as `govc` takes them, where it has a word for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Object, Reference, Value, VsphereCall, VsphereRequest};
use crate::request::exec::shell_quote;

/// Lines name at most so many objects: a message is to be read.
const MOST_NAMED: usize = 3;

/// A command, and what it leaves out.
type Line = (String, Option<String>);

pub(super) fn request(request: &VsphereRequest) -> String {
    match request {
        VsphereRequest::RetrieveAll { what } => retrieve_all(what),
        VsphereRequest::Retrieve { objects, paths } => retrieve(objects, paths),
        VsphereRequest::Call(call) => {
            let (mut line, note) = line(call);
            if let Some(note) = note {
                let _ = write!(line, "  # {note}");
            }
            line
        }
        VsphereRequest::Together { at_once, calls } => {
            let (lines, notes): (Vec<String>, Vec<Option<String>>) = calls.iter().map(line).unzip();
            let notes: BTreeSet<String> = notes.into_iter().flatten().collect();
            let mut all = lines.join(" & ");
            let _ = write!(all, " & wait  # {at_once} at a time");
            notes.into_iter().fold(all, |all, note| all + "; " + &note)
        }
    }
}

/// What is asked of whole types is in the request itself; a line that named each property of each would hide what it is
/// there for.
fn retrieve_all(what: &BTreeMap<String, BTreeSet<String>>) -> String {
    let kinds: Vec<&str> = what.keys().map(String::as_str).collect();
    format!("RetrievePropertiesEx(every {})", kinds.join(", "))
}

fn retrieve(objects: &BTreeSet<Reference>, paths: &BTreeSet<String>) -> String {
    let names: BTreeSet<String> =
        objects.iter().map(|object| format!("{}:{}", object.kind, object.id)).collect();
    match names.first() {
        Some(first) if names.len() > MOST_NAMED => {
            let others = names.len() - 1;
            format!("RetrievePropertiesEx({first} and {others} more:{})", words(paths))
        }
        Some(_) if names.len() > 1 => {
            format!("for o in{}; do govc object.collect \"$o\"{}; done", words(&names), words(paths))
        }
        _ => format!("govc object.collect{}{}", words(&names), words(paths)),
    }
}

/// Each of them behind a blank.
fn words(all: &BTreeSet<String>) -> String {
    all.iter().fold(String::new(), |line, word| line + " " + &shell_quote(word))
}

fn line(call: &VsphereCall) -> Line {
    let known = match call.method.as_str() {
        "CreateSnapshot_Task" => create_snapshot(call),
        "RemoveSnapshot_Task" => remove_snapshot(call),
        "CloneVM_Task" => return clone_vm(call).unwrap_or_else(|| (plain(call), None)),
        "RelocateVM_Task" => relocate_vm(call),
        "ReconfigVM_Task" => reconfigure_vm(call),
        "Rename_Task" => rename(call),
        "MoveIntoFolder_Task" => move_into_folder(call),
        "CreateFolder" => create_folder(call),
        "RegisterVM_Task" => register_vm(call),
        "Destroy_Task" => Some(Command::new("object.destroy").word(&name(call, &call.object)).0),
        "CreateNasDatastore" => create_nas_datastore(call),
        "RemoveDatastore" => Some(remove_datastore(call)),
        "SetMultipathLunPolicy" => {
            let lun = text(call, &["lunId"]).and_then(|lun| call.names.get(&lun).cloned());
            return (plain(call), lun);
        }
        _ => None,
    };
    (known.unwrap_or_else(|| plain(call)), None)
}

/// A command of `govc` while it is put together.
struct Command(String);

impl Command {
    fn new(verb: &str) -> Self {
        Command(format!("govc {verb}"))
    }

    fn word(mut self, word: &str) -> Self {
        let _ = write!(self.0, " {}", shell_quote(word));
        self
    }

    fn option(mut self, option: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            let _ = write!(self.0, " -{option} {}", shell_quote(&value));
        }
        self
    }

    /// An option that is true or false, which `govc` wants behind a `=`.
    fn flag(mut self, option: &str, value: bool) -> Self {
        let _ = write!(self.0, " -{option}={value}");
        self
    }
}

fn create_snapshot(call: &VsphereCall) -> Option<String> {
    let quiesce = matches!(call.argument(&["quiesce"])?, Value::Bool(true));
    let command = Command::new("snapshot.create").option("vm", Some(name(call, &call.object)));
    let command = command.option("d", text(call, &["description"])).flag("m", false).flag("q", quiesce);
    Some(command.word(&text(call, &["name"])?).0)
}

fn remove_snapshot(call: &VsphereCall) -> Option<String> {
    let Object::Snapshot { vm, name: snapshot, .. } = &call.object else { return None };
    let vm = name(call, &Object::Is(vm.clone()));
    Some(Command::new("snapshot.remove").option("vm", Some(vm)).word(snapshot).0)
}

fn clone_vm(call: &VsphereCall) -> Option<Line> {
    let snapshot = call.argument(&["spec", "snapshot"]).and_then(Value::as_object);
    let snapshot = snapshot.map(|snapshot| match snapshot {
        Object::Snapshot { name, .. } => name.clone(),
        other => name(call, other),
    });
    let mut command = Command::new("vm.clone").option("vm", Some(name(call, &call.object)));
    command = command.option("snapshot", snapshot);
    command = located(call, command).option("folder", of(call, &["folder"]));
    command = command.option("annotation", text(call, &["spec", "config", "annotation"])).flag("on", false);
    let disks = match (
        call.argument(&["spec", "location", "disk"]),
        text(call, &["spec", "location", "transform"]),
    ) {
        (Some(_), _) => Some("thin disks".to_owned()),
        (None, Some(transform)) => Some(format!("{transform} disks")),
        (None, None) => None,
    };
    let options = extra(call, &["spec", "config"]);
    let options = options.into_iter().map(|(key, value)| format!("{key}={value}"));
    let without = call.argument(&["spec", "config", "deviceChange"]).map(|_| "not connected".to_owned());
    let notes: Vec<String> = disks.into_iter().chain(options).chain(without).collect();
    Some((command.word(&text(call, &["name"])?).0, (!notes.is_empty()).then(|| notes.join(", "))))
}

fn relocate_vm(call: &VsphereCall) -> Option<String> {
    // `govc` moves disks as they are.
    let is_other = |field: &str| call.argument(&["spec", field]).is_some();
    if is_other("disk") || is_other("transform") {
        return None;
    }
    let field = |field: &str| of(call, &["spec", field]);
    let command = Command::new("vm.migrate").option("ds", field("datastore"));
    let command = command.option("pool", field("pool")).option("host", field("host"));
    Some(command.word(&name(call, &call.object)).0)
}

/// Where a clone comes to be.
fn located(call: &VsphereCall, command: Command) -> Command {
    let field = |field: &str| of(call, &["spec", "location", field]);
    command.option("ds", field("datastore")).option("pool", field("pool")).option("host", field("host"))
}

fn reconfigure_vm(call: &VsphereCall) -> Option<String> {
    // `govc` has no options for these.
    if ["deviceChange", "instanceUuid"].iter().any(|field| call.argument(&["spec", field]).is_some()) {
        return None;
    }
    let mut command = Command::new("vm.change").option("vm", Some(name(call, &call.object)));
    command = command.option("annotation", text(call, &["spec", "annotation"]));
    for (key, value) in extra(call, &["spec"]) {
        command = command.option("e", Some(format!("{key}={value}")));
    }
    Some(command.0)
}

fn rename(call: &VsphereCall) -> Option<String> {
    let command = Command::new("object.rename").word(&name(call, &call.object));
    Some(command.word(&text(call, &["newName"])?).0)
}

fn move_into_folder(call: &VsphereCall) -> Option<String> {
    let objects = call.argument(&["list"])?.each().iter().filter_map(Value::as_object);
    let command =
        objects.fold(Command::new("object.mv"), |command, object| command.word(&name(call, object)));
    Some(command.word(&name(call, &call.object)).0)
}

fn create_folder(call: &VsphereCall) -> Option<String> {
    let path = format!("{}/{}", name(call, &call.object), text(call, &["name"])?);
    Some(Command::new("folder.create").word(&path).0)
}

fn register_vm(call: &VsphereCall) -> Option<String> {
    let path = text(call, &["path"])?;
    let (datastore, path) = path.strip_prefix('[').and_then(|rest| rest.split_once("] "))?;
    let command = Command::new("vm.register").option("name", text(call, &["name"]));
    let command =
        command.option("folder", Some(name(call, &call.object))).option("pool", of(call, &["pool"]));
    let command = command.option("host", of(call, &["host"])).option("ds", Some(datastore.to_owned()));
    Some(command.word(path).0)
}

fn create_nas_datastore(call: &VsphereCall) -> Option<String> {
    let field = |field: &str| text(call, &["spec", field]);
    // `govc` knows one server.
    if call.argument(&["spec", "remoteHostNames"]).is_some_and(|names| names.each().len() > 1) {
        return None;
    }
    let command = Command::new("datastore.create").option("type", Some(field("type")?.to_ascii_lowercase()));
    let command = command.option("name", field("localPath")).option("remote-host", field("remoteHost"));
    let command = command.option("remote-path", field("remotePath")).option("mode", field("accessMode"));
    Some(command.word(&name(call, &call.object)).0)
}

fn remove_datastore(call: &VsphereCall) -> String {
    let command = Command::new("datastore.remove").option("ds", of(call, &["datastore"]));
    command.word(&name(call, &call.object)).0
}

fn text(call: &VsphereCall, path: &[&str]) -> Option<String> {
    call.argument(path).and_then(Value::as_text).map(str::to_owned)
}

/// What the object there is called.
fn of(call: &VsphereCall, path: &[&str]) -> Option<String> {
    call.argument(path).and_then(Value::as_object).map(|object| name(call, object))
}

/// The options that a configuration sets.
fn extra(call: &VsphereCall, config: &[&str]) -> Vec<(String, String)> {
    let path: Vec<&str> = config.iter().copied().chain(["extraConfig"]).collect();
    let options = call.argument(&path).map(Value::each).unwrap_or_default().iter();
    let part =
        |option: &Value, field: &str| option.field(&[field]).and_then(Value::as_text).map(str::to_owned);
    options.filter_map(|option| Some((part(option, "key")?, part(option, "value")?))).collect()
}

/// What an object is called: by its name where that is known, else by what it is.
fn name(call: &VsphereCall, object: &Object) -> String {
    let known = |key: &String| call.names.get(key).cloned();
    match object {
        Object::Is(reference) => {
            known(&reference.id).unwrap_or_else(|| format!("{}:{}", reference.kind, reference.id))
        }
        Object::Of(field) => field.clone(),
        Object::Named { name: own, within: None, .. } => own.clone(),
        Object::Named { name: own, within: Some(within), .. } => format!("{}/{own}", name(call, within)),
        Object::Marked { key, value } => known(value).unwrap_or_else(|| format!("{key}={value}")),
        Object::Snapshot { vm, name: own, .. } => {
            format!("{}/{own}", name(call, &Object::Is(vm.clone())))
        }
    }
}

/// What `govc` has no word for.
fn plain(call: &VsphereCall) -> String {
    let mut all = format!("{}({}", call.method, name(call, &call.object));
    for (argument, value) in &call.arguments {
        let _ = write!(all, ", {argument}={}", shown(call, value));
    }
    all + ")"
}

fn shown(call: &VsphereCall, value: &Value) -> String {
    match value {
        Value::Text(text) | Value::AnyText(text) => format!("{text:?}"),
        Value::Bool(is_so) => is_so.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Object(object) => name(call, object),
        Value::Struct { fields, .. } => {
            let fields = fields.iter().map(|(field, value)| format!("{field}={}", shown(call, value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::List(values) => {
            let values = values.iter().map(|value| shown(call, value));
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        }
    }
}
