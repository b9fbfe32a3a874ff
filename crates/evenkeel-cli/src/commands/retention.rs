//! `evenkeel retention preview`: which copies rules would keep, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::Path;

use evenkeel_core::backup::{Decision, Member, Retention, Zone, slot_of};
use evenkeel_core::diagnostic::Diagnostic;
use evenkeel_core::driver::Finding;
use evenkeel_core::manifest::{MAX_FILE_BYTES, SourceFile, read_plain};
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_core::request::Replies;
use evenkeel_engine::{Clock as _, SystemClock};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::args::{Output, PreviewRetention, Rules, RulesCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{inputs, times, ui};

pub(crate) fn run(args: &Rules, output: Output) -> Result<Exit, CliError> {
    match &args.command {
        RulesCommand::Preview(args) => preview(args, output),
    }
}

fn preview(args: &PreviewRetention, output: Output) -> Result<Exit, CliError> {
    let zone = zone(args.time_zone.as_deref())?;
    let clock = SystemClock.now();
    let now = args.now.as_deref().map_or(Ok(clock), |text| times::parse(text, clock, &zone.zone))?;
    let policy = read(&policy_file(&args.policy)?, Retention::check)?;
    let copies: Vec<Written> =
        read(&input(&args.input)?, |copies: &Vec<Written>| unknown_times(copies, &zone.zone))?;
    let members: Vec<Member> = copies.into_iter().filter_map(|copy| copy.member(&zone.zone)).collect();
    let decision = policy.decide(&members, now, &zone.zone);
    match output {
        Output::Human => ui::show_decision(&decision, now, &zone),
        Output::Json => ui::print_json(&to_json(&policy, &decision, now, &zone))?,
    }
    Ok(Exit::Done)
}

/// The zone that is named, else that of this machine.
fn zone(named: Option<&str>) -> Result<Zone, CliError> {
    let Some(name) = named else {
        let zone = TimeZone::system();
        let name = zone.iana_name().unwrap_or("this machine's").to_owned();
        return Ok(Zone { name, zone });
    };
    Zone::read(Some(name), &Replies::default())
        .map_err(|error| CliError::new(format!("--time-zone: {error}")).hint_if_any(error.hint()))
}

/// The rules as a file: the one that is named, or one rule per line for those that stand on the command line.
fn policy_file(policy: &str) -> Result<SourceFile, CliError> {
    if !policy.contains('=') || Path::new(policy).exists() {
        let hint = "write rules as keepLast=3,keepDaily=7, or name a file that holds them";
        return inputs::read_file(Path::new(policy)).map_err(|error| error.hint(hint));
    }
    let mut rules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in policy.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
        let (name, value) = rule
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .filter(|(name, value)| plain(name) && plain(value))
            .ok_or_else(|| {
                CliError::new(format!("--policy: `{rule}` is no rule")).hint("write keepLast=3,keepDaily=7")
            })?;
        rules.entry(name).or_default().push(value);
    }
    let line = |(name, values): (&str, Vec<&str>)| match (name, values.as_slice()) {
        ("keepTags", _) => format!("keepTags: [{}]\n", values.join(", ")),
        (_, [value]) => format!("{name}: {value}\n"),
        // Written as it stands, so that the reader says that it stands there twice.
        _ => values.iter().map(|value| format!("{name}: {value}\n")).collect::<Vec<_>>().concat(),
    };
    let text: String = rules.into_iter().map(line).collect();
    Ok(SourceFile { path: "--policy".to_owned(), bytes: text.into_bytes() })
}

fn input(path: &Path) -> Result<SourceFile, CliError> {
    if path != Path::new("-") {
        return inputs::read_file(path);
    }
    let mut bytes = Vec::new();
    // One more byte than the reader takes, so that it can say that it is too much.
    std::io::stdin()
        .take(u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::new("cannot read standard input").because(error))?;
    Ok(SourceFile { path: "standard input".to_owned(), bytes })
}

/// The value in a file; its problems are shown, and end the command where one is an error.
fn read<T: serde::de::DeserializeOwned>(
    file: &SourceFile,
    check: impl FnOnce(&T) -> Vec<Finding>,
) -> Result<T, CliError> {
    let (value, diagnostics): (Option<T>, Vec<Diagnostic>) = read_plain(file, check);
    ui::show_diagnostics(&diagnostics);
    value.ok_or_else(|| {
        CliError::new(format!("{} cannot be used as it is", file.path)).diagnostics(&diagnostics)
    })
}

