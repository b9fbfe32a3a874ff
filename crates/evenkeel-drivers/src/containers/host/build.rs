//! What is the same of every build in a scratch container of a machine: whose it is, what it is called, whether its id is
//! free, and how the newest version gets elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::{Marked, Risk, Role, Step, Use};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Exec, Request};

use super::leftover::{Leftover, at_home, elsewhere};
use super::look::Mark;
use super::steps::{publish, remove};
use super::{Look, MARKS};
use crate::containers::decide::{self, Decision};
use crate::containers::record::{Mine, Record};
use crate::containers::state::TemplateState;

/// The folders of one resource, and the scratch container that it is built in.
#[derive(Debug, Clone)]
pub(in crate::containers) struct Folders {
    /// The folder that it is built in.
    pub look: Arc<Look>,
    /// Those of the targets that it is published to.
    pub elsewhere: BTreeMap<String, Arc<Look>>,
    /// What builds and transfers left, by the target that it is on (`None`: where it is built).
    pub left: Vec<(Option<String>, Leftover)>,
    /// The object.
    pub object: String,
    /// The ending of its files: `.tar.gz`.
    pub ending: &'static str,
    /// The scratch container's id.
    pub id: u32,
}

impl Folders {
    /// Told for which resource it is: only now it is known what is its own. `holder` is what has the scratch container's id,
    /// and `field` where that stands in the manifest.
    pub(in crate::containers) fn recognise(
        &mut self,
        shared: &mut TemplateState,
        (owner, id): (&str, &InstanceId),
        holder: Option<&str>,
        field: &str,
    ) {
        let resource = format!("{}/{}", id.kind, id.name);
        let mine = Mine { resource, owner: owner.to_owned(), object: self.object.clone() };
        let here = at_home(&self.look, &mine, self.ending).into_iter().map(|left| (None, left));
        let there = self.elsewhere.iter().flat_map(|(target, look)| {
            let left = elsewhere(look, &mine, self.ending).into_iter();
            left.map(|left| (Some(target.clone()), left))
        });
        self.left = here.chain(there).collect();
        let mut seen = shared.seen.as_deref().cloned().unwrap_or_default();
        let told =
            |(target, left): &(Option<String>, Leftover)| (what(target.as_deref(), left), left.says.clone());
        seen.leftovers = self.left.iter().map(told).collect();
        seen.taken = self.taken(&mine, holder, field);
        shared.seen = Some(Arc::new(seen));
        shared.mine = Some(mine);
        decide::project(shared);
    }

    /// Why the scratch container's id cannot be used.
    fn taken(&self, mine: &Mine, holder: Option<&str>, field: &str) -> Option<String> {
        let id = self.id;
        let other = format!("choose another id in `{field}`");
        match self.look.marks.get(&id) {
            Some(Some(mark)) if (&mark.resource, &mark.owner) == (&mine.resource, &mine.owner) => None,
            Some(Some(mark)) => Some(format!(
                "{} (owner {}) builds in the container {id}, or left it: {other}",
                mark.resource, mark.owner
            )),
            Some(None) => {
                Some(format!("the mark {MARKS}/{id} on the host makes no sense: look at it, and remove it"))
            }
            None => holder.map(|holder| format!("{holder} is there, and was not made by Evenkeel: {other}")),
        }
    }

    /// What is sent to other targets, those that may not be last; and what goes there.
    pub(in crate::containers) fn publish(&self, before: &TemplateState, decision: &Decision) -> Vec<Step> {
        let newest = &decision.newest;
        let built = decision.build.as_ref().map(|build| &build.record);
        let there = || before.seen.as_ref()?.here.versions.get(newest);
        let record = built.or_else(there);
        let (mut steps, mut waiting) = (Vec::new(), Vec::new());
        for (target, todo) in &decision.elsewhere {
            let (Some(look), Some(record)) = (self.elsewhere.get(target), record) else { continue };
            let mut of_target = Vec::new();
            if todo.send {
                let step = publish(&self.look.folder, newest, record, target, &look.folder);
                of_target.push(match &todo.held {
                    Some(why) => step.may_wait().held(format!("{target}: {why}")),
                    None => step,
                });
            }
            let gone = |name: &String| Step::at(target, Request::Exec(remove(&look.folder, name)));
            of_target.extend(todo.remove.iter().map(gone));
            if todo.held.is_some() { waiting.extend(of_target) } else { steps.extend(of_target) }
        }
        steps.into_iter().chain(waiting).collect()
    }
}

