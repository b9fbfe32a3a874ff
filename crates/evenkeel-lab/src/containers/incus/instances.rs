//! Instances.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Work};
use super::images::OF_IMAGE;
use super::{IncusHost, Instance, forms};

type Made<T = Value> = Result<T, (u16, String)>;

impl IncusHost {
    pub(super) fn get_instance(&self, name: &str) -> Answer {
        match self.instances.get(name) {
            Some(instance) => Answer::Now(forms::instance(name, instance)),
            None => forms::no_instance(name),
        }
    }

    pub(super) fn create(&mut self, body: &Value) -> Answer {
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(is_plain) {
            let why = "Invalid instance name: Name can only contain alphanumeric and hyphen characters";
            return Answer::invalid(why);
        }
        let result = self.make_instance(&name, body);
        Work::on_instance("Creating instance", &name, result)
    }

    fn make_instance(&mut self, name: &str, body: &Value) -> Made {
        let digits = body.pointer("/source/fingerprint").and_then(Value::as_str).unwrap_or_default();
        let fingerprint = self.find_image(digits);
        let image = fingerprint.as_ref().and_then(|fingerprint| self.images.get(fingerprint));
        let Some(image) = image else {
            return Err((500, "Image not provided for instance creation".to_owned()));
        };
        let devices = body.get("devices").cloned().unwrap_or_else(|| json!({}));
        self.devices_fit(&devices)?;
        if self.instances.contains_key(name) {
            let why = "Failed creating instance record: Add instance info to the database: Failed to create \"instances\" entry: UNIQUE constraint failed: instances.project_id, instances.name";
            return Err((500, why.to_owned()));
        }
        let given = body.get("config").and_then(Value::as_object).into_iter().flatten();
        let mut config: BTreeMap<String, String> =
            given.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        config
            .extend(image.properties.iter().map(|(key, value)| (format!("{OF_IMAGE}{key}"), value.clone())));
        config.extend(fingerprint.clone().map(|of| ("volatile.base_image".to_owned(), of)));
        let (root, created) = (image.root.clone(), self.now);
        if let Some(image) = fingerprint.and_then(|fingerprint| self.images.get_mut(&fingerprint)) {
            image.used = created;
        }
        let instance = Instance { config, devices, running: false, created, used: 0, root };
        self.instances.insert(name.to_owned(), instance);
        Ok(json!({
            "create_instance_from_image_unpack_progress": "Unpacking image: 100% (20.00MB/s)",
            "progress": { "percent": "100", "speed": "20000000", "stage": "create_instance_from_image_unpack" },
        }))
    }

    fn devices_fit(&self, devices: &Value) -> Made<()> {
        let begin = "Failed creating instance record: Failed initializing instance";
        for (name, device) in devices.as_object().into_iter().flatten() {
            let says = |key: &str| device.get(key).and_then(Value::as_str);
            if says("pool").is_some_and(|pool| !self.pools.contains(pool)) {
                return Err((404, format!("{begin}: Failed loading storage pool: Storage pool not found")));
            }
            let network = says("network");
            if let Some(network) = network.filter(|network| self.networks.get(*network) != Some(&true)) {
                let why = format!(
                    "{begin}: Invalid devices: Device validation failed for \"{name}\": Failed loading device \"{name}\": Failed to load network \"{network}\" for project \"default\": Network not found"
                );
                return Err((404, why));
            }
        }
        Ok(())
    }

    pub(super) fn delete_instance(&mut self, name: &str) -> Answer {
        match self.instances.get(name) {
            None => forms::no_instance(name),
            Some(instance) if instance.running => Answer::invalid("Instance is running"),
            Some(_) => {
                self.instances.remove(name);
                Work::on_instance("Deleting instance", name, Ok(Value::Null))
            }
        }
    }

    pub(super) fn set_state(&mut self, name: &str, body: &Value) -> Answer {
        let (now, fails) = (self.now, self.fail_start.clone());
        let hangs = self.ignore_stop && body.get("force") != Some(&json!(true));
        let Some(instance) = self.instances.get_mut(name) else { return forms::no_instance(name) };
        let (description, result) = match body.get("action").and_then(Value::as_str) {
            Some("start") => {
                let result = match fails {
                    _ if instance.running => Err((500, "The instance is already running".to_owned())),
                    Some(why) => Err((500, why)),
                    None => {
                        instance.running = true;
                        instance.used = now;
                        Ok(Value::Null)
                    }
                };
                ("Starting instance", result)
            }
            Some("stop") => {
                let result = if instance.running && hangs {
                    let why =
                        "Failed shutting down instance, status is \"Running\": context deadline exceeded";
                    Err((400, why.to_owned()))
                } else if instance.running {
                    instance.running = false;
                    Ok(Value::Null)
                } else {
                    Err((400, "The instance is already stopped".to_owned()))
                };
                ("Stopping instance", result)
            }
            other => return Answer::invalid(format!("Unknown action: \"{}\"", other.unwrap_or_default())),
        };
        Work::on_instance(description, name, result)
    }
}
