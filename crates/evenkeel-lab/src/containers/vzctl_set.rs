//! The options of `vzctl set` and `vzctl create`, and `vzlist`.

use super::conf;
use super::said::{Ended, Exit, Said};
use super::vzctl::REQUIRED;
use super::{ContainerHost, Messages};

/// Options whose value is kept under their own name in upper case, beside those in [`REQUIRED`].
const PLAIN: [&str; 13] = [
    "hostname",
    "nameserver",
    "searchdomain",
    "onboot",
    "name",
    "description",
    "diskspace",
    "diskinodes",
    "cpuunits",
    "cpulimit",
    "swappages",
    "ostemplate",
    "disabled",
];

/// The template, and what else goes into the configuration.
pub(super) fn create_options(args: &[&str], said: &mut Said) -> Ended<(String, Vec<(String, String)>)> {
    let mut template = None;
    let mut settings: Vec<(String, String)> = Vec::new();
    for (option, value) in pairs(args, said)? {
        match option {
            "ostemplate" => template = Some(value.to_owned()),
            "hostname" | "diskspace" | "diskinodes" | "name" | "description" => {
                settings.push((option.to_uppercase(), value.to_owned()));
            }
            "ipadd" => settings.push(("IP_ADDRESS".to_owned(), value.to_owned())),
            _ => return said.fail(20, format!("Invalid options: --{option}")),
        }
    }
    match template {
        Some(template) => Ok((template, settings)),
        None => said.fail(29, "OS template is not specified"),
    }
}

fn pairs<'a>(args: &[&'a str], said: &mut Said) -> Ended<Vec<(&'a str, &'a str)>> {
    let mut pairs = Vec::new();
    let mut args = args.iter().copied();
    while let Some(word) = args.next() {
        let Some(option) = word.strip_prefix("--") else {
            return said.fail(20, format!("Invalid syntax: {word}"));
        };
        if option == "save" {
            pairs.push((option, ""));
            continue;
        }
        let Some(value) = args.next() else {
            return said.fail(20, format!("option '--{option}' requires an argument"));
        };
        pairs.push((option, value));
    }
    Ok(pairs)
}

pub(super) fn set(host: &mut ContainerHost, id: u32, args: &[&str], said: &mut Said) -> Ended {
    let pairs = pairs(args, said)?;
    let saves = pairs.iter().any(|(option, _)| *option == "save");
    let before = host.conf(id);
    let is_new = before.is_none();
    let mut text = before.unwrap_or_default();
    for (option, value) in pairs.iter().filter(|(option, _)| *option != "save") {
        let addresses = conf::get(&text, "IP_ADDRESS").unwrap_or_default();
        let (key, value) = match *option {
            "ipadd" => ("IP_ADDRESS".to_owned(), format!("{addresses} {value}").trim().to_owned()),
            "ipdel" if *value == "all" => ("IP_ADDRESS".to_owned(), String::new()),
            "ipdel" => {
                let left: Vec<&str> = addresses.split(' ').filter(|address| address != value).collect();
                ("IP_ADDRESS".to_owned(), left.join(" "))
            }
            option if PLAIN.contains(&option) || REQUIRED.contains(&option) => {
                (option.to_uppercase(), (*value).to_owned())
            }
            option => return said.fail(20, format!("Invalid options: --{option}")),
        };
        text = conf::set(&text, &key, &value);
    }
    if !saves && !host.running.contains(&id) {
        return said.fail(31, "Unable to apply UBC parameters: container is not running");
    }
    if is_new {
        said.err(
            "Warning: distribution not specified in CT config, using defaults from /etc/vz/dists/default",
        );
        said.err(format!("WARNING: {} not found: No such file or directory", super::vzctl::conf_path(id)));
    }
    if saves {
        host.save(id, &text, said)?;
    }
    Ok(())
}

