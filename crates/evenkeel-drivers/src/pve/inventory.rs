//! Every job of a cluster, as the manifest that would leave it as it is.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Found, ObserveError};
use evenkeel_core::request::Replies;
use serde_json::{Map, Value, json};

use super::cluster::{self, Job};
use super::prune::Prune;
use super::settings::{SETTINGS, Selection};

pub(super) fn inventory(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    if cluster::has_no_interface(replies.get(&cluster::jobs_query())?) {
        return Ok(Vec::new());
    }
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

#[cfg(test)]
mod tests {
    use evenkeel_core::request::Reply;

    use super::*;

    fn listed(exit: i32, stderr: &str) -> Result<usize, ObserveError> {
        let mut replies = Replies::default();
        let reply = Reply { exit, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() };
        replies.insert(cluster::jobs_query(), Ok(reply));
        inventory(&replies).map(|found| found.len())
    }

    #[test]
    fn a_host_without_pvesh_has_no_jobs_and_one_that_refuses_is_unknown() {
        assert_eq!(listed(127, "/bin/sh: 1: pvesh: not found"), Ok(0));
        assert_eq!(listed(1, "sudo: pvesh: command not found"), Ok(0));
        for (exit, stderr) in
            [(1, "sudo: a password is required"), (255, "please run as root"), (403, ""), (0, "")]
        {
            assert!(listed(exit, stderr).is_err(), "{exit} {stderr}");
        }
    }
}
