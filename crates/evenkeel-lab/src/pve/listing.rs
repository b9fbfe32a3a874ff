//! What else can be read: storages, what is in them, guests, pools, the time.

use serde_json::{Value, json};

use super::{ApiAnswer, Params, PveHost};

impl PveHost {
    pub(super) fn listing(&self, path: &str, parts: &[&str], params: &Params) -> ApiAnswer {
        match parts {
            ["version"] => {
                ApiAnswer::ok(&json!({ "repoid": "14a22df314a22df3", "release": "9.1", "version": "9.1.99" }))
            }
            ["storage"] => ApiAnswer::ok(&self.storages.values().map(|storage| json!(storage)).collect()),
            ["cluster", "resources"] => ApiAnswer::ok(&self.resources()),
            ["cluster", "backup-info", "not-backed-up"] => ApiAnswer::ok(&json!([])),
            ["pools", name] => self.pool(name),
            ["nodes", node, ..] if *node != self.node => ApiAnswer::died(
                500,
                &format!(
                    "hostname lookup '{node}' failed - failed to get address info for: {node}: Temporary failure in name resolution"
                ),
            ),
            ["nodes", _, "time"] => {
                let time = self.now.as_second();
                ApiAnswer::ok(&json!({ "timezone": self.zone, "time": time, "localtime": time }))
            }
            ["nodes", _, "storage", storage, "content"] => self.content(storage, params),
            _ => ApiAnswer::not_implemented("GET", path),
        }
    }

    fn pool(&self, name: &str) -> ApiAnswer {
        let Some(guests) = self.pools.get(name) else {
            return ApiAnswer::died(500, &format!("pool '{name}' does not exist"));
        };
        let member = |id: &u32| json!({ "id": format!("lxc/{id}"), "node": self.node, "type": "lxc", "vmid": id, "status": "running" });
        ApiAnswer::ok(&json!({ "members": guests.iter().map(member).collect::<Value>() }))
    }

    fn resources(&self) -> Value {
        let node = &self.node;
        let guests = self.guests.iter().map(|(id, name)| {
            json!({ "id": format!("lxc/{id}"), "type": "lxc", "vmid": id, "name": name, "node": node, "status": "running", "template": 0 })
        });
        let nodes =
            [json!({ "id": format!("node/{node}"), "type": "node", "node": node, "status": "online" })];
        let storages = self.storages.iter().map(|(name, storage)| {
            let shared = storage.get("shared").cloned().unwrap_or(json!(0));
            json!({
                "id": format!("storage/{node}/{name}"), "type": "storage", "storage": name, "node": node,
                "status": "available", "shared": shared, "content": storage.get("content"),
            })
        });
        guests.chain(nodes).chain(storages).collect()
    }

    fn content(&self, storage: &str, params: &Params) -> ApiAnswer {
        let Some(all) = self.copies.get(storage) else {
            return ApiAnswer::died(500, &format!("storage '{storage}' does not exist"));
        };
        let wanted = |name: &str, value: Option<&Value>| {
            let asked = params.iter().find(|(known, _)| known == name);
            asked.is_none_or(|(_, asked)| {
                value.is_some_and(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned) == *asked)
            })
        };
        let found =
            all.iter().filter(|one| wanted("content", one.get("content")) && wanted("vmid", one.get("vmid")));
        ApiAnswer::ok(&found.map(|one| json!(one)).collect())
    }
}
