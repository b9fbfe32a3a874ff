//! Secrets in Vault, which is stood in for: see `vault_server.rs`.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_transport::credentials::EnvironmentCredentials;

use super::vault_server::VaultServer;
use super::*;

const TOKEN: &str = "canary-vault-token";

fn store(path: &str, token: &str) -> (u16, String) {
    let errors = |status: u16, text: &str| (status, json!({ "errors": [text, "canary-body"] }).to_string());
    if token != TOKEN {
        return errors(403, "permission denied");
    }
    match path {
        "/v1/secret/data/hosts/olive" => {
            let data = json!({ "password": "canary-vault", "port": 22, "nested": { "a": "canary" } });
            (200, json!({ "data": { "data": data, "metadata": { "version": 3 } } }).to_string())
        }
        "/v1/kv1/olive" => (200, json!({ "data": { "password": "canary-vault-1" } }).to_string()),
        "/v1/secret/data/sealed" => errors(503, "Vault is sealed"),
        "/v1/secret/data/moved" => (307, String::new()),
        "/v1/secret/data/teapot" => errors(418, "canary"),
        "/v1/secret/data/strange" => (200, "<html>canary</html>".to_owned()),
        "/v1/secret/data/huge" => (200, "x".repeat(2 << 20)),
        "/v1/secret/data/slow" => {
            std::thread::sleep(Duration::from_secs(5));
            (200, String::new())
        }
        _ => errors(404, "nothing"),
    }
}

