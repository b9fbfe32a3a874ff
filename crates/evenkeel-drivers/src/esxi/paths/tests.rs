//! Laws of the whole: plans applied to a small model of a host, whatever it is and whatever is wanted of it.

use std::collections::BTreeSet;

use evenkeel_core::diff::unmet;
use evenkeel_core::driver::{Delta, Risk};
use evenkeel_core::plan::{Action, InstanceId};
use proptest::prelude::*;

use super::host::Host;
use super::observe::state;
use super::*;
use crate::esxi::Names;
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::{ClaimRule, NmpDevice, NmpPath, Satp, ScsiDevice};

const SATPS: [&str; 4] = ["VMW_SATP_SVC", "VMW_SATP_ALUA", "VMW_SATP_LSI", "VMW_SATP_LOCAL"];
const POLICIES: [&str; 3] = ["VMW_PSP_RR", "VMW_PSP_FIXED", "VMW_PSP_MRU"];
/// How many paths each device has.
const PATHS: usize = 3;

/// A host, as plain data that steps are applied to.
#[derive(Debug, Clone)]
struct Model {
    dialect: Dialect,
    devices: Vec<Disk>,
    defaults: Vec<(String, String)>,
    rules: Vec<ClaimRule>,
}

#[derive(Debug, Clone)]
struct Disk {
    id: String,
    satp: String,
    psp: String,
    limits: String,
    preferred: String,
    working: usize,
    vendor: String,
    boot: bool,
}

impl Disk {
    fn path(&self, nth: usize) -> String {
        format!("vmhba{nth}:C0:T0:L{}", self.id.len())
    }

    fn config(&self) -> String {
        match self.psp.as_str() {
            "VMW_PSP_RR" => format!("{{policy=rr,{},bytes=10485760,useANO=0; lastPathIndex=0}}", self.limits),
            "VMW_PSP_FIXED" => format!("{{preferred={0};current={0}}}", self.preferred),
            _ => "Current Path=vmhba0:C0:T0:L0".to_owned(),
        }
    }
}

impl Model {
    fn host(&self) -> Host {
        let devices = self.devices.iter().map(|disk| NmpDevice {
            id: disk.id.clone(),
            display_name: format!("Disk ({})", disk.id),
            satp: disk.satp.clone(),
            psp: disk.psp.clone(),
            config: disk.config(),
            paths_in_use: vec![disk.path(0)],
        });
        let scsi = self.devices.iter().map(|disk| ScsiDevice {
            id: disk.id.clone(),
            vendor: disk.vendor.clone(),
            model: "2145".to_owned(),
            is_boot: Some(disk.boot),
            is_local: Some(false),
        });
        let paths = self.devices.iter().flat_map(|disk| {
            (0..PATHS).map(|nth| NmpPath {
                name: disk.path(nth),
                device: disk.id.clone(),
                state: if nth < disk.working { "active" } else { "dead" }.to_owned(),
            })
        });
        let satps = self.defaults.iter().map(|(name, psp)| Satp {
            name: name.clone(),
            default_psp: psp.clone(),
            description: String::new(),
        });
        Host::of_tests(
            self.dialect,
            devices.collect(),
            satps.collect(),
            self.rules.clone(),
            scsi.collect(),
            paths.collect(),
        )
    }

    /// Carries out a command as a host would.
    fn run(&mut self, step: &Step) {
        let words = step.request.as_exec().unwrap().words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let value = |names: &[&str]| {
            let at = words.iter().position(|word| names.contains(word));
            at.and_then(|at| words.get(at + 1)).map(|word| (*word).to_owned())
        };
        let has = |word: &str| words.contains(&word);
        if has("addrule") || has("add") {
            let text = |name: &str| value(&[name]).unwrap_or_default();
            let group = if self.dialect == Dialect::Four { "" } else { "user" };
            self.rules.push(ClaimRule {
                satp: text("-s"),
                vendor: text("-V"),
                model: text("-M"),
                psp: text("-P"),
                psp_options: text("-O"),
                claim_options: text("-c"),
                description: text("-e"),
                group: group.to_owned(),
                ..ClaimRule::default()
            });
            return;
        }
        if has("deleterule") || has("remove") {
            let before = self.rules.len();
            let (vendor, words) = (value(&["-V"]).unwrap_or_default(), value(&["-e"]).unwrap_or_default());
            self.rules.retain(|rule| rule.vendor != vendor || rule.description != words);
            assert_eq!(self.rules.len() + 1, before, "exactly one rule goes");
            return;
        }
        if let Some(satp) = value(&["--satp"]) {
            let psp = value(&["--psp", "--default-psp"]).unwrap();
            self.defaults.iter_mut().find(|(name, _)| *name == satp).unwrap().1 = psp;
            return;
        }
        let id = value(&["--device"]).unwrap();
        let default = |satp: &str, defaults: &[(String, String)]| {
            defaults.iter().find(|(name, _)| name == satp).unwrap().1.clone()
        };
        let defaults = self.defaults.clone();
        let disk = self.devices.iter_mut().find(|disk| disk.id == id).unwrap();
        if has("--default") {
            disk.psp = default(&disk.satp, &defaults);
        } else if let Some(psp) = value(&["--psp"]) {
            disk.psp = psp;
        } else if let Some(path) = value(&["--path"]) {
            assert_eq!(disk.psp, "VMW_PSP_FIXED");
            disk.preferred = path;
        } else {
            assert_eq!(disk.psp, "VMW_PSP_RR");
            disk.limits = words.iter().find_map(|word| word.strip_prefix("--")).unwrap().to_owned();
            let iops = words.iter().find_map(|word| word.strip_prefix("--iops=")).unwrap();
            disk.limits = format!("iops={iops}");
        }
    }
}

