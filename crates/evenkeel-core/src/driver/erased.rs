//! Drivers without their types, so that the registry, planner and engine can hold any of them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::{
    Attribution, Delta, Demand, Drift, Driver, Finding, Found, Marked, ObserveError, Observed, Proof, Report,
    Restoration, Step, Use, Verifications, Wish,
};
use crate::diff::{FieldChange, FieldPath, unmet};
use crate::manifest::{Node, Problems, read_spec};
use crate::plan::{Action, InstanceId};
use crate::request::{Query, Replies};

/// A spec whose type only its driver knows.
pub type ErasedSpec = Arc<dyn Any + Send + Sync>;

/// What a driver makes of one instance: everything that the planner needs, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluation {
    /// Something is at work on the object.
    Busy {
        /// What is at work.
        reason: String,
    },
    /// The object was observed.
    Known {
        /// What there is to do.
        action: Action,
        /// The observed State; `None` where the object is absent.
        observed: Option<Value>,
        /// The fields that differ.
        changes: Vec<FieldChange>,
        /// The writes that close the difference.
        steps: Vec<Step>,
        /// The fields that differ and are left alone, because the manifest says so.
        ignored: Vec<FieldPath>,
        /// For a Create: the containing object, where that is missing too.
        lacks: Option<String>,
        /// What there is to tell beside the difference.
        report: Box<Report>,
    },
}

/// What a resource says about all that is done for it, whatever its kind.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The owner that goes into the mark on what is created.
    pub owner: &'a str,
    /// Fields (dotted paths, with everything below them) that are given to a new object and then left alone.
    pub ignore: &'a [String],
    /// The resource and its target.
    pub id: &'a InstanceId,
    /// What is told of it besides what the plan needs itself.
    pub keep: Keep,
}

/// What is kept of what was observed, besides what a plan needs itself: it costs time, and most look at none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The State, also of what is as it shall be.
    pub seen: bool,
    /// [`Report::table`]
    pub table: bool,
}

/// What a resource claims: an object, and the fields of it with their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The object's name on the target.
    pub name: String,
    /// The fields claimed, as leaves of the desired State.
    pub claims: Vec<(FieldPath, Value)>,
}

