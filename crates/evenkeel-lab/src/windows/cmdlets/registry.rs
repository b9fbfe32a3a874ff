//! The registry, as a drive.

use super::super::machine::{Datum, WindowsHost};
use super::super::shell::{Arguments, Parameter, Takes};
use super::super::value::{ErrorRecord, PS_CUSTOM_OBJECT, Value};
use super::{Cmdlet, Given, at, named};

const PATH: Parameter = at(0, "Path", Takes::Text);
const LITERAL: Parameter = named("LiteralPath", Takes::Text);

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Test-Path", &[PATH, LITERAL], |host, arguments| {
        let there = key(&path(arguments)).is_some_and(|key| host.registry.has(&key));
        Ok(vec![Value::Bool(there)])
    }),
    Cmdlet::new("New-Item", &[PATH, LITERAL, named("Force", Takes::Switch)], new_item),
    Cmdlet::new(
        "Remove-Item",
        &[PATH, LITERAL, named("Recurse", Takes::Switch), named("Force", Takes::Switch)],
        |host, arguments| {
            let key = existing(host, arguments, "Remove-Item")?;
            host.registry.remove(&key);
            Ok(Vec::new())
        },
    ),
    Cmdlet::new("Get-ItemProperty", &[PATH, LITERAL, at(1, "Name", Takes::Texts)], get),
    Cmdlet::new(
        "Set-ItemProperty",
        &[PATH, LITERAL, at(1, "Name", Takes::Text), at(2, "Value", Takes::Any), named("Type", Takes::Text)],
        set,
    ),
    Cmdlet::new(
        "Remove-ItemProperty",
        &[PATH, LITERAL, at(1, "Name", Takes::Texts), named("Force", Takes::Switch)],
        remove,
    ),
];

fn path(arguments: &Arguments) -> String {
    arguments.text("Path").or_else(|| arguments.text("LiteralPath")).unwrap_or_default()
}

/// The path below the drive; `None` for any other drive.
fn key(path: &str) -> Option<String> {
    let rest = path.get(..5).filter(|drive| drive.eq_ignore_ascii_case("HKLM:")).and(path.get(5..))?;
    Some(rest.trim_matches('\\').to_owned())
}

/// The key that is named; it has to be there.
fn existing(host: &WindowsHost, arguments: &Arguments, cmdlet: &str) -> Result<String, ErrorRecord> {
    let path = path(arguments);
    key(&path).filter(|key| host.registry.has(key)).ok_or_else(|| {
        let message = format!("Cannot find path '{path}' because it does not exist.");
        ErrorRecord::of(cmdlet, "ObjectNotFound", path, "PathNotFound", message)
    })
}

/// Where a path is shown in full.
fn full(key: &str) -> String {
    format!("Microsoft.PowerShell.Core\\Registry::HKEY_LOCAL_MACHINE\\{key}")
}

fn new_item(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let path = path(arguments);
    let refuse =
        |category, id: &str, message: &str| Err(ErrorRecord::of("New-Item", category, &path, id, message));
    let Some(key) = key(&path) else {
        let message = format!("Cannot find path '{path}' because it does not exist.");
        return refuse("ObjectNotFound", "DriveNotFound", &message);
    };
    if host.registry.has(&key) && !arguments.is_on("Force") {
        return refuse("ResourceExists", "System.IO.IOException", "A key in this path already exists.");
    }
    let parent = key.rsplit_once('\\').map_or("", |(parent, _)| parent);
    if !host.registry.has(parent) && !arguments.is_on("Force") {
        let message = "The registry key at the specified path does not exist.";
        return refuse("InvalidArgument", "System.ArgumentException", message);
    }
    host.registry.create(&key);
    let name = Value::text(full(&key));
    Ok(vec![Value::object("Microsoft.Win32.RegistryKey", [("Name", name)])])
}

fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let key = existing(host, arguments, "Get-ItemProperty")?;
    let wanted = arguments.texts("Name");
    let mut entries: Vec<(String, Value)> = Vec::new();
    for (name, datum) in host.registry.values(&key) {
        if wanted.is_empty() || wanted.iter().any(|wanted| super::found::fits(wanted, name)) {
            entries.push((name.to_owned(), datum_value(datum)));
        }
    }
    if let Some(name) = wanted.first().filter(|_| entries.is_empty()) {
        return Err(no_property("Get-ItemProperty", &path(arguments), name));
    }
    let child = key.rsplit('\\').next().unwrap_or_default().to_owned();
    entries.push(("PSPath".to_owned(), Value::text(full(&key))));
    entries.push(("PSChildName".to_owned(), Value::text(child)));
    Ok(vec![Value::object(PS_CUSTOM_OBJECT, entries)])
}

fn datum_value(datum: &Datum) -> Value {
    match datum {
        Datum::Text(text) => Value::text(text),
        Datum::Number(number) => Value::Int(*number),
    }
}

fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let key = existing(host, arguments, "Set-ItemProperty")?;
    let name = arguments.text("Name").unwrap_or_default();
    let datum = match arguments.get("Value") {
        Some(Value::Int(number)) => Datum::Number(*number),
        given => Datum::Text(given.map(Value::to_text).unwrap_or_default()),
    };
    host.registry.set(&key, &name, datum);
    Ok(Vec::new())
}

fn remove(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let key = existing(host, arguments, "Remove-ItemProperty")?;
    for name in arguments.texts("Name") {
        if !host.registry.unset(&key, &name) {
            return Err(no_property("Remove-ItemProperty", &path(arguments), &name));
        }
    }
    Ok(Vec::new())
}

fn no_property(cmdlet: &str, path: &str, name: &str) -> ErrorRecord {
    let message = format!("Property {name} does not exist at path {path}.");
    ErrorRecord::of(
        cmdlet,
        "InvalidArgument",
        name,
        "System.Management.Automation.PSArgumentException",
        message,
    )
}
