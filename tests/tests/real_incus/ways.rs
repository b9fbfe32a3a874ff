//! The ways to a server besides its socket on this machine: through SSH, and over HTTPS with a client's certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use evenkeel_tests::sshd::TestSshd;

use super::rig::{APPLY, Rig, of_motd, target};

#[test]
fn through_ssh() {
    let rig = Rig::new();
    let sshd = TestSshd::start();
    let how = format!("ssh: {}, socket: {}", sshd.spec(), rig.incus.socket().display());
    rig.work.write("target.yaml", &target(&how));
    rig.small(&of_motd("through SSH\n"));
    rig.apply().says(&["1 applied"]);
    rig.apply().says(&["nothing was sent"]);
    assert_eq!(rig.launched("new", "/etc/motd").as_deref(), Some("through SSH\n"));
    assert_eq!(sshd.execs(), 0, "nothing is run on the machine");
    assert_eq!(sshd.logins(), 2, "one login for each run");
}

#[test]
fn over_https() {
    let rig = Rig::new();
    let port = rig.incus.listen();
    let fingerprint = rig.incus.get("/1.0").unwrap()["environment"]["certificate_fingerprint"].clone();
    let folder = rig.work.path().join("credentials/incus");
    fs::create_dir_all(&folder).unwrap();
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:secp384r1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=evenkeel", "-keyout", "privateKey", "-out", "certificate"])
        .current_dir(&folder)
        .output()
        .expect("openssl is missing: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for path in [folder.join("privateKey"), folder.join("certificate")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let how = |fingerprint: &str| {
        target(&format!(
            "url: 'https://127.0.0.1:{port}', credentialsRef: incus, certificateFingerprint: '{fingerprint}'"
        ))
    };
    let fingerprint = fingerprint.as_str().unwrap();
    let run =
        |code: i32, args: &[&str]| rig.work.expect(code, &[args, &["--credentials", "credentials"]].concat());
    rig.small(&of_motd("over HTTPS\n"));

    // Not this server.
    rig.work.write("target.yaml", &how(&"0123456789abcdef".repeat(4)));
    run(1, &["plan"]).says(&["certificate", "hint:"]);
    // This one, which does not know us yet.
    rig.work.write("target.yaml", &how(fingerprint));
    run(1, &["plan"]).says(&["hint:", "trust"]);
    let certificate = folder.join("certificate");
    rig.incus.incus(&["config", "trust", "add-certificate", certificate.to_str().unwrap()]);
    run(0, &APPLY).says(&["1 applied"]);
    run(0, &APPLY).says(&["nothing was sent"]);
    assert_eq!(rig.launched("new", "/etc/motd").as_deref(), Some("over HTTPS\n"));
    assert_eq!(rig.instances(), [""; 0]);
}
