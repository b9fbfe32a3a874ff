//! `pct`, `qm` and the part of `pvesh` that lists guests.

use std::fmt::Write as _;

use evenkeel_core::request::Reply;
use serde_json::{Map, Value, json};

use super::{DumpHost, Guest, Kind, complaint, told};

impl DumpHost {
    /// `pct` for containers, `qm` for virtual machines.
    pub(super) fn tool(&mut self, kind: Kind, args: &[&str]) -> Reply {
        let name = if kind == Kind::Lxc { "CT" } else { "VM" };
        let (verb, id) = match args {
            ["list"] => return told(self.table(kind)),
            [verb, id, ..] => (*verb, id.parse::<u32>().unwrap_or(0)),
            _ => return complaint(255, "ERROR: no command specified"),
        };
        let there = self.guests.get(&id).map(|guest| (guest.kind == kind, guest.running));
        match (verb, there) {
            ("create", None) => {
                let mut guest = Guest::new(kind, &format!("{}{id}", name.to_lowercase()));
                guest.running = false;
                self.guests.insert(id, guest);
                told("")
            }
            ("create", Some(_)) => {
                complaint(255, &format!("{name} {id} already exists on node '{}'", self.name))
            }
            (_, None | Some((false, _))) => {
                complaint(2, &format!("Configuration file 'nodes/{}/{id}.conf' does not exist", self.name))
            }
            ("status", Some((_, running))) => {
                told(format!("status: {}\n", if running { "running" } else { "stopped" }))
            }
            ("start", Some((_, true))) => complaint(255, &format!("{name} {id} already running")),
            ("start" | "stop", Some(_)) => {
                self.guests.entry(id).and_modify(|guest| guest.running = verb == "start");
                told("")
            }
            ("destroy", Some((_, true))) => {
                complaint(255, &format!("unable to destroy {name} {id} - container is running"))
            }
            ("destroy", Some(_)) => {
                self.guests.remove(&id);
                told("")
            }
            _ => complaint(255, &format!("ERROR: unknown command '{verb}'")),
        }
    }

    fn table(&self, kind: Kind) -> String {
        let mut text = String::new();
        for (id, guest) in self.guests.iter().filter(|(_, guest)| guest.kind == kind) {
            if text.is_empty() && kind == Kind::Lxc {
                let _ = writeln!(text, "{:<10} {:<10} {:<12} {:<20}", "VMID", "Status", "Lock", "Name");
            } else if text.is_empty() {
                let _ = writeln!(
                    text,
                    "{:>10} {:<20} {:<10} {:<10} {:>12} {:<10}",
                    "VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID"
                );
            }
            let (name, status) = (&guest.name, guest.status());
            let _ = if kind == Kind::Lxc {
                writeln!(text, "{id:<10} {status:<10} {:<12} {name:<20}", "")
            } else {
                let pid = if guest.running { 4711 } else { 0 };
                writeln!(text, "{id:>10} {name:<20} {status:<10} {:<10} {:>12.2} {pid:<10}", 512, 8.0)
            };
        }
        text
    }

    pub(super) fn pvesh(&self, args: &[&str]) -> Reply {
        let (["get", "/cluster/resources", rest @ ..], true) = (args, args.contains(&"--output-format"))
        else {
            return complaint(255, &format!("No '{}' handler defined", args.join(" ")));
        };
        if !matches!(rest, ["--type", "vm", ..] | [_, _, "--type", "vm"]) {
            return complaint(2, "400 Parameter verification failed.");
        }
        let listed: Vec<Value> =
            self.guests.iter().map(|(id, guest)| Value::Object(self.resource(*id, guest))).collect();
        told(Value::Array(listed).to_string())
    }

    fn resource(&self, id: u32, guest: &Guest) -> Map<String, Value> {
        let kind = guest.kind.word();
        let mut fields = Map::from_iter([
            ("id".to_owned(), json!(format!("{kind}/{id}"))),
            ("vmid".to_owned(), json!(id)),
            ("type".to_owned(), json!(kind)),
            ("node".to_owned(), json!(self.name)),
            ("status".to_owned(), json!(guest.status())),
            ("name".to_owned(), json!(guest.name)),
            ("template".to_owned(), json!(0)),
        ]);
        if let Some(pool) = &guest.pool {
            fields.insert("pool".to_owned(), json!(pool));
        }
        if !guest.tags.is_empty() {
            fields.insert("tags".to_owned(), json!(guest.tags.join(";")));
        }
        fields
    }
}
