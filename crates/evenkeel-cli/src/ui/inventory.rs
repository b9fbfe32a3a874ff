//! An inventory as a person reads it.

use std::fmt::Write as _;

use comfy_table::Table;
use evenkeel_core::period::Period;
use evenkeel_drivers::vsphere::inventory::{
    Contents, Datastore, Host, Inventory, Machine, Release, Snapshot, Software, Told,
};
use indicatif::HumanBytes;

use super::print;
use super::status::table;
use super::style::{Tone, paint};
use super::wrap::paragraph;
use crate::commands::Limit;

/// Prints what there is, and last which snapshots are old.
pub(crate) fn show_inventory(target: &str, inventory: &Inventory, limit: Limit) {
    let server = &inventory.server;
    let mut text =
        format!("{}  {} {}\n", paint(Tone::Strong, target), server.product, software(&server.software));
    section(&mut text, "Hosts", inventory.hosts.len(), || {
        let header = ["NAME", "VERSION", "BUILD", "RELEASE", "STATE"];
        rows(header, inventory.hosts.iter().map(host))
    });
    match &inventory.contents {
        Some(contents) => show_contents(&mut text, contents, limit),
        None => text.push_str(
            "\nOver SSH a host tells its release only: a target with `vsphere` tells what is on it.\n",
        ),
    }
    print(&text);
}

fn show_contents(text: &mut String, contents: &Contents, limit: Limit) {
    section(text, "Datastores", contents.datastores.len(), || {
        let header = ["PATH", "TYPE", "CAPACITY", "FREE", "ACCESSIBLE", "VMS"];
        rows(header, contents.datastores.iter().map(datastore))
    });
    section(text, "Virtual machines", contents.machines.len(), || {
        let header = ["PATH", "POWER", "HOST", "DATASTORES", "TOOLS", "CLONE OF"];
        rows(header, contents.machines.iter().map(machine))
    });
    section(text, "Snapshots", contents.snapshots.len(), || {
        let header = ["MACHINE", "SNAPSHOT", "TAKEN", "AGE", "OLD", "OF"];
        rows(header, contents.snapshots.iter().map(|one| snapshot(one, limit)))
    });
    let age = Period::seconds(limit.age.as_secs().unsigned_abs());
    let old: Vec<&Snapshot> =
        contents.snapshots.iter().filter(|one| limit.is_exceeded_by(one) == Some(true)).collect();
    if !old.is_empty() {
        let message = format!(
            "{} older than {age}: what was written since each was taken stands in files of its own, which grow",
            if old.len() == 1 { "1 snapshot is".to_owned() } else { format!("{} snapshots are", old.len()) }
        );
        let _ = writeln!(text, "\n{} {}", paint(Tone::Warn, "!"), paragraph(&message, 2));
    }
    for (machine, why) in contents.unread() {
        let message = format!("the snapshots of {} are not known: {why}", told(&machine.path));
        let _ = writeln!(text, "{} {}", paint(Tone::Bad, "?"), paragraph(&message, 2));
    }
}

fn section(text: &mut String, title: &str, n: usize, table: impl FnOnce() -> Table) {
    let _ = writeln!(text, "\n{} ({n})", paint(Tone::Strong, title));
    if n > 0 {
        let _ = writeln!(text, "{}", table().trim_fmt());
    }
}

fn rows<const N: usize>(header: [&str; N], all: impl Iterator<Item = [String; N]>) -> Table {
    let mut table = table();
    let mut header = header.map(str::to_owned);
    indent(&mut header);
    table.set_header(header);
    for mut row in all {
        indent(&mut row);
        table.add_row(row);
    }
    table
}

fn indent(row: &mut [String]) {
    if let Some(first) = row.first_mut() {
        first.insert_str(0, "  ");
    }
}

/// What was told, in its place in a table.
fn shown<T>(what: &Told<T>, form: impl FnOnce(&T) -> String) -> String {
    match what {
        Told::Is(value) => form(value),
        Told::Unset => "-".to_owned(),
        Told::Unknown(why) => format!("unknown ({why})"),
    }
}

fn told(what: &Told<String>) -> String {
    shown(what, String::clone)
}

fn yes(what: &Told<bool>) -> String {
    shown(what, |is_so| if *is_so { "yes" } else { "no" }.to_owned())
}

/// `8.0.2 build 22617221, 8.0 Update 2a of 2023-10-26`
fn software(software: &Software) -> String {
    let release = match &software.release {
        Some(Release { name, date: Some(date), exact: true }) => format!(", {name} of {date}"),
        Some(release) => format!(", {}", named(release)),
        None => String::new(),
    };
    format!("{} build {}{release}", software.version, software.build)
}

fn named(release: &Release) -> String {
    if release.exact { release.name.clone() } else { format!("newer than {}", release.name) }
}

fn host(host: &Host) -> [String; 5] {
    let release = |software: &Software| software.release.as_ref().map_or_else(|| "-".to_owned(), named);
    let mut state = told(&host.connection);
    if host.maintenance == Told::Is(true) {
        state.push_str(", maintenance");
    }
    [
        told(&host.name),
        shown(&host.software, |software| software.version.clone()),
        shown(&host.software, |software| software.build.clone()),
        shown(&host.software, release),
        state,
    ]
}

fn datastore(store: &Datastore) -> [String; 6] {
    let bytes = |bytes: &u64| HumanBytes(*bytes).to_string();
    [
        told(&store.path),
        told(&store.kind),
        shown(&store.capacity, bytes),
        shown(&store.free, bytes),
        yes(&store.accessible),
        shown(&store.virtual_machines, |all| all.len().to_string()),
    ]
}

fn machine(machine: &Machine) -> [String; 6] {
    let mut power = shown(&machine.power, |power| power.trim_start_matches("powered").to_lowercase());
    if let Some(lost) = machine.connection.known().filter(|connection| *connection != "connected") {
        power = format!("{power}, {lost}");
    }
    if machine.template == Told::Is(true) {
        power.push_str(", template");
    }
    let tools = |tools: &String| match tools.as_str() {
        "guestToolsRunning" => "running".to_owned(),
        "guestToolsNotRunning" => "not running".to_owned(),
        other => other.to_owned(),
    };
    [
        told(&machine.path),
        power,
        told(&machine.host),
        shown(&machine.datastores, |all| all.join(", ")),
        shown(&machine.tools, tools),
        shown(&machine.clone_of, |of| {
            let unsealed = if of.sealed { "" } else { ", not sealed" };
            format!("{} of {}{unsealed}", of.vm, of.slot)
        }),
    ]
}

fn snapshot(snapshot: &Snapshot, limit: Limit) -> [String; 6] {
    let age = snapshot.age(limit.now).map(|age| Period::coarse(age.as_secs().unsigned_abs()).to_string());
    let unknown = || "unknown".to_owned();
    [
        told(&snapshot.virtual_machine),
        snapshot.name.clone(),
        snapshot.taken.map_or_else(unknown, |taken| format!("{taken:.0}")),
        age.unwrap_or_else(unknown),
        limit.is_exceeded_by(snapshot).map_or_else(unknown, |old| if old { "OLD" } else { "no" }.to_owned()),
        if snapshot.ours { "evenkeel" } else { "others" }.to_owned(),
    ]
}
