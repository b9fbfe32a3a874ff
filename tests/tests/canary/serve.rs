//! The controller with a canary in every credential that it uses: what it prints, logs, stores, answers and shows of
//! itself in the list of processes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use evenkeel_lab::server::LabTarget;
use evenkeel_tests::canary::watching_shim;
use evenkeel_tests::gitops::{Followed, Serving, wait_until};
use evenkeel_tests::site::Site;
use evenkeel_tests::sshd::TestSshd;
use serde_json::json;

use crate::standin::{Standin, WAYS, forge, vault};
use crate::{Credentials, host, target};

const HEAD: &str = "apiVersion: evenkeel.dev/v1alpha1";

/// A host whose `sudo` repeats the password on both of its outputs, and its target.
fn parrot(secrets: &mut Credentials) -> (TestSshd, String) {
    let script = "#!/bin/sh\nread -r p; echo \"zfs $p\"; echo \"warning: $p\" >&2; exit 0\n";
    let sshd = TestSshd::prepared(&["SetEnv HOME={folder} PATH={folder}/bin:/usr/bin:/bin"], |folder| {
        fs::create_dir(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/sudo"), script).unwrap();
        fs::set_permissions(folder.join("bin/sudo"), fs::Permissions::from_mode(0o755)).unwrap();
    });
    secrets.plant("parrot", "becomePassword");
    let mut ssh = sshd.spec();
    ssh["become"] = "sudo".into();
    ssh["credentialsRef"] = "parrot".into();
    let text = format!("---\n{HEAD}\nkind: Target\nmetadata: {{ name: parrot }}\nspec: {{ ssh: {ssh} }}\n");
    (sshd, text + &Site::dataset("parrot", "tank/vm", "atime: off").replace("target: host", "target: parrot"))
}

fn secret(name: &str, spec: &str) -> String {
    format!("---\n{HEAD}\nkind: Secret\nmetadata: {{ name: {name} }}\nspec: {spec}\n")
}

fn source(name: &str, address: &str) -> String {
    format!(
        "---\n{HEAD}\nkind: GitSource\nmetadata: {{ name: {name} }}\n\
         spec: {{ url: 'http://{address}/site.git', credentialsRef: {name}, interval: 1h }}\n"
    )
}

/// Sends a request by hand. Gives the whole answer, however it was.
fn ask(address: &str, request: &str, headers: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = Vec::new();
    // What was answered before it broke counts too.
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// The controller's configuration around a repository that is followed over SSH.
fn configure(
    secrets: &mut Credentials,
    site: &Site,
    followed: &Followed,
    servers: &[Standin; 3],
    seen: &Path,
) {
    let file = site.work.path().join("evenkeel.yaml");
    let text = fs::read_to_string(&file).unwrap();
    secrets.plant_key("git", &followed.server().key());
    let at = |name: &str, key: &str| secrets.path().join(name).join(key).display().to_string();
    let plain = format!("privateKey: {}", followed.server().key().display());
    assert!(text.contains(&plain));
    let text = text
        .replace(&plain, &format!("privateKey: {}, passphrase: {}", at("git", "privateKey"), at("git", "passphrase")))
        .replace(
            "  stateDirectory: state\n",
            &format!(
                "  stateDirectory: state\n  credentials: {}\n  ageIdentity: {}\n  http: {{ listen: 127.0.0.1:0 }}\n  \
                 limits: {{ webhooksPerMinute: 1000 }}\n  tokens: [ {{ name: root, role: admin, credentialsRef: root }} ]\n  \
                 webhooks: [ {{ name: lab, provider: gitlab, credentialsRef: hook, sources: [site] }} ]\n",
                secrets.path().display(),
                secrets.path().join("age-identity").display(),
            ),
        );
    let script = site.work.path().join("give");
    let given = format!(
        "#!/bin/sh\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>'{}'\ncat '{}'/commanded/\"$1\"\n",
        seen.display(),
        secrets.path().display()
    );
    fs::write(&script, given).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let commanded =
        "{ command: { becomePassword: [./give, becomePassword], privateKey: [./give, privateKey] } }";
    let more = [
        secret("worded", "{ env: { password: WORD, becomePassword: BECOME } }"),
        secret("commanded", commanded),
        secret(
            "stored",
            &format!(
                "{{ vault: {{ address: 'http://{}', path: host, credentialsRef: vault }} }}",
                servers[2].address
            ),
        ),
        source("forge-token", &servers[0].address),
        source("forge-word", &servers[1].address),
    ];
    fs::write(file, text + &more.concat()).unwrap();
}

/// Asks the API and the webhooks for everything, with right and wrong tokens.
fn knock(secrets: &Credentials, address: &str, token: &str, hook: &str) {
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let wrong =
        format!("Authorization: Bearer {token}x\r\nX-Gitlab-Token: {hook}x\r\nX-Gitlab-Event: Push Hook\r\n");
    for path in [
        "sources",
        "resources",
        "runs",
        "runs/1",
        "inventory",
        "events",
        "observations",
        "openapi.json",
        "nothing",
    ] {
        for headers in [&bearer, &wrong] {
            let answer = ask(address, &format!("GET /api/v1/{path}"), headers, "");
            secrets.canaries.absent_from(&format!("the API at {path}"), &answer);
        }
    }
    for path in ["/metrics", "/readyz", "/healthz"] {
        secrets.canaries.absent_from(path, &ask(address, &format!("GET {path}"), &bearer, ""));
    }
    let signed = format!("X-Gitlab-Token: {hook}\r\nX-Gitlab-Event: Push Hook\r\n");
    for (headers, status) in [(&wrong, "401"), (&signed, "202")] {
        let body =
            json!({ "ref": "refs/heads/main", "project": { "git_http_url": format!("http://x/{hook}") } });
        let answer = ask(address, "POST /webhooks/lab", headers, &body.to_string());
        assert!(String::from_utf8_lossy(&answer).contains(status), "{}", String::from_utf8_lossy(&answer));
        secrets.canaries.absent_from("a webhook's answer", &answer);
    }
    for body in [format!("{{\"revision\":\"{token}\"}}"), format!("\"{token}\"")] {
        ask(address, "POST /api/v1/sources/site/accept", &bearer, &body);
    }
}

/// The good credentials, which are also the names of targets, and their hosts.
const GOOD: [(&str, &str); 5] =
    [("keyed", "a"), ("worded", "b"), ("sealed", "c"), ("commanded", "d"), ("stored", "e")];

/// Everything that a controller with credentials of every kind has to do with.
struct Stage {
    secrets: Credentials,
    site: Site,
    followed: Followed,
    /// Two forges and Vault.
    servers: [Standin; 3],
    parrot: TestSshd,
    /// The file with the command lines that were seen.
    seen: tempfile::TempDir,
    become_password: String,
    word: String,
    token: String,
    hook: String,
}

impl Stage {
    fn new() -> Self {
        let mut secrets = Credentials::new();
        let seen = tempfile::tempdir().unwrap();
        let become_password = secrets.plant("keyed", "becomePassword");
        let word = secrets.canaries.plant("worded/password");
        let hosts = GOOD.map(|(_, name)| LabTarget {
            password: (name == "b").then(|| word.clone()),
            ..host(name, &become_password)
        });
        let site = Site::with_shim(hosts.into(), watching_shim(seen.path(), &seen.path().join("seen")));
        fs::remove_file(site.work.path().join("targets.yaml")).unwrap();
        let key = fs::read_to_string(site.lab.client_key()).unwrap();
        secrets.plant_key("keyed", &site.lab.client_key());
        secrets.write("commanded", "becomePassword", &become_password);
        secrets.write("commanded", "privateKey", &key);
        let (token, hook) = (secrets.plant("root", "token"), secrets.plant("hook", "webhookSecret"));
        let others = [("vault", "token"), ("forge-token", "token"), ("forge-word", "password")];
        for (name, key) in others.into_iter().chain([("wrong-password", "password")]) {
            secrets.plant(name, key);
        }
        secrets.write("forge-word", "username", "ada");
        let data = json!({ "privateKey": key, "becomePassword": become_password });
        let vault = Standin::start(move |number, head| vault(number, head, &data));
        let servers = [Standin::start(forge), Standin::start(forge), vault];
        let followed = Followed::new(&site.work, "drift: { every: 1h, mode: Correct }");
        let (parrot, odd) = parrot(&mut secrets);
        let sealed = followed.repository.clone_path().join("sealed.age");
        secrets.plant_age(&sealed, &become_password, &site.lab.client_key());
        configure(&mut secrets, &site, &followed, &servers, &seen.path().join("seen"));
        let targets = GOOD.map(|(name, at)| target(&site, name, at)).concat();
        let sealed = secret("sealed", "{ age: { path: sealed.age } }");
        let bad = target(&site, "wrong-password", "b");
        followed.repository.write("site.yaml", &(targets + &sealed + &bad + &odd));
        followed.repository.push("first");
        Stage { secrets, site, followed, servers, parrot, seen, become_password, word, token, hook }
    }

    fn serve(&self) -> Serving {
        let variables = [("WORD", &*self.word), ("BECOME", &*self.become_password)];
        let arguments = ["--config", "evenkeel.yaml", "--log", "debug"];
        Serving::start_with(&self.site.work, &arguments, &variables)
    }

    /// Runs a command beside the controller; it prints no canary.
    fn run(&self, args: &[&str]) -> i32 {
        self.secrets.run(&self.site.work, &[args, &["--config", "evenkeel.yaml"]].concat(), &[]).code
    }

    /// Good credentials are used, and each forge said everything that it has to say.
    fn wait_until_all_was_tried(&self) {
        for (name, _) in GOOD {
            wait_until(&format!("{name} is as it shall be"), || {
                self.run(&["reconcile", "--now", "--target", name]);
                self.run(&["status", "--target", name]) == 0
            });
        }
        for (server, name) in self.servers.iter().zip(["forge-token", "forge-word"]) {
            wait_until(&format!("{name} was told everything"), || {
                self.run(&["notify", name]);
                server.asked() > WAYS
            });
        }
    }

    /// Every command that shows something.
    fn show_everything(&self) {
        for args in [
            &["status"][..],
            &["history"],
            &["events"],
            &["diff", "--at", "1h"],
            &["reconcile", "--now", "--wait"],
            &["accept", "site", &self.token],
        ] {
            self.run(args);
            self.run(&[args, &["-o", "json"]].concat());
        }
        assert_eq!(self.run(&["store", "backup", "copy.db"]), 0);
    }

    /// What is left of it all.
    fn leaves_nothing(&self) {
        let canaries = &self.secrets.canaries;
        assert!(canaries.absent_from_folder(self.site.work.path()) >= 8);
        canaries.absent_from_folder(&self.followed.repository.bare());
        let lines = fs::read(self.seen.path().join("seen")).unwrap();
        let text = String::from_utf8_lossy(&lines);
        let seen = text.contains("serve --config") && text.contains("./give");
        assert!(seen, "the controller and its child were seen");
        canaries.absent_from("a command line", &lines);
        canaries
            .absent_from("a server's log", (self.parrot.log() + &self.followed.server().log()).as_bytes());
    }
}

#[test]
fn the_controller_leaks_nothing_wherever_it_goes() {
    let stage = Stage::new();
    let canaries = &stage.secrets.canaries;
    let mut serving = stage.serve();
    let said = serving.said();
    let address = said.split(" and at ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let (to, bearer) = (address.to_owned(), format!("Authorization: Bearer {}\r\n", stage.token));
    let stream = std::thread::spawn(move || ask(&to, "GET /api/v1/events/stream?after=0", &bearer, ""));
    stage.wait_until_all_was_tried();
    stage.site.by_hand("a", &["zfs", "set", "atime=on", "tank/vm"]);
    stage.run(&["reconcile", "--now", "--wait"]);
    stage.followed.repository.write("site.yaml", "kind: [");
    stage.followed.repository.push("broken");
    serving.wait_for("RevisionInvalid site");
    knock(&stage.secrets, address, &stage.token, &stage.hook);
    stage.show_everything();
    // While it runs: the store's log has what is not in its file yet.
    canaries.absent_from_folder(&stage.site.work.path().join("state"));
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0), "{}", serving.said());

    let events = stream.join().unwrap();
    let text = String::from_utf8_lossy(&events);
    assert!(text.contains("RevisionRefused"), "{text}");
    canaries.absent_from("the stream of events", &events);
    let said = serving.said();
    for told in ["parrot", "wrong-password", "forge-token", "forge-word", "stored"] {
        assert!(said.contains(told), "{told} is not told of:\n{said}");
    }
    stage.leaves_nothing();
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let mut secrets = Credentials::new();
    let password = secrets.canaries.plant("url");
    let work = evenkeel_tests::evenkeel::Workdir::new();
    for url in [
        format!("https://ada:{password}@git.example/site.git"),
        format!("https://{password}@git.example/site.git"),
        format!("http://ada:{password}@"),
        format!("ssh://ada:{password}@git.example:port/x"),
        format!("https://ada:{password}/x@git.example/site.git"),
        format!("https://git.example/site.git?token={password}"),
    ] {
        let text = format!(
            "{HEAD}\nkind: Controller\nmetadata: {{ name: test }}\nspec: {{ stateDirectory: state }}\n\
             ---\n{HEAD}\nkind: GitSource\nmetadata: {{ name: site }}\nspec:\n  url: {url}\n"
        );
        work.write("evenkeel.yaml", &text);
        for args in [
            &["serve", "--config", "evenkeel.yaml"][..],
            &["validate", "--config", "evenkeel.yaml", "-o", "json"],
        ] {
            assert_eq!(secrets.run(&work, args, &[]).code, 1, "{url}");
        }
    }
}