/// [`Driver`] with its types erased; a blanket implementation gives it to every driver.
///
/// Methods that take an [`ErasedSpec`] expect one from the same driver's [`ErasedDriver::read`]; any other is
/// a mistake in the program and yields the empty answer or an [`ObserveError::NotAsked`].
pub trait ErasedDriver: Send + Sync {
    /// [`Driver::KIND`]
    fn kind(&self) -> &'static str;
    /// [`Driver::BACKEND`]
    fn backend(&self) -> Option<&'static str>;
    /// [`Driver::VOLATILE`]
    fn volatile(&self) -> &'static [&'static str];
    /// [`Driver::EXCLUSIVE`]
    fn is_exclusive(&self) -> bool;
    /// [`Driver::SCHEDULED`]
    fn is_scheduled(&self) -> bool;
    /// [`Driver::ROLLING`]
    fn is_rolling(&self) -> bool;
    /// The JSON Schema of the driver's part of `spec`.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Reads and checks a spec. Problems go to `problems`; `None` where it could not be read.
    fn read(&self, spec: &Node, problems: &mut Problems) -> Option<ErasedSpec>;
    /// [`Driver::object`], and what the spec claims of it whatever the target's state.
    fn object(&self, spec: &ErasedSpec, now: Timestamp) -> Object;
    /// [`Driver::queries`]
    fn queries(&self, spec: &ErasedSpec, so_far: &Replies) -> Vec<Query>;
    /// Observes, compares and says what to write: [`Driver::observe`] to [`Driver::steps`] in one.
    fn evaluate(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Result<Evaluation, ObserveError>;
    /// What it wants of the object as that was read, as leaves of the desired State: more than [`Object::claims`] where
    /// only the target tells which fields there are. Empty where that is not known. `whose`: the owner, and the resource that asks.
    fn wants(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        whose: (&str, &InstanceId),
        now: Timestamp,
    ) -> Vec<(FieldPath, Value)>;
    /// [`Driver::measure`]
    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError>;
    /// [`Driver::uses`]
    fn uses(&self, spec: &ErasedSpec) -> Vec<Use>;
    /// [`Driver::takes_long`]
    fn takes_long(&self, spec: &ErasedSpec) -> bool;
    /// [`Driver::on_demand`]
    fn on_demand(&self, spec: &ErasedSpec, demand: Demand) -> Option<ErasedSpec>;
    /// [`Driver::remnant`]
    fn remnant(&self, spec: &ErasedSpec, replies: &Replies) -> Report;
    /// [`Driver::verifications`]
    fn verifications(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        now: Timestamp,
    ) -> Result<Verifications, ObserveError>;
    /// [`Driver::restoration`]
    fn restoration(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<Result<Restoration, String>, ObserveError>;
    /// [`Driver::show`]
    fn show(&self, path: &FieldPath, value: &Value) -> Option<String>;
    /// [`Driver::blame_queries`]
    fn blame_queries(&self, spec: &ErasedSpec, drift: &Drift<'_>) -> Vec<Query>;
    /// [`Driver::blame`], of which only so much is kept as a person reads.
    fn blame(&self, spec: &ErasedSpec, drift: &Drift<'_>, replies: &Replies) -> Vec<Attribution>;
    /// [`Driver::inventory_queries`]
    fn inventory_queries(&self, so_far: &Replies) -> Vec<Query>;
    /// [`Driver::inventory`]
    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError>;
    /// [`Driver::remarks`]
    fn remarks(&self, replies: &Replies) -> Vec<String>;
    /// [`Driver::marked_queries`]
    fn marked_queries(&self, so_far: &Replies) -> Vec<Query>;
    /// [`Driver::marked`]
    fn marked(&self, replies: &Replies) -> Result<Vec<Marked>, ObserveError>;
    /// [`Driver::removal`]
    fn removal(&self, object: &str, keep: &[&str], replies: &Replies) -> Result<Vec<Step>, String>;
}

impl<D: Driver> ErasedDriver for D {
    fn kind(&self) -> &'static str {
        D::KIND
    }

    fn backend(&self) -> Option<&'static str> {
        D::BACKEND
    }

    fn volatile(&self) -> &'static [&'static str] {
        D::VOLATILE
    }

    fn is_exclusive(&self) -> bool {
        D::EXCLUSIVE
    }

    fn is_scheduled(&self) -> bool {
        D::SCHEDULED
    }

    fn is_rolling(&self) -> bool {
        D::ROLLING
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        <D::Spec as schemars::JsonSchema>::json_schema(generator)
    }

    fn read(&self, spec: &Node, problems: &mut Problems) -> Option<ErasedSpec> {
        let read: D::Spec = read_spec(spec, problems)?;
        for Finding { path, message, hint, warning } in self.check(&read) {
            problems.at_path(spec, &path, message, hint, warning);
        }
        Some(Arc::new(read))
    }

    fn object(&self, spec: &ErasedSpec, now: Timestamp) -> Object {
        let Some(spec) = spec.downcast_ref::<D::Spec>() else {
            return Object { name: String::new(), claims: Vec::new() };
        };
        Object { name: Driver::object(self, spec), claims: leaves_of(self.desired(spec, None, now)) }
    }

    fn wants(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        (owner, id): (&str, &InstanceId),
        now: Timestamp,
    ) -> Vec<(FieldPath, Value)> {
        let Some(spec) = spec.downcast_ref::<D::Spec>() else { return Vec::new() };
        match self.observe(spec, replies) {
            Ok(Observed::Present(mut seen)) => {
                self.recognise(&mut seen, owner, id);
                leaves_of(self.desired(spec, Some(&seen), now))
            }
            Ok(Observed::Absent { .. }) => leaves_of(self.desired(spec, None, now)),
            Ok(Observed::Busy { .. }) | Err(_) => Vec::new(),
        }
    }

    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        Driver::measure(self, proof, replies)
    }

    fn queries(&self, spec: &ErasedSpec, so_far: &Replies) -> Vec<Query> {
        spec.downcast_ref::<D::Spec>().map_or_else(Vec::new, |spec| Driver::queries(self, spec, so_far))
    }

    fn evaluate(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Result<Evaluation, ObserveError> {
        let spec = spec.downcast_ref::<D::Spec>().ok_or_else(foreign_spec::<D>)?;
        let (before, lacks) = match self.observe(spec, replies)? {
            Observed::Busy { reason } => return Ok(Evaluation::Busy { reason }),
            Observed::Absent { lacks } => (None, lacks),
            Observed::Present(mut state) => {
                self.recognise(&mut state, terms.owner, terms.id);
                (Some(state), None)
            }
        };
        let mut report = Box::new(Driver::report(self, spec, before.as_ref(), now));
        report.table = before.as_ref().filter(|_| terms.keep.table).and_then(|seen| self.table(spec, seen));
        let kept = || before.as_ref().filter(|_| terms.keep.seen).map(to_json::<D>).transpose();
        let Some(after) = self.desired(spec, before.as_ref(), now) else {
            return Ok(nothing_to_do(kept()?, report));
        };
        if before.as_ref().is_some_and(|before| reads_same::<D>(before, &after)) {
            return Ok(nothing_to_do(kept()?, report));
        }
        let observed = before.as_ref().map(to_json::<D>).transpose()?;
        let is_left_alone =
            |c: &FieldChange| before.is_some() && terms.ignore.iter().any(|f| c.path.is_within(f));
        let (ignored, changes): (Vec<_>, Vec<_>) =
            unmet(&to_json::<D>(&after)?, observed.as_ref()).into_iter().partition(is_left_alone);
        let ignored: Vec<FieldPath> = ignored.into_iter().map(|change| change.path).collect();
        if changes.is_empty() && before.is_some() {
            let steps = Vec::new();
            return Ok(Evaluation::Known {
                action: Action::NoOp,
                observed,
                changes,
                steps,
                ignored,
                lacks: None,
                report,
            });
        }
        let action = match &before {
            None => Action::Create,
            Some(_) if changes.iter().any(|c| is_within_any(&c.path, D::IMMUTABLE)) => Action::Replace,
            Some(_) => Action::Update,
        };
        let steps = self.steps(
            spec,
            &Delta {
                action,
                before: before.as_ref(),
                after: &after,
                changes: &changes,
                owner: terms.owner,
                id: terms.id,
                replies,
            },
        );
        Ok(Evaluation::Known { action, observed, changes, steps, ignored, lacks, report })
    }

    fn uses(&self, spec: &ErasedSpec) -> Vec<Use> {
        spec.downcast_ref::<D::Spec>().map_or_else(Vec::new, |spec| Driver::uses(self, spec))
    }

    fn takes_long(&self, spec: &ErasedSpec) -> bool {
        spec.downcast_ref::<D::Spec>().is_some_and(|spec| Driver::takes_long(self, spec))
    }

    fn on_demand(&self, spec: &ErasedSpec, demand: Demand) -> Option<ErasedSpec> {
        let spec = Driver::on_demand(self, spec.downcast_ref::<D::Spec>()?, demand)?;
        Some(Arc::new(spec))
    }

    fn remnant(&self, spec: &ErasedSpec, replies: &Replies) -> Report {
        spec.downcast_ref::<D::Spec>()
            .map_or_else(Report::default, |spec| Driver::remnant(self, spec, replies))
    }

    fn verifications(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        now: Timestamp,
    ) -> Result<Verifications, ObserveError> {
        let spec = spec.downcast_ref::<D::Spec>().ok_or_else(foreign_spec::<D>)?;
        Driver::verifications(self, spec, replies, now)
    }

    fn restoration(
        &self,
        spec: &ErasedSpec,
        replies: &Replies,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<Result<Restoration, String>, ObserveError> {
        let spec = spec.downcast_ref::<D::Spec>().ok_or_else(foreign_spec::<D>)?;
        Driver::restoration(self, spec, replies, wish, now)
    }

    fn show(&self, path: &FieldPath, value: &Value) -> Option<String> {
        Driver::show(self, path, value)
    }

    fn blame_queries(&self, spec: &ErasedSpec, drift: &Drift<'_>) -> Vec<Query> {
        spec.downcast_ref::<D::Spec>().map_or_else(Vec::new, |spec| Driver::blame_queries(self, spec, drift))
    }

    fn blame(&self, spec: &ErasedSpec, drift: &Drift<'_>, replies: &Replies) -> Vec<Attribution> {
        let Some(spec) = spec.downcast_ref::<D::Spec>() else { return Vec::new() };
        Attribution::bounded(Driver::blame(self, spec, drift, replies))
    }

    fn inventory_queries(&self, so_far: &Replies) -> Vec<Query> {
        Driver::inventory_queries(self, so_far)
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        Driver::inventory(self, replies)
    }

    fn remarks(&self, replies: &Replies) -> Vec<String> {
        Driver::remarks(self, replies)
    }

    fn marked_queries(&self, so_far: &Replies) -> Vec<Query> {
        Driver::marked_queries(self, so_far)
    }

    fn marked(&self, replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
        Driver::marked(self, replies)
    }

    fn removal(&self, object: &str, keep: &[&str], replies: &Replies) -> Result<Vec<Step>, String> {
        Driver::removal(self, object, keep, replies)
    }
}

fn leaves_of<S: serde::Serialize>(state: Option<S>) -> Vec<(FieldPath, Value)> {
    let wanted = state.and_then(|state| serde_json::to_value(state).ok());
    wanted.iter().flat_map(crate::diff::leaves).map(|(path, value)| (path, value.clone())).collect()
}

fn nothing_to_do(observed: Option<Value>, report: Box<Report>) -> Evaluation {
    let (changes, steps, ignored) = (Vec::new(), Vec::new(), Vec::new());
    Evaluation::Known { action: Action::NoOp, observed, changes, steps, ignored, lacks: None, report }
}

fn is_within_any(path: &FieldPath, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.is_within(prefix))
}

fn to_json<D: Driver>(state: &D::State) -> Result<Value, ObserveError> {
    serde_json::to_value(state).map_err(|e| ObserveError::Unparsable {
        command: format!("{} state", D::KIND),
        problem: e.to_string(),
    })
}

/// True where two states have the same text. They differ in nothing then, and it takes a fraction of the time that
/// comparing trees does: most resources are as they shall be.
fn reads_same<D: Driver>(a: &D::State, b: &D::State) -> bool {
    matches!((serde_json::to_vec(a), serde_json::to_vec(b)), (Ok(a), Ok(b)) if a == b)
}

fn foreign_spec<D: Driver>() -> ObserveError {
    ObserveError::NotAsked { command: format!("{} with another driver's spec", D::KIND) }
}
