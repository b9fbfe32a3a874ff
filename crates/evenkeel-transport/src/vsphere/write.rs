//! What a server is sent: SOAP envelopes, and values in them.

use std::collections::HashMap;
use std::fmt::Write as _;

use evenkeel_core::request::vsphere::{Object, Reference, Value};

/// What objects that a request names by what they are turned out to be.
pub(super) type Known = HashMap<Object, Reference>;

/// The calls that a request makes of a server.
pub(super) fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

/// A call of `method` on `object`, with these elements in it. Or why it cannot be written.
pub(super) fn method(method: &str, object: &Reference, inside: &str) -> Result<String, String> {
    let method = name(method)?;
    let mut body = format!("<{method} xmlns=\"urn:vim25\">");
    reference(&mut body, "_this", object)?;
    let _ = write!(body, "{inside}</{method}>");
    Ok(body)
}

/// Arguments, with the objects that they name as they are `known`.
pub(super) fn arguments(all: &[(String, Value)], known: &Known) -> Result<String, String> {
    let mut inside = String::new();
    for (argument, of) in all {
        value(&mut inside, argument, of, known)?;
    }
    Ok(inside)
}

fn value(out: &mut String, element: &str, of: &Value, known: &Known) -> Result<(), String> {
    match of {
        Value::Text(of) => text(out, element, of),
        Value::AnyText(of) => {
            let element = name(element)?;
            let _ = write!(out, "<{element} xsi:type=\"xsd:string\">");
            escaped(out, of)?;
            let _ = write!(out, "</{element}>");
            Ok(())
        }
        Value::Bool(is_so) => text(out, element, if *is_so { "true" } else { "false" }),
        Value::Int(number) => text(out, element, &number.to_string()),
        Value::Object(Object::Is(is)) => reference(out, element, is),
        Value::Object(object) => {
            let is = known.get(object).ok_or_else(|| format!("what `{element}` is was not looked up"))?;
            reference(out, element, is)
        }
        Value::Struct { kind, fields } => {
            let element = name(element)?;
            let _ = match kind {
                Some(kind) => write!(out, "<{element} xsi:type=\"{}\">", name(kind)?),
                None => write!(out, "<{element}>"),
            };
            for (field, of) in fields {
                value(out, field, of, known)?;
            }
            let _ = write!(out, "</{element}>");
            Ok(())
        }
        Value::List(all) => all.iter().try_for_each(|of| value(out, element, of, known)),
    }
}

/// An element with a text.
pub(super) fn text(out: &mut String, element: &str, text: &str) -> Result<(), String> {
    let element = name(element)?;
    let _ = write!(out, "<{element}>");
    escaped(out, text)?;
    let _ = write!(out, "</{element}>");
    Ok(())
}

/// An element that refers to an object.
pub(super) fn reference(out: &mut String, element: &str, to: &Reference) -> Result<(), String> {
    let element = name(element)?;
    let _ = write!(out, "<{element} type=\"{}\">", name(&to.kind)?);
    escaped(out, &to.id)?;
    let _ = write!(out, "</{element}>");
    Ok(())
}

/// A name of the API: of a method, a field or a type.
fn name(name: &str) -> Result<&str, String> {
    let is_good = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_good { Ok(name) } else { Err(format!("`{}` is no name of the vSphere API", name.escape_debug())) }
}

fn escaped(out: &mut String, text: &str) -> Result<(), String> {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A reader makes a line feed of it.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(format!("the character {} cannot be written in XML", character.escape_unicode()));
            }
            other => out.push(other),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use evenkeel_core::request::vsphere::VsphereCall;

    use super::*;

    fn vm() -> Reference {
        Reference::new("VirtualMachine", "vm-42")
    }

    #[test]
    fn texts_are_escaped_and_objects_are_written_as_what_they_are() {
        let snapshot =
            Object::Snapshot { vm: vm(), name: "Clone Snapshot".to_owned(), description: "{}".to_owned() };
        let found = Reference::new("VirtualMachineSnapshot", "snapshot-60");
        let known = Known::from([(snapshot.clone(), found)]);
        let all = [
            ("name".to_owned(), Value::text("a & <b> \r\n")),
            ("value".to_owned(), Value::AnyText(String::new())),
            ("list".to_owned(), Value::List(vec![Value::Bool(true), Value::Int(-2)])),
            ("none".to_owned(), Value::List(Vec::new())),
            ("snapshot".to_owned(), Value::Object(snapshot.clone())),
            ("folder".to_owned(), Reference::new("Folder", "durian:/x@folder-5 & <co>").into()),
            (
                "of".to_owned(),
                Value::Struct { kind: Some("X".into()), fields: vec![("a".into(), Value::Bool(false))] },
            ),
        ];
        let expected = "<name>a &amp; &lt;b&gt; &#13;\n</name><value xsi:type=\"xsd:string\"></value>\
            <list>true</list><list>-2</list><snapshot type=\"VirtualMachineSnapshot\">snapshot-60</snapshot>\
            <folder type=\"Folder\">durian:/x@folder-5 &amp; &lt;co&gt;</folder><of xsi:type=\"X\"><a>false</a></of>";
        assert_eq!(arguments(&all, &known).unwrap(), expected);
        assert!(arguments(&all, &Known::new()).unwrap_err().contains("`snapshot`"));
    }

    #[test]
    fn calls_are_written_as_another_client_writes_them() {
        for (call, golden) in [
            (
                VsphereCall::create_snapshot(vm(), "Clone Snapshot", "evenkeel & co", true),
                include_str!("../../../evenkeel-core/src/request/vsphere/golden/CreateSnapshot.xml"),
            ),
            (
                VsphereCall::destroy(vm()),
                include_str!("../../../evenkeel-core/src/request/vsphere/golden/Destroy.xml"),
            ),
            (
                VsphereCall::move_into_folder(Reference::new("Folder", "group-v3"), vm()),
                include_str!("../../../evenkeel-core/src/request/vsphere/golden/MoveIntoFolder.xml"),
            ),
        ] {
            let Object::Is(object) = &call.object else { panic!("{:?}", call.object) };
            let inside = arguments(&call.arguments, &Known::new()).unwrap();
            let written = method(&call.method, object, &inside).unwrap();
            let (_, rest) = golden.split_once("<soapenv:Body>").unwrap();
            assert_eq!(written, rest.split_once("</soapenv:Body>").unwrap().0);
        }
    }

    #[test]
    fn what_would_be_other_xml_is_not_written() {
        assert!(method("A><b", &vm(), "").is_err());
        assert!(method("", &vm(), "").is_err());
        assert!(method("A", &Reference::new("a\"b", "1"), "").is_err());
        assert!(text(&mut String::new(), "a b", "").is_err());
        assert!(text(&mut String::new(), "a", "\u{1}").unwrap_err().contains("\\u{1}"));
    }
}
