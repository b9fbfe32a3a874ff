//! Servers that speak nothing but algorithms of old.

use super::login::Agent;
use super::throwaway_user::ThrowawayUser;
use super::*;
use evenkeel_tests::sshd::{TestSshd, keygen};

/// What the servers of `VMware`'s hosts offer, as far as the `OpenSSH` of this machine still can (it has no arcfour, blowfish,
/// cast128 and ripemd160). All sign with an RSA key and SHA-1, and take users' RSA keys in no other way.
///
/// ESX 4 and ESXi 5: the defaults of the OpenSSH that they carry (4.3, 5.6), as clients of that age log them; the ciphers and
/// MACs of ESXi 5 from its `sshd_config`. ESXi 4: those of Dropbear 0.52.
const HOSTS: [(&str, [&str; 3]); 3] = [
    (
        "ESX 4.1",
        [
            "KexAlgorithms diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
            "Ciphers aes128-cbc,3des-cbc,aes192-cbc,aes256-cbc,aes128-ctr,aes192-ctr,aes256-ctr",
            "MACs hmac-md5,hmac-sha1,hmac-sha1-96,hmac-md5-96",
        ],
    ),
    (
        "ESXi 4.1",
        [
            "KexAlgorithms diffie-hellman-group1-sha1",
            "Ciphers aes128-cbc,aes256-cbc,3des-cbc",
            "MACs hmac-sha1-96,hmac-sha1,hmac-md5",
        ],
    ),
    (
        "ESXi 5",
        [
            "KexAlgorithms diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,\
             diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
            "Ciphers aes128-ctr,aes192-ctr,aes256-ctr,3des-cbc",
            "MACs hmac-sha1,hmac-sha1-96",
        ],
    ),
];

/// A server of `HOSTS`, with further settings.
fn old(offers: [&str; 3], more: &[&str]) -> TestSshd {
    let keys = [
        "HostKeyAlgorithms ssh-rsa,ssh-dss",
        "PubkeyAcceptedAlgorithms ssh-rsa,ssh-dss",
        "HostKey {folder}/host_key",
    ];
    let rsa = |folder: &std::path::Path| keygen(&folder.join("host_key"), &["-t", "rsa", "-b", "2048"]);
    TestSshd::prepared(&[offers.as_slice(), &keys, more].concat(), rsa)
}

/// With the opt-in, and time for large groups: without optimisation, as in tests, they take seconds to compute.
fn opted_in(spec: &Value) -> Value {
    with(&with(spec, "legacyAlgorithms", true), "connectTimeoutSeconds", 120)
}

/// The RSA key `name` of a client, which `sshd` takes.
fn rsa_key(client: &Client, sshd: &TestSshd, name: &str) -> PathBuf {
    let key = client.file(name);
    keygen(&key, &["-t", "rsa", "-b", "2048"]);
    sshd.authorize(&key.with_extension("pub"));
    key
}

async fn is_refused_with_the_hint(client: &Client, spec: &Value) {
    let error = client.ask(spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NoCommonAlgorithm, "{error}");
    assert!(error.hint.unwrap().contains("legacyAlgorithms: true"));
}

#[tokio::test]
async fn old_hosts_take_rsa_keys_from_files_and_agents() {
    for (host, offers) in HOSTS {
        let sshd = old(offers, &[]);
        let mut client = Client::new();
        let key = rsa_key(&client, &sshd, "rsa");
        let in_file = with(&sshd.spec(), "identity", key.to_str());
        is_refused_with_the_hint(&client, &in_file).await;
        let answer = client.ask(&opted_in(&in_file), &["echo", "in"]).await;
        assert_eq!(stdout(&answer), "in\n", "{host}");
        let _agent = Agent::start(&mut client, &[key]);
        let in_agent = without(&without(&sshd.spec(), "identity"), "agent");
        let answer = client.ask(&opted_in(&in_agent), &["echo", "in"]).await;
        assert_eq!(stdout(&answer), "in\n", "{host}, by an agent");
    }
}

