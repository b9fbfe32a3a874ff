//! Looking, planning and carrying out, as the engine does.

use evenkeel_core::driver::{Evaluation, Report, Step, Terms};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Action, Instance};
use evenkeel_core::request::{Replies, join_queries};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use jiff::Timestamp;

use crate::world::{Cut, World};

pub(crate) const TARGETS: &str = "
apiVersion: evenkeel.dev/v1alpha1
kind: Target
metadata: { name: host }
spec: { local: {} }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Target
metadata: { name: nas }
spec: { ftp: { host: nas.example, tls: none } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: Target
metadata: { name: away }
spec: { ftp: { host: away.example, tls: none } }
---
";

/// The one schedule of some manifests.
pub(crate) fn instance(spec: &str) -> Instance {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let head = "apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: { name: nightly }\nspec:\n  target: host\n";
    let bytes = format!("{TARGETS}{head}{spec}").into_bytes();
    let file = SourceFile { path: "nights.yaml".to_owned(), bytes };
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    loaded.instances.into_iter().next().unwrap()
}

/// How many reads a look took, and what came of it.
pub(crate) struct Look {
    pub(crate) reads: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) report: Report,
}

/// Everything that is asked, and how many questions that were.
pub(crate) fn ask(world: &mut World, instance: &Instance) -> (Replies, usize) {
    let mut replies = Replies::default();
    let mut reads = 0;
    for round in 0..=4 {
        let queries = instance.driver.queries(&instance.spec, &replies);
        let open: Vec<_> = queries.into_iter().filter(|query| !replies.has(query)).collect();
        assert!(round < 4 || open.is_empty(), "a fifth round is asked for");
        for query in join_queries(open) {
            let target = query.target().unwrap_or("host");
            reads += 1;
            let reply = if world.down.contains(target) {
                Err(TransportError::new(TransportErrorKind::Unreachable, format!("{target} is down")))
            } else {
                Ok(world.answer(target, query.request()))
            };
            replies.insert(query, reply);
        }
    }
    (replies, reads)
}

pub(crate) fn look(world: &mut World, instance: &Instance, now: Timestamp) -> Result<Look, String> {
    let (replies, reads) = ask(world, instance);
    let terms = Terms {
        owner: "evenkeel",
        ignore: &[],
        id: &instance.id,
        keep: evenkeel_core::driver::Keep::default(),
    };
    match instance.driver.evaluate(&instance.spec, &replies, terms, now) {
        Ok(Evaluation::Known { action, steps, report, changes, .. }) => {
            assert_eq!(steps.is_empty(), changes.is_empty(), "{changes:?}");
            assert!(matches!(action, Action::NoOp | Action::Update));
            Ok(Look { reads, steps, report: *report })
        }
        Ok(Evaluation::Busy { reason }) => Err(reason),
        Err(error) => Err(error.to_string()),
    }
}

/// Carries out the first `many` steps whole and the next one as far as `cut` says. The first that fails ends it.
pub(crate) fn carry_out(world: &mut World, steps: &[Step], many: usize, cut: Cut) -> Result<(), String> {
    for step in steps.iter().take(many) {
        world.perform(step, Cut::Whole)?;
    }
    match steps.get(many) {
        Some(step) if cut != Cut::Whole => world.perform(step, cut),
        _ => Ok(()),
    }
}
