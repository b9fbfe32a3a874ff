//! Servers that speak nothing but algorithms of old.

use super::*;
use evenkeel_tests::sshd::{TestSshd, keygen};

async fn needs_the_opt_in(sshd: &TestSshd, says: &str) {
    let client = Client::new();
    let error = client.ask(&sshd.spec(), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NoCommonAlgorithm, "{error}");
    assert!(error.message.contains(says), "{error}");
    assert!(error.hint.unwrap().contains("legacyAlgorithms: true"));
    let answer = client.ask(&with(&sshd.spec(), "legacyAlgorithms", true), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");
}

#[tokio::test]
async fn sha1_key_exchange_rsa_host_key_and_cbc() {
    let settings = [
        "KexAlgorithms diffie-hellman-group14-sha1",
        "HostKeyAlgorithms ssh-rsa",
        "Ciphers aes128-cbc",
        "MACs hmac-sha1",
        "HostKey {folder}/host_key",
    ];
    let rsa = |folder: &std::path::Path| keygen(&folder.join("host_key"), &["-t", "rsa", "-b", "2048"]);
    needs_the_opt_in(&TestSshd::prepared(&settings, rsa), "diffie-hellman-group14-sha1").await;
}

#[tokio::test]
async fn group1_dsa_host_key_and_3des() {
    let settings = [
        "KexAlgorithms diffie-hellman-group1-sha1",
        "HostKeyAlgorithms ssh-dss",
        "Ciphers 3des-cbc",
        "MACs hmac-sha1",
        "HostKey {folder}/host_key",
    ];
    let dsa = |folder: &std::path::Path| keygen(&folder.join("host_key"), &["-t", "dsa"]);
    needs_the_opt_in(&TestSshd::prepared(&settings, dsa), "diffie-hellman-group1-sha1").await;
}

#[tokio::test]
async fn each_old_algorithm_by_itself_is_named() {
    for (setting, says) in [("Ciphers aes256-cbc", "aes256-cbc"), ("MACs hmac-sha1", "hmac-sha1")] {
        // A cipher that brings its own authentication would not need the MAC.
        let sshd = TestSshd::with(&[setting, "Ciphers aes256-ctr"]);
        needs_the_opt_in(&sshd, says).await;
    }
}

#[tokio::test]
async fn an_old_server_that_takes_rsa_keys_with_sha1_only() {
    let sshd = TestSshd::with(&["PubkeyAcceptedAlgorithms ssh-rsa"]);
    let client = Client::new();
    let key = client.file("rsa");
    keygen(&key, &["-t", "rsa", "-b", "2048"]);
    sshd.authorize(&key.with_extension("pub"));
    let spec = with(&sshd.spec(), "identity", key.to_str());
    let answer = client.ask(&with(&spec, "legacyAlgorithms", true), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");
    assert_eq!(kind(&client.ask(&spec, &["true"]).await), TransportErrorKind::AuthenticationFailed);
}
