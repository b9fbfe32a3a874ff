use std::path::Path;

use super::*;

fn resolve(config: &str, spec: serde_json::Value) -> Result<Endpoint, TransportError> {
    resolve_for(config, spec, None)
}

/// With a default user, for a server that is no target.
fn resolve_for(
    config: &str,
    spec: serde_json::Value,
    default_user: Option<&str>,
) -> Result<Endpoint, TransportError> {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    std::fs::write(&file, config).unwrap();
    let config = ConfigFile::read(&[file], Path::new("/home/me")).unwrap();
    let mut options = SshOptions::isolated("/home/me", "me");
    options.agent_socket = Some("/run/agent".into());
    let (resolver, spec) = (Resolver::new(&config, &options), serde_json::from_value(spec).unwrap());
    default_user.map_or_else(|| resolver.resolve(&spec), |user| resolver.resolve_server(&spec, user))
}

fn spec(host: &str) -> serde_json::Value {
    serde_json::json!({ "host": host })
}

#[test]
fn without_any_settings_the_defaults_hold() {
    let endpoint = resolve("", spec("web")).unwrap();
    assert_eq!(endpoint.to_string(), "me@web:22");
    assert_eq!(endpoint.known_hosts, [PathBuf::from("/home/me/.ssh/known_hosts")]);
    assert_eq!(endpoint.identities.defaults.len(), 3);
    assert_eq!(endpoint.identities.agent.as_deref(), Some(Path::new("/run/agent")));
    assert!(!endpoint.accept_new);
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(15));
}

#[test]
fn ssh_config_fills_in_what_the_target_leaves_out() {
    let config = "Host web\n HostName %h.example.net\n User ops\n Port 2222\n IdentityFile ~/k/%r@%h\n \
                  IdentityFile none\n UserKnownHostsFile ~/kh1 /etc/kh2\n StrictHostKeyChecking accept-new\n \
                  IdentitiesOnly yes\n ConnectTimeout 0\n ServerAliveInterval 3\n";
    let endpoint = resolve(config, spec("web")).unwrap();
    assert_eq!(endpoint.to_string(), "ops@web.example.net:2222");
    assert_eq!(endpoint.host_key_name.to_string(), "[web.example.net]:2222");
    assert_eq!(endpoint.identities.configured, [PathBuf::from("/home/me/k/ops@web.example.net")]);
    assert!(endpoint.identities.defaults.is_empty());
    assert!(endpoint.identities.only_files);
    assert_eq!(endpoint.known_hosts, ["/home/me/kh1", "/etc/kh2"].map(PathBuf::from));
    assert!(endpoint.accept_new);
    assert_eq!(endpoint.keepalive, Duration::from_secs(3));
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(15));

    let given = serde_json::json!({
        "host": "web", "port": 7, "user": "root", "identity": "~/mine", "knownHosts": "/kh",
        "hostKeyChecking": "strict", "agent": false, "connectTimeoutSeconds": 4,
    });
    let endpoint = resolve(config, given).unwrap();
    assert_eq!(endpoint.to_string(), "root@web.example.net:7");
    assert_eq!(endpoint.identities.required, Some(PathBuf::from("/home/me/mine")));
    assert_eq!(endpoint.known_hosts, [PathBuf::from("/kh")]);
    assert!(!endpoint.accept_new);
    assert_eq!(endpoint.identities.agent, None);
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(4));
}

#[test]
fn jump_hosts_form_a_chain_and_have_their_own_configuration() {
    let config =
        "Host b2\n User two\n IdentityFile /keys/b2\nHost b1\n ProxyJump b0\nHost plain\n ProxyJump none\n";
    let mut target = spec("web");
    target["proxyJump"] = "one@b1:2201, b2".into();
    target["identity"] = "/keys/web".into();
    target["legacyAlgorithms"] = true.into();
    target["credentialsRef"] = "web-login".into();
    let endpoint = resolve(config, target).unwrap();
    assert!(endpoint.legacy_algorithms);
    let b2 = endpoint.jump.unwrap();
    assert_eq!(b2.to_string(), "two@b2:22");
    assert_eq!((b2.identities.required, b2.identities.credentials_ref), (None, None));
    assert_eq!(b2.identities.configured, [PathBuf::from("/keys/b2")]);
    assert!(!b2.legacy_algorithms, "weak algorithms are opted into for the target only");
    let b1 = b2.jump.unwrap();
    assert_eq!(b1.to_string(), "one@b1:2201");
    assert_eq!(b1.identities.required, Some(PathBuf::from("/keys/web")));
    assert_eq!(b1.identities.credentials_ref.as_deref(), Some("web-login"));
    assert_eq!(b1.jump.unwrap().to_string(), "me@b0:22");
    assert_eq!(resolve(config, spec("plain")).unwrap().jump, None);
    let mut none = spec("b1");
    none["proxyJump"] = "none".into();
    assert_eq!(resolve(config, none).unwrap().jump, None);
}

#[test]
fn a_server_that_is_no_target_has_a_default_user_and_the_key_of_its_credential_only() {
    let server = |config: &str, spec: serde_json::Value| resolve_for(config, spec, Some("git")).unwrap();
    let plain = server("", spec("forge"));
    assert_eq!(plain.to_string(), "git@forge:22");
    assert!(!plain.identities.only_credential, "without a credential, whatever there is");
    let config = "Host forge\n User me\n ProxyJump door\n IdentityFile /keys/me\n";
    let mut given = spec("forge");
    given["credentialsRef"] = "deploy".into();
    let forge = server(config, given);
    assert_eq!(forge.to_string(), "me@forge:22");
    assert!(forge.identities.only_credential);
    let door = forge.jump.unwrap();
    assert_eq!(door.to_string(), "me@door:22", "as a target's jump host");
    assert!(!door.identities.only_credential, "a jump host knows other keys");
}

#[test]
fn jump_hosts_in_a_circle_are_an_error() {
    let error = resolve("Host a\n ProxyJump b\nHost b\n ProxyJump a\n", spec("a")).unwrap_err();
    assert!(error.message.contains("circle"), "{error}");
}

#[test]
fn what_cannot_be_respected_is_an_error_with_its_place() {
    for (config, says) in [
        ("Host web\n ProxyCommand nc %h %p\n", "config:2: ProxyCommand"),
        ("Host web\n IdentityFile /k/%C\n", "config:2: the token `%C`"),
        ("Host web\n Port many\n", "config:2: `many`"),
        ("Host web\n StrictHostKeyChecking perhaps\n", "config:2: StrictHostKeyChecking"),
    ] {
        let error = resolve(config, spec("web")).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration);
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn hops_are_read_as_ssh_reads_them() {
    let hop = |user: Option<&str>, host: &str, port| {
        Some(Hop { user: user.map(str::to_owned), host: host.to_owned(), port })
    };
    assert_eq!(Hop::parse("b"), hop(None, "b", None));
    assert_eq!(Hop::parse("u@b:23"), hop(Some("u"), "b", Some(23)));
    assert_eq!(Hop::parse("ssh://u@b:23/"), hop(Some("u"), "b", Some(23)));
    assert_eq!(Hop::parse("[::1]:23"), hop(None, "::1", Some(23)));
    assert_eq!(Hop::parse("fe80::1"), hop(None, "fe80::1", None));
    assert_eq!(Hop::parse("b:many"), None);
    assert_eq!(Hop::parse("b:0"), None);
    assert_eq!(Hop::parse(""), None);
}
