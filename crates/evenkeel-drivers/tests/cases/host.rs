//! A host that answers from recordings of real ones.
//!
//! `zfs get -Hp all` was recorded of every dataset: a `zfs get` of some properties of some datasets is a
//! selection of its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use evenkeel_core::request::{Arg, Exec, Reply, Request};

pub(crate) struct Recorded {
    zfs: Rows,
    zpool: Rows,
    usage: &'static str,
}

/// Value and source by object and property.
type Rows = BTreeMap<&'static str, BTreeMap<&'static str, (&'static str, &'static str)>>;

macro_rules! recording {
    ($version:literal) => {
        Recorded {
            zfs: rows(include_str!(concat!("../recorded/zfs/", $version, "/078-get-all-Hp.out"))),
            zpool: rows(include_str!(concat!("../recorded/zfs/", $version, "/011-zpool-get.out"))),
            usage: include_str!(concat!("../recorded/zfs/", $version, "/117-usage-set.err")),
        }
    };
}

impl Recorded {
    pub(crate) fn of(version: &str) -> Self {
        match version.trim() {
            "2.1.11" => recording!("2.1.11"),
            "2.3.2" => recording!("2.3.2"),
            other => panic!("there is no recording of {other}"),
        }
    }

    pub(crate) fn answer(&self, request: &Request) -> Option<Reply> {
        let exec = request.as_exec()?;
        let words = exec.words();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["zfs", "get"] => Some(reply(2, String::new(), self.usage.to_owned())),
            [
                "zfs",
                "get",
                "-Hp",
                "-o",
                "name,property,value,source",
                "-s",
                "local,received",
                "-t",
                "filesystem,volume",
                "all",
            ] => Some(self.own_values()),
            ["zfs", "get", "-Hp", "-o", "name,property,value,source", "-t", "filesystem,volume", _] => {
                let datasets = self.zfs.keys().copied().filter(|name| !name.contains(['@', '#']));
                let all = exec.clone().on(datasets);
                Some(get(&self.zfs, &all, ""))
            }
            ["zfs", "list", "-Hp", "-o", "name", "-t", "filesystem,volume,snapshot"] => {
                let names = self.zfs.keys().filter(|name| !name.contains('#'));
                let names: String = names.flat_map(|name| [name, "\n"]).collect();
                Some(reply(0, names, String::new()))
            }
            ["zpool", "get", "-Hp", "-o", "name,property,value,source", _] => {
                let all = exec.clone().on(self.zpool.keys().copied());
                Some(get(&self.zpool, &all, ""))
            }
            ["zfs", "get", "-Hp", "-o", "name,property,value,source", ..] => {
                Some(get(&self.zfs, exec, "dataset does not exist"))
            }
            ["zpool", "get", "-Hp", "-o", "name,property,value,source", ..] => {
                Some(get(&self.zpool, exec, "no such pool"))
            }
            _ => None,
        }
    }
}

impl Recorded {
    fn own_values(&self) -> Reply {
        let mut out = String::new();
        for (name, properties) in &self.zfs {
            for (property, (value, source)) in properties {
                if !name.contains(['@', '#']) && matches!(*source, "local" | "received") {
                    let _ = writeln!(out, "{name}\t{property}\t{value}\t{source}");
                }
            }
        }
        reply(0, out, String::new())
    }

    /// Sets a property as if somebody had typed it on the host.
    pub(crate) fn set(&mut self, dataset: &'static str, property: &'static str, value: &'static str) {
        self.zfs.entry(dataset).or_default().insert(property, (value, "local"));
    }

    /// The same for a pool.
    pub(crate) fn set_pool(&mut self, pool: &'static str, property: &'static str, value: &'static str) {
        self.zpool.entry(pool).or_default().insert(property, (value, "local"));
    }
}

fn rows(text: &'static str) -> Rows {
    let mut rows = Rows::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, '\t');
        let (Some(name), Some(property), Some(rest)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let Some(cell) = rest.rsplit_once('\t') else { continue };
        rows.entry(name).or_default().insert(property, cell);
    }
    rows
}

fn get(rows: &Rows, exec: &Exec, missing: &str) -> Reply {
    let set = exec.argv.iter().find_map(|arg| match arg {
        Arg::Set(items) => Some(items),
        Arg::Text(_) => None,
    });
    let (mut out, mut err) = (String::new(), String::new());
    for name in &exec.operands {
        let Some(of) = rows.get(name.as_str()) else {
            let _ = writeln!(err, "cannot open '{name}': {missing}");
            continue;
        };
        for property in set.unwrap_or(&BTreeSet::new()) {
            let (value, source) = of.get(property.as_str()).unwrap_or(&("-", "-"));
            let _ = writeln!(out, "{name}\t{property}\t{value}\t{source}");
        }
    }
    reply(i32::from(!err.is_empty()), out, err)
}

fn reply(exit: i32, stdout: String, stderr: String) -> Reply {
    Reply { exit, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() }
}
