//! What the interface tells of its objects: the fields of version 6.0.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::{Alias, Image, IncusHost, Instance};

/// What it tells of a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| NEVER.to_owned(), |at| at.to_string())
}

pub(super) fn no_instance(name: &str) -> Answer {
    Answer::Fault(
        404,
        format!("Failed to fetch instance \"{name}\" in project \"default\": Instance not found"),
    )
}

pub(super) fn alias(name: &str, alias: &Alias) -> Value {
    json!({ "description": alias.description, "target": alias.target, "name": name, "type": "container" })
}

pub(super) fn instance(name: &str, instance: &Instance) -> Value {
    let (status, code) = if instance.running { ("Running", 103) } else { ("Stopped", 102) };
    json!({
        "architecture": "x86_64",
        "config": instance.config,
        "devices": instance.devices,
        "ephemeral": false,
        "profiles": [],
        "stateful": false,
        "description": "",
        "created_at": time(instance.created),
        "expanded_config": instance.config,
        "expanded_devices": instance.devices,
        "name": name,
        "status": status,
        "status_code": code,
        "last_used_at": if instance.used == 0 { "1970-01-01T00:00:00Z".to_owned() } else { time(instance.used) },
        "location": "none",
        "type": "container",
        "project": "default",
    })
}

impl IncusHost {
    pub(super) fn list_images(&self) -> Value {
        let form = |(fingerprint, image): (&String, &Image)| {
            let aliases: Vec<Value> = self
                .aliases
                .iter()
                .filter(|(_, alias)| alias.target == *fingerprint)
                .map(|(name, alias)| json!({ "name": name, "description": alias.description }))
                .collect();
            json!({
                "auto_update": false,
                "properties": image.properties,
                "public": false,
                "expires_at": NEVER,
                "profiles": ["default"],
                "aliases": aliases,
                "architecture": "x86_64",
                "cached": false,
                "filename": image.file,
                "fingerprint": fingerprint,
                "size": image.bytes,
                "type": image.kind,
                "created_at": time(image.created),
                "last_used_at": if image.used == 0 { NEVER.to_owned() } else { time(image.used) },
                "uploaded_at": time(image.uploaded),
                "project": "default",
            })
        };
        self.images.iter().map(form).collect()
    }

    pub(super) fn list_aliases(&self) -> Value {
        self.aliases.iter().map(|(name, of)| alias(name, of)).collect()
    }

    pub(super) fn list_instances(&self) -> Value {
        self.instances.iter().map(|(name, of)| instance(name, of)).collect()
    }

    pub(super) fn list_pools(&self) -> Value {
        let form = |name: &String| {
            json!({
                "config": { "source": format!("/var/lib/incus/storage-pools/{name}") },
                "description": "",
                "name": name,
                "driver": "dir",
                "used_by": [],
                "status": "Created",
                "locations": ["none"],
            })
        };
        self.pools.iter().map(form).collect()
    }

    pub(super) fn list_networks(&self) -> Value {
        let form = |(name, managed): (&String, &bool)| {
            let kind = match (*managed, name.as_str()) {
                (true, _) => "bridge",
                (false, "lo") => "loopback",
                (false, _) => "physical",
            };
            json!({
                "config": {},
                "description": "",
                "name": name,
                "type": kind,
                "used_by": [],
                "managed": managed,
                "status": if *managed { "Created" } else { "" },
                "locations": null,
                "project": "default",
            })
        };
        self.networks.iter().map(form).collect()
    }

    pub(super) fn list_operations(&self) -> Value {
        let form = |(nth, busy): (usize, &super::Busy)| {
            let of = busy.instance.iter().map(|name| format!("/1.0/instances/{name}"));
            let resources: Map<String, Value> =
                of.map(|path| ("instances".to_owned(), json!([path]))).collect();
            operation(&format!("busy-{nth}"), &busy.description, 103, &resources, &Value::Null, self.now)
        };
        let running: Vec<Value> = self.busy.iter().enumerate().map(form).collect();
        // It names only what there is any of.
        if running.is_empty() { json!({}) } else { json!({ "running": running }) }
    }
}

/// An operation, as it is told.
pub(super) fn operation(
    id: &str,
    description: &str,
    code: u16,
    resources: &Map<String, Value>,
    metadata: &Value,
    at: i64,
) -> Value {
    let status = if code == 103 { "Running" } else { "Success" };
    json!({
        "id": id,
        "class": "task",
        "description": description,
        "created_at": time(at),
        "updated_at": time(at),
        "status": status,
        "status_code": code,
        "resources": resources,
        "metadata": metadata,
        "may_cancel": false,
        "err": "",
        "location": "none",
    })
}
