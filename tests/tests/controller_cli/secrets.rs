//! Secrets that manifests declare, used from a workstation.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use evenkeel_tests::site::Site;

const MISSING: &str = "age is missing: apt-get install age";

/// A site whose only key is in an encrypted file beside the manifests; `id` opens it.
fn site() -> Site {
    let site = Site::of_one();
    let made = Command::new("age-keygen").output().expect(MISSING);
    let identity = String::from_utf8(made.stdout).unwrap();
    let recipient = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let file = site.work.write("id", &identity);
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = std::fs::read_to_string(site.lab.client_key()).unwrap();
    let lines: Vec<String> = key.lines().map(|line| format!("  {line}\n")).collect();
    let mut age = Command::new("age")
        .args(["-r", recipient, "-o", "secrets/key.age"])
        .current_dir({
            std::fs::create_dir_all(site.work.path().join("manifests/secrets")).unwrap();
            site.work.path().join("manifests")
        })
        .stdin(Stdio::piped())
        .spawn()
        .expect(MISSING);
    age.stdin.take().unwrap().write_all(format!("privateKey: |\n{}", lines.concat()).as_bytes()).unwrap();
    assert!(age.wait().unwrap().success());
    let address = site.lab.address("host").unwrap();
    site.work.write(
        "manifests/site.yaml",
        &format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: host }}\n\
             spec: {{ ssh: {{ host: {}, port: {}, user: root, agent: false, credentialsRef: key, knownHosts: {} }} }}\n---\n\
             apiVersion: evenkeel.dev/v1alpha1\nkind: Secret\nmetadata: {{ name: key }}\nspec: {{ age: {{ path: secrets/key.age }} }}\n{}",
            address.ip(),
            address.port(),
            site.lab.known_hosts().display(),
            Site::dataset("vm", "tank/vm", "atime: off")
        ),
    );
    std::fs::remove_file(site.work.path().join(".ssh/config")).unwrap();
    site
}

#[test]
fn an_encrypted_key_beside_the_manifests_opens_the_way_to_a_target() {
    let site = site();
    site.work.expect(1, &["plan", "manifests"]).says(&["no age identity", "--age-identity"]);
    site.work.expect(2, &["plan", "manifests", "--age-identity", "id"]).says(&["update ZfsDataset/vm"]);
    let apply = ["apply", "manifests", "--age-identity", "id", "--auto-approve"];
    site.work.expect(0, &apply).says(&["1 applied"]);
    let mut command = site.work.command(&["status", "manifests"]);
    let output = command.env("EVENKEEL_AGE_IDENTITY", "id").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_saved_plan_finds_its_secrets_too() {
    let site = site();
    let plan = ["plan", "manifests", "--age-identity", "id", "--out", "plan.json"];
    site.work.expect(2, &plan).says(&["saved"]);
    let saved = std::fs::read_to_string(site.work.path().join("plan.json")).unwrap();
    assert!(!saved.contains("PRIVATE KEY"), "the plan holds no secret");
    let apply = ["apply", "plan.json", "--age-identity", "id", "--auto-approve"];
    site.work.expect(0, &apply).says(&["1 applied"]);
}
