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
