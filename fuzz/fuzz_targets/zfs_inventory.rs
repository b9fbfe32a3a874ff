//! Any list of what is on a host: no panic, what is found is what the host printed, and removing an object
//! never takes anything below it along.
#![no_main]

use std::sync::OnceLock;

use evenkeel_core::driver::Registry;
use evenkeel_fuzz::Host;
use libfuzzer_sys::fuzz_target;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let registry = REGISTRY.get_or_init(evenkeel_drivers::registry);
    for driver in registry.iter() {
        let mut host = Host::new(input);
        let replies = host.answer(|so_far| driver.inventory_queries(so_far));
        let Ok(found) = driver.inventory(&replies) else { continue };
        for object in found {
            let printed = input.windows(object.object.len()).any(|part| part == object.object.as_bytes());
            assert!(printed, "{} was never printed", object.object);
            let Ok(steps) = driver.removal(&object.object, &[], &replies) else { continue };
            assert!(object.owner.is_some(), "{} is not ours to remove", object.object);
            for step in steps {
                let Some(exec) = step.request.as_exec() else { panic!("not a command") };
                let words = exec.words();
                assert!(!words.iter().any(|w| w.starts_with('-') && w.contains(['r', 'R'])), "{words:?}");
            }
        }
    }
});
