//! What became different between two times, and which run did it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::Registry;
use evenkeel_core::plan::{Action, InstanceId};
use evenkeel_engine::Verdict;
use evenkeel_engine::store::{Observation, ResourceKey, RunEntry, RunId, RunRecord};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An object that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    /// The resource.
    #[serde(flatten)]
    pub(crate) key: ResourceKey,
    /// The object, as it is called at the end.
    pub(crate) object: String,
    pub(crate) what: What,
    /// When it was first seen as it is at the end.
    pub(crate) seen: Timestamp,
    /// The run that created or removed it, where that is known.
    pub(crate) run: Option<RunId>,
    /// The fields, where it was there at both times.
    pub(crate) fields: Vec<FieldDifference>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum What {
    /// It is there at both times, with other values.
    Changed,
    /// It was absent, and is there.
    Created,
    /// It was there, and is absent.
    Gone,
    /// Nothing is known of it at the first time: nobody had looked, or that was forgotten. It may have been there.
    FirstSeen,
}

/// A field that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldDifference {
    pub(crate) path: FieldPath,
    /// What it was; `None` where it was not there.
    pub(crate) before: Option<Value>,
    /// What it is; `None` where it is not there any more.
    pub(crate) after: Option<Value>,
    /// The same for people.
    pub(crate) before_text: Option<String>,
    pub(crate) after_text: Option<String>,
    /// The run that wrote this value, where that is known.
    pub(crate) run: Option<RunId>,
}

/// The differences from `before` to `after` by key. `runs` are those in between, the newest first.
pub(crate) fn differences(
    before: &[Observation],
    after: &[Observation],
    runs: &[RunRecord],
    registry: &Registry,
) -> Vec<Difference> {
    let before: BTreeMap<&ResourceKey, &Observation> = before.iter().map(|seen| (&seen.key, seen)).collect();
    let sent = Sent::of(runs);
    after.iter().filter_map(|now| difference(before.get(&now.key).copied(), now, &sent, registry)).collect()
}

/// For what something was sent: of each resource of a source its entries in runs, the newest first. Ten thousand
/// resources, each with fields, are asked for.
struct Sent<'r>(HashMap<(&'r str, &'r InstanceId), Vec<(RunId, &'r RunEntry)>>);

impl<'r> Sent<'r> {
    /// `runs`, the newest first.
    fn of(runs: &'r [RunRecord]) -> Self {
        let mut sent: HashMap<_, Vec<_>> = HashMap::new();
        for run in runs {
            for entry in run.entries.iter().filter(|entry| was_sent(&entry.verdict)) {
                sent.entry((run.source.as_str(), &entry.id)).or_default().push((run.id, entry));
            }
        }
        Sent(sent)
    }

    /// The newest of the runs that sent something for a resource of which `did` says something.
    fn who<T>(&self, key: &ResourceKey, did: impl Fn(&RunEntry) -> Option<T>) -> Option<(RunId, T)> {
        let entries = self.0.get(&(key.source.as_str(), &key.id))?;
        entries.iter().find_map(|(run, entry)| Some((*run, did(entry)?)))
    }
}

fn difference(
    before: Option<&Observation>,
    after: &Observation,
    sent: &Sent<'_>,
    registry: &Registry,
) -> Option<Difference> {
    let run = |actions: &[Action]| {
        let did = |entry: &RunEntry| actions.contains(&entry.action).then_some(());
        sent.who(&after.key, did).map(|(run, ())| run)
    };
    let (what, run, fields) = match (before.map(|seen| &seen.state), &after.state) {
        (None, Some(_)) => (What::FirstSeen, run(&[Action::Create]), Vec::new()),
        (Some(None), Some(_)) => (What::Created, run(&[Action::Create, Action::Replace]), Vec::new()),
        (Some(Some(_)), None) => (What::Gone, run(&[Action::Delete, Action::Replace]), Vec::new()),
        (None | Some(None), None) => return None,
        (Some(Some(old)), Some(new)) => {
            let fields = fields(old, new, &after.key, sent, registry);
            let is_other = before.is_some_and(|seen| seen.object != after.object);
            if fields.is_empty() && !is_other {
                return None;
            }
            (What::Changed, None, fields)
        }
    };
    Some(Difference {
        key: after.key.clone(),
        object: after.object.clone(),
        what,
        seen: after.at,
        run,
        fields,
    })
}

