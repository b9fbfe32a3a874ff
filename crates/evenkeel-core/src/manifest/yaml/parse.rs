//! Events to trees, within the limits.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, ScalarStyle, Span, Tag};

use super::super::limits;
use super::super::problems::Problems;
use super::super::source::{Mark, Source};
use super::events::{Events, Piece, pieces};
use super::explain::explain;
use super::{Entry, Kind, Style, Text, Tree};

/// Why reading ended early.
enum Stop {
    /// This document cannot be read; the others can.
    Document(Mark, String, Option<String>),
    /// The file asks for more than a file may.
    File(Mark, String, &'static str),
}

/// Every document of a file that says something and could be read. Empty ones are left out.
pub(in crate::manifest) fn parse(source: &Arc<Source>, problems: &mut Problems) -> Vec<Tree> {
    let mut documents = Vec::new();
    let mut values = 0;
    for (nth, piece) in pieces(source).enumerate() {
        if problems.is_full() {
            break;
        }
        let mut events = Events::new(source, &piece);
        let builder = Builder::new(source, problems, &mut values);
        match builder.read(&piece, nth, &mut events, &mut documents) {
            Ok(()) => {}
            Err(Stop::Document(mark, message, hint)) => {
                problems.error(source, mark, message, hint);
                problems.unread();
            }
            Err(Stop::File(mark, message, hint)) => {
                problems.error(source, mark, message, Some(hint.to_owned()));
                problems.unread();
                break;
            }
        }
    }
    documents
}

/// What an anchor stands for.
struct Anchored {
    tree: Tree,
    values: usize,
    depth: usize,
}

/// A list or mapping that is still open.
struct Open {
    mark: Mark,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Tree>),
    Map(Vec<Entry>, Key),
}