#[tokio::test]
async fn old_hosts_take_passwords() {
    let user = ThrowawayUser::new();
    // ESX and ESXi 4 ask for a password; ESXi 5 and later only ask questions.
    let ways: [&[&str]; 3] = [
        &["PasswordAuthentication yes", "PubkeyAuthentication no"],
        &["PasswordAuthentication yes", "PubkeyAuthentication no"],
        &["KbdInteractiveAuthentication yes", "UsePAM yes"],
    ];
    for ((host, offers), way) in HOSTS.into_iter().zip(ways) {
        let sshd = old(offers, way);
        let spec = json!({
            "host": "127.0.0.1", "port": sshd.port(), "user": user.name(), "agent": false,
            "knownHosts": sshd.known_hosts(), "credentialsRef": "c",
        });
        let client = Client::new().secret("password", user.password());
        is_refused_with_the_hint(&client, &spec).await;
        let answer = client.ask(&opted_in(&spec), &["id", "-un"]).await;
        assert_eq!(stdout(&answer).trim(), user.name(), "{host}");
    }
}

#[tokio::test]
async fn a_host_in_fips_mode_needs_no_opt_in_and_refuses_ed25519_keys() {
    // ESXi 8, from its `sshd -T`.
    let settings = [
        "KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,\
         diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256",
        "Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr",
        "MACs hmac-sha2-256,hmac-sha2-512",
        "PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-256,rsa-sha2-512",
        "HostKey {folder}/host_key_rsa",
        "HostKey {folder}/host_key_ecdsa",
    ];
    let sshd = TestSshd::prepared(&settings, |folder| {
        keygen(&folder.join("host_key_rsa"), &["-t", "rsa", "-b", "2048"]);
        keygen(&folder.join("host_key_ecdsa"), &["-t", "ecdsa", "-b", "256"]);
    });
    let client = Client::new();
    let key = rsa_key(&client, &sshd, "rsa");
    let answer = client.ask(&with(&sshd.spec(), "identity", key.to_str()), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");
    let error = client.ask(&sshd.spec(), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed, "{error}");
    assert!(!error.hint.unwrap().contains("legacy"), "SHA-1 would not help");
}

async fn needs_the_opt_in(sshd: &TestSshd, says: &str) {
    let client = Client::new();
    let error = client.ask(&sshd.spec(), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NoCommonAlgorithm, "{error}");
    assert!(error.message.contains(says), "{error}");
    assert!(error.hint.unwrap().contains("legacyAlgorithms: true"));
    let answer = client.ask(&opted_in(&sshd.spec()), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");
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
    let settings = [
        ("KexAlgorithms", "diffie-hellman-group-exchange-sha1"),
        ("KexAlgorithms", "diffie-hellman-group14-sha1"),
        ("KexAlgorithms", "diffie-hellman-group1-sha1"),
        ("Ciphers", "aes128-cbc"),
        ("Ciphers", "aes192-cbc"),
        ("Ciphers", "aes256-cbc"),
        ("Ciphers", "3des-cbc"),
        ("MACs", "hmac-sha1"),
        ("HostKeyAlgorithms", "ssh-rsa"),
    ];
    for (keyword, name) in settings {
        // A cipher that brings its own authentication would not need the MAC.
        let settings = [&format!("{keyword} {name}"), "Ciphers aes256-ctr", "HostKey {folder}/host_key"]
            .map(String::from);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let rsa = |folder: &std::path::Path| keygen(&folder.join("host_key"), &["-t", "rsa", "-b", "2048"]);
        needs_the_opt_in(&TestSshd::prepared(&settings, rsa), name).await;
    }
}

#[tokio::test]
async fn what_not_even_the_opt_in_brings_is_named() {
    let sshd = TestSshd::with(&["Ciphers aes256-ctr", "MACs hmac-md5"]);
    let spec = opted_in(&sshd.spec());
    let error = Client::new().ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NoCommonAlgorithm, "{error}");
    assert!(error.message.contains("hmac-md5"), "{error}");
    assert!(error.hint.unwrap().contains("not supported even for old hosts"));
}

#[tokio::test]
async fn a_host_that_takes_rsa_keys_with_sha1_only_needs_the_opt_in() {
    let sshd = TestSshd::with(&["PubkeyAcceptedAlgorithms ssh-rsa"]);
    let client = Client::new();
    let key = rsa_key(&client, &sshd, "rsa");
    let spec = with(&sshd.spec(), "identity", key.to_str());
    let answer = client.ask(&opted_in(&spec), &["echo", "in"]).await;
    assert_eq!(stdout(&answer), "in\n");
    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed, "{error}");
    assert!(error.hint.unwrap().contains("legacyAlgorithms: true"));
}
