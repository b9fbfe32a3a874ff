//! `vzlist` and `vzctl`, as a transcript of the real programs has them.

use std::fmt::Write as _;

use evenkeel_core::request::Reply;

use super::{DumpHost, Guest, Kind, complaint, told};

const NO_KERNEL: &str = "Directory /proc/vz not found, assuming non-OpenVZ kernel\n";

impl DumpHost {
    pub(super) fn vzlist(&self, args: &[&str]) -> Reply {
        let mut fields = "ctid,nproc,status,ip,hostname";
        let (mut all, mut stopped_only, mut header) = (false, false, true);
        let mut ids = Vec::new();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "-a" | "--all" => all = true,
                "-S" | "--stopped" => stopped_only = true,
                "-H" | "--no-header" => header = false,
                "-1" => (fields, header) = ("ctid", false),
                "-o" => fields = args.next().copied().unwrap_or_default(),
                id => ids.push(id.parse::<u32>().unwrap_or(0)),
            }
        }
        let columns: Vec<&str> = fields.split(',').collect();
        let known = ["ctid", "nproc", "status", "ip", "hostname"];
        if let Some(unknown) = columns.iter().find(|column| !known.contains(column)) {
            return complaint(1, &format!("Unknown field: {unknown}"));
        }
        let shown = |(id, guest): &(&u32, &Guest)| {
            let wanted = if stopped_only { !guest.running } else { all || guest.running };
            wanted && (ids.is_empty() || ids.contains(id))
        };
        let guests: Vec<(&u32, &Guest)> = self.guests.iter().filter(shown).collect();
        if guests.is_empty() && ids.is_empty() {
            return Reply { exit: 0, ..complaint(0, "Container(s) not found") };
        }
        let mut text = String::new();
        if header {
            let names: Vec<String> = columns.iter().map(|column| heading(column)).collect();
            let _ = writeln!(text, "{}", names.join(" "));
        }
        for (id, guest) in guests {
            let cells: Vec<String> = columns.iter().map(|column| cell(column, *id, guest)).collect();
            let _ = writeln!(text, "{}", cells.join(" ").trim_end());
        }
        told(text)
    }

    pub(super) fn vzctl(&mut self, args: &[&str]) -> Reply {
        let (verb, id) = match args {
            ["--version"] => return told("vzctl version 3.0.29\n"),
            [verb, id, ..] => (*verb, id.parse::<u32>().unwrap_or(0)),
            _ => return complaint(255, "Bad syntax"),
        };
        let running = self.guests.get(&id).map(|guest| guest.running);
        let said = |exit: i32, out: &str, err: &str| Reply {
            exit,
            stdout: format!("{NO_KERNEL}{out}").into_bytes(),
            stderr: err.as_bytes().to_vec(),
        };
        match (verb, running) {
            ("status", None) => Reply {
                stderr: format!("stat(/var/lib/vz/root/{id}): No such file or directory\n").into_bytes(),
                ..told(format!("CTID {id} deleted unmounted down\n"))
            },
            ("status", Some(true)) => told(format!("CTID {id} exist mounted running\n")),
            ("status", Some(false)) => told(format!("CTID {id} exist unmounted down\n")),
            ("create", None) => {
                let mut guest = Guest::new(Kind::OpenVz, &format!("ct{id}"));
                guest.running = false;
                self.guests.insert(id, guest);
                said(0, "Creating container private area\nContainer private area was created\n", "")
            }
            ("create", Some(_)) => {
                let there = format!("Private area already exists in /var/lib/vz/private/{id}\n");
                said(44, "", &format!("{there}Creation of container private area failed\n"))
            }
            (_, None) => complaint(14, "Container config file does not exist"),
            ("start", Some(true)) => said(32, "", "Container is already running\n"),
            ("stop", Some(false)) => said(0, "", "Unable to stop: container is not running\n"),
            ("start" | "stop", Some(_)) => {
                let starts = verb == "start";
                self.guests.entry(id).and_modify(|guest| guest.running = starts);
                let told =
                    if starts { "Container start in progress...\n" } else { "Container was stopped\n" };
                said(0, told, "")
            }
            ("destroy", Some(true)) => said(32, "Container is currently running. Stop it first.\n", ""),
            ("destroy", Some(false)) => {
                self.guests.remove(&id);
                let private = format!("Destroying container private area: /var/lib/vz/private/{id}\n");
                said(0, &format!("{private}Container private area was destroyed\n"), "")
            }
            _ => complaint(255, &format!("Bad command: {verb}")),
        }
    }
}

fn heading(column: &str) -> String {
    match column {
        "ctid" => format!("{:>10}", "CTID"),
        "nproc" => format!("{:>10}", "NPROC"),
        "status" => format!("{:<9}", "STATUS"),
        "ip" => format!("{:<15}", "IP_ADDR"),
        _ => "HOSTNAME".to_owned(),
    }
}

fn cell(column: &str, id: u32, guest: &Guest) -> String {
    match column {
        "ctid" => format!("{id:>10}"),
        "nproc" => format!("{:>10}", if guest.running { "21" } else { "-" }),
        "status" => format!("{:<9}", guest.status()),
        "ip" => format!("{:<15}", "-"),
        _ => guest.name.clone(),
    }
}
