//! `EsxiPathPolicy`: hosts of every release with disks of several arrays, some with too few paths; policies, defaults and
//! rules that are there already, of ours and of others; and what manifests may want of them.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::Reply;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET};
use crate::esxi::{Array, Device, EsxHost, Release};
use crate::machine::Machine;
use crate::random::Random;

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "EsxiPathPolicy",
    backend: None,
    scenario,
    lists: Lists::Parts,
    blur: None,
    follows: &[],
    seeds: 120,
};

const PATHS: [&[&str]; 5] = [
    &["vmhba2:C0:T0", "vmhba3:C0:T0", "vmhba2:C0:T1", "vmhba3:C0:T1"],
    &["vmhba2:C0:T0", "vmhba3:C0:T1"],
    &["vmhba2:C0:T0", "vmhba2:C0:T1", "vmhba3:C0:T0"],
    &["vmhba10:C0:T3", "vmhba11:C0:T3"],
    &["vmhba2:C0:T0"],
];

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 50);
    let release = random.pick(&Release::ALL).copied().unwrap_or(Release::Esxi80);
    let mut host = EsxHost::new(TARGET, release);
    add_disks(&mut host, &mut random);
    // What the site looks like at first is part of the scenario, so that wishes fit it.
    let by_satp = selectable(&host);
    let boot = host.devices().find(|device| device.is_boot).map(|device| device.id.clone());
    let mut manifests = Vec::new();
    let mut wanted = BTreeSet::new();
    let mut gives_back = false;
    for (at, (satp, devices)) in by_satp.iter().enumerate() {
        if at == 0 || random.one_in(2) {
            let mut spec = spec(at, satp, devices, release, &mut random);
            // Who names the disk that the host boots from means it; no host gives it Round Robin.
            let takes_boot = at == 0 && spec.get("pathSelectionPolicy") != Some(&json!("VMW_PSP_RR"));
            let devices = spec.get_mut("devices").and_then(Value::as_object_mut);
            if let Some(devices) = devices.filter(|_| takes_boot && random.one_in(3)) {
                devices.insert("ids".to_owned(), json!([boot]));
            }
            gives_back |= spec.get("resetToDefault").is_some();
            if spec.get("default").is_some() {
                wanted.insert(satp.clone());
            }
            manifests.push(format!(
                "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiPathPolicy\nmetadata: {{ name: p{at} }}\nspec: {spec}\n"
            ));
        }
    }
    tinker(&mut host, &mut random);
    Scenario {
        machine: Box::new(Kept { host, wanted, gives_back }),
        manifests: manifests.join("---\n"),
        secrets: Vec::new(),
    }
}

/// A host of whose defaults nobody changes those by hand that no manifest wants: what is given back to a default is as that
/// is.
#[derive(Clone)]
struct Kept {
    host: EsxHost,
    /// The array types whose default is wanted.
    wanted: BTreeSet<String>,
    /// Whether a policy gives back what was set.
    gives_back: bool,
}

