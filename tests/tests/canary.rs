//! No secret stands anywhere but in its place: canaries in every field of a credential, looked for in all that is printed,
//! saved and recorded, and on every command line of the host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "canary/serve.rs"]
mod serve;
#[path = "canary/standin.rs"]
mod standin;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel_lab::server::{LabTarget, Sudo};
use evenkeel_lab::zfs::{Version, ZfsHost};
use evenkeel_tests::canary::{Canaries, watching_shim};
use evenkeel_tests::evenkeel::{Ran, Workdir};
use evenkeel_tests::site::Site;
use evenkeel_tests::sshd::TestSshd;

const AGE_MISSING: &str = "age is missing: apt-get install age";

/// A folder of credentials, in which canaries are planted.
struct Credentials {
    folder: tempfile::TempDir,
    canaries: Canaries,
}

impl Credentials {
    fn new() -> Self {
        Credentials { folder: tempfile::tempdir().unwrap(), canaries: Canaries::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, key: &str, value: &str) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(key);
        fs::write(&file, value).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// Plants a canary in a field.
    fn plant(&mut self, name: &str, key: &str) -> String {
        let value = self.canaries.plant(&format!("{name}/{key}"));
        self.write(name, key, &value);
        value
    }

    /// Plants a private key, encrypted with a canary as its passphrase.
    fn plant_key(&mut self, name: &str, key: &Path) {
        let passphrase = self.plant(name, "passphrase");
        let file = self.write(name, "privateKey", &fs::read_to_string(key).unwrap());
        let encrypt = ["-q", "-p", "-P", "", "-N", &passphrase, "-f", file.to_str().unwrap()];
        let done = Command::new("ssh-keygen").args(encrypt).output();
        assert!(done.expect("ssh-keygen is missing: apt-get install openssh-client").status.success());
        self.canaries.watch(&format!("{name}/privateKey"), &fs::read_to_string(&file).unwrap());
    }

    /// Plants credentials in a file encrypted with age, at `file`. The identity is `age-identity` in the folder.
    fn plant_age(&mut self, file: &Path, become_password: &str, key: &Path) {
        let identity = self.path().join("age-identity");
        let made = Command::new("age-keygen").arg("-o").arg(&identity).output().expect(AGE_MISSING);
        let recipient = String::from_utf8_lossy(&made.stderr).replace("Public key: ", "");
        let text = fs::read_to_string(&identity).unwrap();
        self.canaries.watch("age-identity", text.lines().last().unwrap());
        let key = fs::read_to_string(key).unwrap();
        self.canaries.watch("sealed/privateKey", &key);
        let plain = serde_json::json!({ "privateKey": key, "becomePassword": become_password }).to_string();
        let plain = self.write("sealed", "plain", &plain);
        let arguments = ["-a", "-r", recipient.trim(), "-o"];
        let sealed = Command::new("age").args(arguments).args([file, &plain]).output().expect(AGE_MISSING);
        assert!(sealed.status.success(), "{}", String::from_utf8_lossy(&sealed.stderr));
    }

    /// Runs `evenkeel`; no canary is printed. `more` is for its environment.
    fn run(&self, work: &Workdir, args: &[&str], more: &[(&str, &str)]) -> Ran {
        let mut command = work.command(args);
        if ["plan", "apply", "status", "import"].contains(&args[0]) {
            command.arg("--credentials").arg(self.path());
        }
        let output = command.envs(more.iter().copied()).output().unwrap();
        self.canaries.absent_from(&format!("stdout of {args:?}"), &output.stdout);
        self.canaries.absent_from(&format!("stderr of {args:?}"), &output.stderr);
        Ran::of(&output)
    }
}

fn host(name: &str, become_password: &str) -> LabTarget {
    let mut host = ZfsHost::new(Version::V2_3);
    host.add_pool("tank", 8 << 40);
    host.run(&["zfs", "create", "tank/vm"]);
    let sudo = Sudo::Password(become_password.to_owned());
    LabTarget { user: "ops".to_owned(), sudo, ..LabTarget::new(name, host) }
}

/// A target at the address of a host of the lab, with a resource.
fn target(site: &Site, name: &str, at: &str) -> String {
    let address = site.lab.address(at).unwrap();
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name} }}\nspec:\n  ssh: {{ host: {}, \
         port: {}, user: ops, agent: false, knownHosts: {}, become: sudo, credentialsRef: {name} }}\n{}",
        address.ip(),
        address.port(),
        site.lab.known_hosts().display(),
        Site::dataset(name, "tank/vm", "atime: off").replace("target: host", &format!("target: {name}"))
    )
}