/// Every value that is in one of both only, or is another one in the other, by path.
fn fields(
    old: &Value,
    new: &Value,
    key: &ResourceKey,
    sent: &Sent<'_>,
    registry: &Registry,
) -> Vec<FieldDifference> {
    let mut differing = Vec::new();
    let is_unit = |path: &FieldPath, value: &Value| by_driver(registry, &key.id.kind, path, value).is_some();
    compare(&mut Vec::new(), Some(old), Some(new), &is_unit, &mut differing);
    differing
        .into_iter()
        .map(|(path, before, after)| {
            let text = |value: Option<&Value>| value.map(|value| shown(registry, &key.id.kind, &path, value));
            FieldDifference {
                before: before.cloned(),
                after: after.cloned(),
                before_text: text(before),
                after_text: text(after),
                run: writer(sent, key, &path, after),
                path,
            }
        })
        .collect()
}

/// A path, and the values at it before and after.
type Pair<'v> = (FieldPath, Option<&'v Value>, Option<&'v Value>);

/// Maps are compared key by key, except those that are one value to their driver. `path` is the way to both; it is as
/// before afterwards.
fn compare<'v>(
    path: &mut Vec<&'v str>,
    old: Option<&'v Value>,
    new: Option<&'v Value>,
    is_unit: &impl Fn(&FieldPath, &Value) -> bool,
    out: &mut Vec<Pair<'v>>,
) {
    let present = |value: &&Value| !value.is_null();
    let (old, new) = (old.filter(present), new.filter(present));
    if old == new {
        return;
    }
    let here = FieldPath::of(path.iter().copied());
    let map = |value: Option<&'v Value>| match value {
        None => Some(None),
        Some(Value::Object(map)) => Some(Some(map)),
        Some(_) => None,
    };
    let is_one = || [old, new].into_iter().flatten().any(|value| is_unit(&here, value));
    match (map(old), map(new)) {
        (Some(before), Some(after)) if !is_one() => {
            let keys: BTreeSet<&String> =
                before.into_iter().chain(after).flat_map(|map| map.keys()).collect();
            for key in keys {
                path.push(key);
                compare(path, before.and_then(|m| m.get(key)), after.and_then(|m| m.get(key)), is_unit, out);
                path.pop();
            }
        }
        _ => out.push((here, old, new)),
    }
}

/// A value as its driver shows it to people, where it has words of its own for it.
fn by_driver(registry: &Registry, kind: &str, path: &FieldPath, value: &Value) -> Option<String> {
    registry.of_kind(kind).find_map(|driver| driver.show(path, value))
}