/// What was read of the mapping's next field.
enum Key {
    Awaited,
    Read(Text, Mark),
    /// It was refused; its value is passed over.
    Refused,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    values: &'a mut usize,
    open: Vec<Open>,
    root: Option<Tree>,
    anchors: HashMap<usize, Anchored>,
    aliased: usize,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>, problems: &'a mut Problems, values: &'a mut usize) -> Self {
        let (open, root, anchors) = (Vec::new(), None, HashMap::new());
        Builder { source, problems, values, open, root, anchors, aliased: 0 }
    }

    fn read(
        mut self,
        piece: &Piece,
        nth: usize,
        events: &mut Events<'_>,
        documents: &mut Vec<Tree>,
    ) -> Result<(), Stop> {
        let start = Mark { line: piece.lines_before + 1, column: 1, width: 1 };
        if nth >= limits::DOCUMENTS {
            let message = format!("the file has more than {} documents", limits::DOCUMENTS);
            return Err(Stop::File(start, message, "split it into several files"));
        }
        if piece.bytes.len() > limits::DOCUMENT_BYTES {
            let message = format!("the document has more than {} bytes", limits::DOCUMENT_BYTES);
            return Err(Stop::Document(start, message, Some("split it with `---` lines".to_owned())));
        }
        while let Some(next) = events.next() {
            let (event, span) = next.map_err(|error| {
                let mark = self.source.within(events.error_mark(&error));
                let (message, hint) = explain(error.info(), self.source, mark);
                Stop::Document(self.opening(error.info(), mark).unwrap_or(mark), message, hint)
            })?;
            self.take(event, span, events)?;
            documents.extend(self.root.take().filter(|tree| !is_nothing(tree, self.source)));
        }
        Ok(())
    }

    /// A problem that does not end the document.
    fn complain(&mut self, mark: Mark, message: String, hint: Option<String>) {
        if !self.problems.is_full() {
            self.problems.error(self.source, mark, message, hint);
        }
    }

    /// Where the bracket stands that a syntax error at the end of the document says is not closed.
    fn opening(&self, info: &str, mark: Mark) -> Option<Mark> {
        let here = self.source.line(mark.line);
        let is_end =
            here.starts_with("---") || here.chars().skip(mark.column as usize - 1).all(char::is_whitespace);
        let is_unclosed = is_end && info.contains("expected ',' or");
        self.open.last().filter(|_| is_unclosed).map(|open| open.mark)
    }

    fn take(&mut self, event: Event<'_>, span: Span, events: &mut Events<'_>) -> Result<(), Stop> {
        let mark = events.mark(span);
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let style = self.style(style, tag.as_deref(), mark);
                let text = match events.slice_of(&text, span) {
                    Some((start, length)) => Text::Slice { start, length },
                    None => Text::Owned(text.into()),
                };
                self.finish(
                    Tree { mark: self.beside_key(mark, &text), kind: Kind::Scalar { text, style } },
                    anchor,
                )?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), mark);
                self.begin(Open { mark, anchor, inside: Inside::List(Vec::new()) })?;
            }
            Event::MappingStart(anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), mark);
                self.begin(Open { mark, anchor, inside: Inside::Map(Vec::new(), Key::Awaited) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => self.alias(anchor, mark)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// A value that is not written at all is shown at its key.
    fn beside_key(&self, mark: Mark, text: &Text) -> Mark {
        let is_empty = text.get(self.source.text()).is_empty();
        match self.open.last() {
            Some(Open { inside: Inside::Map(_, Key::Read(_, key)), .. }) if is_empty && mark.width == 1 => {
                *key
            }
            _ => mark,
        }
    }

    fn style(&mut self, written: ScalarStyle, tag: Option<&Tag>, mark: Mark) -> Style {
        let by_look = if written == ScalarStyle::Plain { Style::Plain } else { Style::Text };
        let Some(tag) = tag else { return by_look };
        match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
            (true, "str") => Style::Text,
            (true, "int" | "float" | "bool" | "null") => Style::Plain,
            (false, suffix) if matches!((tag.handle.as_str(), suffix), ("!", "") | ("", "!")) => Style::Text,
            _ => {
                self.refuse_tag(tag, mark);
                Style::Unknown
            }
        }
    }

    fn check_collection_tag(&mut self, tag: Option<&Tag>, mark: Mark) {
        let Some(tag) = tag else { return };
        if !(tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "map" | "seq")) {
            self.refuse_tag(tag, mark);
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, mark: Mark) {
        let handle = if tag.is_yaml_core_schema() { "!!" } else { tag.handle.as_str() };
        let written = format!("{handle}{}", tag.suffix);
        let message = format!("the tag `{written}` is not supported");
        self.complain(mark, message, Some("take the tag away".to_owned()));
    }

    fn begin(&mut self, open: Open) -> Result<(), Stop> {
        if self.open.len() >= limits::DEPTH {
            return Err(too_deep(open.mark));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Open { mark, anchor, inside }) = self.open.pop() else { return Ok(()) };
        let tree = match inside {
            Inside::List(items) => Tree { mark, kind: Kind::List(items.into()) },
            Inside::Map(entries, _) => {
                let entries = self.without_duplicates(entries);
                let first = entries.first().map(|e| e.key_mark);
                let mark = first.filter(|f| (f.line, f.column) == (mark.line, mark.column)).unwrap_or(mark);
                Tree { mark, kind: Kind::Map(entries.into()) }
            }
        };
        self.finish(tree, anchor)
    }

    /// A value is complete.
    fn finish(&mut self, tree: Tree, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            let (values, depth) = (tree.count(), tree.depth());
            self.spend_on_aliases(values, tree.mark)?;
            self.anchors.insert(anchor, Anchored { tree: tree.clone(), values, depth });
        }
        self.place(tree)
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<(), Stop> {
        let Some(Anchored { tree, values, depth }) = self.anchors.get(&anchor) else {
            let message = "the alias stands within what it stands for".to_owned();
            return Err(Stop::Document(mark, message, Some("write the value out".to_owned())));
        };
        let (values, depth, kind) = (*values, *depth, tree.kind.clone());
        if self.open.len() + depth > limits::DEPTH {
            return Err(too_deep(mark));
        }
        self.spend_on_aliases(values, mark)?;
        *self.values += values - 1;
        self.place(Tree { mark, kind })
    }

    fn spend_on_aliases(&mut self, values: usize, mark: Mark) -> Result<(), Stop> {
        self.aliased += values;
        if self.aliased <= limits::ALIASED_VALUES {
            return Ok(());
        }
        let message = format!("the document's aliases stand for more than {} values", limits::ALIASED_VALUES);
        Err(Stop::Document(mark, message, Some("write the values out, or split the document".to_owned())))
    }

    fn place(&mut self, tree: Tree) -> Result<(), Stop> {
        *self.values += 1;
        if *self.values > limits::VALUES {
            let message = format!("the file has more than {} values", limits::VALUES);
            return Err(Stop::File(tree.mark, message, "split it into several files"));
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(tree),
            Some(Inside::List(items)) => items.push(tree),
            Some(Inside::Map(entries, key)) => match std::mem::replace(key, Key::Awaited) {
                Key::Read(key, key_mark) => entries.push(Entry { key, key_mark, value: tree }),
                Key::Refused => {}
                Key::Awaited => {
                    let read = self.key(tree);
                    if let Some(Open { inside: Inside::Map(_, key), .. }) = self.open.last_mut() {
                        *key = read;
                    }
                }
            },
        }
        Ok(())
    }

    fn key(&mut self, tree: Tree) -> Key {
        let mark = tree.mark;
        let (message, hint) = match tree.kind {
            Kind::List(_) | Kind::Map(_) => {
                ("a key must be text, not a list or mapping", braces_hint(mark, self.source))
            }
            Kind::Scalar { text, style } => match (text.get(self.source.text()), style) {
                ("", Style::Plain) => ("a key is missing before `:`", Some("write `name: value`".to_owned())),
                ("<<", Style::Plain) => (
                    "merge keys (`<<`) are not part of YAML 1.2",
                    Some("write the fields out, or use an alias for a whole value".to_owned()),
                ),
                _ => return Key::Read(text, mark),
            },
        };
        self.complain(mark, message.to_owned(), hint);
        Key::Refused
    }

    /// The fields with each key once: the first one counts, the others are problems.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let file = self.source.text();
        let mut by_key: Vec<usize> = (0..entries.len()).collect();
        let key = |i: &usize| entries.get(*i).map(|e| e.key.get(file));
        by_key.sort_by(|a, b| key(a).cmp(&key(b)).then(a.cmp(b)));
        let mut repeated = vec![false; entries.len()];
        let mut first = None;
        // `apiVersion` sorts before the other fields of a manifest.
        let mut second_manifest = None;
        for at in by_key {
            let Some(entry) = entries.get(at) else { continue };
            match first {
                Some((known, line)) if known == entry.key.get(file) => {
                    let begins_manifest = known == "apiVersion" && self.open.is_empty();
                    if begins_manifest || second_manifest.is_none_or(|start| at < start) {
                        let message = format!("the key `{known}` is written twice in this mapping");
                        let mut hint = format!("it was first written in line {line}: take one of them away");
                        if begins_manifest {
                            second_manifest = Some(at);
                            "if another manifest begins here, write `---` before it".clone_into(&mut hint);
                        }
                        self.complain(entry.key_mark, message, Some(hint));
                    }
                    if let Some(flag) = repeated.get_mut(at) {
                        *flag = true;
                    }
                }
                _ => first = Some((entry.key.get(file), entry.key_mark.line)),
            }
        }
        entries
            .into_iter()
            .zip(repeated)
            .filter_map(|(entry, repeated)| (!repeated).then_some(entry))
            .collect()
    }
}

/// `{{ name }}` of templating languages reads as a mapping whose key is a mapping.
fn braces_hint(mark: Mark, source: &Source) -> Option<String> {
    let line = source.line(mark.line);
    line.contains("{{").then(|| "variables are written `${name}`; other braces want quotes".to_owned())
}

fn too_deep(mark: Mark) -> Stop {
    let message = format!("lists and mappings stand more than {} deep within each other", limits::DEPTH);
    Stop::Document(mark, message, Some("nest less".to_owned()))
}

/// True for a document of comments only, or `~`.
fn is_nothing(tree: &Tree, source: &Source) -> bool {
    match &tree.kind {
        Kind::Scalar { text, style: Style::Plain } => {
            super::resolve(text.get(source.text())) == super::Scalar::Null
        }
        _ => false,
    }
}
