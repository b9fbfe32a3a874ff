//! What holds whatever happens, in whatever order.

use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{Ended, Limits};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::{Event, Watched};

const TRIGGERS: [Trigger; 5] =
    [Trigger::Periodic, Trigger::Retry, Trigger::Dependency, Trigger::Push, Trigger::Operator];

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        4 => Just(Ended::Settled),
        2 => Just(Ended::Changed),
        2 => Just(Ended::Failed),
        2 => Just(Ended::Unreachable),
        1 => Just(Ended::Terminal),
        1 => Just(Ended::Waiting),
        1 => Just(Ended::NotStarted),
    ]
}

/// Mostly a little, at times a lot, and now and then into the past.
fn span() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 0_i64..5_000,
        4 => 5_000_i64..2_000_000,
        1 => Just(366 * 86_400_000_i64),
        1 => Just(-366 * 86_400_000_i64),
        1 => -5_000_i64..0,
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let some = 0_usize..1_000;
    let put =
        (some.clone(), some.clone(), some.clone(), 0_u64..4_000, prop::bool::weighted(0.1), some.clone());
    prop_oneof![
        4 => put.prop_map(|(what, host, group, interval, suspended, on)| {
            // A target mostly stays where it is.
            let (host, group) = if host < 900 { (what / 3, what / 3) } else { (host, group) };
            Event::Put { what, host, group, interval, suspended, on }
        }),
        1 => some.clone().prop_map(|what| Event::Remove { what }),
        1 => some.clone().prop_map(|what| Event::Renew { what }),
        3 => (some.clone(), 0_usize..5, span())
            .prop_map(|(what, level, ahead)| Event::Wake { what, trigger: TRIGGERS[level], ahead }),
        1 => (some.clone(), span(), 0_u32..40)
            .prop_map(|(what, ahead, failures)| Event::Resume { what, ahead, failures }),
        8 => Just(Event::Next),
        3 => (some.clone(), vec((0_usize..3, 0_usize..4), 0..3))
            .prop_map(|(job, turns)| Event::WantsWrite { job, turns }),
        5 => (some.clone(), vec((ended(), any::<bool>()), 0..4))
            .prop_map(|(job, endings)| Event::Done { job, endings }),
        4 => span().prop_map(|milliseconds| Event::Pass { milliseconds }),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (0_usize..5, 0_usize..4, 0_usize..3, 0_usize..3)
        .prop_map(|(reading, writing, per_host, per_group)| Limits { reading, writing, per_host, per_group })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_limits_hold_and_nothing_is_lost(
        limits in limits(),
        seed in any::<u64>(),
        events in vec(event(), 1..250),
    ) {
        let run = || {
            let mut watched = Watched::new(limits, seed);
            for event in &events {
                watched.apply(event);
            }
            watched
        };
        let mut watched = run();
        let again = run();
        prop_assert_eq!(&watched.trace, &again.trace, "the same again");
        again.leaves_nothing();
        watched.comes_to_rest();
        watched.leaves_nothing();
    }
}