/// A value for people.
fn shown(registry: &Registry, kind: &str, path: &FieldPath, value: &Value) -> String {
    by_driver(registry, kind, path, value)
        .unwrap_or_else(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The run that last wrote this field, if what it wrote is what is there.
fn writer(sent: &Sent<'_>, key: &ResourceKey, path: &FieldPath, after: Option<&Value>) -> Option<RunId> {
    let wrote = |entry: &RunEntry| {
        let field = entry.fields.iter().find(|field| field.change.path == *path)?;
        Some(field.change.after.as_ref() == after)
    };
    sent.who(key, wrote).filter(|(_, as_it_is)| *as_it_is).map(|(run, _)| run)
}

/// True where something may have been sent for it.
fn was_sent(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Applied
        | Verdict::Drifted { .. }
        | Verdict::Failed { .. }
        | Verdict::Halted { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Unknown { .. } => true,
        Verdict::Unchanged
        | Verdict::Held { .. }
        | Verdict::Skipped { .. }
        | Verdict::Stale { .. }
        | Verdict::NotStarted => false,
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::diff::FieldChange;
    use evenkeel_core::plan::Field;
    use evenkeel_engine::RunSummary;
    use evenkeel_engine::controller::{Intent, Trigger};
    use evenkeel_engine::store::RunState;
    use serde_json::json;

    use super::*;

    fn key(name: &str) -> ResourceKey {
        let id = InstanceId { target: "alpha".into(), kind: "ZfsDataset".into(), name: name.into() };
        ResourceKey { source: "site".into(), id }
    }

    fn seen(name: &str, state: Option<Value>) -> Observation {
        let at = Timestamp::from_second(1_790_000_000).unwrap();
        Observation { key: key(name), object: format!("tank/{name}"), at, state }
    }

    fn run(id: i64, action: Action, fields: &[(&str, &str)]) -> RunRecord {
        let field = |(path, after): &(&str, &str)| Field {
            change: FieldChange {
                path: FieldPath::of(path.split('.')),
                before: None,
                after: Some(json!(after)),
            },
            before_text: String::new(),
            after_text: String::new(),
        };
        let entry = RunEntry {
            id: key("vm").id,
            object: "tank/vm".into(),
            intent: Intent::Intentional,
            action,
            fields: fields.iter().map(field).collect(),
            verdict: Verdict::Applied,
            approval: None,
        };
        RunRecord {
            id: RunId(id),
            source: "site".into(),
            target: "alpha".into(),
            trigger: Trigger::Push,
            by: None,
            revision: "abc".into(),
            started: Timestamp::from_second(1_790_000_000).unwrap(),
            finished: None,
            state: RunState::Done,
            entries: vec![entry],
            commands: Vec::new(),
            summary: RunSummary::default(),
        }
    }

    fn found(before: &[Observation], after: &[Observation], runs: &[RunRecord]) -> Vec<Difference> {
        differences(before, after, runs, &Registry::default())
    }

    #[test]
    fn fields_come_go_and_change() {
        let before =
            [seen("vm", Some(json!({"p": {"atime": "on", "quota": 5}, "gone": {"a": 1}, "same": null})))];
        let after = [seen("vm", Some(json!({"p": {"atime": "off", "quota": 5}, "new": [1], "gone": null})))];
        let found = found(&before, &after, &[]);
        let fields: Vec<_> = found[0]
            .fields
            .iter()
            .map(|f| (f.path.to_string(), f.before_text.as_deref(), f.after_text.as_deref()))
            .collect();
        let want = [
            ("gone.a".to_owned(), Some("1"), None),
            ("new".to_owned(), None, Some("[1]")),
            ("p.atime".to_owned(), Some("on"), Some("off")),
        ];
        assert_eq!((found.len(), found[0].what, fields), (1, What::Changed, want.to_vec()));
    }

    #[test]
    fn what_is_one_value_to_its_driver_is_one_here() {
        let state = |atime: Value| Some(json!({"properties": {"atime": atime}}));
        let default = json!({"value": "on", "source": "default"});
        let inherited = json!({"value": "on", "source": "inherited from tank"});
        let texts = |before: &Value, after: &Value| {
            let both = [before, after].map(|value| seen("vm", state(value.clone())));
            let found = differences(&both[..1], &both[1..], &[], &evenkeel_drivers::registry());
            let field = found[0].fields[0].clone();
            assert_eq!((found[0].fields.len(), field.path.to_string().as_str()), (1, "properties.atime"));
            (field.before_text.unwrap(), field.after_text.unwrap())
        };
        assert_eq!(texts(&default, &json!("off")), ("on (default)".into(), "off".into()));
        assert_eq!(texts(&default, &inherited), ("on (default)".into(), "on (inherited from tank)".into()));
    }

    #[test]
    fn objects_come_and_go_and_unknown_is_not_absent() {
        let there = || Some(json!({"a": 1}));
        let before =
            [seen("came", None), seen("went", there()), seen("stayed", there()), seen("never", None)];
        let after = ["came", "went", "stayed", "never", "first", "nothing"].map(|name| match name {
            "came" | "stayed" | "first" => seen(name, there()),
            _ => seen(name, None),
        });
        let found: Vec<_> =
            found(&before, &after, &[]).into_iter().map(|d| (d.key.id.name, d.what)).collect();
        let want = [("came", What::Created), ("went", What::Gone), ("first", What::FirstSeen)];
        assert_eq!(found, want.map(|(name, what)| (name.to_owned(), what)));
    }

    #[test]
    fn the_run_is_named_that_wrote_what_is_there() {
        let before = [seen("vm", Some(json!({"p": {"atime": "on", "sync": "standard"}})))];
        let after = [seen("vm", Some(json!({"p": {"atime": "off", "sync": "always"}})))];
        let runs = [
            run(9, Action::Update, &[("p.sync", "disabled")]),
            run(8, Action::Update, &[("p.atime", "off"), ("p.sync", "always")]),
            run(7, Action::Update, &[("p.atime", "off")]),
        ];
        let found = found(&before, &after, &runs);
        let runs: Vec<_> = found[0].fields.iter().map(|f| (f.path.to_string(), f.run)).collect();
        // Run 9 wrote another value than what is there: somebody else came after it.
        assert_eq!(runs, [("p.atime".to_owned(), Some(RunId(8))), ("p.sync".to_owned(), None)]);
    }

    #[test]
    fn a_run_that_created_is_named() {
        let found =
            found(&[seen("vm", None)], &[seen("vm", Some(json!({"a": 1})))], &[run(3, Action::Create, &[])]);
        assert_eq!((found[0].what, found[0].run), (What::Created, Some(RunId(3))));
    }
}
