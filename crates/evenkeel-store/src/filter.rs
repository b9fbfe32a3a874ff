//! Filters of the port as conditions in SQL.

use evenkeel_engine::store::{EventFilter, ResourceFilter, RunFilter};
use rusqlite::types::Value;

/// How many runs are given where nobody says how many.
const RUNS: usize = 50;

/// How many events are given where nobody says how many.
const EVENTS: usize = 1000;

/// A statement with its values.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Question {
    fn new(select: &str) -> Self {
        // Every condition can then begin with AND.
        Question { sql: format!("{select} WHERE true"), values: Vec::new() }
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(value.into());
    }

    /// Columns that must have these values. Where no index is `chosen` yet, the first column that is asked for chooses
    /// it, and no other: SQLite knows no better, and the caller does. (A plus keeps a column from choosing.)
    fn equal(&mut self, mut chosen: bool, columns: &[(&str, &Option<String>)]) {
        for (column, wanted) in columns {
            if let Some(wanted) = wanted {
                let plus = if chosen { "+" } else { "" };
                self.and(&format!("{plus}{column} = ?"), wanted.clone());
                chosen = true;
            }
        }
    }

    fn end(&mut self, order: &str, limit: Option<usize>) {
        self.sql.push_str(" ORDER BY ");
        self.sql.push_str(order);
        if let Some(limit) = limit {
            self.sql.push_str(" LIMIT ?");
            self.values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        }
    }
}

const BY_KEY: &str = "source, target, kind, name";

/// Records of the resources that `filter` lets through, by their keys.
pub(crate) fn resources(filter: &ResourceFilter) -> Question {
    let mut question = Question::new("SELECT record FROM resource");
    by_key(&mut question, filter);
    question.end(BY_KEY, None);
    question
}

/// Records of the inventory, by their keys.
pub(crate) fn inventory(source: Option<&str>) -> Question {
    let mut question = Question::new("SELECT record FROM inventory");
    if let Some(source) = source {
        question.and("source = ?", source.to_owned());
    }
    question.end(BY_KEY, None);
    question
}

/// Records of what still waits for a person's word, or for what it led to.
pub(crate) fn approvals_live(about: &ResourceFilter) -> Question {
    let mut question = Question::new("SELECT record FROM approval");
    question.sql.push_str(" AND ended IS NULL");
    by_key(&mut question, about);
    question.end("since, id", None);
    question
}

/// Records of what was decided and is over, the last first.
pub(crate) fn approvals_over(about: &ResourceFilter, limit: usize) -> Question {
    let mut question = Question::new("SELECT record FROM approval");
    question.sql.push_str(" AND ended IS NOT NULL");
    by_key(&mut question, about);
    question.end("ended DESC, id DESC", Some(limit));
    question
}

/// Of each subject that `filter` lets through the last observation until `at`, by their keys.
pub(crate) fn observed_at(filter: &ResourceFilter, at: i64) -> Question {
    let mut question = Question::new(
        "SELECT source, target, kind, name, object, at, state FROM subject
         JOIN observation ON observation.subject = subject.id",
    );
    question.and("at = (SELECT max(o.at) FROM observation o WHERE o.subject = subject.id AND o.at <= ?)", at);
    by_key(&mut question, filter);
    question.end(BY_KEY, None);
    question
}

/// The indexes on keys begin with the source and with the target; either will do.
fn by_key(question: &mut Question, filter: &ResourceFilter) {
    let wanted = [
        ("source", &filter.source),
        ("target", &filter.target),
        ("kind", &filter.kind),
        ("name", &filter.name),
    ];
    for (column, wanted) in wanted {
        if let Some(wanted) = wanted {
            question.and(&format!("{column} = ?"), wanted.clone());
        }
    }
}

/// Numbers and records of runs, the newest first.
pub(crate) fn runs(filter: &RunFilter) -> Question {
    let mut question = Question::new("SELECT id, record FROM run");
    if let Some(before) = filter.before {
        question.and("id < ?", before.0);
    }
    if let Some(name) = &filter.name {
        // One resource has few runs: from those to the rest.
        let kind = if filter.kind.is_some() { " AND kind = ?" } else { "" };
        question.and(&format!("id IN (SELECT run FROM run_entry WHERE name = ?{kind})"), name.clone());
        question.values.extend(filter.kind.clone().map(Value::from));
    } else if let Some(kind) = &filter.kind {
        // A kind has many: from the newest run on, each is asked.
        question
            .and("EXISTS (SELECT 1 FROM run_entry WHERE run_entry.run = run.id AND kind = ?)", kind.clone());
    }
    question.equal(filter.name.is_some(), &[("target", &filter.target), ("source", &filter.source)]);
    question.end("id DESC", Some(filter.limit.unwrap_or(RUNS)));
    question
}

