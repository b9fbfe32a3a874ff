//! Laws of what becomes of an address when a switch is made anew.

use super::*;

/// A host whose switch has a host adapter with an address, and its name.
fn with_address() -> impl Strategy<Value = (Model, String)> {
    let names = (any::<prop::sample::Index>(), 0_usize..4);
    (model(), names).prop_filter_map("nothing has the address", |(mut model, (which, falls))| {
        let all: Vec<String> = model.switch.as_ref()?.adapters.keys().cloned().collect();
        let name = (!all.is_empty()).then(|| which.get(&all).clone())?;
        model.address = Some(Place::HostAdapter(name.clone()));
        model.falls = falls;
        Some((model, name))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whichever NIC Windows leaves it to in between.
    #[test]
    fn an_address_comes_to_the_new_switch_with_its_adapter(spec in spec(), (mut model, name) in with_address()) {
        let (action, steps) = plan(&spec, &model);
        if action != Some(Action::Replace) || steps.iter().any(|step| step.held.is_some()) {
            return Ok(());
        }
        for step in &steps {
            model.send(step);
        }
        let stays = model.switch.as_ref().is_some_and(|switch| switch.adapters.contains_key(&name));
        prop_assert_eq!(model.address, stays.then_some(Place::HostAdapter(name)));
    }

    /// What is on no adapter is given back by the host from what it has written down.
    #[test]
    fn a_guard_leaves_no_address_on_a_nic(spec in spec(), (model, _) in with_address()) {
        let (action, steps) = plan(&spec, &model);
        let Some((step, guard)) = steps.first().and_then(|step| Some((step, step.guard.as_ref()?))) else { return Ok(()) };
        if action != Some(Action::Replace) || step.held.is_some() {
            return Ok(());
        }
        let forward = calls(&step.request);
        for done in 0..=forward.len() {
            let mut tried = model.clone();
            for call in &forward[..done] {
                tried.call(call).unwrap();
            }
            for back in calls(&guard.arm).iter().filter(|back| back["after"].as_u64() <= Some(done as u64 + 1)) {
                let _ = tried.call(&back["call"]);
            }
            prop_assert!(!matches!(tried.address, Some(Place::Nic(_))), "{:?} after {}", tried.address, done);
        }
    }
}
