//! A night's requests and what may go wrong with them, asked of both.

use evenkeel_core::request::VsphereRequest;
use evenkeel_core::request::vsphere::{
    CloneSpec, Condition, ConfigSpec, DiskFormat, Object, Reference, RelocateSpec, VsphereCall,
};
use evenkeel_tests::vcsim::Vcsim;
use serde_json::Value;

use super::sides::{Names, Side};

const MARK: (&str, &str) = ("evenkeel.clone", "{\"slot\":1}");
const SNAPSHOT: (&str, &str) = ("Clone Snapshot", "{\"n\":1} & <x>");

fn marked() -> Object {
    Object::Marked { key: MARK.0.into(), value: MARK.1.into() }
}

fn backup() -> Object {
    Object::Named { kind: "Folder".into(), name: "backup".into(), within: None }
}

/// What requests are made of, on one side.
struct Known {
    vm: Reference,
    other: Reference,
    datastore: Reference,
    pool: Reference,
}

impl Known {
    async fn of(side: &mut Side) -> Self {
        Known {
            vm: side.find("VirtualMachine", "avocado2").await,
            other: side.find("VirtualMachine", "banana").await,
            datastore: side.find("Datastore", "NFS_durian").await,
            pool: side.find("ResourcePool", "Resources").await,
        }
    }

    fn snapshot(&self) -> Object {
        Object::Snapshot { vm: self.vm.clone(), name: SNAPSHOT.0.into(), description: SNAPSHOT.1.into() }
    }

    fn take(&self) -> VsphereCall {
        VsphereCall::create_snapshot(self.vm.clone(), SNAPSHOT.0, SNAPSHOT.1, false)
            .only_if(Condition::be_gone(self.snapshot()))
    }

    fn clone_of(&self, vm: &Reference, name: &str, snapshot: Option<Object>) -> VsphereCall {
        let (datastore, pool) = (self.datastore.clone(), Some(self.pool.clone()));
        let location =
            RelocateSpec { datastore: datastore.clone(), pool, host: None, format: DiskFormat::Sparse };
        let extra = vec![(MARK.0.to_owned(), MARK.1.to_owned())];
        let config = ConfigSpec { extra, ..ConfigSpec::default() };
        let spec = CloneSpec { name: name.into(), folder: backup(), location, config, snapshot };
        VsphereCall::clone_vm(vm.clone(), spec)
            .only_if(Condition::be_gone(Object::named("VirtualMachine", name, backup())))
            .only_if(Condition::be(datastore, "summary.accessible", "true"))
    }

    fn seal(datastore: &str, mark: &str) -> VsphereCall {
        let extra = vec![("evenkeel.sealed".to_owned(), "x & y".to_owned())];
        VsphereCall::reconfigure_vm(marked(), ConfigSpec { extra, ..ConfigSpec::default() })
            .only_if(Condition::be(marked(), "runtime.powerState", "poweredOff"))
            .only_if(Condition::be(marked(), "config.template", "false"))
            .only_if(Condition::have_extra(marked(), MARK.0, mark))
            .only_if(Condition::disks_on(marked(), datastore))
    }

    /// A night: each call with the exit status that both must have.
    fn night(&self) -> Vec<(VsphereCall, i64)> {
        let named = |name: &str| Object::named("VirtualMachine", name, backup());
        let sub = || Object::named("Folder", "sub", backup());
        let gone = Reference::new("VirtualMachine", "vm-99999");
        vec![
            (self.take(), 0),
            (self.take(), 412),
            (self.clone_of(&self.vm, "zz_a", Some(self.snapshot())), 0),
            (self.clone_of(&self.vm, "zz_a", Some(self.snapshot())), 412),
            (Known::seal("NFS_durian", MARK.1), 0),
            (Known::seal("LocalDS_0", MARK.1), 412),
            (Known::seal("NFS_durian", "another"), 412),
            (VsphereCall::remove_snapshot(self.snapshot()), 0),
            (VsphereCall::remove_snapshot(self.snapshot()), 404),
            (self.clone_of(&self.vm, "zz_b", Some(self.snapshot())), 404),
            (VsphereCall::rename(named("zz_a"), "zz_b"), 0),
            (VsphereCall::rename(named("zz_a"), "zz_c"), 404),
            (VsphereCall::create_folder(backup(), "sub"), 0),
            (VsphereCall::create_folder(backup(), "sub"), 409),
            (VsphereCall::move_into_folder(sub(), marked()), 0),
            (VsphereCall::rename(named("zz_b"), "zz_c"), 404),
            (VsphereCall::destroy(self.vm.clone()), 409),
            (VsphereCall::rename(gone, "x"), 404),
            (VsphereCall::destroy(Object::Of("bogus".into())), 404),
            (self.clone_of(&self.other, "zz_d", None), 0),
            (VsphereCall::destroy(marked()), 409),
            (Known::seal("NFS_durian", MARK.1), 412),
            (VsphereCall::destroy(named("zz_d")), 0),
            (VsphereCall::destroy(marked()).only_if(Condition::have_extra(marked(), "a", "b")), 412),
            (VsphereCall::destroy(marked()), 0),
        ]
    }
}

#[tokio::test]
async fn both_say_the_same_all_night() {
    let vcsim = Vcsim::start(&Side::FLAGS);
    let mut sides = [Side::lab(), Side::real(&vcsim)];
    let [lab, real] = &mut sides;
    let known = [Known::of(lab).await, Known::of(real).await];
    let mut names = [Names::default(), Names::default()];
    let [first, second] = known.map(|known| known.night());
    for (nth, ((one, exit), (other, _))) in first.into_iter().zip(second).enumerate() {
        let told = format!("{nth}: {}", VsphereRequest::Call(one.clone()).display());
        let mut said = Vec::new();
        for ((side, names), call) in sides.iter_mut().zip(&mut names).zip([one, other]) {
            let reply = side.ask(VsphereRequest::Call(call)).await;
            let answer: Value = serde_json::from_slice(&reply.stdout).unwrap();
            assert_eq!(i64::from(reply.exit), exit, "{told}: {}", reply.stderr_text());
            let now = side.everything().await;
            names.learn(&now);
            said.push((names.outcome(reply.exit.into(), &answer), names.same(&now)));
        }
        assert_eq!(said[0], said[1], "{told}: the lab's, and the simulator's");
    }
}

#[tokio::test]
async fn both_tell_of_several_calls_in_the_same_way() {
    let vcsim = Vcsim::start(&Side::FLAGS);
    let mut said = Vec::new();
    for mut side in [Side::lab(), Side::real(&vcsim)] {
        let known = Known::of(&mut side).await;
        let calls = vec![
            known.clone_of(&known.vm, "zz_a", None),
            VsphereCall::destroy(known.vm.clone()),
            VsphereCall::create_folder(backup(), "sub"),
            VsphereCall::rename(Object::named("VirtualMachine", "nobody", backup()), "x"),
            known.clone_of(&known.other, "zz_b", None),
        ];
        let reply = side.ask(VsphereRequest::Together { at_once: 1, calls }).await;
        let all: Value = serde_json::from_slice(&reply.stdout).unwrap();
        let mut names = Names::default();
        let now = side.everything().await;
        names.learn(&now);
        let each = all.as_array().unwrap().iter();
        let each: Vec<Value> = each.map(|one| names.outcome(one["exit"].as_i64().unwrap(), one)).collect();
        said.push((reply.exit, each, names.same(&now)));
    }
    assert_eq!(said[0], said[1], "the lab's, and the simulator's");
    assert_eq!(said[0].0, 409);
}
