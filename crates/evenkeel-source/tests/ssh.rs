//! Repositories behind a real OpenSSH server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of the peers")]

mod peers;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_engine::source::{Fetched, Source, SourceErrorKind};
use evenkeel_source::GitSource;
use evenkeel_transport::SshOptions;
use peers::http::{HttpServer, Manner};
use peers::sshd::{Sshd, keygen};
use peers::{Site, failure, fetch, files};
use tokio::sync::Notify;

const WITH_KEY: &str = r#"{"credentialsRef": "forge"}"#;

/// A site whose home knows the server, and a source of it with the server's key as credential.
fn source(site: &Site, sshd: &Sshd, settings: &str) -> GitSource {
    fs::write(site.path("home/.ssh/known_hosts"), sshd.known_host("ed25519")).unwrap();
    site.source_with(&sshd.url(&site.bare()), settings, &[("privateKey", sshd.private_key())])
}

#[tokio::test]
async fn a_push_is_fetched_and_no_push_fetches_nothing() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let source = source(&site, &sshd, WITH_KEY);
    let first = fetch(&source).await;
    assert_eq!(files(&first.manifests), [("a.yaml", "a: 1\n")]);
    let clone = site.path("state/clones/site");
    assert_eq!(fs::metadata(&clone).unwrap().permissions().mode() & 0o777, 0o700);
    let packs = || fs::read_dir(clone.join("objects/pack")).unwrap().count();
    let before = packs();
    assert_eq!(source.fetch(Some(&first.revision.id)).await, Ok(Fetched::Unchanged));
    assert_eq!(packs(), before);
    for at in 2..5 {
        let id = site.commit(&[("a.yaml", &format!("a: {at}\n"))]);
        let next = fetch(&source).await;
        assert_eq!((&next.revision.id, next.revision.reference.as_deref()), (&id, Some("main")));
        assert_eq!(files(&next.manifests), [("a.yaml", format!("a: {at}\n").as_str())]);
    }
    // The history is not fetched, and nothing secret is kept.
    let shallow = fs::read_to_string(clone.join("shallow")).unwrap();
    assert!(!shallow.is_empty());
    let config = fs::read_to_string(clone.join("config")).unwrap();
    assert!(!config.contains(&sshd.port.to_string()) && !config.contains("PRIVATE"), "{config}");
    // A branch that is rewound is at its old commit again.
    site.git("work", &["reset", "--quiet", "--hard", "HEAD~3"]);
    assert_eq!(site.push(), first.revision.id);
    assert_eq!(fetch(&source).await, first);
}

