//! The insides of lists, mappings and enums, for serde.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::super::yaml::{Entry, Kind, Tree};
use super::error::{ReadError, What};
use super::reader::{Reader, identity};
use super::stand_in::StandIn;
use super::value::Value;

/// The items of a list that are still wanted.
pub(super) struct Items<'a> {
    pub(super) left: std::slice::Iter<'a, Tree>,
    pub(super) reader: &'a Reader<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(tree) = self.left.by_ref().find(|tree| !self.reader.is_left_out(tree)) else {
            return Ok(None);
        };
        let read = seed.deserialize(Value { tree, reader: self.reader });
        read.map(Some).map_err(|error| error.or_at(identity(tree)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The fields of a mapping that are still wanted.
pub(super) struct Entries<'a> {
    pub(super) map: &'a Tree,
    pub(super) left: std::slice::Iter<'a, Entry>,
    pub(super) current: Option<&'a Tree>,
    /// Missing fields that are still to be stood in for.
    pub(super) missing: std::vec::IntoIter<&'static str>,
    /// The fields of the struct that is read; `None` for a map, which takes any key.
    pub(super) known: Option<&'static [&'static str]>,
    pub(super) reader: &'a Reader<'a>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        for entry in self.left.by_ref() {
            if !self.reader.wants(self.map, entry) {
                continue;
            }
            let key = entry.key.get(self.reader.source.text());
            if let Some(known) = self.known.filter(|known| !known.contains(&key)) {
                self.reader.unknown_field(self.map, entry, known);
                continue;
            }
            self.current = Some(&entry.value);
            let read = seed.deserialize(StrDeserializer::<ReadError>::new(key));
            return read.map(Some).map_err(|error| error.or_at(identity(&entry.value)));
        }
        match self.missing.next() {
            Some(field) => seed.deserialize(StrDeserializer::<ReadError>::new(field)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some(tree) = self.current.take() else {
            // Where no stand-in will do, the whole struct is left out.
            return seed.deserialize(StandIn).map_err(|_| ReadError { what: What::LeftOut, at: None });
        };
        let read = seed.deserialize(Value { tree, reader: self.reader });
        read.map_err(|error| error.or_at(identity(tree)))
    }
}

/// An enum: a word, or a mapping with the word as its one key.
pub(super) struct Variant<'a> {
    pub(super) word: &'a str,
    pub(super) content: Option<&'a Tree>,
    pub(super) reader: &'a Reader<'a>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), ReadError> {
        let word = seed.deserialize(StrDeserializer::<ReadError>::new(self.word))?;
        Ok((word, self))
    }
}

impl<'a> Variant<'a> {
    fn content(&self) -> Result<Value<'a>, ReadError> {
        match self.content {
            Some(tree) if self.reader.is_left_out(tree) => Err(ReadError { what: What::LeftOut, at: None }),
            Some(tree) => Ok(Value { tree, reader: self.reader }),
            None => {
                let message = format!("`{}` wants more than its name", self.word);
                Err(ReadError::new(message, Some("write it as a mapping: `name: …`")))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            None => Ok(()),
            Some(tree) => {
                let message = format!("`{}` stands alone, without fields", self.word);
                let error = ReadError::new(message, Some(&format!("write only `{}`", self.word)));
                Err(error.or_at(identity(tree)))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        let content = self.content()?;
        seed.deserialize(content).map_err(|error| error.or_at(identity(content.tree)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        let content = self.content()?;
        content.deserialize_seq(visitor).map_err(|error| error.or_at(identity(content.tree)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let content = self.content()?;
        content.deserialize_struct("", fields, visitor).map_err(|error| error.or_at(identity(content.tree)))
    }
}

impl<'a> Entries<'a> {
    /// `None` where `tree` is no mapping.
    pub(super) fn of(tree: &'a Tree, reader: &'a Reader<'a>) -> Option<Self> {
        let Kind::Map(entries) = &tree.kind else { return None };
        let missing = reader.missing_in(tree);
        Some(Entries { map: tree, left: entries.iter(), current: None, missing, known: None, reader })
    }
}
