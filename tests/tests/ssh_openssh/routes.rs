//! `ssh_config` and jump hosts.

use std::sync::Arc;

use super::*;
use evenkeel_tests::sshd::{TestSshd, user};

#[tokio::test]
async fn an_alias_of_ssh_config_is_all_that_is_needed() {
    let sshd = TestSshd::start();
    let client = Client::new();
    client.ssh_config(&format!(
        "Host web?\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}/user_%h\n  \
         UserKnownHostsFile {}\nHost *\n  Port 1\n  IdentityFile {}\n",
        sshd.port(),
        user(),
        sshd.folder().display(),
        sshd.known_hosts().display(),
        sshd.key().display(),
    ));
    assert_eq!(stdout(&client.ask(&json!({ "host": "web1" }), &["echo", "in"]).await), "in\n");
}

#[tokio::test]
async fn a_match_block_is_told_and_blamed_where_the_login_fails() {
    let sshd = TestSshd::start();
    let client = Client::new();
    let place = format!("{}:1", client.file("ssh_config").display());
    client.ssh_config("Match host 127.0.0.1\n  User nobody\n");
    let transport = client.transport();
    assert_eq!(stdout(&ask(&transport, &sshd.spec(), &["echo", "in"]).await), "in\n");
    assert!(transport.warnings().iter().any(|w| w.starts_with(&place)), "{:?}", transport.warnings());
    let spec = without(&sshd.spec(), "identity");
    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    assert!(error.hint.as_deref().unwrap().contains(&place), "{error:?}");
}

#[tokio::test]
async fn targets_behind_a_jump_host_share_its_connection() {
    let (bastion, inner) = (TestSshd::start(), TestSshd::start());
    bastion.authorize(&inner.folder().join("user_key.pub"));
    let both = [bastion.known_hosts(), inner.known_hosts()].map(|f| std::fs::read_to_string(f).unwrap());
    std::fs::write(inner.known_hosts(), both.concat()).unwrap();
    let jump = format!("{}@127.0.0.1:{}", user(), bastion.port());
    let transport = Arc::new(Client::new().transport());
    let asks = (1..=20).map(|i| {
        let spec = with(&another_target(&inner.spec(), i), "proxyJump", jump.as_str());
        let transport = Arc::clone(&transport);
        tokio::spawn(async move { ask(&transport, &spec, &["echo", &i.to_string()]).await })
    });
    for (i, answer) in futures_util::future::join_all(asks).await.into_iter().enumerate() {
        assert_eq!(stdout(&answer.unwrap()), format!("{}\n", i + 1));
    }
    assert_eq!((bastion.logins(), bastion.execs(), inner.logins()), (1, 0, 20));
    bastion.kill_connections();
    for i in [1, 21] {
        let spec = with(&another_target(&inner.spec(), i), "proxyJump", jump.as_str());
        assert_eq!(stdout(&ask(&transport, &spec, &["echo", "again"]).await), "again\n", "{i}");
    }
    assert_eq!((bastion.logins(), inner.logins()), (2, 22));
}

#[tokio::test]
async fn a_chain_of_jump_hosts_from_ssh_config() {
    let [first, second, inner] = [TestSshd::start(), TestSshd::start(), TestSshd::start()];
    let client = Client::new();
    let mut config = String::from("Host inner\n ProxyJump second\nHost second\n ProxyJump first\n");
    for (name, sshd) in [("first", &first), ("second", &second), ("inner", &inner)] {
        let host = format!(
            "Host {name}\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\n UserKnownHostsFile {}\n",
            sshd.port(),
            sshd.key().display(),
            sshd.known_hosts().display()
        );
        config.push_str(&host);
    }
    client.ssh_config(&config);
    assert_eq!(stdout(&client.ask(&json!({ "host": "inner" }), &["echo", "in"]).await), "in\n");
    assert_eq!((first.logins(), second.logins(), inner.logins()), (1, 1, 1));
}

#[tokio::test]
async fn a_jump_host_that_fails_is_named() {
    let (bastion, inner) = (TestSshd::with(&["AllowTcpForwarding no"]), TestSshd::start());
    let client = Client::new();
    client.ssh_config(&format!(
        "Host bastion\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\n",
        bastion.port(),
        bastion.key().display()
    ));
    let spec = with(&without(&inner.spec(), "knownHosts"), "hostKeyChecking", "accept-new");
    let error = client.ask(&with(&spec, "proxyJump", "bastion"), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable);
    assert!(error.message.contains("AllowTcpForwarding"), "{error}");
    let error = client.ask(&with(&spec, "proxyJump", "127.0.0.1:1"), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable);
    assert!(error.message.contains("through the jump host"), "{error}");
}
