//! The time zone of a schedule: the one that it names, else the target's own.
//!
//! Zones come from the database that is part of the program, so that they mean the same wherever it runs.

use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::driver::ObserveError;
use crate::request::{Exec, Query, Replies, Reply, Request};

/// Finds the time zone that a schedule means by local time: it is asked of the target, so that a workstation and a
/// controller elsewhere mean the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name in the tz database: for plans.
    pub name: String,
    /// The zone.
    pub zone: TimeZone,
}

/// What stands before a zone's name in the path that `/etc/localtime` leads to.
const FOLDER: &str = "/zoneinfo/";

impl Zone {
    /// What to ask of the target; asked in rounds like [`crate::driver::Driver::queries`]. Nothing where `named`.
    pub fn queries(named: Option<&str>, so_far: &Replies) -> Vec<Query> {
        if named.is_some() {
            return Vec::new();
        }
        let mut queries = vec![link()];
        if so_far.get(&link()).is_ok_and(|reply| linked(reply).is_none()) {
            queries.extend(files());
        }
        queries
    }

    /// The zone that is `named`, else the target's own. A zone that is not known is an error that names `timeZone`.
    pub fn read(named: Option<&str>, replies: &Replies) -> Result<Zone, ObserveError> {
        if let Some(name) = named {
            return self::named(name).map_err(|(message, hint)| unfit(message, hint));
        }
        let mut name = linked(replies.get(&link())?);
        if name.is_none() {
            for query in files() {
                name = name.or(written(replies.get(&query)?));
            }
        }
        let Some(name) = name else {
            let message = "the target does not say in which time zone it is: /etc/localtime leads to no zone, and neither \
                /etc/timezone nor /var/db/zoneinfo names one";
            return Err(unfit(
                message.to_owned(),
                "write `timeZone`, for instance `timeZone: Asia/Tokyo`".to_owned(),
            ));
        };
        self::named(&name).map_err(|(_, _)| {
            let message = format!("the target is in the time zone `{name}`, which is not known");
            unfit(message, "write `timeZone`, for instance `timeZone: Asia/Tokyo`".to_owned())
        })
    }
}

fn unfit(message: String, hint: String) -> ObserveError {
    let path = vec!["schedule".to_owned(), "timeZone".to_owned()];
    ObserveError::Unfit { path, message, hint: Some(hint) }
}

fn link() -> Query {
    Query::reading(Request::Exec(Exec::new(["readlink", "-f", "/etc/localtime"])))
}

/// Debian's file, and FreeBSD's.
fn files() -> [Query; 2] {
    ["/etc/timezone", "/var/db/zoneinfo"].map(|file| Query::reading(Request::Exec(Exec::new(["cat", file]))))
}

/// The zone in the path that the link leads to.
fn linked(reply: &Reply) -> Option<String> {
    let text = String::from_utf8_lossy(&reply.stdout);
    let (_, name) = text.trim().split_once(FOLDER).filter(|_| reply.exit == 0)?;
    let name = name.strip_prefix("posix/").or_else(|| name.strip_prefix("right/")).unwrap_or(name);
    // Debian's name for a link that nobody chose is no zone.
    (name != "localtime" && !name.is_empty()).then(|| name.to_owned())
}

/// The zone in a file that holds only that.
fn written(reply: &Reply) -> Option<String> {
    let text = String::from_utf8_lossy(&reply.stdout);
    let name = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    (reply.exit == 0).then(|| name.to_owned())
}

/// The zone of this name; or what is wrong, and what to write.
pub(super) fn named(name: &str) -> Result<Zone, (String, String)> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let zones = ZONES.get_or_init(TimeZoneDatabase::bundled);
    if let Ok(zone) = zones.get(name) {
        // As the database writes it, not as the manifest does.
        let name = zone.iana_name().unwrap_or(name).to_owned();
        return Ok(Zone { name, zone });
    }
    let wanted = name.to_lowercase();
    let distance = |zone: &str| {
        let zone = zone.to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or(&zone);
        strsim::osa_distance(&wanted, &zone).min(strsim::osa_distance(&wanted, city))
    };
    // No zone's name is as long as that, and comparing takes time with the length.
    let zones = zones.available().filter(|_| wanted.len() < 50);
    let near = zones.map(|zone| (distance(zone.as_str()), zone.as_str().to_owned())).min();
    let near = near.filter(|(distance, _)| *distance <= wanted.chars().count() / 3).map(|(_, zone)| zone);
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name of the tz database, such as `Europe/Berlin` or `UTC`".to_owned(),
    };
    Err((format!("the time zone `{name}` is not known"), hint))
}
