//! One value, for serde.

use serde::de::{Deserializer, Visitor};

use super::super::yaml::{Kind, Scalar, Style, Tree, parse_float, parse_integer, resolve};
use super::access::{Entries, Items, Variant};
use super::error::{ReadError, found_text, short};
use super::reader::{Reader, identity};

#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tree: &'a Tree,
    pub(super) reader: &'a Reader<'a>,
}

impl<'a> Value<'a> {
    /// A scalar's text, and whether it may be something else than text.
    fn scalar(self) -> Option<(&'a str, Style)> {
        match &self.tree.kind {
            Kind::Scalar { text, style } => Some((text.get(self.reader.source.text()), *style)),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    fn is_null(self) -> bool {
        self.scalar().is_some_and(|(text, style)| style == Style::Plain && resolve(text) == Scalar::Null)
    }

    fn text(self) -> Result<&'a str, ReadError> {
        match self.scalar() {
            Some(("", Style::Plain)) => {
                Err(self.expected("text", Some("write \"\" for an empty text, or take the field away")))
            }
            Some(_) if self.is_null() => {
                Err(self.expected("text", Some("put it in quotes if the word itself is meant")))
            }
            Some((text, _)) => Ok(text),
            None => Err(self.expected("text", Some("write a single value"))),
        }
    }

    /// What was written, in the words of messages.
    fn found(self) -> String {
        match (&self.tree.kind, self.scalar()) {
            (Kind::List(_), _) => "a list".to_owned(),
            (Kind::Map(_), _) => "a mapping".to_owned(),
            (_, Some((text, Style::Plain))) => match resolve(text) {
                Scalar::Null => "nothing (null)".to_owned(),
                Scalar::Bool(_) => format!("`{text}`"),
                Scalar::Integer(_) | Scalar::Float(_) => format!("the number {}", short(text)),
                Scalar::Text(text) => found_text(text),
            },
            (_, Some((text, Style::Text | Style::Unknown))) => found_text(text),
            (_, None) => "nothing".to_owned(),
        }
    }

    fn expected(self, what: &str, hint: Option<&str>) -> ReadError {
        ReadError::new(format!("expected {what}, found {}", self.found()), hint).or_at(identity(self.tree))
    }

    /// What may be wrong with what should be a mapping.
    fn mapping_hint(self) -> Option<&'static str> {
        let Some((text, _)) = self.scalar() else { return Some("take the `- ` before its fields away") };
        if text.contains(['\u{a0}', '\u{3000}', '：']) {
            return Some("it holds a wide or no-break character that looks like a space or `:`");
        }
        (!text.is_empty()).then_some("write `name: value`, with a space after the `:`")
    }

    fn boolean(self) -> Result<bool, ReadError> {
        let (text, style) = self.scalar().unwrap_or(("", Style::Text));
        if let (Scalar::Bool(value), Style::Plain) = (resolve(text), style) {
            return Ok(value);
        }
        let word = text.to_ascii_lowercase();
        let hint = match (word.as_str(), style) {
            ("true" | "false", Style::Text) => "write it without quotes",
            _ => "write true or false",
        };
        Err(self.expected("true or false", Some(hint)))
    }

    fn integer(self, least: i128, most: i128) -> Result<i128, ReadError> {
        let (text, style) = self.scalar().unwrap_or(("", Style::Text));
        let number = parse_integer(text);
        match (number, style) {
            (Some(number), Style::Plain) if (least..=most).contains(&number) => Ok(number),
            (Some(_), Style::Plain) => {
                Err(self
                    .expected(&format!("a whole number from {least} to {most}"), Some("choose one of these")))
            }
            (Some(_), _) => Err(self.expected("a whole number", Some("write it without quotes"))),
            (None, _) => Err(self.expected("a whole number", Some(number_hint(text, style)))),
        }
    }

    fn float(self) -> Result<f64, ReadError> {
        let (text, style) = self.scalar().unwrap_or(("", Style::Text));
        match (parse_float(text), style) {
            (Some(number), Style::Plain) => Ok(number),
            (Some(_), _) => Err(self.expected("a number", Some("write it without quotes"))),
            (None, _) => Err(self.expected("a number", Some("write digits, such as 1.5"))),
        }
    }
}

fn number_hint(text: &str, style: Style) -> &'static str {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let leading_zero =
        style == Style::Plain && digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit());
    if leading_zero {
        "write it without the leading zero, or as 0o… if it is octal"
    } else {
        "write digits, without a unit"
    }
}

macro_rules! whole_number {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let least = i128::try_from(<$type>::MIN).unwrap_or(i128::MIN);
            let most = i128::try_from(<$type>::MAX).unwrap_or(i128::MAX);
            let number = self.integer(least, most)?;
            match <$type>::try_from(number) {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(self.expected("a whole number", Some("choose a smaller one"))),
            }
        }
    )*};
}

macro_rules! as_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            visitor.visit_str(self.text()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match (&self.tree.kind, self.scalar()) {
            (_, Some((text, Style::Text | Style::Unknown))) => visitor.visit_str(text),
            (_, Some((text, Style::Plain))) => match resolve(text) {
                Scalar::Null => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => visitor.visit_str(text),
                },
                Scalar::Float(number) => visitor.visit_f64(number),
                Scalar::Text(text) => visitor.visit_str(text),
            },
            (Kind::List(_), _) => self.deserialize_seq(visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    whole_number! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
    }

    as_text! { deserialize_str deserialize_string deserialize_identifier deserialize_char }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_bool(self.boolean()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_bytes(self.text()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_bytes(self.text()?.as_bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.is_null() {
            visitor.visit_unit()
        } else {
            Err(self.expected("nothing (null)", Some("leave the value out")))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.tree.kind {
            Kind::List(items) => visitor.visit_seq(Items { left: items.iter(), reader: self.reader }),
            Kind::Scalar { .. } | Kind::Map(_) => {
                let lacks_space = self.scalar().is_some_and(|(text, _)| text.starts_with('-'));
                let hint = if lacks_space {
                    "a list item wants a space after its `-`"
                } else {
                    "write `- ` before each item"
                };
                Err(self.expected("a list", Some(hint)))
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, ReadError> {
        match &self.tree.kind {
            Kind::List(items) if items.len() != length => {
                let message = format!("expected {length} values, found {}", items.len());
                Err(ReadError::new(message, Some("write as many as that")).or_at(identity(self.tree)))
            }
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match Entries::of(self.tree, self.reader) {
            Some(entries) => visitor.visit_map(entries).map_err(|e| e.or_at(identity(self.tree))),
            None => Err(self.expected("a mapping", self.mapping_hint())),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match Entries::of(self.tree, self.reader) {
            Some(entries) => visitor
                .visit_map(Entries { known: Some(fields), ..entries })
                .map_err(|e| e.or_at(identity(self.tree))),
            None => Err(self.expected("a mapping of fields", self.mapping_hint())),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let reader = self.reader;
        let access = match &self.tree.kind {
            Kind::Scalar { .. } => Variant { word: self.text()?, content: None, reader },
            Kind::Map(entries) => match entries.as_ref() {
                [entry] => {
                    Variant { word: entry.key.get(reader.source.text()), content: Some(&entry.value), reader }
                }
                _ => {
                    return Err(self.expected(
                        &format!("one of {}", variants.join(", ")),
                        Some("write one of these words"),
                    ));
                }
            },
            Kind::List(_) => {
                return Err(self
                    .expected(&format!("one of {}", variants.join(", ")), Some("write one of these words")));
            }
        };
        visitor.visit_enum(access).map_err(|e| e.or_at(identity(self.tree)))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }
}
