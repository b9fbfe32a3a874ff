//! Everything that may be lost, for every method that changes something: it is sent once, and where it is not known whether
//! it was done, that is said; and afterwards the transport works as before.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::request::Reply;
use evenkeel_core::request::vsphere::{
    ConfigSpec, DiskFormat, NasVersion, NasVolume, Object, Reference, RelocateSpec, VsphereCall,
};
use evenkeel_core::transport::{Transport as _, TransportError, TransportErrorKind as Kind};
use evenkeel_tests::soap_proxy::{Act, SoapProxy};
use evenkeel_tests::vcsim::Vcsim;
use futures_util::future::join_all;

use super::losses::acts;
use super::way::{CREDENTIAL, Onlooker, SITE, Way, backup};

/// Every method that drivers call.
const METHODS: [&str; 13] = [
    "CreateSnapshot_Task",
    "RemoveSnapshot_Task",
    "CloneVM_Task",
    "ReconfigVM_Task",
    "Rename_Task",
    "MoveIntoFolder_Task",
    "RelocateVM_Task",
    "RegisterVM_Task",
    "Destroy_Task",
    "CreateFolder",
    "CreateNasDatastore",
    "RemoveDatastore",
    "SetMultipathLunPolicy",
];

/// A vCenter, and whom a call is sent to.
struct World {
    vcsim: Vcsim,
    proxy: SoapProxy,
    /// Not by the proxy.
    direct: Way,
}

impl World {
    fn new(more: &[&str]) -> Self {
        let vcsim = Vcsim::start(&[&SITE as &[&str], &["-luns", "1"], more].concat());
        let proxy = SoapProxy::start(&vcsim);
        let direct = Way::new(vcsim.spec(CREDENTIAL));
        World { vcsim, proxy, direct }
    }

    fn way(&self) -> Way {
        Way::within(1, self.proxy.spec(CREDENTIAL))
    }

    async fn vm(&self) -> Reference {
        self.direct.find("VirtualMachine", "avocado2").await
    }

    async fn first(&self, kind: &str) -> Reference {
        let found = evenkeel_core::request::VsphereRequest::retrieve_all([(kind, &[] as &[&str])]);
        let found = self.direct.done(found).await;
        Reference::new(kind, found["objects"][0]["id"].as_str().unwrap())
    }

    /// A call of this method that can be done, for the nth time.
    async fn call(&self, method: &str, nth: usize) -> VsphereCall {
        let name = format!("n{nth}");
        match method {
            "CreateSnapshot_Task" => VsphereCall::create_snapshot(self.vm().await, &name, "d", false),
            "RemoveSnapshot_Task" => {
                let take = VsphereCall::create_snapshot(self.vm().await, &name, "d", false);
                VsphereCall::remove_snapshot(self.direct.call(take).await.unwrap())
            }
            "CloneVM_Task" => self.direct.clone_of("avocado2", &name).await,
            "ReconfigVM_Task" => {
                let config = ConfigSpec { annotation: Some(name), ..ConfigSpec::default() };
                VsphereCall::reconfigure_vm(self.vm().await, config)
            }
            "Rename_Task" => VsphereCall::rename(
                self.direct.find("VirtualMachine", &renamed(nth)).await,
                &renamed(nth + 1),
            ),
            "MoveIntoFolder_Task" => VsphereCall::move_into_folder(backup(), self.vm().await),
            "RelocateVM_Task" => {
                let datastore = self.direct.find("Datastore", "NFS_durian").await;
                let format = DiskFormat::Same;
                VsphereCall::relocate_vm(
                    self.vm().await,
                    RelocateSpec { datastore, pool: None, host: None, format },
                )
            }
            "RegisterVM_Task" => {
                let pool = self.first("ResourcePool").await;
                VsphereCall::register_vm(backup(), "[NFS_durian] a/a.vmx", "a", pool, None)
            }
            "Destroy_Task" => {
                let clone = self.direct.clone_of("banana", &name).await;
                VsphereCall::destroy(self.direct.call(clone).await.unwrap())
            }
            "CreateFolder" => VsphereCall::create_folder(backup(), &name),
            "CreateNasDatastore" => VsphereCall::create_nas_datastore(self.mounts().await, volume(&name)),
            "RemoveDatastore" => {
                let mount = VsphereCall::create_nas_datastore(self.mounts().await, volume(&name));
                let mounted = self.direct.call(mount).await.unwrap();
                VsphereCall::remove_datastore(self.mounts().await, mounted)
            }
            "SetMultipathLunPolicy" => {
                let lun = format!("02000000006005076801{:024x}", 0);
                let storage = self.first("HostStorageSystem").await;
                VsphereCall::set_multipath_lun_policy(storage, &lun, "VMW_PSP_RR", None)
            }
            other => panic!("no call of {other}"),
        }
    }

    async fn mounts(&self) -> Object {
        self.first("HostDatastoreSystem").await.into()
    }
}

fn volume(name: &str) -> NasVolume {
    let (path, hosts) = (format!("/mnt/{name}"), vec!["durian.teppi.net".to_owned()]);
    NasVolume { name: name.to_owned(), hosts, path, read_only: false, version: NasVersion::V3 }
}

/// What the renamed VM is called before the nth time.
fn renamed(nth: usize) -> String {
    if nth == 0 { "papaya3".to_owned() } else { format!("papaya3-{nth}") }
}

