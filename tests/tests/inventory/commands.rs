//! A host that is asked by commands. Its `vmware` is a stand-in that we wrote: it prints what ESXi 7.0 is documented to.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const TARGET: &str =
    "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: plum }\nspec:\n  local: {}\n";

fn ask(work: &Workdir, args: &[&str]) -> Ran {
    let path = format!("{}:{}", work.path().join("bin").display(), std::env::var("PATH").unwrap());
    Ran::of(&work.command(args).env("PATH", path).output().unwrap())
}

#[test]
fn a_host_that_is_asked_by_commands_tells_its_release() {
    let work = Workdir::new();
    work.write("targets.yaml", TARGET);
    let program = work.write("bin/vmware", "#!/bin/sh\necho 'VMware ESXi 7.0.3 build-20036589'\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = ask(&work, &["inventory", "plum"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.says(&["VMware ESXi 7.0.3 build 20036589, 7.0 Update 3f of 2022-07-12", "a target with `vsphere`"]);
    let all = ask(&work, &["inventory", "plum", "--output", "json"]).json();
    assert_eq!(all["hosts"][0]["software"]["release"]["name"], "7.0 Update 3f");
    assert_eq!((&all["virtualMachines"], &all["snapshots"]), (&json!(null), &json!(null)));
    let checked = ask(&work, &["inventory", "plum", "--check"]);
    assert_eq!(checked.code, 1, "its snapshots are not known: {checked:?}");
}

#[test]
fn a_machine_without_that_command_is_no_such_host() {
    let work = Workdir::new();
    work.write("targets.yaml", TARGET);
    let ran = ask(&work, &["inventory", "plum"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.says(&["cannot read the inventory of plum", "is read of a vCenter or an ESXi host: is this one?"]);
}
