//! Two vCenters, and what is the same of what they say.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::request::{Reply, Request, VsphereRequest};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::Transport as _;
use evenkeel_lab::vsphere::{VM_FOLDER, Vcenter};
use evenkeel_tests::vcsim::{PASSWORD, USER, Vcsim};
use evenkeel_transport::VsphereTransport;
use evenkeel_transport::credentials::EnvironmentCredentials;
use serde_json::{Map, Value, json};

/// What is read of everything.
const PATHS: [(&str, &[&str]); 4] = [
    ("Datacenter", &["name", "parent"]),
    ("Datastore", &["name", "summary.accessible"]),
    ("Folder", &["name", "parent"]),
    (
        "VirtualMachine",
        &[
            "config.extraConfig",
            "config.files.vmPathName",
            "config.hardware.device",
            "config.template",
            "datastore",
            "name",
            "parent",
            "runtime.connectionState",
            "runtime.powerState",
            "snapshot",
        ],
    ),
];

/// One of the two.
pub(crate) enum Side {
    Lab(Box<Vcenter>),
    Real { transport: VsphereTransport, target: Box<Target> },
}

impl Side {
    /// The lab's, with the same on it as [`Side::real`]'s.
    pub(crate) fn lab() -> Self {
        let mut vcenter = Vcenter::new("2019-09-24T17:30:00Z".parse().unwrap());
        vcenter.add_store("LocalDS_0", 1_000);
        vcenter.add_store("NFS_durian", 1_000);
        vcenter.add_folder("backup", VM_FOLDER);
        for name in ["avocado2", "banana"] {
            vcenter.add_vm(name, "LocalDS_0", 1);
        }
        Side::Lab(Box::new(vcenter))
    }

    /// The flags of the simulator that has the same on it.
    pub(crate) const FLAGS: [&'static str; 8] =
        ["-vms", "avocado2,banana", "-nas", "NFS_durian", "-folders", "backup", "-hosts", "1"];

    /// The simulator, behind the transport.
    pub(crate) fn real(vcsim: &Vcsim) -> Self {
        let secrets = [("USERNAME", USER), ("PASSWORD", PASSWORD)];
        let secrets = secrets.map(|(key, value)| (format!("EVENKEEL_CRED_VC_{key}"), value.to_owned()));
        let credentials = Arc::new(EnvironmentCredentials::new(secrets));
        let spec = serde_json::from_value(vcsim.spec("vc")).unwrap();
        let spec = TargetSpec { vsphere: Some(spec), ..TargetSpec::default() };
        let target = Target { name: "olive".into(), labels: BTreeMap::new(), spec };
        Side::Real { transport: VsphereTransport::new(credentials), target: Box::new(target) }
    }

    pub(crate) async fn ask(&mut self, request: VsphereRequest) -> Reply {
        match self {
            Side::Lab(vcenter) => vcenter.request(&request),
            Side::Real { transport, target } => {
                let told = request.display();
                let answers = transport.exchange(target, &[Request::Vsphere(Box::new(request))]).await;
                answers.into_iter().next().unwrap().unwrap_or_else(|error| panic!("{told}: {error:?}"))
            }
        }
    }

    pub(crate) async fn everything(&mut self) -> Value {
        let reply = self.ask(VsphereRequest::retrieve_all(PATHS)).await;
        assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
        serde_json::from_slice(&reply.stdout).unwrap()
    }

    /// The one object of this type and name.
    pub(crate) async fn find(&mut self, kind: &str, name: &str) -> Reference {
        let names = VsphereRequest::retrieve_all([(kind, &["name"])]);
        let found: Value = serde_json::from_slice(&self.ask(names).await.stdout).unwrap();
        let mut all = found["objects"].as_array().unwrap().iter();
        let one =
            all.find(|one| one["properties"]["name"] == name).unwrap_or_else(|| panic!("{name}: {found}"));
        Reference::new(kind, one["id"].as_str().unwrap())
    }
}

/// What objects are called, by their ids.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// Those of everything that there is, besides those that are known.
    pub(crate) fn learn(&mut self, everything: &Value) {
        for one in everything["objects"].as_array().unwrap() {
            let name = one["properties"]["name"].as_str().unwrap().to_owned();
            self.0.insert(one["id"].as_str().unwrap().to_owned(), name);
        }
    }

    /// What is the same on both sides of what there is, by type and name.
    pub(crate) fn same(&self, everything: &Value) -> BTreeMap<String, Value> {
        // The lab has no networks, and so no folder of them.
        let known = |one: &&Value| one["properties"]["name"] != "network";
        let all = everything["objects"].as_array().unwrap().iter().filter(known);
        all.map(|one| {
            let told = format!("{} {}", one["type"].as_str().unwrap(), one["properties"]["name"]);
            let mut of: Map<String, Value> = one["properties"].as_object().unwrap().clone();
            for (path, value) in &mut of {
                *value = match path.as_str() {
                    "config.extraConfig" => options(value),
                    "config.hardware.device" => disks(value),
                    "snapshot" => snapshots(&value["rootSnapshotList"]),
                    _ => self.named(value),
                };
            }
            assert_eq!(one.get("missing"), None, "{told}");
            (told, Value::Object(of))
        })
        .collect()
    }

    /// What became of a call, as far as both sides must say the same.
    pub(crate) fn outcome(&self, exit: i64, said: &Value) -> Value {
        let words = match said.get("fault") {
            Some(fault) => fault.clone(),
            None => self.in_words(said["message"].as_str().unwrap_or_default()).trim().into(),
        };
        // Who was made now has no name yet.
        json!({ "exit": exit, "result": said["result"]["type"], "words": words })
    }

    fn named(&self, value: &Value) -> Value {
        match value {
            Value::Array(all) => all.iter().map(|one| self.named(one)).collect(),
            Value::Object(of) => match of.get("id").and_then(Value::as_str) {
                Some(id) => json!([of["type"], self.0.get(id)]),
                None => value.clone(),
            },
            other => other.clone(),
        }
    }

    fn in_words(&self, words: &str) -> String {
        self.0.iter().fold(words.to_owned(), |words, (id, name)| words.replace(id, name))
    }
}

/// Ours.
fn options(all: &Value) -> Value {
    let ours = |option: &&Value| option["key"].as_str().unwrap().starts_with("evenkeel.");
    all.as_array().unwrap().iter().filter(ours).map(|one| json!([one["key"], one["value"]])).collect()
}

fn disks(devices: &Value) -> Value {
    let disks = devices.as_array().unwrap().iter().filter(|device| device["_type"] == "VirtualDisk");
    disks
        .map(|disk| json!([disk["backing"]["_type"], disk["backing"]["fileName"], disk["capacityInKB"]]))
        .collect()
}

fn snapshots(all: &Value) -> Value {
    let all = all.as_array().into_iter().flatten();
    all.map(|one| {
        json!([
            one["name"],
            one["description"],
            one["snapshot"]["type"],
            snapshots(&one["childSnapshotList"])
        ])
    })
    .collect()
}