/// What a plan is: its steps, and whether anything differs.
fn plan(spec: &EsxiPathPolicySpec, model: &Model) -> (Vec<Step>, bool) {
    let id = InstanceId { target: "host".into(), kind: "EsxiPathPolicy".into(), name: "law".into() };
    let mut seen = state(spec, model.host()).unwrap();
    EsxiPathPolicy.recognise(&mut seen, "lab", &id);
    let after = EsxiPathPolicy.desired(spec, Some(&seen), Timestamp::UNIX_EPOCH).unwrap();
    let json = |state: &PathPolicyState| serde_json::to_value(state).unwrap();
    let changes = unmet(&json(&after), Some(&json(&seen)));
    let _ = EsxiPathPolicy.report(spec, Some(&seen), Timestamp::UNIX_EPOCH);
    let delta = Delta {
        action: Action::Update,
        before: Some(&seen),
        after: &after,
        changes: &changes,
        owner: "lab",
        id: &id,
        replies: &Replies::default(),
    };
    (EsxiPathPolicy.steps(spec, &delta), !changes.is_empty())
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

prop_compose! {
    fn disks()(
        all in prop::collection::vec(
            (word(&SATPS), word(&POLICIES), prop::sample::select(vec!["iops=1000", "iops=1"]), 0..PATHS,
             0..=PATHS, word(&["IBM", "PURE"]), prop::bool::weighted(0.1)),
            1..7,
        ),
    ) -> Vec<Disk> {
        let disk = |(nth, (satp, psp, limits, preferred, working, vendor, boot)): (usize, (_, _, &str, usize, _, _, _))| {
            let id = format!("naa.{nth}");
            let preferred = format!("vmhba{preferred}:C0:T0:L{}", id.len());
            Disk { id, satp, psp, limits: limits.to_owned(), preferred, working, vendor, boot }
        };
        all.into_iter().enumerate().map(disk).collect()
    }
}

prop_compose! {
    fn models()(
        devices in disks(),
        four in any::<bool>(),
        defaults in prop::collection::vec(word(&POLICIES), SATPS.len()),
        rules in prop::collection::vec((word(&["IBM", "PURE", "HP"]), word(&["iops=1", ""]),
            word(&["evenkeel/lab/law", "evenkeel/lab/law: words", "evenkeel/lab/other", "by hand", ""])), 0..3),
    ) -> Model {
        let dialect = if four { Dialect::Four } else { Dialect::Five };
        let group = if four { "" } else { "user" };
        let mut vendors = BTreeSet::new();
        let rules = rules.into_iter().filter(|(vendor, ..)| vendors.insert(vendor.clone())).map(|(vendor, psp_options, description)| ClaimRule {
            satp: "VMW_SATP_ALUA".to_owned(),
            vendor,
            psp: "VMW_PSP_RR".to_owned(),
            psp_options,
            description,
            group: group.to_owned(),
            ..ClaimRule::default()
        });
        let defaults = SATPS.iter().map(|satp| (*satp).to_owned()).zip(defaults).collect();
        Model { dialect, devices, defaults, rules: rules.collect() }
    }
}

prop_compose! {
    fn specs()(
        satp in prop::collection::vec(word(&SATPS[..3]), 1..3),
        vendor in prop::option::of(word(&["IBM", "PURE"])),
        ids in prop::collection::vec(word(&["naa.0", "naa.1"]), 0..2),
        out in prop::collection::vec(word(&["naa.2"]), 0..2),
        policy in word(&POLICIES),
        (iops, path) in (any::<bool>(), prop::option::of(word(&["vmhba1", "vmhba2:C0:T0", "vmhba9"]))),
        (default, reset) in (any::<bool>(), prop::bool::weighted(0.2)),
        rules in prop::option::of(prop::collection::btree_set(word(&["IBM", "PURE"]), 0..3)),
        min_working_paths in 1_u32..4,
    ) -> EsxiPathPolicySpec {
        let devices = Devices {
            satp: Names(satp),
            vendor: Names(vendor.into_iter().collect()),
            ids,
            exclude: Exclude { ids: out, ..Exclude::default() },
            ..Devices::default()
        };
        let rule = |vendor: String| Rule {
            satp: "VMW_SATP_ALUA".to_owned(),
            vendor: Some(vendor),
            path_selection_policy: Some("VMW_PSP_RR".to_owned()),
            path_selection_options: Some("iops=1".to_owned()),
            ..Rule::default()
        };
        if reset {
            let devices = Some(devices);
            return EsxiPathPolicySpec { devices, min_working_paths, reset_to_default: true, ..EsxiPathPolicySpec::default() };
        }
        let limits = RoundRobin { iops: Some(1), ..RoundRobin::default() };
        EsxiPathPolicySpec {
            esxi_host: None,
            devices: Some(devices),
            round_robin: (policy == "VMW_PSP_RR" && iops).then_some(limits),
            preferred_path: path.filter(|_| policy == "VMW_PSP_FIXED"),
            path_selection_policy: Some(policy),
            default,
            rules: rules.map(|rules| rules.into_iter().map(rule).collect()),
            min_working_paths,
            reset_to_default: false,
        }
    }
}

/// The device that a step changes.
fn device_of(step: &Step) -> Option<String> {
    let words = step.request.as_exec()?.words();
    let at = words.iter().position(|word| word == "--device")?;
    words.get(at + 1).cloned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn plans_converge_and_touch_nothing_else(model in models(), spec in specs()) {
        let taken: BTreeSet<String> = {
            let seen = state(&spec, model.host()).unwrap();
            seen.devices.keys().cloned().collect()
        };
        let (steps, _) = plan(&spec, &model);
        let least = usize::try_from(spec.min_working_paths).unwrap();
        let mut after = model.clone();
        let mut last_turn = 0;
        for step in &steps {
            let disk = device_of(step);
            if let Some(id) = &disk {
                prop_assert!(taken.contains(id), "{id} is not meant");
                let disk = model.devices.iter().find(|disk| disk.id == *id).unwrap();
                prop_assert!(!disk.boot || spec.devices.as_ref().unwrap().ids.contains(id));
                prop_assert!(disk.working >= least || step.held.is_some(), "{id} has too few paths");
                // What must be so afterwards is counted of this device, and is so now.
                let proof = step.proof.as_ref().unwrap();
                prop_assert_eq!(proof.at_least.get(id), Some(&u64::try_from(disk.working).unwrap()));
                let all = vec![model.dialect.path_list()];
                prop_assert!(proof.reads == all || proof.reads.len() == proof.at_least.len());
            }
            // What waits for something comes after what does not.
            let turn = if step.held.is_some() { 2 } else { usize::from(step.risk() == Risk::DataLoss) };
            prop_assert!(turn >= last_turn || !step.may_wait, "{steps:#?}");
            last_turn = turn.max(last_turn);
            if step.held.is_none() {
                after.run(step);
            }
        }
        // Rules that are not this resource's stay.
        let foreign = |model: &Model| -> Vec<ClaimRule> {
            let ours = |rule: &&ClaimRule| super::rules::carries(rule, "evenkeel/lab/law");
            model.rules.iter().filter(|rule| !ours(rule)).cloned().collect()
        };
        prop_assert_eq!(foreign(&model), foreign(&after));
        // A second plan has nothing but what was held.
        let (again, differs) = plan(&spec, &after);
        prop_assert!(again.iter().all(|step| step.held.is_some()), "{steps:#?} then {again:#?}");
        prop_assert_eq!(differs, !again.is_empty());
    }
}

/// A path of a device that was changed earlier may be lost while later ones are changed.
#[test]
fn devices_that_were_changed_earlier_are_counted_again() {
    let disk = |nth: usize| Disk {
        id: format!("naa.{nth:02}"),
        satp: "VMW_SATP_SVC".to_owned(),
        psp: "VMW_PSP_FIXED".to_owned(),
        limits: "iops=1000".to_owned(),
        preferred: "vmhba0:C0:T0:L6".to_owned(),
        working: PATHS,
        vendor: "IBM".to_owned(),
        boot: false,
    };
    let model = Model {
        dialect: Dialect::Five,
        devices: (0..40).map(disk).collect(),
        defaults: SATPS.iter().map(|satp| ((*satp).to_owned(), "VMW_PSP_FIXED".to_owned())).collect(),
        rules: Vec::new(),
    };
    let spec = EsxiPathPolicySpec {
        devices: Some(Devices { satp: Names(vec!["VMW_SATP_SVC".to_owned()]), ..Devices::default() }),
        path_selection_policy: Some("VMW_PSP_RR".to_owned()),
        ..EsxiPathPolicySpec::default()
    };
    let (steps, _) = plan(&spec, &model);
    let proofs = steps.iter().map(|step| step.proof.as_ref().unwrap());
    let all = [Dialect::Five.path_list()];
    let looks: Vec<(usize, usize)> = proofs
        .enumerate()
        .filter(|(_, proof)| proof.reads == all)
        .map(|(nth, proof)| (nth + 1, proof.at_least.len()))
        .collect();
    // Each time all that were changed so far, and the next.
    assert_eq!(looks, [(16, 17), (32, 33), (40, 40)]);
}
