//! How a clone comes back: as another clone of it where its machine was, or, where that is said, as the clone itself.

use std::collections::BTreeSet;

use evenkeel_core::backup::slot_name;
use evenkeel_core::driver::{Fate, Generation, Restoration, Step, Wish};
use evenkeel_core::request::vsphere::{
    CloneSpec, Condition, ConfigSpec, DiskFormat, Nic, Object, Reference, RelocateSpec, VsphereCall,
};
use evenkeel_core::request::{Request, VsphereRequest, shell_quote};

use super::spec::last_part;
use super::state::{Cloned, Seen, Standing};
use crate::vsphere::mark::{CLONE, SEALED};
use crate::vsphere::name::{LONGEST, escaped};
use crate::vsphere::view::{FOLDER, Store, VM, Vm};

/// The clone itself goes back, and is none any more.
const MOVE: &str = "move";
/// With [`MOVE`]: also where it is the only one.
const LAST: &str = "last";
/// Its network adapters are not connected when it is powered on.
const DISCONNECTED: &str = "disconnected";
/// The datastore that it goes to.
const DATASTORE: &str = "datastore";
/// Copying may take so long.
const SECONDS: u64 = 7 * 86_400;

/// Where something comes back.
struct Goal<'s> {
    name: String,
    folder: Reference,
    folder_path: String,
    store: &'s Store,
}

pub(super) fn restoration(seen: &Seen, wish: &Wish) -> Result<Restoration, String> {
    let options = Options::of(wish)?;
    let clone = pick(seen, wish)?;
    let original = seen.view.vms.iter().find(|vm| is_original(vm, clone));
    if let Some(vm) = original.filter(|vm| !vm.is_off() && !options.disconnected) {
        return Err(format!(
            "{} is not off, and what comes back would be a second one of it in the network: power it off, or say `--set {DISCONNECTED}=true`",
            seen.view.path(vm)
        ));
    }
    if options.moves && !options.last && is_only(seen, clone) {
        return Err(format!(
            "{} is the only whole clone of {}, and none any more once it is moved: leave out `{MOVE}`, or say `--set {LAST}=true` as well",
            clone.vm.name, clone.item
        ));
    }
    if let Some(vm) = seen.view.vms.iter().find(|vm| may_be_original(vm, clone)) {
        let is_unknown = original.is_none() && !options.disconnected;
        if let Some(why) = vm.unread.as_ref().filter(|_| is_unknown) {
            return Err(format!(
                "{} may be what it was made of, and it is not known whether that is off ({why}): see that it is, and say `--set {DISCONNECTED}=true`",
                seen.view.path(vm)
            ));
        }
    }
    let goal = goal(seen, wish, &options, clone, original)?;
    let work =
        if options.moves { moved(clone, &goal, &options) } else { vec![cloned(clone, &goal, &options)] };
    let mut notes = vec![format!("it is the clone {} of slot {}", clone.vm.name, slot_name(clone.slot))];
    notes.push(if options.moves {
        "the clone itself goes back: its marks are taken off first, and from then on it is no copy of the schedule"
            .to_owned()
    } else {
        "the clone stays where it is".to_owned()
    });
    if options.disconnected {
        notes.push("its network adapters are not connected when it is powered on".to_owned());
    }
    notes.push(format!("it is not powered on: `govc vm.power -on {}`", shell_quote(&goal.name)));
    Ok(Restoration { generation: generation(seen, clone), fetch: Vec::new(), work, notes })
}

/// What a person said besides.
#[derive(Debug, Default)]
struct Options {
    moves: bool,
    last: bool,
    disconnected: bool,
    datastore: Option<String>,
}

