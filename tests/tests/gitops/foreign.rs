//! What somebody who may push, or is another user there, cannot do to the machine that the controller runs on.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use evenkeel_tests::evenkeel::Workdir;

use crate::Scene;

/// Pushes a manifest, and expects that it is refused with its line and what is said about it.
fn refused(spec: &str, line: &str, why: &str) {
    let scene = Scene::new("onPush: { apply: Destructive }");
    scene.want("atime: off");
    scene.repository().push("good");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    let target = format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: keeper }}\nspec:\n  {spec}\n"
    );
    scene.repository().write("keeper.yaml", &target);
    scene.repository().push("mine");
    let said = serving.wait_for("RevisionInvalid site");
    assert!(said.contains(line) && said.contains(why), "{said}");
    scene
        .site
        .work
        .run(&["status", "--config", "evenkeel.yaml", "-o", "json"])
        .says(&["keeper.yaml", "allowLocal"]);
}

#[test]
fn a_pushed_manifest_does_not_run_commands_on_the_controllers_machine() {
    refused("local: {}", "keeper.yaml:5:3", "controller's own machine");
}

#[test]
fn a_pushed_manifest_does_not_name_a_file_to_write_to() {
    let ssh = "ssh: { host: no-pty, proxyJump: evil.example, hostKeyChecking: accept-new, knownHosts: ~/.ssh/authorized_keys }";
    refused(ssh, "keeper.yaml:5:", "`accept-new` writes to");
}

#[test]
fn a_source_that_may_use_the_machine_does() {
    let scene = Scene::new("allowLocal: true");
    let target =
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: keeper }\nspec:\n  local: {}\n";
    scene.repository().write("keeper.yaml", target);
    scene.want("atime: off");
    scene.repository().push("mine");
    scene.serve().wait_for("Applied host ZfsDataset/vm");
}

#[test]
fn a_state_directory_that_others_can_write_to_is_refused() {
    let work = Workdir::new();
    // It never comes so far as to serve: the token is missing.
    work.write(
        "evenkeel.yaml",
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Controller\nmetadata: { name: test }\nspec:\n  stateDirectory: state\n  \
         http: { listen: '127.0.0.1:0' }\n  tokens: [ { name: root, role: admin, credentialsRef: root } ]\n",
    );
    let (state, serve) = (work.path().join("state"), ["serve", "--config", "evenkeel.yaml"]);
    std::fs::create_dir(&state).unwrap();
    for mode in [0o770, 0o1777] {
        std::fs::set_permissions(&state, Permissions::from_mode(mode)).unwrap();
        work.expect(1, &serve).says(&["other users can write to", "chmod 700"]);
    }
    std::fs::set_permissions(&state, Permissions::from_mode(0o755)).unwrap();
    work.expect(1, &serve).says(&["the token root"]);
    // Whoever can read it could hold it, and keep the controller from starting.
    assert_eq!(std::fs::metadata(state.join("controller.lock")).unwrap().mode() & 0o777, 0o600);
}