/// Whether the server did what was sent.
fn is_done(act: &Act) -> bool {
    let is_renewed = matches!(act, Act::Fault(fault) if fault.kind == "NotAuthenticated");
    is_renewed || matches!(act, Act::CutAfter | Act::CutWithin | Act::Truncate)
}

/// What came of a call is what must come of it.
fn expect(answer: &Result<Reply, TransportError>, act: &Act, told: &str) {
    let unknown = |kind: Kind| match answer {
        Err(error) => {
            assert_eq!(error.kind, kind, "{told}: {error:?}");
            assert!(error.message.starts_with("it is not known whether "), "{told}: {error}");
        }
        Ok(reply) => panic!("{told}: {reply:?}"),
    };
    match act {
        Act::Hang => unknown(Kind::Timeout),
        Act::Fault(fault) => {
            let reply = answer.as_ref().unwrap_or_else(|error| panic!("{told}: {error:?}"));
            // After a login it is made again, since it was not done.
            let expected = if fault.kind == "SystemError" { 500 } else { reply.exit };
            assert_eq!(reply.exit, expected, "{told}: {}", reply.stderr_text());
        }
        _ => unknown(Kind::ConnectionLost),
    }
}

async fn calls_survive(method: &str) {
    let world = World::new(&[]);
    let mut nth = 0;
    for act in acts() {
        let told = format!("{method} {act:?}");
        let call = world.call(method, nth).await;
        let way = world.way();
        way.names("Folder").await;
        world.proxy.forget();
        world.proxy.on(method, 1, act.clone());
        let answer = way.try_call(call).await;
        expect(&answer, &act, &told);
        let counts = world.proxy.counts();
        let is_renewed = matches!(&act, Act::Fault(fault) if fault.kind == "NotAuthenticated");
        let logins = counts.get("Login").copied().unwrap_or_default();
        assert_eq!((counts[method], logins), if is_renewed { (2, 1) } else { (1, 0) }, "{told}: {counts:?}");
        world.proxy.clear();
        world.proxy.come_back();
        assert!(way.names("VirtualMachine").await.len() >= 3, "after {told}");
        way.transport.close().await;
        // What is renamed is to be found by its name the next time.
        nth += usize::from(method != "Rename_Task" || is_done(&act));
    }
}

#[tokio::test]
async fn a_call_is_sent_once_and_where_its_answer_is_lost_that_is_said() {
    join_all(METHODS.map(calls_survive)).await;
}

#[tokio::test]
async fn what_was_cut_off_before_was_not_done_and_what_was_after_was_done_once() {
    let world = World::new(&[]);
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for (nth, act) in acts().into_iter().enumerate() {
        let call = world.call("CloneVM_Task", nth).await;
        let way = world.way();
        world.proxy.on("CloneVM_Task", 1, act.clone());
        let _ = way.try_call(call).await;
        expected.insert(format!("n{nth}"), usize::from(is_done(&act)));
        world.proxy.clear();
        world.proxy.come_back();
    }
    let names = evenkeel_tests::pyvmomi::look(world.vcsim.url()).vms.into_iter().map(|vm| vm.name);
    let names: Vec<String> = names.collect();
    for (name, count) in expected {
        assert_eq!(names.iter().filter(|known| **known == name).count(), count, "{name}: {names:?}");
    }
}

/// A look at a task that is lost is made again, until the task has ended.
async fn looks_survive(act: Act) {
    let world = World::new(&["-task-time", "300ms"]);
    let told = format!("{act:?}");
    let way = world.way();
    let call = VsphereCall::rename(world.vm().await, "new").within(20);
    way.names("Folder").await;
    world.proxy.forget();
    world.proxy.on("RetrievePropertiesEx", 2, act);
    let back = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        world.proxy.come_back();
    };
    let onlooker = Onlooker::default();
    let (answer, ()) = tokio::join!(way.work(call, &onlooker), back);
    let reply = answer.unwrap_or_else(|error| panic!("{told}: {error:?}"));
    assert_eq!(reply.exit, 0, "{told}: {}", reply.stderr_text());
    assert_eq!(world.proxy.counts()["Rename_Task"], 1, "{told}");
}

#[tokio::test]
async fn looks_at_a_task_are_made_again() {
    join_all(acts().into_iter().map(looks_survive)).await;
}

/// Whatever happens to what asks for its end, the task's own end is told.
async fn cancelling_survives(act: Act) {
    let world = World::new(&["-task-time", "1500ms"]);
    let told = format!("{act:?}");
    let way = world.way();
    let call = world.call("CloneVM_Task", 0).await.within(20);
    let is_cancelled = is_done(&act);
    world.proxy.on("CancelTask", 1, act);
    let onlooker = Onlooker::default();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        onlooker.stop();
        tokio::time::sleep(Duration::from_millis(600)).await;
        world.proxy.come_back();
    };
    let (answer, ()) = tokio::join!(way.work(call, &onlooker), stop);
    match answer {
        Err(error) if is_cancelled => assert_eq!(error.kind, Kind::Stopped, "{told}: {error:?}"),
        Ok(reply) if !is_cancelled => assert_eq!(reply.exit, 0, "{told}: {}", reply.stderr_text()),
        other => panic!("{told}: {other:?}"),
    }
    let made = world.direct.names("VirtualMachine").await.values().filter(|name| *name == "n0").count();
    assert_eq!(made, usize::from(!is_cancelled), "{told}");
}

#[tokio::test]
async fn a_task_that_could_not_be_cancelled_is_waited_for() {
    join_all(acts().into_iter().map(cancelling_survives)).await;
}
