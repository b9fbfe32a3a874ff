//! Whom is trusted, and with what.

use super::*;

fn with(server: &Server, rest: &Value) -> Target {
    let mut vsphere =
        json!({ "host": "127.0.0.1", "port": server.port, "credentialsRef": "vc", "timeoutSeconds": 5 });
    vsphere.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    target(&vsphere)
}

async fn read(target: &Target) -> Result<Reply, TransportError> {
    transport().exchange(target, &[request(names())]).await.remove(0)
}

#[tokio::test]
async fn only_the_server_that_is_meant_is_told_anything() {
    let server = Server::start(|asked| (asked.method == "RetrievePropertiesEx").then(|| found(""))).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &server.certificate.pem).unwrap();
    let pin = server.certificate.fingerprint();
    for rest in [json!({ "certificateFingerprint": pin }), json!({ "caFile": file.path() })] {
        assert_eq!(read(&with(&server, &rest)).await.unwrap().exit, 0);
    }
    let count = server.log().len();
    let another = own("other");
    let error =
        read(&with(&server, &json!({ "certificateFingerprint": another.fingerprint() }))).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKeyChanged);
    std::fs::write(&file, &another.pem).unwrap();
    let error = read(&with(&server, &json!({ "caFile": file.path() }))).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKeyUnknown);
    assert!(error.hint.unwrap().contains("certificateFingerprint: "));
    assert_eq!(server.log().len(), count, "nothing is said to the wrong one");
}

#[tokio::test]
async fn a_file_of_authorities_is_read_again_once_it_changes() {
    let server = Server::start(|asked| (asked.method == "RetrievePropertiesEx").then(|| found(""))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, own("other").pem).unwrap();
    let (transport, target) = (transport(), with(&server, &json!({ "caFile": file })));
    assert!(transport.exchange(&target, &[request(names())]).await[0].is_err());
    std::fs::write(folder.path().join("new"), &server.certificate.pem).unwrap();
    std::fs::rename(folder.path().join("new"), &file).unwrap();
    assert_eq!(transport.exchange(&target, &[request(names())]).await[0].as_ref().unwrap().exit, 0);
}

#[tokio::test]
async fn settings_that_do_not_work_are_told() {
    let server = Server::start(|_| None).await;
    for rest in [
        json!({ "certificateFingerprint": "ab:cd" }),
        json!({ "caFile": "/nonexistent/ca.pem" }),
        json!({ "host": "no host" }),
    ] {
        let error = read(&with(&server, &rest)).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration, "{error}");
    }
    drop(server);
}