impl Machine for Kept {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.host.run(argv)
    }

    fn fingerprint(&self) -> u64 {
        self.host.fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        // What a rule or the default gives counts as given back, so that either may be the end of it.
        if self.gives_back {
            return;
        }
        let mut next = self.host.clone();
        next.drift(random);
        let satps: BTreeSet<&str> = self.host.rules().iter().map(|rule| rule.satp.as_str()).collect();
        let is_kept = |satp: &&str| {
            self.wanted.contains(*satp) || next.default_psp(satp) == self.host.default_psp(satp)
        };
        if satps.iter().all(is_kept) {
            self.host = next;
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        Machine::objects(&self.host)
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}

fn add_disks(host: &mut EsxHost, random: &mut Random) {
    let boot = host.add_luns(Array::Local, 1, 1);
    for id in &boot {
        host.set_boot(id);
    }
    let mut arrays = Array::ALL;
    random.shuffle(&mut arrays);
    let mut lun = 0;
    for array in arrays.into_iter().filter(|array| *array != Array::Local).take(1 + random.below(3)) {
        for number in 0..=random.below(3) {
            let id = format!("naa.6{:011x}{lun:020x}", array as usize * 7919 + number);
            let ends = random.pick(&PATHS).copied().unwrap_or_default();
            let paths: Vec<String> = ends.iter().map(|end| format!("{end}:L{lun}")).collect();
            host.add_lun(&id, array, &paths.iter().map(String::as_str).collect::<Vec<_>>());
            lun += 1;
            if random.one_in(3) {
                let name = format!("vol{lun}");
                host.add_datastore(&name, &id);
                host.run_vm(&format!("web {lun}"), &name);
            }
        }
    }
}

/// The disks that are no local ones, by their array type.
fn selectable(host: &EsxHost) -> BTreeMap<String, Vec<Device>> {
    let mut by_satp: BTreeMap<String, Vec<Device>> = BTreeMap::new();
    for device in host.devices().filter(|device| device.array != Array::Local) {
        by_satp.entry(device.satp.clone()).or_default().push(device.clone());
    }
    by_satp
}

/// What somebody did before: policies, limits and defaults by hand, paths that are lost, rules of ours and of others.
fn tinker(host: &mut EsxHost, random: &mut Random) {
    for _ in 0..random.below(6) {
        host.drift(random);
    }
    let paths: Vec<String> =
        host.devices().flat_map(|device| device.living_paths()).map(str::to_owned).collect();
    for _ in 0..random.below(3) {
        if let Some(path) = random.pick(&paths) {
            host.lose_path(path);
        }
    }
    let descriptions =
        ["by hand", "evenkeel/evenkeel/p0", "evenkeel/evenkeel/p0: of last year", "evenkeel/other/p0", ""];
    for (satp, vendor, model, claim, policy, options) in RULES {
        if random.one_in(4) {
            let description = random.pick(&descriptions).copied().unwrap_or_default();
            let options = if random.one_in(2) { options } else { "iops=9" };
            add_rule(
                host,
                &[
                    ("-s", satp),
                    ("-V", vendor),
                    ("-M", model),
                    ("-c", claim),
                    ("-P", policy),
                    ("-O", options),
                    ("-e", description),
                ],
            );
        }
    }
}

fn add_rule(host: &mut EsxHost, options: &[(&str, &str)]) {
    let verb: &[&str] = match host.release {
        Release::Esx41 => &["esxcli", "nmp", "satp", "addrule"],
        _ => &["esxcli", "storage", "nmp", "satp", "rule", "add"],
    };
    let given = options.iter().filter(|(_, value)| !value.is_empty());
    let words = given.flat_map(|(option, value)| [*option, *value]);
    host.run(&verb.iter().copied().chain(words).collect::<Vec<_>>());
}

/// Array type, vendor, model, claim options, policy, its options.
const RULES: [(&str, &str, &str, &str, &str, &str); 4] = [
    ("VMW_SATP_ALUA", "PURE", "FlashArray", "tpgs_on", "VMW_PSP_RR", "iops=1"),
    ("VMW_SATP_DEFAULT_AA", "3PARdata", "VV", "tpgs_off", "VMW_PSP_RR", "iops=1"),
    ("VMW_SATP_ALUA", "HITACHI", "OPEN-V", "tpgs_on", "VMW_PSP_RR", ""),
    ("VMW_SATP_LSI", "IBM", "^1746*", "", "VMW_PSP_MRU", ""),
];

fn spec(at: usize, satp: &str, devices: &[Device], release: Release, random: &mut Random) -> Value {
    let mut spec = Map::from_iter([("target".to_owned(), json!(TARGET))]);
    let mut put = |name: &str, value: Value| drop(spec.insert(name.to_owned(), value));
    put("devices", selection(satp, devices, random));
    match random.below(5) {
        // Where no rule gives a policy, it is known which one comes back.
        0 if ["VMW_SATP_SVC", "VMW_SATP_LSI", "VMW_SATP_ALUA_CX"].contains(&satp) => {
            put("resetToDefault", json!(true));
        }
        which => {
            let policy = ["VMW_PSP_RR", "VMW_PSP_RR", "VMW_PSP_FIXED", "VMW_PSP_MRU"];
            let policy = policy.get(which.saturating_sub(1)).copied().unwrap_or("VMW_PSP_RR");
            put("pathSelectionPolicy", json!(policy));
            if policy == "VMW_PSP_RR" && random.one_in(2) {
                put("roundRobin", limits(release, random));
            }
            if policy == "VMW_PSP_FIXED" && random.one_in(2) {
                put("preferredPath", json!(random.pick(&["vmhba2", "vmhba3:C0", "vmhba3:C0:T1"])));
            }
            if random.one_in(2) {
                put("default", json!(true));
            }
            if at == 0 && random.one_in(2) {
                put("rules", rules(random));
            }
        }
    }
    if random.one_in(2) {
        put("minWorkingPaths", json!(1 + random.below(3)));
    }
    let accepted = ["VMW_PSP_RR", "VMW_PSP_FIXED"].iter().flat_map(|psp| {
        let satps = [satp, "VMW_SATP_ALUA", "VMW_SATP_LSI", "VMW_SATP_DEFAULT_AA", "VMW_SATP_LOCAL"];
        satps.map(
            |satp| json!({ "of": format!("{psp} on {satp}"), "reason": "a test", "until": "2099-12-31" }),
        )
    });
    put("accept", json!({ "dataLoss": accepted.collect::<Vec<_>>() }));
    Value::Object(spec)
}

fn selection(satp: &str, devices: &[Device], random: &mut Random) -> Value {
    let mut selection = Map::from_iter([("satp".to_owned(), json!(satp))]);
    let array = devices.first().map(|device| device.array);
    if let Some(array) = array.filter(|_| random.one_in(3)) {
        selection.insert("vendor".to_owned(), json!([array.vendor(), "ACME"]));
        selection.insert("model".to_owned(), json!(array.model()));
    }
    if random.one_in(3) {
        selection.insert("namePrefix".to_owned(), json!("naa.6"));
    }
    if let Some(device) = random.pick(devices).filter(|_| random.one_in(3)) {
        selection.insert("exclude".to_owned(), json!({ "ids": [device.id], "vendor": "ACME" }));
    }
    Value::Object(selection)
}

fn limits(release: Release, random: &mut Random) -> Value {
    match random.below(4) {
        0 if release >= Release::Esxi67 => {
            json!({ "latency": { "samplingIos": 16, "intervalMilliseconds": 180_000 } })
        }
        1 => json!({ "bytes": 10_485_760 }),
        _ => json!({ "iops": random.pick(&[1, 8, 1000]) }),
    }
}

fn rules(random: &mut Random) -> Value {
    let mut wanted = Vec::new();
    for (satp, vendor, model, claim, policy, options) in RULES {
        if random.one_in(2) {
            let mut rule = Map::new();
            for (name, value) in [
                ("satp", satp),
                ("vendor", vendor),
                ("model", model),
                ("claimOptions", claim),
                ("pathSelectionPolicy", policy),
                ("pathSelectionOptions", options),
            ] {
                if !value.is_empty() {
                    rule.insert(name.to_owned(), json!(value));
                }
            }
            if random.one_in(2) {
                rule.insert("description".to_owned(), json!("as the vendor says"));
            }
            wanted.push(Value::Object(rule));
        }
    }
    Value::Array(wanted)
}