/// Local times that do not exist in the zone's calendar at all: those at the end of time.
fn unknown_times(copies: &[Written], zone: &TimeZone) -> Vec<Finding> {
    let unknown = |(index, copy): (usize, &Written)| {
        copy.at
            .in_zone(zone)
            .is_none()
            .then(|| Finding::error([index.to_string()], "this time is out of range"))
    };
    copies.iter().enumerate().filter_map(unknown).collect()
}

/// A copy as it is written: a time alone, or with what else is known.
struct Written {
    at: Time,
    verified: bool,
    tags: BTreeSet<String>,
    protected: Option<String>,
}

impl Written {
    fn member(self, zone: &TimeZone) -> Option<Member> {
        let at = self.at.in_zone(zone)?;
        Some(Member { at, verified: self.verified, tags: self.tags, protected: self.protected })
    }
}

/// [`Written`], written as a mapping.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    at: Time,
    #[serde(default = "yes")]
    verified: bool,
    #[serde(default)]
    tags: BTreeSet<String>,
    protected: Option<Protection>,
}

fn yes() -> bool {
    true
}

/// Why a copy is protected, or only that it is.
struct Protection(Option<String>);

/// A time that may still need a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Known(Timestamp),
    Local(DateTime),
}

impl Time {
    fn in_zone(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Time::Known(at) => Some(at),
            Time::Local(local) => local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp()),
        }
    }

    fn parse(text: &str) -> Option<Time> {
        let known = text.parse::<Timestamp>().ok().or_else(|| slot_of(text));
        known.map(Time::Known).or_else(|| text.parse::<DateTime>().ok().map(Time::Local))
    }
}

const NO_TIME: &str = "write 2026-11-20T02:00:00Z, a local time such as 2026-11-20T02:00, a slot such as \
                       20261120T020000Z, or seconds since 1970";

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).ok_or_else(|| E::custom(format!("`{text}` is no time: {NO_TIME}")))
            }

            fn visit_i64<E: Error>(self, second: i64) -> Result<Time, E> {
                let at = Timestamp::from_second(second);
                at.map(Time::Known).map_err(|_| E::custom(format!("{second} is no time: {NO_TIME}")))
            }

            fn visit_u64<E: Error>(self, second: u64) -> Result<Time, E> {
                self.visit_i64(i64::try_from(second).unwrap_or(i64::MAX))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl<'de> Deserialize<'de> for Protection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Protection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("why it is protected, or true or false")
            }

            fn visit_bool<E: Error>(self, protected: bool) -> Result<Protection, E> {
                Ok(Protection(protected.then(|| "yes".to_owned())))
            }

            fn visit_str<E: Error>(self, why: &str) -> Result<Protection, E> {
                Ok(Protection(Some(why.to_owned())))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time, or a mapping with `at`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
                Time::deserialize(serde::de::value::StrDeserializer::new(text)).map(only)
            }

            fn visit_i64<E: Error>(self, second: i64) -> Result<Written, E> {
                Time::deserialize(serde::de::value::I64Deserializer::new(second)).map(only)
            }

            fn visit_u64<E: Error>(self, second: u64) -> Result<Written, E> {
                self.visit_i64(i64::try_from(second).unwrap_or(i64::MAX))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
                let Fields { at, verified, tags, protected } =
                    Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Written { at, verified, tags, protected: protected.and_then(|Protection(why)| why) })
            }
        }
        deserializer.deserialize_any(Words)
    }
}

fn only(at: Time) -> Written {
    Written { at, verified: true, tags: BTreeSet::new(), protected: None }
}

fn to_json(policy: &Retention, decision: &Decision, now: Timestamp, zone: &Zone) -> Value {
    let keep: Vec<Value> =
        decision.keep.iter().map(|(at, reasons)| json!({ "at": at, "reasons": reasons })).collect();
    json!({
        "formatVersion": FORMAT_VERSION,
        "now": now,
        "timeZone": zone.name,
        "policy": policy,
        "keep": keep,
        "remove": decision.remove,
        "alarm": decision.alarm,
    })
}
