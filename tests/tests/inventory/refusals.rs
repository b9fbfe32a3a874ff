//! What is no vCenter and no ESXi host, or cannot be reached.

use super::*;

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let vcsim = Vcsim::start(&[]);
    let desk = Desk { password: "not this one".to_owned(), ..Desk::new(&vcsim.spec("vcenter")) };
    let ran = desk.expect(1, &ALL);
    ran.says(&["error: cannot read the inventory of vcenter", "hint:"]);
    assert!(!ran.stderr.contains("not this one"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let document = desk.json(1, &ALL);
    assert!(document["error"]["message"].as_str().unwrap().contains("vcenter"), "{document}");
}

#[test]
fn a_target_that_is_in_no_manifest_is_named_with_those_that_are() {
    let desk = Desk::new(&json!({"host": "127.0.0.1", "credentialsRef": "vcenter"}));
    desk.expect(1, &["inventory", "vcentre"]).says(&["no target `vcentre`", "known targets: vcenter"]);
}

#[test]
fn one_that_does_not_answer_is_an_error() {
    let vcsim = Vcsim::start(&[]);
    let proxy = SoapProxy::start(&vcsim);
    proxy.go_down();
    let desk = Desk::new(&proxy.spec("vcenter"));
    desk.expect(1, &ALL).says(&["cannot read the inventory of vcenter"]);
}

#[test]
fn a_certificate_that_is_not_the_pinned_one_is_refused() {
    let (vcsim, other) = (Vcsim::start(&[]), Vcsim::start(&[]));
    let mut settings = vcsim.spec("vcenter");
    settings["certificateFingerprint"] = json!(other.fingerprint());
    let desk = Desk::new(&settings);
    let bytes: Vec<String> = vcsim
        .fingerprint()
        .as_bytes()
        .chunks(2)
        .map(|two| String::from_utf8_lossy(two).to_uppercase())
        .collect();
    let says = format!("has another certificate than `certificateFingerprint` says: {}", bytes.join(":"));
    desk.expect(1, &ALL).says(&["cannot read the inventory of vcenter", &says]);
}

#[test]
fn a_store_of_files_has_no_inventory() {
    let work = Workdir::new();
    work.write(
        "targets.yaml",
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: nas }\nspec:\n  ftp: { host: nas.example.net }\n",
    );
    work.expect(1, &["inventory", "nas"]).says(&[
        "nas (ftp nas.example.net) is no vCenter and no ESXi host",
        "targets with `vsphere`, and of ESXi hosts with `ssh`",
    ]);
}
