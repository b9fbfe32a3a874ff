//! A decrypted file: YAML or JSON as an ordered tree. What it says never stands in an error.

use saphyr_parser::{Event, Parser, ScalarStyle};
use zeroize::Zeroizing;

/// Deeper files are refused.
const DEEPEST: usize = 32;

/// Files with more values are refused.
const MOST_VALUES: usize = 10_000;

/// A value.
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Value>),
    /// In the order of the file; no key stands twice.
    Map(Vec<(String, Value)>),
}

/// Text, and whether it stands there without quotes: then it may mean a number or nothing at all.
pub(super) struct Scalar {
    pub(super) text: Zeroizing<String>,
    pub(super) plain: bool,
}

impl Value {
    /// What stands at `key`, in a map.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// What stands at `key`, in a map, without the rest.
    pub(super) fn into_part(self, key: &str) -> Option<Value> {
        match self {
            Value::Map(entries) => entries.into_iter().find(|(name, _)| name == key).map(|(_, value)| value),
            Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What a list holds; nothing for anything else.
    pub(super) fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => &[],
        }
    }
}

impl Scalar {
    /// True for YAML's ways to write nothing.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Reads the one document of `bytes`. The error says what is wrong, and where, but quotes nothing.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { parser: Parser::new_from_str(text), line: 1, values: 0 };
    let mut root = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::DocumentStart(_) if root.is_some() => {
                return Err("it has more than one document".to_owned());
            }
            Event::DocumentStart(_) => {
                let first = reader.next()?.ok_or_else(|| reader.wrong("it ends too early"))?;
                root = Some(reader.value(first, 0)?);
            }
            _ => {}
        }
    }
    root.ok_or_else(|| "it is empty".to_owned())
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    line: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<Event<'a>>, String> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(Some(event))
            }
            Some(Err(e)) => Err(format!("line {} is not YAML", e.marker().line())),
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("line {}: {what}", self.line)
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if depth > DEEPEST || self.values > MOST_VALUES {
            return Err(self.wrong("it is too deep or too large"));
        }
        match event {
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                Ok(Value::Scalar(Scalar { text: Zeroizing::new(text.into_owned()), plain }))
            }
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Some(Event::SequenceEnd) => return Ok(Value::List(items)),
                        Some(event) => items.push(self.value(event, depth + 1)?),
                        None => return Err(self.wrong("it ends too early")),
                    }
                }
            }
            Event::MappingStart(..) => self.map(depth),
            Event::Alias(_) => Err(self.wrong("aliases are not taken")),
            _ => Err(self.wrong("it ends too early")),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        loop {
            let key = match self.next()? {
                Some(Event::MappingEnd) => return Ok(Value::Map(entries)),
                Some(Event::Scalar(key, ..)) => key.into_owned(),
                Some(_) => return Err(self.wrong("a key is not plain text")),
                None => return Err(self.wrong("it ends too early")),
            };
            if entries.iter().any(|(name, _)| *name == key) {
                return Err(self.wrong("a key stands there twice"));
            }
            let event = self.next()?.ok_or_else(|| self.wrong("it ends too early"))?;
            entries.push((key, self.value(event, depth + 1)?));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'v>(value: &'v Value, key: &str) -> &'v str {
        value.get(key).and_then(Value::text).unwrap()
    }

    #[test]
    fn yaml_and_json_are_read_as_written() {
        let yaml = parse(b"# note\npassword: 0755\nkey: |\n  line one\n  line two\nlist: [a, b]\nnone: ~\n")
            .unwrap();
        assert_eq!((text(&yaml, "password"), text(&yaml, "key")), ("0755", "line one\nline two\n"));
        assert_eq!(yaml.get("list").unwrap().items().len(), 2);
        let json = parse(br#"{"password": "a\"b\n", "n": 7}"#).unwrap();
        assert_eq!((text(&json, "password"), text(&json, "n")), ("a\"b\n", "7"));
    }

    #[test]
    fn problems_quote_nothing() {
        let deep = format!("{}canary", "- ".repeat(40));
        let bad = [
            "a: 'canary\n",
            "a: &x canary\nb: *x\n",
            "canary: 1\ncanary: 2\n",
            "a: canary\n---\nb: 1\n",
            "? [canary]\n: 1\n",
            "",
            &deep,
        ];
        for text in bad {
            let why = parse(text.as_bytes()).err().unwrap();
            assert!(!why.contains("canary") && !why.is_empty(), "{text:?}: {why}");
        }
        assert!(parse(b"\xff\xfe").is_err());
    }

    #[test]
    fn hostile_files_end_soon() {
        let start = std::time::Instant::now();
        for piece in [
            "[", "{", "- ", "? ", "a: [", "&a ", "!t ", "'", "\"", "|\n", "- - ", "a:\n ", "#", "x ", "-\n",
            "\t", "a: 1\n",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            let _ = parse(text.as_bytes());
        }
        assert!(start.elapsed() < std::time::Duration::from_mins(1), "{:?}", start.elapsed());
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "[\\[\\]{}:,&*!|>'\"%@`#?\\- \n\ta-c1]{0,200}") {
            let _ = parse(text.as_bytes());
        }
    }
}
