//! Against a server that answers over TLS as a node might.

use std::collections::BTreeMap;

use evenkeel_core::target::TargetSpec;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::credentials::EnvironmentCredentials;

const CANARY: &str = "0d4f0f5c-canary-canary-canary";

/// A certificate that signs itself, PEM, and the port of a server that has it and gives everybody this answer.
async fn serve(answer: String) -> (String, u16) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One that does not trust it goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") && stream.read_buf(&mut asked).await.unwrap_or(0) > 0 {}
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (own.cert.pem(), port)
}

fn node(port: u16, ca_file: &Path) -> Target {
    let proxmox = json!({
        "host": "127.0.0.1",
        "port": port,
        "token": "evenkeel@pve!evenkeel",
        "credentialsRef": "pve",
        "caFile": ca_file,
    });
    let spec =
        TargetSpec { proxmox: Some(serde_json::from_value(proxmox).unwrap()), ..TargetSpec::default() };
    Target { name: "pve".into(), labels: BTreeMap::new(), spec }
}

fn transport() -> ProxmoxTransport {
    let secret = ("EVENKEEL_CRED_PVE_SECRET".to_owned(), CANARY.to_owned());
    ProxmoxTransport::new(Arc::new(EnvironmentCredentials::new([secret])))
}

async fn version(transport: &ProxmoxTransport, node: &Target) -> Result<Reply, TransportError> {
    let api = ApiRequest::new(Method::Get, "/version");
    transport.exchange(node, &[Request::Api(api)]).await.remove(0)
}

#[tokio::test]
async fn a_node_that_repeats_the_token_does_not_bring_it_into_messages() {
    let reason = format!("invalid token value {CANARY}");
    let (certificate, port) =
        serve(format!("HTTP/1.1 401 {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, certificate).unwrap();
    let error = version(&transport(), &node(port, file.path())).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    assert!(error.message.contains("invalid token value"), "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_file_of_authorities_that_is_replaced_is_read_again() {
    let body = r#"{"data":{"version":"8.4"}}"#;
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let (certificate, port) = serve(head + body).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (other, _) = serve(String::new()).await;
    let (transport, node) = (transport(), node(port, &file));
    for (authority, trusts) in [(&other, false), (&certificate, true), (&other, false)] {
        let new = folder.path().join("new.pem");
        std::fs::write(&new, authority).unwrap();
        std::fs::rename(&new, &file).unwrap();
        let answer = version(&transport, &node).await;
        match &answer {
            Err(error) => assert_eq!((error.kind, trusts), (TransportErrorKind::HostKeyUnknown, false)),
            Ok(reply) => assert!(trusts && reply.exit == 0, "{reply:?}"),
        }
    }
}
