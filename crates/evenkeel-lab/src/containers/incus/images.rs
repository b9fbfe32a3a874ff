//! Images and their aliases.

use std::collections::BTreeMap;

use evenkeel_core::request::Method;
use serde_json::{Value, json};

use super::answer::{Answer, Work};
use super::{Alias, Image, IncusHost, forms};

/// What instances have of the image that they were made of stands behind this in their settings.
pub(super) const OF_IMAGE: &str = "image.";

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

impl IncusHost {
    pub(super) fn alias(&mut self, method: Method, name: &str, body: &Value) -> Answer {
        let Some(alias) = self.aliases.get(name).cloned() else {
            return Answer::missing("Image alias not found");
        };
        match method {
            Method::Get => Answer::Now(forms::alias(name, &alias)),
            Method::Delete => {
                self.aliases.remove(name);
                Answer::Now(json!({}))
            }
            Method::Put => match self.find_image(text(body, "target").unwrap_or_default()) {
                Some(target) => {
                    let description = text(body, "description").unwrap_or_default().to_owned();
                    self.aliases.insert(name.to_owned(), Alias { target, description });
                    Answer::Now(json!({}))
                }
                None => Answer::missing("Image not found"),
            },
            Method::Post => Answer::missing("not found"),
        }
    }

    pub(super) fn add_alias(&mut self, body: &Value) -> Answer {
        let name = text(body, "name").unwrap_or_default().to_owned();
        if name.is_empty() {
            return Answer::invalid("name and target are required");
        }
        if self.aliases.contains_key(&name) {
            return Answer::Fault(409, format!("Alias \"{name}\" already exists"));
        }
        let Some(target) = self.find_image(text(body, "target").unwrap_or_default()) else {
            return Answer::missing("Image not found");
        };
        let description = text(body, "description").unwrap_or_default().to_owned();
        self.aliases.insert(name, Alias { target, description });
        Answer::Made
    }

    /// The fingerprint that begins so.
    pub(super) fn find_image(&self, digits: &str) -> Option<String> {
        if digits.is_empty() {
            return None;
        }
        let mut all = self.images.keys().filter(|fingerprint| fingerprint.starts_with(digits));
        all.next().filter(|_| all.next().is_none()).cloned()
    }

    pub(super) fn delete_image(&mut self, digits: &str) -> Answer {
        let Some(fingerprint) = self.find_image(digits) else { return Answer::missing("Image not found") };
        self.images.remove(&fingerprint);
        self.aliases.retain(|_, alias| alias.target != fingerprint);
        let resources = vec![("images".to_owned(), format!("/1.0/images/{fingerprint}"))];
        let description = "Deleting image".to_owned();
        Answer::Later(Work { description, resources, result: Ok(Value::Null) })
    }

    /// Makes an image of an instance. It does not say of which.
    pub(super) fn publish(&mut self, body: &Value) -> Answer {
        let result = self.make_image(body);
        Answer::Later(Work { description: "Downloading image".to_owned(), resources: Vec::new(), result })
    }

    fn make_image(&mut self, body: &Value) -> Result<Value, (u16, String)> {
        let source = body.get("source").unwrap_or(&Value::Null);
        let name = text(source, "name").unwrap_or_default();
        if text(source, "type") != Some("instance") {
            return Err((400, "Invalid images JSON".to_owned()));
        }
        let Some(instance) = self.instances.get(name) else {
            let why =
                format!("Failed to fetch instance \"{name}\" in project \"default\": Instance not found");
            return Err((404, why));
        };
        if instance.running {
            return Err((500, "Cannot export a running instance as an image".to_owned()));
        }
        // What it was made of goes on in it.
        let of_base = instance.config.iter();
        let mut properties: BTreeMap<String, String> = of_base
            .filter_map(|(key, value)| Some((key.strip_prefix(OF_IMAGE)?.to_owned(), value.clone())))
            .collect();
        let given = body.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties.extend(given.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
        let bytes = instance.root.used() * 2 / 5;
        let taken: u64 = self.images.values().map(|image| image.bytes).sum();
        if self.room.is_some_and(|room| taken + bytes > room) {
            let why = "write /var/lib/incus/images/incus_build_1/incus_tar_1: no space left on device";
            return Err((500, why.to_owned()));
        }
        let image = Image {
            properties,
            file: String::new(),
            created: self.now,
            uploaded: self.now,
            used: 0,
            bytes,
            kind: "container".to_owned(),
            root: instance.root.clone(),
        };
        let fingerprint = self.keep(image);
        // The image is there, and stays, whatever becomes of its aliases.
        for alias in body.get("aliases").and_then(Value::as_array).into_iter().flatten() {
            let name = text(alias, "name").unwrap_or_default();
            if self.aliases.contains_key(name) {
                return Err((500, format!("Alias already exists: {name}")));
            }
            self.name_image(name, &fingerprint);
        }
        Ok(json!({ "fingerprint": fingerprint, "size": bytes.to_string() }))
    }
}