/// Numbers and records of events: with `last` the newest first, else the oldest first.
pub(crate) fn events(filter: &EventFilter) -> Question {
    let mut question = Question::new("SELECT seq, record FROM event");
    if let Some(after) = filter.after {
        question.and("seq > ?", i64::try_from(after).unwrap_or(i64::MAX));
    }
    let about = &filter.about;
    question.equal(
        false,
        &[("name", &about.name), ("target", &about.target), ("source", &about.source), ("kind", &about.kind)],
    );
    match filter.last {
        Some(last) => question.end("seq DESC", Some(last.min(filter.limit.unwrap_or(last)))),
        None => question.end("seq", Some(filter.limit.unwrap_or(EVENTS))),
    }
    question
}

#[cfg(test)]
mod tests {
    use evenkeel_engine::store::RunId;
    use rusqlite::params_from_iter;

    use super::*;

    /// How SQLite goes about it.
    fn plan(question: &Question) -> String {
        let connection = crate::open::in_memory().unwrap();
        let mut ask = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", question.sql)).unwrap();
        let rows =
            ask.query_map(params_from_iter(&question.values), |row| row.get::<_, String>("detail")).unwrap();
        rows.map(|row| row.unwrap()).collect::<Vec<_>>().join("; ")
    }

    /// Every combination of what can be asked for.
    fn filters() -> Vec<ResourceFilter> {
        let wanted = |yes: bool| yes.then(|| "x".to_owned());
        let combine = |bits: u8| ResourceFilter {
            source: wanted(bits & 1 != 0),
            target: wanted(bits & 2 != 0),
            kind: wanted(bits & 4 != 0),
            name: wanted(bits & 8 != 0),
        };
        (0..16).map(combine).collect()
    }

    #[test]
    fn no_question_about_events_goes_through_all_of_them_or_sorts() {
        for about in filters() {
            for (after, last) in [(None, None), (Some(7), None), (Some(7), Some(3)), (None, Some(3))] {
                let anything = about == ResourceFilter::default();
                let filter = EventFilter { after, last, limit: None, about: about.clone() };
                let plan = plan(&events(&filter));
                // In the order of the numbers until the limit is reached is no going through all.
                assert!(
                    plan.starts_with("SEARCH event") || (anything && plan == "SCAN event"),
                    "{filter:?}: {plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
            }
        }
    }

    #[test]
    fn events_are_found_by_what_tells_most() {
        for about in filters() {
            let order = [
                ("name", &about.name),
                ("target", &about.target),
                ("source", &about.source),
                ("kind", &about.kind),
            ];
            let Some((first, _)) = order.iter().find(|(_, wanted)| wanted.is_some()) else { continue };
            let plan = plan(&events(&EventFilter { about: about.clone(), ..EventFilter::default() }));
            assert_eq!(plan, format!("SEARCH event USING INDEX event_{first} ({first}=?)"));
        }
    }

    #[test]
    fn no_question_about_runs_goes_through_all_of_them_or_sorts() {
        for about in filters() {
            for before in [None, Some(RunId(7))] {
                let ResourceFilter { source, target, kind, name } = about.clone();
                // Without anything to find them by, or with a kind alone, which most runs have: newest first until the limit.
                let newest_first = source.is_none() && target.is_none() && name.is_none();
                let filter = RunFilter { source, target, kind, name, before, limit: None };
                let plan = plan(&runs(&filter));
                assert!(
                    plan.starts_with("SEARCH run ") || (newest_first && plan.starts_with("SCAN run")),
                    "{plan}"
                );
                assert!(
                    !plan.contains("SCAN run_entry") && !plan.contains("TEMP B-TREE FOR ORDER"),
                    "{plan}"
                );
            }
        }
    }

    #[test]
    fn the_state_at_a_time_is_looked_up_for_each_object_and_not_searched() {
        for filter in filters() {
            let plan = plan(&observed_at(&filter, 7));
            assert!(!plan.contains("SCAN observation") && !plan.contains("SCAN o"), "{filter:?}: {plan}");
            assert!(plan.contains("subject=? AND at<?"), "{filter:?}: {plan}");
            let found_by = filter.source.is_some() || filter.target.is_some();
            assert!(!found_by || plan.contains("SEARCH subject"), "{filter:?}: {plan}");
        }
    }

    #[test]
    fn resources_are_found_by_source_or_target() {
        for filter in filters() {
            let found_by = filter.source.is_some() || filter.target.is_some();
            let plan = plan(&resources(&filter));
            assert!(!found_by || plan.starts_with("SEARCH resource USING INDEX"), "{filter:?}: {plan}");
        }
    }
}
