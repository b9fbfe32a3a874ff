//! What is sent that no request names, as another client writes it: pyVmomi, which knows the schema of the API. Calls of
//! requests are compared with it where they are made.

use std::collections::BTreeMap;

use super::pages::paged;
use super::*;

/// What stands in the body of an envelope.
fn body(envelope: &str) -> &str {
    let (_, rest) = envelope.split_once("<soapenv:Body>").unwrap();
    rest.split_once("</soapenv:Body>").unwrap().0
}

/// The first call of this method that arrived.
fn sent(server: &Server, method: &str) -> String {
    let log = server.log();
    let asked = log.iter().find(|asked| asked.method == method).unwrap_or_else(|| panic!("no {method}"));
    body(&asked.body).to_owned()
}

/// By the name of an element, those in it: each once, in order.
fn order(xml: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut around: Vec<String> = Vec::new();
    for tag in xml.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        if tag.starts_with('/') {
            around.pop();
            continue;
        }
        let name = tag.split(' ').next().unwrap().to_owned();
        let inside = all.entry(around.last().cloned().unwrap_or_default()).or_default();
        if !inside.contains(&name) {
            inside.push(name.clone());
        }
        around.push(name);
    }
    all
}

#[tokio::test]
async fn logins_and_logouts_are_written_as_another_client_writes_them() {
    let server =
        Server::start(|asked| (asked.method == "Login").then(|| soap("Login", "<returnval></returnval>")))
            .await;
    let secrets = [("USERNAME", "user"), ("PASSWORD", "pass & <word>")];
    let secrets = secrets.map(|(key, value)| (format!("EVENKEEL_CRED_VC_{key}"), value.to_owned()));
    let transport = VsphereTransport::new(Arc::new(EnvironmentCredentials::new(secrets.into_iter())));
    let error = ask_with(&transport, &server, names()).await.unwrap_err();
    assert!(error.message.contains("no session after a login"), "{error}");
    assert_eq!(sent(&server, "Login"), body(include_str!("golden/Login.xml")));

    let server = Server::start(|asked| (asked.method == "RetrievePropertiesEx").then(|| found(""))).await;
    let transport = self::transport();
    ask_with(&transport, &server, names()).await.unwrap();
    transport.close().await;
    assert_eq!(sent(&server, "Logout"), body(include_str!("golden/Logout.xml")));
}

#[tokio::test]
async fn reads_have_their_elements_in_the_order_in_which_another_client_has_them() {
    let golden = include_str!("golden/RetrievePropertiesEx.xml");
    let known = order(body(golden));
    let server = Server::start(paged).await;
    let some = BTreeSet::from([vm()]);
    let paths = BTreeSet::from(["name".to_owned(), "snapshot".to_owned()]);
    for request in [
        VsphereRequest::retrieve_all([("Task", &["info"] as &[&str]), ("VirtualMachine", &["name"])]),
        VsphereRequest::retrieve_all([("HostStorageSystem", &["multipathStateInfo"])]),
        VsphereRequest::Retrieve { objects: some, paths },
    ] {
        let server = Server::start(|asked| (asked.method == "RetrievePropertiesEx").then(|| found(""))).await;
        ask(&server, request).await.unwrap();
        let written = sent(&server, "RetrievePropertiesEx");
        for (element, inside) in order(&written) {
            let expected = &known[&element];
            let places = inside.iter().map(|one| expected.iter().position(|known| known == one));
            let places: Vec<usize> =
                places.map(|place| place.unwrap_or_else(|| panic!("{inside:?}"))).collect();
            assert!(places.is_sorted(), "<{element}> has {inside:?} and not {expected:?}");
        }
    }
    ask(&server, names()).await.unwrap();
    let golden = body(include_str!("golden/ContinueRetrievePropertiesEx.xml"));
    assert_eq!(sent(&server, "ContinueRetrievePropertiesEx"), golden);
}

#[tokio::test]
async fn tasks_are_cancelled_as_another_client_cancels_them() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        _ if is_look(asked) && asked.before == 0 => Some(found(&task("task-1", "running", &[]))),
        _ if is_look(asked) => Some(found(&failed("task-1", "RequestCanceled", ""))),
        _ => None,
    })
    .await;
    let onlooker = Arc::new(Onlooker::default());
    let told = Arc::clone(&onlooker);
    let stop = move || told.stop.store(true, Ordering::SeqCst);
    let (transport, target) = (transport(), at(&server, 5));
    let request = request(VsphereRequest::Call(rename()));
    let work = transport.work(&target, &request, onlooker.as_ref());
    let later = async {
        while server.count("Rename_Task") == 0 {
            tokio::task::yield_now().await;
        }
        stop();
    };
    let (worked, ()) = tokio::join!(work, later);
    assert_eq!(worked.unwrap_err().kind, TransportErrorKind::Stopped);
    assert_eq!(sent(&server, "CancelTask"), body(include_str!("golden/CancelTask.xml")));
}
