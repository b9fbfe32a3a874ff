//! What a server answers, from XML to JSON, without the schema of the API.
//!
//! Data objects become maps (with `_type` where the XML tells their type), arrays lists, references maps of `type` and `id`,
//! all else texts. Types that are not known are read like any other.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};
use serde_json::{Map, Value};

/// Elements stand in each other so deep at most. Trees of snapshots are the deepest that there is: 32 of them.
const DEPTH: usize = 64;

/// So many elements at most, of which each takes more memory than it has bytes in XML.
const ELEMENTS: usize = 3_000_000;

/// The namespace of the attribute `type` that names a data object's type. Each server has its own prefix for it.
const XSI: Namespace<'static> = Namespace(b"http://www.w3.org/2001/XMLSchema-instance");

/// Fields that are lists also where there is one element, which XML does not tell: those of data objects.
const OBJECTS: [&str; 18] = [
    "adapter",
    "alternateName",
    "childSnapshotList",
    "descriptor",
    "device",
    "disk",
    "extent",
    "extraConfig",
    "faultMessage",
    "lun",
    "missingSet",
    "mountInfo",
    "objects",
    "path",
    "plugin",
    "propSet",
    "rootSnapshotList",
    "target",
];

/// The same, of texts.
const TEXTS: [&str; 3] = ["operationalState", "remoteHostNames", "volumeTypeList"];

/// What stands in the body of an answer: the one element, and its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// `LoginResponse`, or `Fault`.
    pub name: String,
    /// What is in it.
    pub value: Value,
}

/// Reads an answer: all of it, or why not.
///
/// # Errors
/// Where it is no whole SOAP envelope with one element in its body, or is deeper or longer than answers are.
pub fn read(xml: &[u8]) -> Result<Body, String> {
    let xml = std::str::from_utf8(xml).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = NsReader::from_str(xml.trim_start_matches('\u{feff}'));
    let mut tree = Tree::default();
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => tree.enter(Element::of(&reader, &start)?)?,
            Event::Empty(start) => {
                tree.enter(Element::of(&reader, &start)?)?;
                tree.leave();
            }
            Event::End(_) => tree.leave(),
            Event::Text(text) => tree.text(&text.decode().map_err(|e| e.to_string())?),
            Event::CData(text) => tree.text(&text.decode().map_err(|e| e.to_string())?),
            Event::GeneralRef(reference) => tree.character(&reference)?,
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof => return tree.body(),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// An element whose end has not come yet.
#[derive(Debug, Default)]
struct Element {
    name: String,
    /// The type that it says it has: `VirtualDisk`, `string`.
    kind: Option<String>,
    /// It is a reference to a managed object of this type.
    refers: Option<String>,
    text: String,
    fields: Vec<(String, Value)>,
}

impl Element {
    fn of(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Self, String> {
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        let mut element = Element { name, ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|e| e.to_string())?;
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            if local.as_ref() != b"type" {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| e.to_string())?;
            match namespace {
                ResolveResult::Bound(XSI) => element.kind = Some(without_prefix(&value)),
                ResolveResult::Unbound => element.refers = Some(without_prefix(&value)),
                ResolveResult::Bound(_) | ResolveResult::Unknown(_) => {}
            }
        }
        Ok(element)
    }

    /// What it stands for.
    fn value(self) -> (String, Value) {
        let Element { name, kind, refers, text, fields } = self;
        if let (Some(of), true) = (refers, fields.is_empty()) {
            let reference = [("type".to_owned(), Value::String(of)), ("id".to_owned(), Value::String(text))];
            return (name, Value::Object(reference.into_iter().collect()));
        }
        let kind = kind.filter(|kind| !is_simple(kind));
        if kind.as_ref().is_some_and(|kind| kind.starts_with("ArrayOf")) {
            return (name, fields.into_iter().map(|(_, value)| value).collect());
        }
        // Words of an enumeration tell their type where anything may stand. Elsewhere only data objects do.
        let is_text = kind.is_none() || name == "val" || !text.trim().is_empty();
        if fields.is_empty() && is_text {
            return (name, Value::String(text));
        }
        let mut map = Map::new();
        if let Some(kind) = kind {
            map.insert("_type".to_owned(), Value::String(kind));
        }
        for (field, value) in fields {
            add(&mut map, field, value);
        }
        (name, Value::Object(map))
    }
}

/// `xsd:string` is `string`.
fn without_prefix(kind: &str) -> String {
    kind.rsplit_once(':').map_or(kind, |(_, name)| name).to_owned()
}

/// True for types of XML itself, which are written small, and of references.
fn is_simple(kind: &str) -> bool {
    kind == "ManagedObjectReference" || !kind.starts_with(|first: char| first.is_ascii_uppercase())
}

/// Adds a field, which becomes a list once it comes again.
fn add(map: &mut Map<String, Value>, field: String, value: Value) {
    match map.get_mut(&field) {
        Some(Value::Array(all)) => all.push(value),
        Some(one) => {
            let first = one.take();
            *one = Value::Array(vec![first, value]);
        }
        None => {
            let is_list = match &value {
                Value::Object(_) => OBJECTS.contains(&field.as_str()),
                _ => TEXTS.contains(&field.as_str()),
            };
            map.insert(field, if is_list { Value::Array(vec![value]) } else { value });
        }
    }
}

/// The elements around the place that is being read, from the outermost on.
#[derive(Debug, Default)]
struct Tree {
    open: Vec<Element>,
    count: usize,
    whole: Option<(String, Value)>,
}

impl Tree {
    fn enter(&mut self, element: Element) -> Result<(), String> {
        self.count += 1;
        if self.open.len() >= DEPTH {
            return Err(format!("its elements stand more than {DEPTH} deep in each other"));
        }
        if self.count > ELEMENTS {
            return Err(format!("it has more than {ELEMENTS} elements"));
        }
        if self.open.is_empty() && self.whole.is_some() {
            return Err("something follows its end".to_owned());
        }
        self.open.push(element);
        Ok(())
    }

    fn leave(&mut self) {
        let Some(done) = self.open.pop().map(Element::value) else { return };
        match self.open.last_mut() {
            Some(outer) => outer.fields.push(done),
            None => self.whole = Some(done),
        }
    }

    fn text(&mut self, text: &str) {
        // What stands between elements is free space.
        if let Some(element) = self.open.last_mut().filter(|element| element.fields.is_empty()) {
            element.text.push_str(text);
        }
    }

    fn character(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        let name = reference.decode().map_err(|e| e.to_string())?;
        let character = reference.resolve_char_ref().map_err(|e| e.to_string())?;
        match (character, resolve_predefined_entity(&name)) {
            (Some(character), _) => self.text(character.encode_utf8(&mut [0; 4])),
            (None, Some(text)) => self.text(text),
            (None, None) => return Err("it has an entity that is not known".to_owned()),
        }
        Ok(())
    }

    fn body(self) -> Result<Body, String> {
        let cut = || "it is cut off".to_owned();
        let whole = self.whole.filter(|_| self.open.is_empty()).ok_or_else(cut)?;
        let odd = || "it is no SOAP envelope with one answer".to_owned();
        let ("Envelope", Value::Object(mut envelope)) = (whole.0.as_str(), whole.1) else {
            return Err(odd());
        };
        let Some(Value::Object(body)) = envelope.remove("Body") else { return Err(odd()) };
        let mut answers = body.into_iter().filter(|(name, _)| name != "_type");
        match (answers.next(), answers.next()) {
            (Some((name, value)), None) => Ok(Body { name, value }),
            _ => Err(odd()),
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