#[test]
fn the_command_line_leaks_nothing_of_good_and_bad_credentials() {
    let mut secrets = Credentials::new();
    let seen_folder = tempfile::tempdir().unwrap();
    let seen = seen_folder.path().join("seen");
    let become_password = secrets.plant("keyed", "becomePassword");
    let password = secrets.canaries.plant("worded/password");
    let hosts = vec![
        host("a", &become_password),
        LabTarget { password: Some(password.clone()), ..host("b", &become_password) },
        host("c", &become_password),
    ];
    let site = Site::with_shim(hosts, watching_shim(seen_folder.path(), &seen));
    fs::remove_file(site.work.path().join("targets.yaml")).unwrap();
    for key in ["token", "webhookSecret"] {
        secrets.plant("keyed", key);
    }
    secrets.plant_key("keyed", &site.lab.client_key());
    secrets.plant("wrong-password", "password");
    secrets.plant_key("wrong-become", &site.lab.client_key());
    secrets.plant("wrong-become", "becomePassword");
    secrets.plant_key("wrong-passphrase", &site.lab.client_key());
    secrets.plant("wrong-passphrase", "passphrase");
    let open = secrets.plant("open", "password");
    let file = secrets.write("open", "password", &open);
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();

    let sealed = "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Secret\nmetadata: { name: sealed }\nspec: { age: { path: sealed.age } }\n";
    let good = [("keyed", "a"), ("worded", "b"), ("sealed", "c")].map(|(name, at)| target(&site, name, at));
    let file = site.work.write("good/targets.yaml", &(good.concat() + sealed));
    secrets.plant_age(&file.with_file_name("sealed.age"), &become_password, &site.lab.client_key());
    let bad = ["wrong-password", "wrong-become", "wrong-passphrase", "open"];
    site.work.write("bad/targets.yaml", &bad.map(|name| target(&site, name, "b")).concat());
    let identity = secrets.path().join("age-identity").display().to_string();
    let variables = [
        ("EVENKEEL_CRED_WORDED_PASSWORD", &*password),
        ("EVENKEEL_CRED_WORDED_BECOMEPASSWORD", &*become_password),
        ("EVENKEEL_AGE_IDENTITY", &*identity),
    ];
    let run = |args: &[&str]| secrets.run(&site.work, args, &variables);

    let expect = |code: i32, args: &[&str]| {
        let ran = run(args);
        assert_eq!(ran.code, code, "{args:?}\n{}{}", ran.stdout, ran.stderr);
        ran
    };
    expect(0, &["validate"]);
    expect(2, &["plan", "good", "--full", "--show-commands"]);
    expect(2, &["plan", "good", "-o", "json", "--record", "recorded"]);
    expect(2, &["plan", "good", "--replay", "recorded"]);
    expect(2, &["plan", "good", "--out", "saved.json"]);
    expect(2, &["status", "good", "-o", "json"]);
    expect(0, &["apply", "saved.json", "--auto-approve", "--show-commands"]).says(&["3 applied"]);
    expect(0, &["status", "good"]);
    expect(0, &["import", "keyed", "good"]);
    for args in [&["plan", "bad"][..], &["apply", "bad", "--auto-approve"], &["status", "bad"]] {
        expect(1, args).says(&["password", "0644", "passphrase", "sudo refused"]);
        expect(1, &[args, &["-o", "json"]].concat());
    }
    let wrong = [("EVENKEEL_AGE_IDENTITY", site.lab.client_key().display().to_string())];
    let ran =
        secrets.run(&site.work, &["plan", "good"], &wrong.each_ref().map(|(name, value)| (*name, &**value)));
    ran.says(&["SSH and PEM keys are not taken"]);
    run(&["plan", "bad", "--record", "recorded-bad", "--out", "saved-bad.json"]);

    let files = secrets.canaries.absent_from_folder(site.work.path());
    assert!(files >= 6, "only {files} files were looked at");
    let lines = fs::read(&seen).unwrap();
    assert!(String::from_utf8_lossy(&lines).contains("sudo -k -S"), "the host saw its own processes");
    secrets.canaries.absent_from("a command line", &lines);
    for name in ["a", "b", "c"] {
        let commands = site.lab.commands(name);
        assert!(!commands.is_empty());
        secrets.canaries.absent_from("a command", format!("{commands:?}").as_bytes());
    }
}

/// A real sshd whose sessions do what `settings` says, and a manifest for it.
fn odd_host(secrets: &mut Credentials, settings: &[&str], sudo: &str) -> (TestSshd, Workdir) {
    let sshd = TestSshd::prepared(settings, |folder| {
        fs::create_dir(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/sudo"), format!("#!/bin/sh\n{sudo}\n")).unwrap();
        fs::set_permissions(folder.join("bin/sudo"), fs::Permissions::from_mode(0o755)).unwrap();
    });
    secrets.plant("odd", "becomePassword");
    let mut ssh = sshd.spec();
    ssh["become"] = "sudo".into();
    ssh["credentialsRef"] = "odd".into();
    let work = Workdir::new();
    let target = format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: host }}\nspec: {{ ssh: {ssh} }}\n"
    );
    work.write("odd.yaml", &(target + &Site::dataset("vm", "tank/vm", "atime: off")));
    (sshd, work)
}

/// What a person is told when something goes wrong that repeats what it was given.
fn odd(settings: &[&str], sudo: &str, told: &str) {
    let mut secrets = Credentials::new();
    let (sshd, work) = odd_host(&mut secrets, settings, sudo);
    for args in [&["plan"][..], &["apply", "--auto-approve", "-o", "json"], &["status"]] {
        let ran = secrets.run(&work, args, &[]);
        assert_eq!(ran.code, 1, "{ran:?}");
        ran.says(&[told]);
    }
    secrets.run(&work, &["plan", "--record", "recorded", "--out", "saved.json"], &[]);
    secrets.canaries.absent_from_folder(work.path());
    secrets.canaries.absent_from("the server's log", sshd.log().as_bytes());
}

#[test]
fn a_host_that_repeats_the_password_does_not_make_us_print_it() {
    let path = &["SetEnv HOME={folder} PATH={folder}/bin:/usr/bin:/bin"];
    odd(path, "read -r p; echo \"sudo: incorrect password attempt: $p\" >&2; exit 1", "sudo refused");
    odd(path, "read -r p; echo \"fatal: $p\" >&2; exit 9", "fatal: ***");
}

#[test]
fn a_login_that_only_repeats_what_it_is_sent_does_not_make_us_print_it() {
    odd(&["ForceCommand cat"], "exit 1", "host");
    odd(&["ForceCommand cat >&2"], "exit 1", "host");
    odd(&["ForceCommand head -c 100000; exit 3"], "exit 1", "host");
}
