//! The answers to PROPFIND: which members a folder has, and what they are.

use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};

/// The namespace of everything that we look at.
const DAV: Namespace<'static> = Namespace(b"DAV:");

/// One file or folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Member {
    /// Where it is: a URL or the path of one, encoded.
    pub(super) href: String,
    /// It is a folder.
    pub(super) folder: bool,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
    /// How many bytes are free there.
    pub(super) free: Option<u64>,
}

/// The elements whose text or presence is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Multistatus,
    Response,
    Href,
    Propstat,
    Status,
    Prop,
    ResourceType,
    Collection,
    Size,
    Free,
    Other,
}

impl Element {
    fn of(namespace: &ResolveResult<'_>, name: &[u8]) -> Self {
        if *namespace != ResolveResult::Bound(DAV) {
            return Element::Other;
        }
        match name {
            b"multistatus" => Element::Multistatus,
            b"response" => Element::Response,
            b"href" => Element::Href,
            b"propstat" => Element::Propstat,
            b"status" => Element::Status,
            b"prop" => Element::Prop,
            b"resourcetype" => Element::ResourceType,
            b"collection" => Element::Collection,
            b"getcontentlength" => Element::Size,
            b"quota-available-bytes" => Element::Free,
            _ => Element::Other,
        }
    }
}

/// Reads an answer: all of it, or why not.
pub(super) fn read(xml: &[u8]) -> Result<Vec<Member>, String> {
    let mut reader = NsReader::from_reader(xml);
    let mut state = State::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let (namespace, event) = reader.read_resolved_event_into(&mut buffer).map_err(|e| e.to_string())?;
        match event {
            Event::Start(start) => state.enter(Element::of(&namespace, start.local_name().as_ref())),
            Event::Empty(start) => {
                state.enter(Element::of(&namespace, start.local_name().as_ref()));
                state.leave()?;
            }
            Event::End(_) => state.leave()?,
            Event::Text(text) => state.text.push_str(&text.decode().map_err(|e| e.to_string())?),
            Event::CData(text) => state.text.push_str(&text.decode().map_err(|e| e.to_string())?),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|e| e.to_string())?;
                let name = reference.decode().map_err(|e| e.to_string())?;
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => state.text.push(character),
                    (None, Some(text)) => state.text.push_str(text),
                    (None, None) => return Err(format!("unknown entity &{name};")),
                }
            }
            Event::DocType(_) => return Err("a document type".to_owned()),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    if state.complete { Ok(state.members) } else { Err("it is no multistatus, or is cut off".to_owned()) }
}

/// Where the reader is, and what was found.
#[derive(Debug, Default)]
struct State {
    path: Vec<Element>,
    text: String,
    /// The member being read, and what a part of the answer says of it before it is known whether that holds.
    member: Member,
    part: Member,
    holds: bool,
    members: Vec<Member>,
    complete: bool,
}

impl State {
    fn enter(&mut self, element: Element) {
        self.text.clear();
        match element {
            Element::Response => self.member = Member::default(),
            Element::Propstat => (self.part, self.holds) = (Member::default(), false),
            _ => {}
        }
        self.path.push(element);
    }

    fn leave(&mut self) -> Result<(), String> {
        use Element as E;
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        match self.path.as_slice() {
            [E::Multistatus] => self.complete = true,
            [E::Multistatus, E::Response] => self.members.push(std::mem::take(&mut self.member)),
            [E::Multistatus, E::Response, E::Href] => text.clone_into(&mut self.member.href),
            [E::Multistatus, E::Response, E::Status] if !is_good(text) => {
                return Err(format!("it says of {}: {text}", self.member.href));
            }
            [E::Multistatus, E::Response, E::Propstat, E::Status] => self.holds = is_good(text),
            [E::Multistatus, E::Response, E::Propstat] if self.holds => {
                self.member.folder |= self.part.folder;
                self.member.size = self.member.size.or(self.part.size);
                self.member.free = self.member.free.or(self.part.free);
            }
            [.., E::Propstat, E::Prop, E::ResourceType, E::Collection] => self.part.folder = true,
            [.., E::Propstat, E::Prop, E::Size] => self.part.size = text.parse().ok(),
            // Some servers say by a negative number that there is no limit.
            [.., E::Propstat, E::Prop, E::Free] => self.part.free = text.parse().ok(),
            _ => {}
        }
        self.path.pop();
        Ok(())
    }
}

/// `HTTP/1.1 200 OK`
fn is_good(status: &str) -> bool {
    status.split_ascii_whitespace().nth(1).is_some_and(|code| code.len() == 3 && code.starts_with('2'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="utf-8"?>
        <D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
        <D:response xmlns:lp1="DAV:" xmlns:x="urn:x"><D:href>/dav/a&amp;b/</D:href>
        <D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype><x:getcontentlength>9</x:getcontentlength>
        <D:quota-available-bytes>-3</D:quota-available-bytes></D:prop>
        <D:status>HTTP/1.1 200 OK</D:status></D:propstat>
        <D:propstat><D:prop><D:getcontentlength>7</D:getcontentlength></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
        </D:response>
        <response xmlns="DAV:"><href>/dav/a&#38;b/c%20d</href><propstat><prop><resourcetype/>
        <getcontentlength>12</getcontentlength><quota-available-bytes>4096</quota-available-bytes></prop>
        <status>HTTP/1.1 200 OK</status></propstat></response>
        </D:multistatus>"#;

    #[test]
    fn members_are_read_whatever_the_prefix_and_only_what_holds() {
        let folder = Member { href: "/dav/a&b/".into(), folder: true, size: None, free: None };
        let file = Member { href: "/dav/a&b/c%20d".into(), folder: false, size: Some(12), free: Some(4096) };
        assert_eq!(read(ANSWER.as_bytes()).unwrap(), [folder, file]);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_no_answer() {
        for end in (0..ANSWER.len() - 1).step_by(11) {
            assert!(read(&ANSWER.as_bytes()[..end]).is_err(), "{end}");
        }
        for bad in ["", "<html/>", "<multistatus/>", "{}", "<!DOCTYPE x><D:multistatus xmlns:D='DAV:'/>"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        let refused = ANSWER.replace("<propstat>", "<status>HTTP/1.1 403 Forbidden</status><propstat>");
        assert!(read(refused.as_bytes()).unwrap_err().contains("403"));
    }
}
