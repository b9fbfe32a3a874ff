//! What is in the vCenter, by SOAP by hand: in milliseconds, so that it can be asked after each of some hundred kills.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_tests::soap::{Heard, Object, Soap, reference};
use evenkeel_tests::vcsim::Vcsim;
use serde_json::Value;

use super::rig::VMS;

/// The manifest keeps so many.
pub(super) const KEPT: usize = 3;

const PATHS: [&str; 7] = [
    "config.extraConfig",
    "config.instanceUuid",
    "config.template",
    "name",
    "parent",
    "runtime.powerState",
    "snapshot",
];

/// A client that only looks, beside the proxy.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) soap: Soap,
    view: Object,
}

impl Observer {
    pub(super) async fn new(vcsim: &Vcsim) -> Self {
        let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
        let whole = reference("container", &soap.of("rootFolder"));
        let what = format!("{whole}<type>VirtualMachine</type><recursive>true</recursive>");
        let manager = soap.of("viewManager");
        let view = soap.call("CreateContainerView", &manager, &what).await.unwrap();
        Observer { soap, view: view.object().unwrap() }
    }

    pub(super) async fn look(&mut self) -> Catalog {
        let paths = PATHS.map(|path| format!("<pathSet>{path}</pathSet>")).concat();
        let what = format!(
            "<specSet><propSet><type>VirtualMachine</type>{paths}</propSet><objectSet>{}<skip>true</skip>\
             <selectSet xsi:type=\"TraversalSpec\"><type>ContainerView</type><path>view</path><skip>false</skip>\
             </selectSet></objectSet></specSet><options/>",
            reference("obj", &self.view)
        );
        let collector = self.soap.of("propertyCollector");
        let heard = self.soap.call("RetrievePropertiesEx", &collector, &what).await.unwrap();
        assert_eq!(heard.status, 200, "{heard:?}");
        Catalog(heard.body.split("<objects>").skip(1).map(Machine::read).collect())
    }
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) name: String,
    /// The identifier of its folder.
    pub(super) folder: String,
    power: String,
    is_template: bool,
    uuid: String,
    pub(super) has_snapshots: bool,
    mark: Option<Value>,
    sealed: Option<String>,
}

impl Machine {
    fn read(object: &str) -> Self {
        let property = |path: &str| {
            let at = object.find(&format!("<name>{path}</name>"));
            let rest = at.and_then(|at| object.get(at..)).unwrap_or_default();
            // The properties follow each other, and the options of one are nested within.
            let end = rest.find("</propSet>").unwrap_or(rest.len());
            Heard { status: 200, body: rest.get(..end).unwrap_or_default().to_owned() }
        };
        let text = |path: &str| property(path).text("val").unwrap_or_default();
        let options = property("config.extraConfig");
        let options: BTreeMap<String, String> = options.texts("key").zip(options.texts("value")).collect();
        let option = |key: &str| options.get(key).filter(|value| !value.is_empty());
        let whole = Heard { status: 200, body: object.to_owned() };
        Machine {
            id: whole.text("obj").unwrap(),
            name: text("name"),
            folder: text("parent"),
            power: text("runtime.powerState"),
            is_template: text("config.template") == "true",
            uuid: text("config.instanceUuid"),
            has_snapshots: property("snapshot").body.contains("rootSnapshotList"),
            mark: option("evenkeel.clone").map(|mark| serde_json::from_str(mark).unwrap()),
            sealed: option("evenkeel.sealed").cloned(),
        }
    }

    fn of_mark(&self, field: &str) -> &str {
        self.mark.as_ref().and_then(|mark| mark[field].as_str()).unwrap_or_default()
    }

    /// It is whole, off, and was sealed as what it is.
    fn is_good(&self) -> bool {
        self.of_mark("uuid") == self.uuid
            && self.sealed.as_deref() == Some(self.uuid.as_str())
            && self.power == "poweredOff"
            && !self.is_template
    }
}

/// Everything that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Catalog(pub(super) Vec<Machine>);

/// The slots of good clones, by machine.
pub(super) type Good = BTreeMap<String, BTreeSet<String>>;

impl Catalog {
    /// Which machine a virtual machine is, or is a clone of, by identifiers.
    pub(super) fn of(&self) -> BTreeMap<String, String> {
        let of = |machine: &Machine| {
            let name = if machine.mark.is_some() { machine.of_mark("vm") } else { &machine.name };
            (machine.id.clone(), name.to_owned())
        };
        self.0.iter().map(of).collect()
    }

    /// The six machines, without their snapshots.
    fn sources(&self) -> Vec<Machine> {
        let sources = self.0.iter().filter(|machine| machine.mark.is_none());
        sources.map(|machine| Machine { has_snapshots: false, ..machine.clone() }).collect()
    }

    pub(super) fn good(&self, told: &str) -> Good {
        let mut good = Good::new();
        for clone in self.0.iter().filter(|machine| machine.is_good()) {
            let of_vm = good.entry(clone.of_mark("vm").to_owned()).or_default();
            let slot = clone.of_mark("slot").to_owned();
            assert!(of_vm.insert(slot), "{told}: two clones of one night: {}", clone.name);
        }
        good
    }

    /// At any moment of a night: as many good clones as in the evening, or those that are kept; the newest of them are still
    /// there; nothing is there twice; and the machines are as they were.
    pub(super) fn expect_safe(&self, evening: &Catalog, told: &str) {
        let (before, now) = (evening.good(told), self.good(told));
        for name in VMS {
            let of = |all: &Good| all.get(name).cloned().unwrap_or_default();
            let (before, now) = (of(&before), of(&now));
            let is_fewer = now.len() < before.len().min(KEPT);
            assert!(!is_fewer, "{told}: of {name} there were {before:?}, and now there are {now:?}");
            let mut newest = before.iter().rev().take(KEPT - 1);
            assert!(newest.all(|slot| now.contains(slot)), "{told}: of {name} {before:?} became {now:?}");
        }
        let names: BTreeSet<(&str, &str)> =
            self.0.iter().map(|machine| (machine.folder.as_str(), machine.name.as_str())).collect();
        assert_eq!(names.len(), self.0.len(), "{told}: a name is there twice: {:#?}", self.0);
        assert_eq!(self.sources(), evening.sources(), "{told}");
    }

    /// At the end of a night: of each machine the clones of the last nights, and nothing else.
    pub(super) fn expect_done(&self, evening: &Catalog, nights: usize, told: &str) {
        self.expect_safe(evening, told);
        let good = self.good(told);
        let count = nights.min(KEPT);
        for name in VMS {
            assert_eq!(good.get(name).map(BTreeSet::len), Some(count), "{told}: {name}: {:#?}", self.0);
        }
        assert_eq!(self.0.len(), VMS.len() * (count + 1), "{told}: nothing else is there: {:#?}", self.0);
        let with: Vec<&str> = self
            .0
            .iter()
            .filter(|machine| machine.has_snapshots)
            .map(|machine| machine.name.as_str())
            .collect();
        assert_eq!(with, Vec::<&str>::new(), "{told}: a snapshot is left");
    }
}