impl ContainerHost {
    /// The containers that there are, as `vzlist` sees them: those with a configuration and a private area.
    pub fn ids(&self) -> Vec<u32> {
        let names = self.tree.names("/etc/vz/conf");
        let ids = names.iter().filter_map(|name| name.strip_suffix(".conf")?.parse().ok());
        let mut ids: Vec<u32> = ids.filter(|id| *id > 0 && self.has_area(*id)).collect();
        ids.sort_unstable();
        ids
    }

    fn state(&self, id: u32) -> &'static str {
        match (self.running.contains(&id), self.mounted.contains(&id)) {
            (true, _) => "running",
            (false, true) => "mounted",
            (false, false) => "stopped",
        }
    }

    pub(super) fn vzlist(&self, args: &[&str], said: &mut Said) -> Ended {
        let mut fields = "ctid,nproc,status,ip,hostname";
        let (mut all, mut stopped_only, mut header) = (false, false, true);
        let mut asked = Vec::new();
        let mut args = args.iter().copied();
        while let Some(arg) = args.next() {
            match arg {
                "-a" | "--all" => all = true,
                "-S" | "--stopped" => stopped_only = true,
                "-H" | "--no-header" => header = false,
                "-1" => (fields, header) = ("ctid", false),
                "-o" | "--output" => fields = args.next().unwrap_or_default(),
                arg if arg.starts_with("-o") => fields = arg.get(2..).unwrap_or_default(),
                id => asked.push(id.parse::<u32>().unwrap_or(0)),
            }
        }
        let columns: Vec<&str> = fields.split(',').collect();
        if let Some(unknown) = columns.iter().find(|column| heading(column).is_none()) {
            return said.fail(1, format!("Unknown field: {unknown}"));
        }
        let shown = |id: &u32| {
            let runs = self.running.contains(id);
            let wanted = if stopped_only { !runs } else { all || runs };
            wanted && (asked.is_empty() || asked.contains(id))
        };
        let ids: Vec<u32> = self.ids().into_iter().filter(shown).collect();
        if ids.is_empty() && asked.is_empty() {
            said.err("Container(s) not found");
            return Ok(());
        }
        if header {
            let names: Vec<String> = columns.iter().filter_map(|column| heading(column)).collect();
            said.out(names.join(" "));
        }
        for id in ids {
            let cells: Vec<String> = columns.iter().map(|column| self.cell(column, id)).collect();
            said.out(cells.join(" ").trim_end());
        }
        Ok(())
    }

    fn cell(&self, column: &str, id: u32) -> String {
        let text = self.conf(id).unwrap_or_default();
        let or_none = |key| conf::get(&text, key).filter(|value| !value.is_empty()).unwrap_or("-").to_owned();
        match column {
            "ctid" | "veid" => format!("{id:>10}"),
            "nproc" => format!("{:>10}", if self.running.contains(&id) { "21" } else { "-" }),
            "status" => format!("{:<9}", self.state(id)),
            "ip" => format!("{:<15}", or_none("IP_ADDRESS")),
            "ostemplate" => or_none("OSTEMPLATE"),
            _ => or_none("HOSTNAME"),
        }
    }

    /// `vzctl` in its two ages; the transcript is of the new one.
    #[must_use]
    pub fn speaks_old(mut self) -> Self {
        self.messages = Messages::Old;
        self
    }
}

fn heading(column: &str) -> Option<String> {
    Some(match column {
        "ctid" | "veid" => format!("{:>10}", "CTID"),
        "nproc" => format!("{:>10}", "NPROC"),
        "status" => format!("{:<9}", "STATUS"),
        "ip" => format!("{:<15}", "IP_ADDR"),
        "hostname" => "HOSTNAME".to_owned(),
        "ostemplate" => "OSTEMPLATE".to_owned(),
        _ => return None,
    })
}

/// What a program that there is not answers.
pub(super) fn not_found(program: &str, said: &mut Said) -> Ended {
    said.err(format!("sh: 1: {program}: not found"));
    Err(Exit(127))
}
