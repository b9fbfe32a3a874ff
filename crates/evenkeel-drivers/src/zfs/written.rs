//! Properties as they were written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::Scalar;

/// The `properties` of a spec: values by name, sorted.
///
/// A sorted list instead of a tree, because there are a hundred thousand of them with few entries each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrittenProperties(Box<[(Box<str>, Scalar)]>);

impl WrittenProperties {
    /// Every name with its value, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Scalar)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The value that was written for `name`.
    pub fn get(&self, name: &str) -> Option<&Scalar> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }
}

impl<N: Into<Box<str>>> FromIterator<(N, Scalar)> for WrittenProperties {
    fn from_iter<I: IntoIterator<Item = (N, Scalar)>>(properties: I) -> Self {
        let by_name: BTreeMap<Box<str>, Scalar> =
            properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
        WrittenProperties(by_name.into_iter().collect())
    }
}

struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = WrittenProperties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of property names to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WrittenProperties, A::Error> {
        let mut properties = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Scalar>()? {
            properties.insert(name, value);
        }
        Ok(properties.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for WrittenProperties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor)
    }
}

impl JsonSchema for WrittenProperties {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WrittenProperties".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, Scalar>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_found_by_name() {
        let read: WrittenProperties = serde_json::from_str(r#"{"sync": "always", "atime": "off"}"#).unwrap();
        assert_eq!(read.get("atime").map(Scalar::as_str), Some("off"));
        assert_eq!(read.get("quota"), None);
        assert_eq!(read.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["atime", "sync"]);
        assert!(serde_json::from_str::<WrittenProperties>("[]").is_err());
    }
}
