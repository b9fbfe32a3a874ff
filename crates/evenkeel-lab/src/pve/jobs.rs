//! `/cluster/backup`: the jobs.

use evenkeel_core::backup::{Schedule, Zone};
use evenkeel_core::request::Replies;
use serde_json::{Map, Value, json};

use super::rules::{is_setting, kept};
use super::{ApiAnswer, Params, PveHost};

impl PveHost {
    pub(super) fn list_jobs(&self) -> ApiAnswer {
        let listed = self.jobs.values().map(|job| {
            let mut job = job.clone();
            if let Some(next) = self.next_run(&job) {
                job.insert("next-run".to_owned(), json!(next));
            }
            Value::Object(job)
        });
        ApiAnswer::ok(&listed.collect())
    }

    fn next_run(&self, job: &Map<String, Value>) -> Option<i64> {
        let calendar = job.get("schedule")?.as_str()?.to_owned();
        let schedule = Schedule { calendar: Some(calendar), ..Schedule::default() };
        let zone = Zone::read(Some(&self.zone), &Replies::default()).ok()?;
        let is_enabled = job.get("enabled") != Some(&json!(0));
        Some(schedule.slot_after(self.now, &zone.zone).filter(|_| is_enabled)?.as_second())
    }

    pub(super) fn read_job(&self, id: &str) -> ApiAnswer {
        match self.jobs.get(id) {
            Some(job) => ApiAnswer::ok(&json!(job)),
            None => ApiAnswer::bad_parameter("id", &format!("No such job '{id}'")),
        }
    }

    pub(super) fn create_job(&mut self, params: &Params) -> ApiAnswer {
        let given =
            |name: &str| params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let mut job = match kept(params) {
            Ok(job) => job,
            Err(answer) => return *answer,
        };
        if !job.contains_key("schedule") {
            let Some(time) = given("starttime") else {
                return ApiAnswer::bad_parameter("schedule", "neither 'starttime' nor 'schedule' were set");
            };
            let days = given("dow").map(|days| format!("{days} ")).unwrap_or_default();
            job.insert("schedule".to_owned(), json!(format!("{days}{time}")));
        }
        let id = given("id").map_or_else(|| format!("backup-{}", self.jobs.len()), str::to_owned);
        if self.jobs.contains_key(&id) {
            return ApiAnswer::died(500, &format!("Job '{id}' already exists"));
        }
        if let Some(answer) = settle(&mut job) {
            return answer;
        }
        job.entry("enabled").or_insert(json!(1));
        job.insert("type".to_owned(), json!("vzdump"));
        job.insert("id".to_owned(), json!(id));
        self.jobs.insert(id, job);
        ApiAnswer::ok(&Value::Null)
    }

    pub(super) fn update_job(&mut self, id: &str, params: &Params) -> ApiAnswer {
        let changes = match kept(params) {
            Ok(changes) => changes,
            Err(answer) => return *answer,
        };
        let Some(mut job) = self.jobs.get(id).cloned() else {
            return ApiAnswer::bad_parameter_of_daemon("id", &format!("No such job '{id}'"));
        };
        let deleted =
            params.iter().filter(|(name, _)| name == "delete").flat_map(|(_, value)| value.split(','));
        for name in deleted {
            if !is_setting(name) {
                return ApiAnswer::bad_parameter_of_daemon("delete", &format!("unknown option '{name}'"));
            }
            job.remove(name);
        }
        let chooses = ["vmid", "all", "pool"]
            .into_iter()
            .find(|name| changes.get(*name).is_some_and(|v| *v != json!(0)));
        job.extend(changes);
        let others: &[&str] = match chooses {
            Some("vmid") => &["all", "exclude", "pool"],
            Some("all") => &["vmid", "pool"],
            Some(_) => &["all", "exclude", "vmid"],
            None => &[],
        };
        for name in others {
            job.remove(*name);
        }
        if let Some(answer) = settle(&mut job) {
            return answer;
        }
        self.jobs.insert(id.to_owned(), job);
        ApiAnswer::ok(&Value::Null)
    }

    pub(super) fn delete_job(&mut self, id: &str) -> ApiAnswer {
        match self.jobs.remove(id) {
            Some(_) => ApiAnswer::ok(&Value::Null),
            None => ApiAnswer::bad_parameter_of_daemon("id", &format!("No such job '{id}'")),
        }
    }
}

/// What a job chooses must be one thing; the answer to one that does not.
fn settle(job: &mut Map<String, Value>) -> Option<ApiAnswer> {
    if job.contains_key("exclude") && !job.contains_key("pool") {
        job.insert("all".to_owned(), json!(1));
    }
    let all = job.get("all") == Some(&json!(1));
    if all && job.contains_key("vmid") {
        return Some(ApiAnswer::bad_parameter_of_daemon("all", "option conflicts with option 'vmid'"));
    }
    if !all && !job.contains_key("vmid") && !job.contains_key("pool") {
        return Some(ApiAnswer::bad_parameter_of_daemon("vmid", "property is missing"));
    }
    None
}
