//! Temporary.
#![allow(clippy::all, clippy::pedantic, clippy::restriction)]
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::request::Reply;
use evenkeel_lab::contract::twin::*;
use evenkeel_lab::contract::{TARGET, fixtures, now};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use serde_json::Value;
fn told(m: &dyn Machine, inst: &[evenkeel_core::plan::Instance], blur: Option<fn(&mut Value)>) -> Value {
    let mut all = vec![];
    let mut listen = |n: usize, r: &evenkeel_core::request::Request, reply: Reply| {
        let mut v: Value = serde_json::from_slice(&reply.stdout).unwrap_or_default();
        if let Some(b) = blur {
            b(&mut v)
        }
        all.push(v);
        honest(n, r, reply)
    };
    observe(m.copy().as_mut(), inst, Survey::Instances, &mut listen);
    Value::from(all)
}
#[test]
fn d2() {
    let registry = evenkeel_drivers::registry();
    let (mut replaces, mut bad, mut held, mut gives) = (0, 0, 0, 0);
    for f in fixtures().into_iter().filter(|f| f.kind == "HyperVSwitch") {
        for seed in 0..200 {
            let scenario = (f.scenario)(seed);
            let manifests = scenario.manifests.clone();
            let text = format!(
                "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {TARGET} }}\nspec: {{ local: {{}}, prune: true }}\n---\n{}",
                scenario.manifests
            );
            let loaded = load(
                &registry,
                &[SourceFile { path: "s.yaml".into(), bytes: text.into_bytes() }],
                &[],
                now(),
            );
            let inst = loaded.instances;
            let mut machine = scenario.machine;
            let plan = look(machine.as_mut(), &inst);
            let shown = format!("{plan:?}");
            if shown.contains("which the new switch has not got")
                || shown.contains("cannot tell apart")
                || shown.contains("several VLANs")
                || shown.contains("for a pattern")
            {
                held += 1;
                println!("HELD seed {seed}");
            }
            let before_all = told(machine.as_ref(), &inst, f.blur);
            for write in writes(&plan) {
                if write.display().contains("Remove-VMSwitch") {
                    replaces += 1;
                    if write.display().contains("New-NetIPAddress") {
                        gives += 1;
                    }
                    let guard = write.guard.clone().unwrap();
                    for round in 0..12u64 {
                        let mut rested = machine.copy();
                        rested.pass();
                        let before = told(rested.as_ref(), &inst, f.blur);
                        let mut m = machine.copy();
                        let armed = m.answer(&write.target, &guard.arm);
                        assert_eq!(armed.exit, 0, "{}", armed.stderr_text());
                        let mut random = Random::derive(seed, 100 + round);
                        if round == 0 {
                            m.answer(&write.target, &write.request);
                        } else {
                            m.answer_in_part(&write.target, &write.request, &mut random);
                        }
                        wait_for(m.as_mut(), &guard);
                        let late = m.answer(&write.target, &guard.disarm);
                        let said = String::from_utf8_lossy(&late.stdout).into_owned();
                        if said.contains("not all") || said.contains("errors\":[\"") {
                            println!("TROUBLE seed {seed} round {round}: {said}");
                        }
                        let after = told(m.as_ref(), &inst, f.blur);
                        if before != after {
                            bad += 1;
                            let (was, is) =
                                (evenkeel_core::diff::leaves(&before), evenkeel_core::diff::leaves(&after));
                            let gone: Vec<_> = was
                                .iter()
                                .filter(|l| !is.contains(l))
                                .map(|(p, v)| format!("-{p}={v}"))
                                .collect();
                            let come: Vec<_> = is
                                .iter()
                                .filter(|l| !was.contains(l))
                                .map(|(p, v)| format!("+{p}={v}"))
                                .collect();
                            println!(
                                "BAD seed {seed} round {round}: {} {} {said}\n  {}",
                                gone.join(" "),
                                come.join(" "),
                                write.display()
                            );
                        }
                    }
                }
                let complaints = send(machine.as_mut(), std::slice::from_ref(&write));
                if !complaints.is_empty() {
                    println!("COMPLAINT seed {seed}: {complaints:?} {}", write.display());
                }
                if write.display().contains("Remove-VMSwitch") {
                    let after = told(machine.as_ref(), &inst, f.blur);
                    let addresses = |v: &Value| {
                        v[0]["parts"]["addresses"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .filter(|a| a["origin"] == "Manual")
                            .map(|a| a.to_string())
                            .collect::<Vec<_>>()
                    };
                    let (b, a) = (addresses(&before_all), addresses(&after));
                    if b != a {
                        println!("ADDRESSES seed {seed}: {b:?} -> {a:?} {}\n{}", write.display(), manifests);
                    }
                }
            }
        }
    }
    println!("replaces {replaces} gives {gives} held {held} bad {bad}");
}
