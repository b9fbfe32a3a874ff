//! What is done around every build in a scratch container, whichever backend makes it: what was left goes first, the mark is set
//! before the container is made, and once the build began the container goes whatever comes of it.

use evenkeel_core::driver::Step;
use evenkeel_core::request::{Exec, Request};

use super::build::{Folders, mark};
use super::leftover::Remedy;
use super::look::log_of;
use super::steps::remove;
use crate::containers::decide::{Build, Decision};
use crate::containers::record::Mine;
use crate::containers::state::TemplateState;

/// How long what only writes down something may take, in seconds.
pub(in crate::containers) const SHORT: u64 = 300;
/// How long a container may take to start or to stop, in seconds.
pub(in crate::containers) const START: u64 = 900;

/// What a backend does with the scratch container of one resource.
pub(in crate::containers) trait Scratch {
    /// Takes away the container `id` and what else is left of the build of the file `name`; `mark` is the mark's text.
    fn discard(&self, id: u32, name: &str, mark: &str) -> Exec;

    /// Begins a build: sets the mark, and fails where something stands against that, or where there is no room for a template of
    /// so many `kib`.
    fn begin(&self, kib: u64, log: &str, mark: &str) -> Exec;

    /// What makes the template, from the container that is not there yet to the file that has its name.
    fn work(&self, build: &Build) -> Vec<Exec>;
}

impl Folders {
    /// All steps of the template of `mine`; `between` come after what was left went, and before the build.
    pub(in crate::containers) fn steps(
        &self,
        scratch: &impl Scratch,
        (mine, decision): (&Mine, &Decision),
        before: &TemplateState,
        between: Vec<Step>,
    ) -> Vec<Step> {
        let mut steps = self.leftovers(scratch, mine);
        steps.extend(between);
        if let Some(build) = &decision.build {
            steps.extend(self.build(scratch, mine, &decision.newest, build));
        }
        let gone = |name: &String| Step::new(Request::Exec(remove(&self.look.folder, name)));
        steps.extend(decision.remove.iter().map(gone));
        steps.extend(self.publish(before, decision));
        steps
    }

    fn leftovers(&self, scratch: &impl Scratch, mine: &Mine) -> Vec<Step> {
        let log = log_of(&mine.object);
        let steps = self.left.iter().filter_map(|(target, left)| match &left.remedy {
            Remedy::Discard { id, mark } => {
                let discard = scratch.discard(*id, &mark.name, &mark.text());
                Some(Step::new(Request::Exec(discard.logged(&log))))
            }
            Remedy::Finish { .. } | Remedy::Remove { .. } => left.step(target.as_deref()),
        });
        steps.collect()
    }

    /// The build of the file `name`.
    fn build(&self, scratch: &impl Scratch, mine: &Mine, name: &str, build: &Build) -> Vec<Step> {
        let (log, mark) = (log_of(&mine.object), mark(mine, name));
        let begin = scratch.begin(kib_needed(build.record.base.bytes), &log, &mark);
        let begin = Step::new(Request::Exec(begin)).begins();
        let begin = match &build.held {
            // What was left of the build before may go all the same.
            Some(why) => begin.may_wait().held(why),
            None => begin,
        };
        let logged = |exec: Exec| Step::new(Request::Exec(exec.logged(&log)));
        let discard = logged(scratch.discard(self.id, name, &mark)).cleanup();
        let work = scratch.work(build).into_iter().map(logged);
        std::iter::once(begin).chain(work).chain([discard]).collect()
    }
}

/// For how many KiB there must be room where the template is packed, made of a base that has so many bytes.
fn kib_needed(base: u64) -> u64 {
    base / 1024 * 3 / 2 + 1024
}
