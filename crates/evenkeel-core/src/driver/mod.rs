//! What a backend has to say about itself, as pure functions over plain data.
//!
//! A driver never does I/O. It says what to read, understands what was read, and says what to write. Diff,
//! apply and verify are not driver methods: they are written once, in [`crate::diff`], [`crate::plan`] and the
//! engine.

mod attribution;
mod demand;
mod erased;
mod error;
mod registry;
mod report;
mod step;
mod uses;

pub use attribution::{Attribution, Drift};
pub use demand::{Demand, Restoration, Verification, Verifications, Wish};
pub use erased::{ErasedDriver, ErasedSpec, Evaluation, Keep, Object, Terms};
pub use error::ObserveError;
pub use registry::Registry;
pub use report::{Fate, Generation, Health, Report, Table};
pub use step::{Guard, GuardOutcome, Hazard, Proof, Risk, Step};
pub use uses::{Role, Use};

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diff::{FieldChange, FieldPath};
use crate::request::{Query, Replies};

/// One backend of one kind.
pub trait Driver: Send + Sync + 'static {
    /// The manifest kind it serves, for instance `ZfsDataset`.
    const KIND: &'static str;
    /// The union key under `spec` that picks this driver where a kind has several.
    const BACKEND: Option<&'static str> = None;
    /// Fields of the State (dotted paths, with everything below them) that cannot be changed in place.
    const IMMUTABLE: &'static [&'static str] = &[];
    /// Fields of the State that are shown but never compared.
    const VOLATILE: &'static [&'static str] = &[];
    /// True where an object belongs to one resource alone, whatever fields others would claim.
    const EXCLUSIVE: bool = false;
    /// True where time alone changes what is wanted: to do it then is what the manifest says, and puts no drift right.
    const SCHEDULED: bool = false;
    /// True where hosts of one cluster are changed a few at a time, also where the manifest does not say `rollout`.
    const ROLLING: bool = false;

    /// What people write under `spec`, without the fields common to all kinds.
    type Spec: DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// The one normal form that what is wanted and what is there are both brought to. It serialises to a
    /// JSON object; collections in it are maps keyed by identity or sorted sets, never lists of things.
    type State: Serialize;

    /// Problems of the spec that can be seen without the target. Paths are relative to `spec`.
    fn check(&self, spec: &Self::Spec) -> Vec<Finding>;

    /// The object on the target that this spec is about, unique within the kind and target. A containing
    /// object's name sorts before what it contains: creation goes in ascending, removal in descending order.
    fn object(&self, spec: &Self::Spec) -> String;

    /// What to read. Asked again with the replies so far until nothing new is asked, at most four times.
    fn queries(&self, spec: &Self::Spec, so_far: &Replies) -> Vec<Query>;

    /// Understands what was read. Unknown is never absent: whatever is not clearly one or the other is an error.
    fn observe(&self, spec: &Self::Spec, replies: &Replies) -> Result<Observed<Self::State>, ObserveError>;

    /// Told of what was observed before it is compared: which resource it is for, where parts of the object carry the
    /// marks of several.
    fn recognise(&self, seen: &mut Self::State, owner: &str, id: &crate::plan::InstanceId) {
        let (_, _, _) = (seen, owner, id);
    }

    /// What shall be, in the State's form and only with the fields we own. `None`: nothing is wanted.
    fn desired(&self, spec: &Self::Spec, seen: Option<&Self::State>, now: Timestamp) -> Option<Self::State>;

    /// The writes that close the difference, in order. For a Replace: those that remove and create anew.
    fn steps(&self, spec: &Self::Spec, delta: &Delta<'_, Self::State>) -> Vec<Step>;

    /// The targets that it needs besides its own.
    fn uses(&self, spec: &Self::Spec) -> Vec<Use> {
        let _ = spec;
        Vec::new()
    }

    /// What there is to tell beside the difference. `seen` is `None` where the object is absent.
    fn report(&self, spec: &Self::Spec, seen: Option<&Self::State>, now: Timestamp) -> Report {
        let _ = (spec, seen, now);
        Report::default()
    }

    /// What there is to see of the object, for who wants to see all of it.
    fn table(&self, spec: &Self::Spec, seen: &Self::State) -> Option<Table> {
        let (_, _) = (spec, seen);
        None
    }

    /// What `proof` of a step counts, by name, in the answers to its reads.
    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        let (_, _) = (proof, replies);
        Ok(BTreeMap::new())
    }

    /// True where its writes may take hours: nothing else on its target shall wait for them.
    fn takes_long(&self, spec: &Self::Spec) -> bool {
        let _ = spec;
        false
    }

    /// The spec for a run with this demand; `None` where a demand makes no sense for it.
    fn on_demand(&self, spec: &Self::Spec, demand: Demand) -> Option<Self::Spec> {
        let _ = (spec, demand);
        None
    }

    /// What can be told where the object as a whole could not be observed: the copies in the stores that answered.
    fn remnant(&self, spec: &Self::Spec, replies: &Replies) -> Report {
        let (_, _) = (spec, replies);
        Report::default()
    }

    /// How to check every verified copy again. A store that does not answer keeps nobody from those in another.
    fn verifications(
        &self,
        spec: &Self::Spec,
        replies: &Replies,
        now: Timestamp,
    ) -> Result<Verifications, ObserveError> {
        let (_, _, _) = (spec, replies, now);
        Ok(Verifications::default())
    }

    /// How a copy comes back; or why it cannot. A store that does not answer keeps nobody from what lies in another.
    fn restoration(
        &self,
        spec: &Self::Spec,
        replies: &Replies,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<Result<Restoration, String>, ObserveError> {
        let (_, _, _, _) = (spec, replies, wish, now);
        Ok(Err(format!("a {} keeps no copies", Self::KIND)))
    }

    /// How a person writes the value of a field (`10 GiB`), where its JSON form is not good to read.
    fn show(&self, path: &FieldPath, value: &Value) -> Option<String> {
        let _ = (path, value);
        None
    }

    /// What to read to find out who made the difference: what the target itself keeps, such as `zpool history`. Asked once,
    /// in one exchange, and only where the object was as its manifest says before.
    fn blame_queries(&self, spec: &Self::Spec, drift: &Drift<'_>) -> Vec<Query> {
        let (_, _) = (spec, drift);
        Vec::new()
    }

    /// Who made the difference, as far as the answers tell. What they do not tell for certain is left out.
    fn blame(&self, spec: &Self::Spec, drift: &Drift<'_>, replies: &Replies) -> Vec<Attribution> {
        let (_, _, _) = (spec, drift, replies);
        Vec::new()
    }

    /// What to read to list every object of this kind on a target; asked in rounds like [`Driver::queries`].
    fn inventory_queries(&self, so_far: &Replies) -> Vec<Query> {
        let _ = so_far;
        Vec::new()
    }

    /// Every object of this kind on the target, as the manifests that would leave it as it is.
    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        let _ = replies;
        Ok(Vec::new())
    }

    /// What a person should know besides of what the inventory read, a line each: what no manifest can say, and why.
    fn remarks(&self, replies: &Replies) -> Vec<String> {
        let _ = replies;
        Vec::new()
    }

    /// What to read to find the objects that carry our mark, and for [`Driver::removal`]; asked in rounds. It is
    /// read with every plan of a target that is pruned, so it should be less than the inventory where it can.
    fn marked_queries(&self, so_far: &Replies) -> Vec<Query> {
        self.inventory_queries(so_far)
    }

    /// The objects that carry our mark.
    fn marked(&self, replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
        let found = self.inventory(replies)?;
        Ok(found.into_iter().filter_map(|f| Some(Marked { object: f.object, owner: f.owner? })).collect())
    }

    /// The writes that remove `object`, which carries our mark and left the manifests; or why it must stay.
    /// `keep` are the objects of this kind that manifests still want.
    fn removal(&self, object: &str, keep: &[&str], replies: &Replies) -> Result<Vec<Step>, String> {
        let _ = (object, keep, replies);
        Err(format!("{} objects are never removed by Evenkeel", Self::KIND))
    }
}

