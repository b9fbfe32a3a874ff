//! Every job of a cluster, as the manifest that would leave it as it is.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Found, ObserveError};
use evenkeel_core::request::Replies;
use serde_json::{Map, Value, json};

use super::cluster::{self, Job};
use super::prune::Prune;
use super::settings::{SETTINGS, Selection};

pub(super) fn inventory(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    let jobs = cluster::jobs(replies)?;
    // A job that no manifest can describe, such as one for a folder instead of a storage, is left out.
    Ok(jobs.0.iter().filter_map(|(id, job)| found(id, job)).collect())
}

/// A dataset on the same host, say, may have the same name as a job.
pub(super) fn object(id: &str) -> String {
    format!("job {id}")
}

fn found(id: &str, job: &Job) -> Option<Found> {
    let guests = match Selection::read(job)? {
        Selection::All => json!("all"),
        Selection::Ids(ids) => json!(ids),
        Selection::Pool(pool) => json!({ "pool": pool }),
    };
    let mut settings = Map::from_iter([("id".to_owned(), json!(id)), ("guests".to_owned(), guests)]);
    let mut spec = BTreeMap::new();
    for setting in SETTINGS {
        let Some(value) = setting.seen(job).ok()? else { continue };
        match setting.name {
            "schedule" => drop(spec.insert("schedule".to_owned(), json!({ "calendar": value }))),
            "retention" => drop(spec.insert("retention".to_owned(), rules(&value)?)),
            // What counts where nothing is set needs no mention.
            name if job.contains_key(setting.api) => drop(settings.insert(name.to_owned(), value)),
            _ => {}
        }
    }
    settings.get("storage")?;
    spec.get("schedule")?;
    spec.insert("pveJob".to_owned(), Value::Object(settings));
    Some(Found { object: object(id), spec, owner: None })
}

/// `keepLast: 3` for `keep-last=3`.
fn rules(written: &Value) -> Option<Value> {
    let mut rules = Map::new();
    for (rule, number) in Prune::read(written)?.rules() {
        let mut name = "keep".to_owned();
        let period = rule.strip_prefix("keep-")?;
        name.extend(period.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(period.chars().skip(1)));
        rules.insert(name, json!(number));
    }
    Some(Value::Object(rules))
}
