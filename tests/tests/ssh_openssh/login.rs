//! Keys, agent, passwords.

use std::process::{Child, Command, Stdio};

use super::throwaway_user::ThrowawayUser;
use super::*;
use evenkeel_tests::sshd::{TestSshd, keygen, kill};

#[tokio::test]
async fn a_key_logs_in() {
    let sshd = TestSshd::start();
    let answer = Client::new().ask(&sshd.spec(), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");
    assert_eq!(sshd.logged("Failed none"), 0, "nothing is probed");
    assert_eq!(sshd.logged("Failed "), 0);
}

#[tokio::test]
async fn every_common_kind_of_key_logs_in() {
    let sshd = TestSshd::start();
    let client = Client::new();
    let kinds: [&[&str]; 4] = [
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ed25519"],
    ];
    for (i, options) in kinds.iter().enumerate() {
        let key = client.file(&format!("key{i}"));
        keygen(&key, options);
        sshd.authorize(&key.with_extension("pub"));
        let answer = client.ask(&with(&sshd.spec(), "identity", key.to_str()), &["echo", "in"]).await;
        assert_eq!(stdout(&answer), "in\n", "{options:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_with_a_hint() {
    let sshd = TestSshd::start();
    let client = Client::new();
    keygen(&client.file("wrong"), &["-t", "ed25519"]);
    let spec = with(&sshd.spec(), "identity", client.file("wrong").to_str());
    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    for part in ["SHA256:", "wrong", "The host takes publickey"] {
        assert!(error.message.contains(part), "{part} in {error}");
    }
    assert!(error.hint.unwrap().contains("authorized_keys"));
    assert_eq!(sshd.execs(), 0);
}

#[tokio::test]
async fn a_key_file_that_cannot_be_used_is_an_error_before_anything_is_offered() {
    use std::os::unix::fs::PermissionsExt;
    let sshd = TestSshd::start();
    let client = Client::new();
    let missing = with(&sshd.spec(), "identity", "~/nowhere");
    let error = client.ask(&missing, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.contains("nowhere"), "{error}");
    std::fs::set_permissions(sshd.key(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = client.ask(&sshd.spec(), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn an_encrypted_key_takes_its_passphrase_from_the_credential() {
    let sshd = TestSshd::start();
    let client = Client::new().secret("passphrase", "open sesame");
    let key = client.file("encrypted");
    // Few rounds: the tests' debug build derives keys slowly.
    keygen(&key, &["-t", "ed25519", "-N", "open sesame", "-a", "1"]);
    sshd.authorize(&key.with_extension("pub"));
    let spec = with(&sshd.spec(), "identity", key.to_str());
    let answer = client.ask(&with(&spec, "credentialsRef", "c"), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");

    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.contains("passphrase"), "{error}");
    let wrong = Client::new().secret("passphrase", "open barley");
    let error = wrong.ask(&with(&spec, "credentialsRef", "c"), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(!format!("{error:?}").contains("barley"), "{error:?}");
}

#[tokio::test]
async fn a_private_key_may_come_from_the_credential() {
    let sshd = TestSshd::start();
    let text = std::fs::read_to_string(sshd.key()).unwrap();
    // As it is in a file whose last line break was cut off.
    let client = Client::new().secret("privatekey", text.trim_end());
    let spec = with(&without(&sshd.spec(), "identity"), "credentialsRef", "c");
    assert_eq!(stdout(&client.ask(&spec, &["echo", "in"]).await), "in\n");
}

#[tokio::test]
async fn a_credential_that_is_nowhere_is_named() {
    let sshd = TestSshd::start();
    let error = Client::new().ask(&with(&sshd.spec(), "credentialsRef", "c"), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.hint.unwrap().contains("EVENKEEL_CRED_C_PASSWORD"));
}

/// A running ssh-agent, with a socket in `folder`.
pub(crate) struct Agent(Child);

impl Agent {
    pub(crate) fn start(client: &mut Client, keys: &[PathBuf]) -> Self {
        let socket = client.file("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null());
        let agent = Agent(command.spawn().expect("ssh-agent is missing: apt-get install openssh-client"));
        while !socket.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        for key in keys {
            let added = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).status();
            assert!(added.unwrap().success());
        }
        client.options.agent_socket = Some(socket);
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        kill(self.0.id(), "TERM");
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_agent_signs() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    let (other, rsa) = (client.file("other"), client.file("rsa"));
    keygen(&other, &["-t", "ed25519"]);
    keygen(&rsa, &["-t", "rsa", "-b", "2048"]);
    sshd.authorize(&rsa.with_extension("pub"));
    let _agent = Agent::start(&mut client, &[other, rsa]);
    let spec = without(&without(&sshd.spec(), "identity"), "agent");
    assert_eq!(stdout(&client.ask(&spec, &["echo", "in"]).await), "in\n");
    let answer = client.ask(&with(&spec, "agent", false), &["true"]).await;
    assert_eq!(kind(&answer), TransportErrorKind::AuthenticationFailed);
}

#[tokio::test]
async fn the_agent_opens_an_encrypted_key_file_and_only_that_with_identities_only() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    let key = client.file("key");
    keygen(&key, &["-t", "ed25519"]);
    let others: Vec<_> = (0..7).map(|i| client.file(&format!("other{i}"))).collect();
    for other in &others {
        keygen(other, &["-t", "ed25519"]);
    }
    sshd.authorize(&key.with_extension("pub"));
    let mut keys = others;
    keys.push(key.clone());
    let _agent = Agent::start(&mut client, &keys);
    // The private half is only in the agent from now on.
    std::fs::remove_file(&key).unwrap();
    let public = key.with_extension("pub");
    client.ssh_config(&format!("Host *\n IdentitiesOnly yes\n IdentityFile {}\n", public.display()));
    let spec = without(&without(&sshd.spec(), "identity"), "agent");
    assert_eq!(stdout(&client.ask(&spec, &["echo", "in"]).await), "in\n");
    assert_eq!(sshd.logged("Failed publickey"), 0, "the right key came first");
    client.ssh_config("");
    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed, "too many keys: {error}");
    assert!(error.hint.unwrap().contains("identity"));
}

#[tokio::test]
async fn keys_that_are_limited_to_a_host_sign_for_it() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    let _agent = Agent::start(&mut client, &[]);
    // The agent knows hosts by their keys; it finds them by name in a file of this format.
    let host_key = std::fs::read_to_string(sshd.folder().join("host_key.pub")).unwrap();
    std::fs::write(client.file("named"), format!("thishost {host_key}")).unwrap();
    let mut add = Command::new("ssh-add");
    add.args(["-q", "-h", "thishost", "-H"]).arg(client.file("named")).arg(sshd.key());
    assert!(add.env("SSH_AUTH_SOCK", client.file("agent")).status().unwrap().success());
    let spec = without(&without(&sshd.spec(), "identity"), "agent");
    assert_eq!(stdout(&client.ask(&spec, &["echo", "in"]).await), "in\n");
}

#[tokio::test]
async fn a_password_logs_in_both_ways() {
    let user = ThrowawayUser::new();
    for settings in [
        ["PasswordAuthentication yes", "PubkeyAuthentication no"],
        ["KbdInteractiveAuthentication yes", "UsePAM yes"],
    ] {
        let sshd = TestSshd::with(&settings);
        let spec = json!({
            "host": "127.0.0.1", "port": sshd.port(), "user": user.name(), "agent": false,
            "knownHosts": sshd.known_hosts(), "credentialsRef": "c",
        });
        let client = Client::new().secret("password", user.password());
        let answer = client.ask(&spec, &["id", "-un"]).await;
        assert_eq!(stdout(&answer).trim(), user.name(), "{settings:?}");
        let wrong = Client::new().secret("password", "not it");
        let error = wrong.ask(&spec, &["true"]).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed, "{settings:?}");
        assert!(!format!("{error:?}").contains("not it"), "{error:?}");
    }
}
