//! `zfs get`.

use super::effective::Source;
use super::list::{Columns, Selection, Table};
use super::options::Options;
use super::property::Property;
use super::{Out, Version, ZfsHost, usage, value};

const COLUMNS: [&str; 5] = ["name", "property", "value", "received", "source"];

pub(super) fn run(host: &ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "rHp", "dost") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "get", &problem, out),
    };
    let Some((wanted, operands)) = options.operands.split_first() else {
        return usage::fail(host.version, "get", "missing property argument", out);
    };
    let columns = match columns(options.value('o')) {
        Ok(columns) => columns,
        Err(problem) => return usage::fail(host.version, "get", &problem, out),
    };
    let properties = match properties(host.version, wanted) {
        Ok(properties) => properties,
        Err(problem) => return usage::fail(host.version, "get", &problem, out),
    };
    let selection = Selection {
        operands,
        depth: Selection::depth(&options),
        types: options.value('t').unwrap_or("all"),
        typed: options.value('t').is_some(),
        whole_host: operands.is_empty(),
    };
    let (names, exit) = selection.resolve(host, out);
    let sources: Option<Vec<&str>> = options.value('s').map(|list| list.split(',').collect());
    let headings = columns.iter().map(|c| c.to_uppercase()).collect();
    let mut table = Table::new(headings, Columns::AllLeft);
    for name in &names {
        let own_only =
            sources.as_ref().is_some_and(|s| s.iter().all(|word| ["local", "received"].contains(word)));
        let all = properties
            .is_none()
            .then(|| if own_only { host.own_properties(name) } else { host.all_properties(name) });
        for property in all.as_ref().or(properties.as_ref()).into_iter().flatten() {
            let row = Row::of(host, name, property, options.has('p'));
            let selected = sources.as_ref().is_none_or(|sources| sources.contains(&row.source.word()));
            if selected {
                table.row(columns.iter().map(|column| row.cell(column)).collect());
            }
        }
    }
    table.print(options.has('H'), out);
    exit
}

struct Row<'a> {
    name: &'a str,
    property: &'a Property,
    value: String,
    received: Option<String>,
    source: Source,
}

impl<'a> Row<'a> {
    fn of(host: &ZfsHost, name: &'a str, property: &'a Property, exact: bool) -> Self {
        let shown = |value: &str| match property {
            Property::Native(native) if !exact => value::show(native, value),
            _ => value.to_owned(),
        };
        let (value, source) = match host.effective(name, property) {
            Some((value, source)) => (shown(&value), source),
            None => ("-".to_owned(), Source::None),
        };
        let received = host.received(name, property.name()).map(shown);
        Row { name, property, value, received, source }
    }

    fn cell(&self, column: &str) -> String {
        match column {
            "name" => self.name.to_owned(),
            "property" => self.property.name().to_owned(),
            "value" => self.value.clone(),
            "received" => self.received.clone().unwrap_or_else(|| "-".to_owned()),
            _ => self.source.to_string(),
        }
    }
}

fn columns(wanted: Option<&str>) -> Result<Vec<&'static str>, String> {
    match wanted {
        None => Ok(vec!["name", "property", "value", "source"]),
        Some("all") => Ok(COLUMNS.to_vec()),
        Some(list) => list
            .split(',')
            .map(|name| {
                let known = COLUMNS.into_iter().find(|known| *known == name);
                known.ok_or_else(|| format!("invalid column name '{name}'"))
            })
            .collect(),
    }
}

/// `None`: all of them.
fn properties(version: Version, wanted: &str) -> Result<Option<Vec<Property>>, String> {
    if wanted == "all" {
        return Ok(None);
    }
    let resolve = |name: &str| {
        let found = Property::resolve(version, name);
        found.ok_or_else(|| format!("bad property list: invalid property '{name}'"))
    };
    wanted.split(',').map(resolve).collect::<Result<_, _>>().map(Some)
}
