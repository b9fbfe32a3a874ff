//! `EsxiPathPolicy` over the vSphere API: a host by itself, or one of several of a vCenter, with disks of several arrays,
//! paths that are lost, and policies that somebody set by hand.

use std::collections::BTreeMap;

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Way;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::machine::Machine;
use crate::random::Random;
use crate::vsphere::{HOST, Lun, Vcenter};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "EsxiPathPolicy",
    backend: None,
    scenario,
    lists: Lists::Parts,
    blur: None,
    follows: &[],
    seeds: 80,
};

const SATPS: [(&str, &str, &str); 4] = [
    ("VMW_SATP_SVC", "IBM", "2145"),
    ("VMW_SATP_ALUA", "NETAPP", "LUN C-Mode"),
    ("VMW_SATP_LSI", "IBM", "1746"),
    ("VMW_SATP_DEFAULT_AA", "3PARdata", "VV"),
];
const ENDS: [&[&str]; 4] = [
    &["vmhba2:C0:T0", "vmhba3:C0:T0", "vmhba2:C0:T1", "vmhba3:C0:T1"],
    &["vmhba2:C0:T0", "vmhba3:C0:T1"],
    &["vmhba2:C0:T0", "vmhba2:C0:T1", "vmhba3:C0:T1"],
    &["vmhba2:C0:T0"],
];

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 90);
    let mut vcenter = Vcenter::new(now());
    vcenter.is_host = random.one_in(2);
    let host = if vcenter.is_host || random.one_in(2) { HOST.to_owned() } else { vcenter.add_host("mango") };
    let is_named = host != HOST || random.one_in(3);
    let name = vcenter.places.get(&host).map(|place| place.name.clone()).unwrap_or_default();
    let mut manifests = Vec::new();
    let mut all = vec![Lun {
        is_local: true,
        ..Lun::new("naa.5000", "VMW_SATP_LOCAL", &["vmhba0:C0:T0:L0".to_owned()])
    }];
    for (at, (satp, vendor, model)) in SATPS.into_iter().enumerate() {
        for number in 0..random.below(4) {
            let lun = at * 10 + number + 1;
            let ends = random.pick(&ENDS).copied().unwrap_or_default();
            let paths: Vec<String> = ends.iter().map(|end| format!("{end}:L{lun}")).collect();
            let mut disk = Lun::new(&format!("naa.6005076801{lun:022}"), satp, &paths);
            (disk.vendor, disk.model) = (vendor.to_owned(), model.to_owned());
            disk.set_by_hand(
                random.pick(&["VMW_PSP_FIXED", "VMW_PSP_RR", "VMW_PSP_MRU"]).unwrap_or(&"VMW_PSP_MRU"),
            );
            for path in &mut disk.paths {
                let states =
                    ["active", "active", "active", "active", "active", "dead", "disabled", "standby"];
                random.pick(&states).copied().unwrap_or("dead").clone_into(&mut path.state);
            }
            all.push(disk);
        }
        if at == 0 || random.one_in(2) {
            let host = is_named.then_some(name.as_str());
            manifests.push(manifest(at, (satp, vendor, model), host, &mut random));
        }
    }
    vcenter.luns.insert(host.clone(), all);
    vcenter.add_store("vol60050768010000000000000000000001", 100);
    vcenter.add_vm("avocado2", "vol60050768010000000000000000000001", 10);
    Scenario {
        machine: Box::new(ByHand { vcenter, host }),
        manifests: manifests.join("---\n"),
        secrets: Vec::new(),
    }
}

fn manifest(at: usize, of: (&str, &str, &str), host: Option<&str>, random: &mut Random) -> String {
    let (satp, vendor, model) = of;
    let mut devices = Map::from_iter([("satp".to_owned(), json!(satp))]);
    if random.one_in(3) {
        devices.insert("vendor".to_owned(), json!(vendor));
        devices.insert("model".to_owned(), json!([model, "ACME"]));
    }
    let policy = random.pick(&["VMW_PSP_RR", "VMW_PSP_RR", "VMW_PSP_FIXED", "VMW_PSP_MRU"]);
    let policy = policy.copied().unwrap_or("VMW_PSP_RR");
    let accepted = ["VMW_PSP_RR", "VMW_PSP_FIXED"]
        .map(|psp| json!({ "of": format!("{psp} on {satp}"), "reason": "a test", "until": "2099-12-31" }));
    let mut spec = Map::from_iter([
        ("target".to_owned(), json!(TARGET)),
        ("devices".to_owned(), Value::Object(devices)),
        ("pathSelectionPolicy".to_owned(), json!(policy)),
        ("minWorkingPaths".to_owned(), json!(1 + random.below(3))),
        ("accept".to_owned(), json!({ "dataLoss": accepted })),
    ]);
    if let Some(host) = host {
        spec.insert("esxiHost".to_owned(), json!(host));
    }
    // Each of them is one path of a disk, or none.
    if let (true, Some(path)) =
        (policy == "VMW_PSP_FIXED", random.pick(&["vmhba2:C0:T0", "vmhba3:C0:T1", "vmhba9"]))
    {
        spec.insert("preferredPath".to_owned(), json!(path));
    }
    let spec = Value::Object(spec);
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiPathPolicy\nmetadata: {{ name: p{at} }}\nspec: {spec}\n"
    )
}

/// A vCenter whose disks people change.
#[derive(Clone)]
struct ByHand {
    vcenter: Vcenter,
    host: String,
}

impl Machine for ByHand {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.vcenter.run(argv)
    }

    fn way(&self) -> Way {
        self.vcenter.way()
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.vcenter.answer(target, request)
    }

    fn fingerprint(&self) -> u64 {
        self.vcenter.fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        let mut luns: Vec<&mut Lun> = self.vcenter.luns.get_mut(&self.host).into_iter().flatten().collect();
        let which = random.below(luns.len());
        let policy = random.pick(&["VMW_PSP_FIXED", "VMW_PSP_RR", "VMW_PSP_MRU"]);
        if let (Some(lun), Some(policy)) = (luns.get_mut(which), policy) {
            lun.set_by_hand(policy);
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.vcenter.objects()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