/// What a driver saw of its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed<S> {
    /// The target answered, and it is not there. `lacks` names the containing object where that is missing too.
    Absent {
        /// The missing containing object, in the form of [`Driver::object`].
        lacks: Option<String>,
    },
    /// It is there, like this.
    Present(S),
    /// Something is at work on it; it is looked at again later and not touched now.
    Busy {
        /// What is at work, for the plan.
        reason: String,
    },
}

/// The difference that [`Driver::steps`] has to close.
#[derive(Debug)]
pub struct Delta<'a, S> {
    /// Create, Update or Replace.
    pub action: crate::plan::Action,
    /// What is there; `None` for Create.
    pub before: Option<&'a S>,
    /// What shall be, as [`Driver::desired`] gave it.
    pub after: &'a S,
    /// The fields that differ.
    pub changes: &'a [FieldChange],
    /// The owner to write into the mark on what is created.
    pub owner: &'a str,
    /// The resource and its target.
    pub id: &'a crate::plan::InstanceId,
    /// What was read. A Create has no state before it, and may still depend on what the target said.
    pub replies: &'a Replies,
}

/// A problem found in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, as keys from `spec` down. Empty: the spec as a whole.
    pub path: Vec<String>,
    /// What is wrong, and why.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// True for a warning, which does not stop anything.
    pub warning: bool,
}

impl Finding {
    /// An error at `path`.
    pub fn error<I, S>(path: I, message: impl Into<String>) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let path = path.into_iter().map(Into::into).collect();
        Finding { path, message: message.into(), hint: None, warning: false }
    }

    /// A warning at `path`.
    pub fn warning<I, S>(path: I, message: impl Into<String>) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Finding { warning: true, ..Finding::error(path, message) }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.hint_if_any(Some(hint.into()))
    }

    /// Adds what to write instead, where somebody knows.
    #[must_use]
    pub fn hint_if_any(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// An object that carries our mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The object, in the form of [`Driver::object`].
    pub object: String,
    /// The owner in the mark.
    pub owner: String,
}

/// An object found on a target by [`Driver::inventory`].
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The object, in the form of [`Driver::object`].
    pub object: String,
    /// The `spec` of a manifest that describes it exactly, without the common fields.
    pub spec: BTreeMap<String, Value>,
    /// The owner in our mark on the object, where it carries one.
    pub owner: Option<String>,
}