fn settings_with(extra: &[(&str, &str)]) -> SecretSettings {
    SecretSettings::new(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn of(folder: &Folder, spec: &Value) -> SecretCredentials {
    let secret = folder.secret(&json!({ "vault": spec }));
    SecretCredentials::new(vec![secret], settings_with(&[("VAULT_TOKEN", TOKEN)]))
}

#[test]
fn both_versions_of_the_store_are_read_and_kept() {
    let (server, folder) = (VaultServer::start(store), Folder::new());
    let two = of(&folder, &json!({ "address": server.address, "path": "hosts/olive" }));
    assert_eq!(found(&two, "password").unwrap(), "canary-vault");
    assert_eq!(found(&two, "port").unwrap(), "22");
    assert_eq!((found(&two, "token"), found(&two, "nested")), (None, None));
    assert_eq!(server.asked(), [("/v1/secret/data/hosts/olive".to_owned(), TOKEN.to_owned())]);
    let one =
        json!({ "address": format!("{}/", server.address), "mount": "kv1", "path": "/olive", "version": 1 });
    assert_eq!(found(&of(&folder, &one), "password").unwrap(), "canary-vault-1");
}

#[tokio::test]
async fn it_can_be_asked_from_within_a_runtime() {
    let (server, folder) = (VaultServer::start(store), Folder::new());
    let spec = json!({ "address": server.address, "path": "hosts/olive" });
    assert_eq!(found(&of(&folder, &spec), "password").unwrap(), "canary-vault");
}

#[test]
fn refusals_say_why_and_quote_nothing() {
    let (server, folder) = (VaultServer::start(store), Folder::new());
    let at =
        |path: &str| error(&of(&folder, &json!({ "address": server.address, "path": path })), "password");
    says(&at("nowhere"), &["no such secret (404)", "vault kv get -mount=secret nowhere"]);
    says(&at("sealed"), &["sealed", "vault status"]);
    says(&at("moved"), &["sends us elsewhere (307)"]);
    says(&at("teapot"), &["418"]);
    says(&at("strange"), &["does not answer as Vault", "`version`"]);
    says(&at("huge"), &["more than"]);
    says(&at("../sys/seal"), &["no `.` and `..`"]);
    let wrong_version = json!({ "address": server.address, "path": "hosts/olive", "version": 3 });
    says(&error(&of(&folder, &wrong_version), "password"), &["versions 1 and 2"]);
    let gone = json!({ "address": "http://127.0.0.1:1", "path": "x" });
    says(&error(&of(&folder, &gone), "password"), &["cannot reach Vault", "refused"]);
    for address in ["vault:8200/canary", "http://canary:canary@127.0.0.1:1", "ftp://canary"] {
        says(
            &error(&of(&folder, &json!({ "address": address, "path": "x" })), "password"),
            &["`address` of Vault"],
        );
    }
    let secret = folder.secret(&json!({ "vault": { "address": server.address, "path": "hosts/olive" } }));
    let denied =
        SecretCredentials::new(vec![secret.clone()], settings_with(&[("VAULT_TOKEN", "canary-wrong")]));
    says(&error(&denied, "password"), &["refuses the token (403)", "policy"]);
    let none = SecretCredentials::new(vec![secret.clone()], settings());
    says(&error(&none, "password"), &["no token", "VAULT_TOKEN"]);
    let mut hasty = settings_with(&[("VAULT_TOKEN", TOKEN)]);
    hasty.patience = Duration::from_millis(300);
    let slow = folder.secret(&json!({ "vault": { "address": server.address, "path": "slow" } }));
    says(&error(&SecretCredentials::new(vec![slow], hasty), "password"), &["does not answer within"]);
}

#[test]
fn the_token_may_be_a_credential_of_its_own() {
    let (server, folder) = (VaultServer::start(store), Folder::new());
    folder.write("token", 0o600, format!("{TOKEN}\n"));
    let base = || Base::Folder(folder.path(""));
    let vault =
        json!({ "vault": { "address": server.address, "path": "hosts/olive", "credentialsRef": "t" } });
    let secret = folder.secret(&vault);
    let declared = named("t", &json!({ "file": { "token": "token" } }), base(), true);
    let credentials = SecretCredentials::new(vec![secret.clone(), declared], settings());
    assert_eq!(found(&credentials, "password").unwrap(), "canary-vault");

    let mut elsewhere = settings();
    let variable = ("EVENKEEL_CRED_T_TOKEN".to_owned(), TOKEN.to_owned());
    elsewhere.others = Some(Arc::new(EnvironmentCredentials::new([variable])));
    assert_eq!(
        found(&SecretCredentials::new(vec![secret.clone()], elsewhere), "password").unwrap(),
        "canary-vault"
    );

    let itself = named("t", &vault, base(), true);
    says(&error(&SecretCredentials::new(vec![secret, itself], settings()), "password"), &["itself in Vault"]);
}

#[test]
fn a_repository_does_not_choose_where_the_controllers_token_goes() {
    let (server, folder) = (VaultServer::start(store), Folder::new());
    let base = Base::Attachments { folder: String::new(), files: [].into() };
    let from_repository = |extra: Value| {
        let mut vault = json!({ "address": server.address, "path": "hosts/olive" });
        vault.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        named("c", &json!({ "vault": vault }), base.clone(), false)
    };
    let asked = |own: Vec<NamedSecret>, settings: SecretSettings, secret: NamedSecret| {
        let credentials = SecretCredentials::new(own, settings);
        credentials.set_source("infra", vec![secret]);
        credentials
    };
    let token = || settings_with(&[("VAULT_TOKEN", TOKEN)]);
    let stranger = asked(vec![], token(), from_repository(json!({})));
    says(&error(&stranger, "password"), &["is not sent to", "VAULT_ADDR"]);
    let declared = || {
        let base = Base::Folder(folder.path(""));
        folder.write("token", 0o600, TOKEN);
        named("t", &json!({ "file": { "token": "token" } }), base, true)
    };
    let stranger = asked(vec![declared()], settings(), from_repository(json!({ "credentialsRef": "t" })));
    says(&error(&stranger, "password"), &["is not sent to"]);
    assert_eq!(server.asked(), []);

    let named_by_us = settings_with(&[("VAULT_TOKEN", TOKEN), ("VAULT_ADDR", &server.address)]);
    assert_eq!(
        found(&asked(vec![], named_by_us, from_repository(json!({}))), "password").unwrap(),
        "canary-vault"
    );
    let base = Base::Folder(folder.path(""));
    let own = named("own", &json!({ "vault": { "address": server.address, "path": "x" } }), base, true);
    let known = asked(vec![own.clone()], token(), from_repository(json!({})));
    assert_eq!(found(&known, "password").unwrap(), "canary-vault");
    let with_authority = asked(vec![own], token(), from_repository(json!({ "caFile": "ca.pem" })));
    says(&error(&with_authority, "password"), &["`caFile` is not used"]);
}

#[test]
fn https_is_trusted_by_the_authority_that_is_given() {
    let folder = Folder::new();
    let server = VaultServer::with_tls(&folder.path(""), store);
    let plain = json!({ "address": server.address, "path": "hosts/olive" });
    says(&error(&of(&folder, &plain), "password"), &["cannot reach Vault", "`caFile`"]);
    assert_eq!(server.asked(), []);
    let mut trusting = plain.clone();
    trusting["caFile"] = "ca.pem".into();
    assert_eq!(found(&of(&folder, &trusting), "password").unwrap(), "canary-vault");
    folder.write("not.pem", 0o644, "canary");
    trusting["caFile"] = "not.pem".into();
    says(&error(&of(&folder, &trusting), "password"), &["no certificates"]);
}