#[tokio::test]
async fn tags_and_commits_are_fetched() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let first = site.git("work", &["rev-parse", "HEAD"]).trim().to_owned();
    let second = site.commit(&[("a.yaml", "a: 2\n")]);
    site.git("work", &["tag", "--annotate", "--message", "two", "v2.0.0"]);
    let third = site.commit(&[("a.yaml", "a: 3\n")]);
    for (reference, id) in [
        (r#"{"semver": "2.x"}"#.to_owned(), &second),
        (format!(r#"{{"commit": "{third}"}}"#), &third),
        // Not the tip of anything: servers need not give it by its hash.
        (format!(r#"{{"commit": "{first}"}}"#), &first),
    ] {
        let source = source(&site, &sshd, &format!(r#"{{"credentialsRef": "forge", "ref": {reference}}}"#));
        assert_eq!(&fetch(&source).await.revision.id, id, "{reference}");
        assert_eq!(source.fetch(Some(id)).await, Ok(Fetched::Unchanged));
    }
    let none = "0123456789".repeat(4);
    let settings = format!(r#"{{"credentialsRef": "forge", "ref": {{"commit": "{none}"}}}}"#);
    let error = failure(&source(&site, &sshd, &settings)).await;
    assert_eq!(error.kind, SourceErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_broken_or_foreign_clone_is_made_anew() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let source = source(&site, &sshd, WITH_KEY);
    let first = fetch(&source).await;
    let clone = site.path("state/clones/site");
    for name in ["HEAD", "config", "evenkeel-origin"] {
        fs::write(clone.join(name), "\u{0}nonsense").unwrap();
        assert_eq!(fetch(&source).await, first, "{name}");
    }
    for entry in fs::read_dir(clone.join("objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(path, "nonsense").unwrap();
    }
    assert_eq!(fetch(&source).await, first, "packs");
    fs::remove_dir_all(&clone).unwrap();
    fs::write(&clone, "a file").unwrap();
    assert_eq!(fetch(&source).await, first, "a file");
    // What fetches and kills left behind does not grow without end.
    for at in 0..200 {
        fs::write(clone.join(format!("objects/pack/left{at}")), "").unwrap();
    }
    assert_eq!(fetch(&source).await, first);
    assert!(!clone.join("objects/pack/left0").exists());
    // Another repository under the same name is another clone.
    site.git(".", &["clone", "--quiet", "--bare", "site.git", "other.git"]);
    let other = site.path("other.git").display().to_string();
    let other = site.source_with(&sshd.url(&other), WITH_KEY, &[("privateKey", sshd.private_key())]);
    assert_eq!(fetch(&other).await, first);
    assert!(peers::read(&clone.join("evenkeel-origin")).ends_with("other.git"));
}

#[tokio::test]
async fn a_key_comes_from_the_credential_the_agent_or_the_home() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], "open sesame"));
    fs::write(site.path("home/.ssh/known_hosts"), sshd.known_host("ed25519")).unwrap();
    let url = sshd.url(&site.bare());
    let key = ("privateKey", sshd.private_key());
    let passphrase = |text: &str| ("passphrase", text.to_owned());
    fetch(&site.source_with(&url, WITH_KEY, &[key.clone(), passphrase("open sesame")])).await;
    for (secrets, kind, expected) in [
        (vec![key.clone()], SourceErrorKind::Configuration, "it is encrypted; give the `passphrase`"),
        (vec![key.clone(), passphrase("wrong")], SourceErrorKind::Configuration, "cannot be decrypted"),
        (vec![], SourceErrorKind::Configuration, "no `privateKey`"),
    ] {
        let error = failure(&site.source_with(&url, WITH_KEY, &secrets)).await;
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
    }
    let error = failure(&site.source(&url, r#"{"credentialsRef": "nobody"}"#)).await;
    assert!(error.to_string().contains("there is no such credential"), "{error}");
    // A key of the home.
    let error = failure(&site.source(&url, "{}")).await;
    assert_eq!(error.kind, SourceErrorKind::AuthenticationFailed, "{error}");
    assert!(error.to_string().contains("nothing to log in with"), "{error}");
    keygen(&site.path("home/.ssh/id_ed25519"), "ed25519", "");
    let error = failure(&site.source(&url, "{}")).await;
    assert!(error.to_string().contains("accepted none of: key SHA256:"), "{error}");
    fs::copy(site.path("home/.ssh/id_ed25519.pub"), sshd.path("authorized_keys")).unwrap();
    fetch(&site.source(&url, "{}")).await;
    // Whoever names a key means that one.
    let error = failure(&site.source_with(&url, WITH_KEY, &[key, passphrase("open sesame")])).await;
    assert_eq!(error.kind, SourceErrorKind::AuthenticationFailed, "{error}");
    assert!(!error.to_string().contains("id_ed25519"), "{error}");
}

#[tokio::test]
async fn looks_share_one_login() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    fs::write(site.path("home/.ssh/known_hosts"), sshd.known_host("ed25519")).unwrap();
    let options = site.options(&[("privateKey", sshd.private_key())]);
    let source = |name: &str| {
        GitSource::new(name, peers::spec(&sshd.url(&site.bare()), WITH_KEY), options.clone()).unwrap()
    };
    let (one, other) = (source("one"), source("other"));
    let mut known = fetch(&one).await.revision.id;
    // More of them than a server takes sessions at once.
    for at in 0..15 {
        assert_eq!(one.fetch(Some(&known)).await, Ok(Fetched::Unchanged));
        if at % 5 == 0 {
            known = site.commit(&[("a.yaml", &format!("a: new {at}\n"))]);
            assert_eq!(fetch(&one).await.revision.id, known);
            assert_eq!(fetch(&other).await.revision.id, known);
        }
    }
    assert_eq!(sshd.logged("Accepted publickey"), 1);
    // A connection that is gone is made anew.
    options.ssh.close().await;
    assert_eq!(one.fetch(Some(&known)).await, Ok(Fetched::Unchanged));
    assert_eq!(sshd.logged("Accepted publickey"), 2);
}

#[tokio::test]
async fn a_server_is_reached_as_ssh_config_says() {
    let (site, sshd, door) = (Site::new(), Sshd::start(&["ed25519"], ""), Sshd::start(&["ed25519"], ""));
    let user = sshd.url("").split(['/', '@']).nth(2).unwrap().to_owned();
    let server = |name: &str, sshd: &Sshd| {
        format!(
            "Host {name}\n HostName 127.0.0.1\n Port {}\n User {user}\n IdentityFile {}\n",
            sshd.port,
            sshd.path("user_key").display()
        )
    };
    let config = format!(
        "{} ProxyJump door\n StrictHostKeyChecking no\n{}",
        server("forge", &sshd),
        server("door", &door)
    );
    fs::write(site.path("home/.ssh/config"), config).unwrap();
    let known = site.path("home/.ssh/known_hosts");
    fs::write(&known, door.known_host("ed25519")).unwrap();
    let mut ssh = SshOptions::isolated(site.path("home"), "nobody");
    ssh.config_files = vec![site.path("home/.ssh/config")];
    let source = |url: &str| {
        let options = site.options_with(&[], ssh.clone());
        GitSource::new("site", peers::spec(url, "{}"), options).unwrap()
    };
    // Nothing is learnt by itself.
    let error = failure(&source(&format!("forge:{}", site.bare()))).await;
    assert_eq!(error.kind, SourceErrorKind::Untrusted, "{error}");
    assert!(!error.hint.unwrap().contains("accept-new"));
    assert_eq!(peers::read(&known), door.known_host("ed25519"));
    fs::write(&known, door.known_host("ed25519") + &sshd.known_host("ed25519")).unwrap();
    for url in [format!("forge:{}", site.bare()), format!("ssh://forge{}", site.bare())] {
        assert_eq!(files(&fetch(&source(&url)).await.manifests), [("a.yaml", "a: 1\n")]);
    }
    assert_eq!((sshd.logged("Accepted publickey"), door.logged("Accepted publickey")), (2, 3));
}

#[tokio::test]
async fn the_agent_is_asked_where_there_is_one() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    fs::write(site.path("home/.ssh/known_hosts"), sshd.known_host("ed25519")).unwrap();
    let socket = site.path("agent");
    let mut agent = site.command("ssh-agent", ".").arg("-D").arg("-a").arg(&socket).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !socket.exists() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut add = site.command("ssh-add", ".");
    let added = add.arg("-q").arg(sshd.path("user_key")).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    let mut ssh = SshOptions::isolated(site.path("home"), "nobody");
    ssh.agent_socket = Some(socket);
    let options = site.options_with(&[], ssh);
    let source = GitSource::new("site", peers::spec(&sshd.url(&site.bare()), "{}"), options).unwrap();
    let fetched = source.fetch(None).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(added.success());
    assert!(matches!(fetched, Ok(Fetched::New(_))), "{fetched:?}");
}

#[tokio::test]
async fn a_host_that_is_not_known_or_has_another_key_is_not_trusted() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519", "ecdsa", "rsa"], ""));
    let url = sshd.url(&site.bare());
    let known = site.path("home/.ssh/known_hosts");
    let source = || site.source_with(&url, WITH_KEY, &[("privateKey", sshd.private_key())]);
    let error = failure(&source()).await;
    assert_eq!(error.kind, SourceErrorKind::Untrusted);
    // The hint is a line that works.
    let hint = error.hint.unwrap();
    let line = hint.split("echo '").nth(1).unwrap().split('\'').next().unwrap();
    fs::write(&known, format!("{line}\n")).unwrap();
    fetch(&source()).await;
    // Whichever of its keys is known is the one that it shows.
    for kind in ["ed25519", "ecdsa", "rsa"] {
        fs::write(&known, sshd.known_host(kind)).unwrap();
        fetch(&source()).await;
    }
    // `ssh-keygen -H` hashes the names.
    site.run("ssh-keygen", ".", &["-q", "-H", "-f", &known.display().to_string()]);
    assert!(peers::read(&known).starts_with("|1|"));
    fetch(&source()).await;
    keygen(&site.path("other"), "ed25519", "");
    let other = peers::read(&site.path("other.pub"));
    for (text, expected) in [
        (format!("[127.0.0.1]:{} {other}", sshd.port), "has changed"),
        (format!("{}@revoked * {}", sshd.known_host("rsa"), key(&sshd, "rsa")), "is revoked"),
    ] {
        fs::write(&known, text).unwrap();
        let error = failure(&source()).await;
        assert_eq!(error.kind, SourceErrorKind::Untrusted);
        assert!(error.to_string().contains(expected), "{error}");
    }
    // A file of one's own.
    fs::write(site.path("hosts"), sshd.known_host("ed25519")).unwrap();
    let settings = r#"{"credentialsRef": "forge", "knownHosts": "hosts"}"#;
    fetch(&site.source_with(&url, settings, &[("privateKey", sshd.private_key())])).await;
    assert_eq!(sshd.logged("Accepted publickey"), 6);
}

fn key(sshd: &Sshd, kind: &str) -> String {
    peers::read(&sshd.path(&format!("host_{kind}.pub")))
}

#[tokio::test]
async fn a_repository_that_is_not_there_or_goes_is_told() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let looked = source(&site, &sshd, WITH_KEY);
    fetch(&looked).await;
    let error =
        failure(&source(&site, &sshd, r#"{"credentialsRef": "forge", "ref": {"branch": "x"}}"#)).await;
    assert_eq!(error.hint.as_deref(), Some("its branches are: main"));
    fs::remove_dir_all(site.bare()).unwrap();
    let error = failure(&looked).await;
    assert_eq!(error.kind, SourceErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("there is no repository"), "{error}");
    let port = sshd.port;
    let again = source(&site, &sshd, WITH_KEY);
    drop(sshd);
    // The connection of the other source outlives the process that listened.
    let error = failure(&again).await;
    assert_eq!(error.kind, SourceErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

/// More than the windows of SSH and the buffers between hold at once.
#[tokio::test]
async fn a_large_repository_is_fetched_whole() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    // Bytes that do not compress.
    let next = |x: &u64| {
        let x = x ^ (x << 13);
        let x = x ^ (x >> 7);
        Some(x ^ (x << 17))
    };
    let numbers = std::iter::successors(Some(1_u64), next).take(2 << 20);
    let bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    fs::write(site.path("work/large.bin"), bytes).unwrap();
    site.commit(&[]);
    site.import_ten_thousand();
    let source = source(&site, &sshd, r#"{"credentialsRef": "forge", "timeout": "10m"}"#);
    assert_eq!(fetch(&source).await.manifests.len(), 10_001);
}

/// The process runs for months.
#[tokio::test(flavor = "multi_thread")]
async fn looks_leave_no_sockets_files_and_tasks_behind() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let server = HttpServer::start(site.folder.path().to_owned(), Manner::default());
    let (_listener, port) = silent();
    let sources = [
        source(&site, &sshd, WITH_KEY),
        site.source(&server.url("site.git"), "{}"),
        site.source(&site.bare(), "{}"),
        site.source(&format!("http://127.0.0.1:{port}/a"), r#"{"timeout": "1s"}"#),
        site.source(&server.url("none.git"), "{}"),
    ];
    let known = fetch(&sources[0]).await.revision.id;
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = (open(), tasks());
    for _ in 0..5 {
        for source in &sources {
            let _ = source.fetch(Some(&known)).await;
        }
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    while (open() > before.0 || tasks() > before.1) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(open() <= before.0 && tasks() <= before.1, "{before:?}, now {} and {}", open(), tasks());
}

/// Listens, and never says a word.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let site = Site::new();
    let (_listener, port) = silent();
    for url in [format!("ssh://me@127.0.0.1:{port}/a"), format!("http://127.0.0.1:{port}/a")] {
        let source = site.source(&url, r#"{"timeout": "1s"}"#);
        // The second look does not wait for the first.
        for _ in 0..2 {
            let error = failure(&source).await;
            assert_eq!(error.kind, SourceErrorKind::Unreachable);
            assert!(error.to_string().contains("within 1 s"), "{error}");
        }
    }
}

/// A firewall that forgets connections: what is sent over them goes nowhere. New ones are let through.
#[tokio::test]
async fn a_connection_that_is_forgotten_fails_one_look_only() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, beyond) = (listener.local_addr().unwrap().port(), sshd.port);
    let (forget, forgetting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (to_forget, forgotten) = (Arc::clone(&forget), Arc::clone(&forgetting));
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (to_forget, forgotten) = (Arc::clone(&to_forget), Arc::clone(&forgotten));
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(("127.0.0.1", beyond)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = to_forget.notified() => {
                        forgotten.notify_one();
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    let known = sshd.known_host("ed25519").replace(&format!(":{beyond}"), &format!(":{port}"));
    fs::write(site.path("home/.ssh/known_hosts"), known).unwrap();
    let url = sshd.url(&site.bare()).replace(&format!(":{beyond}"), &format!(":{port}"));
    let settings = r#"{"credentialsRef": "forge", "timeout": "12s"}"#;
    let source = site.source_with(&url, settings, &[("privateKey", sshd.private_key())]);
    let known = fetch(&source).await.revision.id;
    forget.notify_waiters();
    forgetting.notified().await;
    let error = source.fetch(Some(&known)).await.unwrap_err();
    assert!(error.to_string().contains("within 12 s"), "{error}");
    // Keepalives would notice after a minute.
    assert_eq!(source.fetch(Some(&known)).await, Ok(Fetched::Unchanged));
}

/// A `git-upload-pack` that hangs: the login is good, and then nothing comes.
#[tokio::test]
async fn a_fetch_that_hangs_in_the_middle_is_given_up() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    let key = peers::read(&sshd.path("user_key.pub"));
    fs::write(sshd.path("authorized_keys"), format!("command=\"sleep 1000\" {key}")).unwrap();
    let hanging = source(&site, &sshd, r#"{"credentialsRef": "forge", "timeout": "3s"}"#);
    for _ in 0..2 {
        let error = failure(&hanging).await;
        assert_eq!(error.kind, SourceErrorKind::Unreachable, "{error}");
    }
    // What waited inside is let go: the same source works once the server does.
    fs::write(sshd.path("authorized_keys"), key).unwrap();
    let mut fetched = hanging.fetch(None).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    while fetched.is_err() && Instant::now() < deadline {
        fetched = hanging.fetch(None).await;
    }
    assert!(matches!(fetched, Ok(Fetched::New(_))), "{fetched:?}");
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_told() {
    let (site, sshd) = (Site::new(), Sshd::start(&["ed25519"], ""));
    fs::write(site.path("state"), "a file").unwrap();
    let error = failure(&source(&site, &sshd, WITH_KEY)).await;
    assert_eq!(error.kind, SourceErrorKind::Failed);
    assert!(error.to_string().contains("cannot keep a clone in"), "{error}");
    assert!(error.hint.is_some());
}

/// Runs itself again with a home whose git configuration sends `git://` and `http://` elsewhere.
#[tokio::test]
async fn the_configuration_of_the_user_s_git_does_not_matter() {
    let home = tempfile::tempdir().unwrap();
    let text = "[url \"https://nowhere.invalid/\"]\ninsteadOf = git://\ninsteadOf = http://\n\
                [http]\nproxy = http://nowhere.invalid\n[init]\ntemplateDir = /nonexistent\n";
    fs::write(home.path().join(".gitconfig"), text).unwrap();
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_push_is_fetched_and_no_push_fetches_nothing"]).env("HOME", home.path());
    again.env_remove("XDG_CONFIG_HOME");
    let said = peers::succeeded("the test itself", again.output().unwrap());
    assert!(said.contains("1 passed"), "{said}");
}