/// What a leftover is called in the State.
fn what(target: Option<&str>, left: &Leftover) -> String {
    target.map_or_else(|| left.what.clone(), |target| format!("{target}: {}", left.what))
}

/// The targets that it is published to, as `publish` of the backend's own settings names them.
pub(in crate::containers) fn uses(backend: &str, publish: &[String]) -> Vec<Use> {
    let used = publish.iter().enumerate().map(|(nth, target)| Use {
        path: vec![backend.to_owned(), "publish".to_owned(), nth.to_string()],
        target: target.clone(),
        as_a: Role::OtherHost,
        claims: None,
    });
    used.collect()
}

/// The mark's text, of the build of the file `name`.
pub(in crate::containers) fn mark(mine: &Mine, name: &str) -> String {
    let Mine { resource, owner, object } = mine.clone();
    Mark { resource, owner, object, name: name.to_owned() }.text()
}

/// The scratch container's name, for who sees it in a list.
pub(in crate::containers) fn hostname(resource: &str) -> String {
    let name = resource.rsplit('/').next().unwrap_or(resource);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(plain).take(48).collect();
    format!("evenkeel-build-{}", name.trim_matches('-'))
}

/// The name that is most like `wanted`, if one is like it at all.
pub(in crate::containers) fn nearest<'n>(
    wanted: &str,
    names: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    let rated = names.map(|name| (strsim::jaro_winkler(wanted, name), name));
    rated.filter(|(rate, _)| *rate > 0.8).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

impl Look {
    /// Of what was built on this machine: copies of what another host has are its resource's, not this host's.
    fn built_here(&self) -> impl Iterator<Item = (&String, &Record)> {
        let names = self.place().versions.into_keys().collect::<BTreeSet<String>>();
        let is_ours = |record: &Record| record.mtime.is_some() && self.is_from_here(record);
        self.records.iter().filter(move |(name, record)| names.contains(*name) && is_ours(record))
    }

    /// The objects with our mark.
    pub(in crate::containers) fn marked(&self) -> BTreeSet<(String, String)> {
        let of_records = self.built_here().map(|(_, record)| (record.object.clone(), record.owner.clone()));
        let marks = self.marks.values().flatten();
        of_records.chain(marks.map(|mark| (mark.object.clone(), mark.owner.clone()))).collect()
    }

    /// The writes that remove all versions of an object, and what is left of its builds: `discard` makes that of the
    /// container's id, the file that was built, and the mark's text; `None` where another folder has it.
    pub(in crate::containers) fn removal(
        &self,
        object: &str,
        discard: impl Fn(u32, &str, &str) -> Option<Exec>,
    ) -> Result<Vec<Step>, String> {
        let versions: Vec<(&String, &Record)> =
            self.built_here().filter(|(_, record)| record.object == object).collect();
        let marks = self.marks.iter().filter_map(|(id, mark)| Some((id, mark.as_ref()?)));
        let marks: Vec<_> = marks.filter(|(_, mark)| mark.object == object).collect();
        let of_versions = versions.iter().map(|(_, record)| record.owner.as_str());
        let owners: BTreeSet<&str> =
            of_versions.chain(marks.iter().map(|(_, mark)| mark.owner.as_str())).collect();
        if owners.len() > 1 {
            return Err(format!(
                "{object} has versions or builds of several owners: remove those by hand that have no use"
            ));
        }
        let left = marks
            .into_iter()
            .filter_map(|(id, mark)| Some(Step::new(Request::Exec(discard(*id, &mark.name, &mark.text())?))));
        let gone = versions.iter().map(|(name, _)| {
            let says = format!("the template {name} is removed; containers that were made from it stay");
            Step::new(Request::Exec(remove(&self.folder, name))).hazard(Risk::Destructive, object, says)
        });
        Ok(left.chain(gone).collect())
    }
}

/// As the engine wants them.
pub(in crate::containers) fn all_marked(all: BTreeSet<(String, String)>) -> Vec<Marked> {
    all.into_iter().map(|(object, owner)| Marked { object, owner }).collect()
}