impl Options {
    fn of(wish: &Wish) -> Result<Self, String> {
        if wish.folder.is_some() {
            return Err("a clone is no archive that is put into a folder: leave that out".to_owned());
        }
        let mut options = Options::default();
        for (name, value) in &wish.options {
            let flag = || match value.as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(format!("`{name}={value}` is neither `true` nor `false`")),
            };
            match name.as_str() {
                MOVE => options.moves = flag()?,
                LAST => options.last = flag()?,
                DISCONNECTED => options.disconnected = flag()?,
                DATASTORE => options.datastore = Some(value.clone()),
                _ => {
                    return Err(format!(
                        "there is no option `{name}`: there are `{MOVE}`, `{LAST}`, `{DISCONNECTED}` and `{DATASTORE}`"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn is_original(vm: &Vm, clone: &Cloned) -> bool {
    vm.own_mark().is_none()
        && vm.uuid.as_deref().is_some_and(|uuid| uuid.eq_ignore_ascii_case(&clone.mark.vm_uuid))
}

/// One that cannot be read, but is called so, or lies there.
fn may_be_original(vm: &Vm, clone: &Cloned) -> bool {
    let is_called = vm.name == escaped(last_part(&clone.mark.vm));
    vm.unread.is_some() && (is_called || vm.vmx.as_deref() == Some(clone.mark.vmx.as_str()))
}

fn is_only(seen: &Seen, clone: &Cloned) -> bool {
    let whole = |other: &&Cloned| other.standing == Standing::Sealed && other.item == clone.item;
    seen.clones.iter().filter(whole).count() < 2
}

/// The clone that is meant: the newest that is whole.
fn pick<'s>(seen: &'s Seen, wish: &Wish) -> Result<&'s Cloned, String> {
    if let Some(store) = wish.store.as_ref().filter(|store| **store != seen.store.name) {
        return Err(format!("there is no store `{store}`: the clones are on {}", seen.store.name));
    }
    let slot = wish.slot.map(slot_name);
    let whole: Vec<&Cloned> = seen
        .clones
        .iter()
        .filter(|clone| clone.standing == Standing::Sealed)
        .filter(|clone| slot.as_ref().is_none_or(|slot| slot_name(clone.slot) == *slot))
        .collect();
    let items: BTreeSet<&str> = whole.iter().map(|clone| clone.item.as_str()).collect();
    if wish.item.is_none() && items.len() > 1 {
        let items: Vec<&str> = items.into_iter().collect();
        return Err(format!("say which machine: --item with one of {}", items.join(", ")));
    }
    let is_meant = |clone: &&&Cloned| wish.item.as_ref().is_none_or(|item| clone.item == *item);
    let newest = whole.iter().filter(is_meant).max_by_key(|clone| clone.slot);
    newest.copied().ok_or_else(|| {
        let what = wish.item.as_ref().map(|item| format!(" of {item}")).unwrap_or_default();
        let when = slot.map(|slot| format!(" for {slot}")).unwrap_or_default();
        format!("there is no whole clone{what}{when}: `evenkeel backup list` shows those that there are")
    })
}

/// Beside the original: on its datastore and in its folder, under another name.
fn goal<'s>(
    seen: &'s Seen,
    wish: &Wish,
    options: &Options,
    clone: &Cloned,
    original: Option<&Vm>,
) -> Result<Goal<'s>, String> {
    let own = || original.map_or_else(|| escaped(last_part(&clone.mark.vm)), |vm| vm.name.clone());
    let name = wish.to.as_deref().map_or_else(|| format!("{}-restored", own()), escaped);
    if name.trim().is_empty() || name.chars().count() > LONGEST {
        return Err(format!("`{name}` is no name for a virtual machine: say another with --to"));
    }
    let of_mark =
        clone.mark.vmx.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(store, _)| store);
    let on = original.and_then(Vm::store).or(of_mark).unwrap_or_default();
    let on = options.datastore.as_deref().unwrap_or(on);
    let stores: Vec<&Store> =
        seen.view.stores.iter().filter(|store| store.name == on && store.accessible).collect();
    let store = match stores.as_slice() {
        [one] => *one,
        [] => {
            return Err(format!(
                "there is no datastore `{on}` that can be reached: name one with `--set {DATASTORE}=NAME`"
            ));
        }
        _ => {
            return Err(format!(
                "several datastores are called `{on}`: name another one with `--set {DATASTORE}=NAME`"
            ));
        }
    };
    let root = || {
        let datacenter = seen.view.datacenter_of(Some(&seen.folder.base.id))?;
        seen.view.vm_folders().find(|(id, _)| *id == datacenter).map(|(_, folder)| folder.to_owned())
    };
    let folder = original.and_then(|vm| vm.parent.clone()).or_else(root);
    let folder = folder.ok_or("it is not known in which folder it was")?;
    let folder_path = seen.view.folder_path(&folder);
    if seen.view.named(&name).any(|vm| vm.parent.as_deref() == Some(folder.as_str())) {
        return Err(format!(
            "{folder_path}/{name} is there: a restore never overwrites, name another with --to"
        ));
    }
    Ok(Goal { name, folder: Reference::new(FOLDER, folder), folder_path, store })
}

/// What is changed of what comes back: no mark says that it is a clone of ours.
fn config(clone: &Cloned, options: &Options) -> ConfigSpec {
    let nics = clone.nics.iter().filter(|_| options.disconnected);
    ConfigSpec {
        annotation: Some(format!(
            "{} of slot {}, restored by Evenkeel",
            clone.mark.vm,
            slot_name(clone.slot)
        )),
        disconnect: nics.map(|(kind, key)| Nic { kind: kind.clone(), key: *key }).collect(),
        extra: [CLONE, SEALED].map(|key| (key.to_owned(), String::new())).into(),
        ..ConfigSpec::default()
    }
}

fn step(call: VsphereCall) -> Step {
    Step::new(Request::Vsphere(Box::new(VsphereRequest::Call(call))))
}

/// Only the clone that was picked, and only as it was when it was sealed.
fn checked(call: VsphereCall, clone: &Cloned) -> VsphereCall {
    let vm = clone.vm.reference();
    call.called(&Object::Is(vm.clone()), &clone.vm.name)
        .within(SECONDS)
        .only_if(Condition::be(
            vm.clone(),
            "config.instanceUuid",
            clone.vm.uuid.as_deref().unwrap_or_default(),
        ))
        .only_if(Condition::be(vm.clone(), "runtime.powerState", "poweredOff"))
        .only_if(Condition::have_extra(vm, SEALED, &clone.mark.uuid))
}

fn cloned(clone: &Cloned, goal: &Goal<'_>, options: &Options) -> Step {
    let (folder, datastore) = (Object::Is(goal.folder.clone()), goal.store.reference.clone());
    let to = RelocateSpec { datastore: datastore.clone(), pool: None, host: None, format: DiskFormat::Same };
    let call = VsphereCall::clone_vm(
        clone.vm.reference(),
        CloneSpec {
            name: goal.name.clone(),
            folder: folder.clone(),
            location: to,
            config: config(clone, options),
            snapshot: None,
        },
    );
    let call = checked(call, clone).called(&folder, &goal.folder_path);
    let call = call.called(&Object::Is(datastore), &goal.store.name);
    step(call.only_if(Condition::be_gone(Object::named(VM, &goal.name, folder))))
}

/// Its marks go first: from then on nothing of Evenkeel looks after it, whatever becomes of the rest.
fn moved(clone: &Cloned, goal: &Goal<'_>, options: &Options) -> Vec<Step> {
    let (vm, folder) = (clone.vm.reference(), Object::Is(goal.folder.clone()));
    // It gets another identity: the one that it has is that of the clone for its slot, which may be made again.
    let bare = ConfigSpec { instance_uuid: Some(String::new()), ..config(clone, options) };
    let bare = VsphereCall::reconfigure_vm(vm.clone(), bare);
    let free = Condition::be_gone(Object::named(VM, &goal.name, folder.clone()));
    let named = |call: VsphereCall, name: &str| call.called(&Object::Is(vm.clone()), name);
    let rename = named(VsphereCall::rename(vm.clone(), &goal.name), &clone.vm.name).only_if(free.clone());
    let into = named(VsphereCall::move_into_folder(folder.clone(), vm.clone()), &goal.name);
    let into = into.called(&folder, &goal.folder_path).only_if(free);
    let datastore = goal.store.reference.clone();
    let to = RelocateSpec { datastore: datastore.clone(), pool: None, host: None, format: DiskFormat::Same };
    let relocate = named(VsphereCall::relocate_vm(vm.clone(), to), &goal.name).within(SECONDS);
    let relocate = relocate.called(&Object::Is(datastore), &goal.store.name);
    vec![step(checked(bare, clone)), step(rename), step(into), step(relocate)]
}

fn generation(seen: &Seen, clone: &Cloned) -> Generation {
    Generation {
        store: seen.store.name.clone(),
        slot: clone.slot,
        item: clone.item.clone(),
        name: clone.vm.name.clone(),
        bytes: Some(clone.bytes),
        verified: true,
        fate: Fate::Kept { reasons: Vec::new() },
    }
}
