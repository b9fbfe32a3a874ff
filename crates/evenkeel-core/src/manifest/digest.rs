//! A hash of what a manifest says, whatever way it is written.

use sha2::{Digest as _, Sha256};

use super::node::Node;
use super::yaml::{Kind, Tree};

impl Node {
    /// A hash of the value without the fields `except` of its top mapping. Comments, places, the order of fields and
    /// the style of scalars do not count; values filled in for `${name}` do. 32 hexadecimal digits.
    pub fn digest(&self, except: &[&str]) -> String {
        let mut hash = Sha256::new();
        feed(self.tree(), self.source().text(), except, &mut hash);
        let digest = hash.finalize();
        hex::encode(digest.get(..16).unwrap_or(&digest))
    }
}

/// Each value begins with its kind and size, so that no two values read the same.
fn feed(tree: &Tree, file: &str, except: &[&str], hash: &mut Sha256) {
    match &tree.kind {
        Kind::Scalar { text, .. } => write(b's', text.get(file), hash),
        Kind::List(items) => {
            write(b'l', &items.len().to_string(), hash);
            items.iter().for_each(|item| feed(item, file, &[], hash));
        }
        Kind::Map(entries) => {
            let mut fields: Vec<(&str, &Tree)> =
                entries.iter().map(|entry| (entry.key.get(file), &entry.value)).collect();
            fields.retain(|(key, _)| !except.contains(key));
            fields.sort_by_key(|(key, _)| *key);
            write(b'm', &fields.len().to_string(), hash);
            for (key, value) in fields {
                write(b'k', key, hash);
                feed(value, file, &[], hash);
            }
        }
    }
}

fn write(kind: u8, text: &str, hash: &mut Sha256) {
    hash.update([kind]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}
