//! What the interface takes as parameters of a job, and what it keeps of them.

use evenkeel_core::backup::Schedule;
use serde_json::{Map, Value, json};

use super::{ApiAnswer, Params};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Boolean,
    One(&'static [&'static str]),
    Calendar,
    Prune,
    List,
    /// Not kept as it is.
    Other,
}

const PARAMETERS: [(&str, Kind); 27] = [
    ("all", Kind::Boolean),
    ("bwlimit", Kind::Integer),
    ("comment", Kind::Text),
    ("compress", Kind::One(&["0", "1", "gzip", "lzo", "zstd"])),
    ("delete", Kind::Other),
    ("dow", Kind::Other),
    ("enabled", Kind::Boolean),
    ("exclude", Kind::Text),
    ("exclude-path", Kind::List),
    ("id", Kind::Other),
    ("ionice", Kind::Integer),
    ("lockwait", Kind::Integer),
    ("mailnotification", Kind::One(&["always", "failure"])),
    ("mailto", Kind::Text),
    ("mode", Kind::One(&["snapshot", "suspend", "stop"])),
    ("node", Kind::Text),
    ("notes-template", Kind::Text),
    ("notification-mode", Kind::One(&["auto", "legacy-sendmail", "notification-system"])),
    ("pool", Kind::Text),
    ("protected", Kind::Boolean),
    ("prune-backups", Kind::Prune),
    ("repeat-missed", Kind::Boolean),
    ("schedule", Kind::Calendar),
    ("starttime", Kind::Other),
    ("storage", Kind::Text),
    ("vmid", Kind::Text),
    ("zstd", Kind::Integer),
];

/// True for a setting that can be deleted.
pub(super) fn is_setting(name: &str) -> bool {
    PARAMETERS.iter().any(|(known, kind)| *known == name && !matches!(kind, Kind::Other))
}

/// What is kept of parameters, or the answer to wrong ones.
pub(super) fn kept(params: &Params) -> Result<Map<String, Value>, Box<ApiAnswer>> {
    let mut kept = Map::new();
    for (name, text) in params {
        let bad = |problem: &str| Box::new(ApiAnswer::bad_parameter(name, problem));
        let Some((_, kind)) = PARAMETERS.iter().find(|(known, _)| known == name) else {
            return Err(bad(
                "property is not defined in schema and the schema does not allow additional properties",
            ));
        };
        let value = match kind {
            Kind::Other => continue,
            Kind::Text => json!(text),
            Kind::Integer => json!(text.parse::<u64>().map_err(|_| bad("type check ('integer') failed"))?),
            Kind::Boolean => match text.as_str() {
                "1" | "on" | "yes" | "true" => json!(1),
                "0" | "off" | "no" | "false" => json!(0),
                _ => return Err(bad("type check ('boolean') failed")),
            },
            Kind::One(words) if words.contains(&text.as_str()) => json!(text),
            Kind::One(words) => {
                let all = words.join(", ");
                return Err(bad(&format!("value '{text}' does not have a value in the enumeration '{all}'")));
            }
            Kind::Calendar => {
                let schedule = Schedule { calendar: Some(text.clone()), ..Schedule::default() };
                if !schedule.check().is_empty() {
                    return Err(bad(&format!(
                        "invalid format - invalid calendar event '{text}' - unable to parse calendar event\n\n"
                    )));
                }
                json!(text)
            }
            Kind::Prune => prune(text).map_err(|problem| bad(&problem))?,
            Kind::List => {
                let mut items: Vec<Value> = text.split([',', ';', ' ']).map(|item| json!(item)).collect();
                if let Some(Value::Array(before)) = kept.get_mut(name) {
                    before.append(&mut items);
                    continue;
                }
                json!(items)
            }
        };
        kept.insert(name.clone(), value);
    }
    Ok(kept)
}

/// An object of texts, which is how it reads back.
fn prune(text: &str) -> Result<Value, String> {
    let mut rules = Map::new();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let known = ["all", "last", "hourly", "daily", "weekly", "monthly", "yearly"];
        if !name.strip_prefix("keep-").is_some_and(|rule| known.contains(&rule)) {
            return Err(format!(
                "invalid format - format error\nprune-backups.{name}: property is not defined in schema and the schema does not allow additional properties\n"
            ));
        }
        rules.insert(name.to_owned(), json!(value));
    }
    if rules.contains_key("keep-all") && rules.len() > 1 {
        return Err("invalid format - keep-all cannot be set together with other options.\n".to_owned());
    }
    Ok(Value::Object(rules))
}
