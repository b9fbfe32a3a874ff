//! Reading properties: everything, some objects, page by page, and what of it is not there.

use super::*;

fn read(asked: &Asked) -> bool {
    asked.method == "RetrievePropertiesEx"
}

#[tokio::test]
async fn everything_of_some_types_is_one_call_with_only_the_ways_that_lead_there() {
    let server = Server::start(|asked| {
        read(asked).then(|| {
            found(&objects(&[
                ("VirtualMachine", "vm-42", &[("name", "avocado2"), ("runtime.powerState", "poweredOn")]),
                ("Task", "task-7", &[("info.state", "running")]),
                // A second way led to it.
                ("VirtualMachine", "vm-42", &[("name", "avocado2")]),
            ]))
        })
    })
    .await;
    let what = [("Task", &["info.state"] as &[&str]), ("VirtualMachine", &["name", "runtime.powerState"])];
    let reply = ask(&server, VsphereRequest::retrieve_all(what)).await.unwrap();
    let expected = json!({
        "about": { "name": "VMware vCenter Server", "version": "8.0.2", "build": "22617221",
            "apiType": "VirtualCenter", "apiVersion": "8.0.2.0" },
        "count": 2,
        "objects": [
            { "type": "VirtualMachine", "id": "vm-42",
              "properties": { "name": "avocado2", "runtime.powerState": "poweredOn" } },
            { "type": "Task", "id": "task-7", "properties": { "info.state": "running" } },
        ],
    });
    assert_eq!((reply.exit, shown(&reply)), (0, expected));
    let log = server.log();
    let body = &log[2].body;
    for part in [
        "<propSet><type>VirtualMachine</type><all>false</all><pathSet>name</pathSet><pathSet>runtime.powerState</pathSet></propSet>",
        "<obj type=\"Folder\">group-d1</obj><skip>false</skip>",
        "<name>vms</name><type>Datacenter</type><path>vmFolder</path><skip>false</skip><selectSet><name>folder</name></selectSet>",
        "<propSet><type>Task</type><all>false</all><pathSet>info.state</pathSet></propSet><objectSet>\
         <obj type=\"TaskManager\">TaskManager</obj><skip>true</skip>",
        "<path>recentTask</path>",
        "</specSet><options><maxObjects>10000</maxObjects></options></RetrievePropertiesEx>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert!(!body.contains("hostFolder") && !body.contains("datastoreFolder"), "{body}");
}

#[tokio::test]
async fn types_that_cannot_be_read_all_at_once_are_refused() {
    let server = Server::start(|_| None).await;
    let error = ask(&server, VsphereRequest::retrieve_all([("Alarm", &["info"])])).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Configuration);
    assert!(error.message.contains("`Alarm`"), "{error}");
    assert_eq!(server.count("RetrievePropertiesEx"), 0);
}

/// Three pages, of which the first token is "0".
pub(super) fn paged(asked: &Asked) -> Option<Act> {
    let page = |nth: usize, token: &str| {
        let id = format!("vm-{nth}");
        let object = objects(&[("VirtualMachine", &id, &[("name", &id)])]);
        let token = if token.is_empty() { String::new() } else { format!("<token>{token}</token>") };
        let inside = format!("<returnval>{token}{object}</returnval>");
        soap(&asked.method, &inside)
    };
    match asked.method.as_str() {
        "RetrievePropertiesEx" => Some(page(1, "0")),
        "ContinueRetrievePropertiesEx" if asked.body.contains("<token>0</token>") => Some(page(2, "a b")),
        "ContinueRetrievePropertiesEx" => Some(page(3, "")),
        _ => None,
    }
}

#[tokio::test]
async fn pages_are_read_until_there_is_no_token() {
    let server = Server::start(paged).await;
    let reply = ask(&server, names()).await.unwrap();
    let ids: Vec<_> = shown(&reply)["objects"].as_array().unwrap().iter().map(|o| o["id"].clone()).collect();
    assert_eq!(ids, ["vm-1", "vm-2", "vm-3"]);
    assert_eq!(shown(&reply)["count"], 3);
    assert!(server.log().last().unwrap().body.contains("<token>a b</token>"));
}

#[tokio::test]
async fn where_a_page_is_lost_all_of_them_are_read_again_once() {
    for broken in [Act::Cut, Act::Torn(Box::new(found("")))] {
        let server = Server::start(move |asked| {
            let is_third = asked.method.starts_with("Continue") && asked.before == 1;
            if is_third { Some(broken.clone()) } else { paged(asked) }
        })
        .await;
        let reply = ask(&server, names()).await.unwrap();
        assert_eq!(shown(&reply)["count"], 3);
        assert_eq!((server.count("RetrievePropertiesEx"), server.count("Login")), (2, 1));
    }
    let server = Server::start(|asked| {
        let is_third = asked.body.contains("<token>a b</token>");
        if is_third { Some(Act::Cut) } else { paged(asked) }
    })
    .await;
    let error = ask(&server, names()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost);
    assert_eq!(server.count("RetrievePropertiesEx"), 2);
}

#[tokio::test]
async fn pages_belong_to_their_session() {
    let server = Server::start(|asked| {
        let is_first = asked.method.starts_with("Continue") && asked.before == 0;
        if is_first { Some(fault("NotAuthenticated", "", "")) } else { paged(asked) }
    })
    .await;
    assert_eq!(shown(&ask(&server, names()).await.unwrap())["count"], 3);
    assert_eq!((server.count("RetrievePropertiesEx"), server.count("Login")), (2, 2));
}

#[tokio::test]
async fn objects_that_are_gone_are_left_out_and_the_rest_is_read() {
    let server = Server::start(|asked| {
        read(asked).then(|| {
            let gone = ["vm-1", "vm-3"].into_iter().find(|id| asked.body.contains(&format!(">{id}<")));
            match gone {
                Some(id) => fault(
                    "ManagedObjectNotFound",
                    "The object has already been deleted",
                    &format!("<obj type=\"VirtualMachine\">{id}</obj>"),
                ),
                None => found(&objects(&[("VirtualMachine", "vm-2", &[("name", "b")])])),
            }
        })
    })
    .await;
    let of = |ids: &[&str]| VsphereRequest::Retrieve {
        objects: ids.iter().map(|id| Reference::new("VirtualMachine", *id)).collect(),
        paths: BTreeSet::from(["name".to_owned()]),
    };
    let reply = ask(&server, of(&["vm-1", "vm-2", "vm-3"])).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)["count"].clone()), (0, json!(1)));
    assert_eq!(shown(&reply)["objects"][0]["id"], "vm-2");
    let reply = ask(&server, of(&["vm-1"])).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)["objects"].clone()), (0, json!([])));
    let count = server.count("RetrievePropertiesEx");
    let reply = ask(&server, of(&[])).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)["count"].clone()), (0, json!(0)));
    assert_eq!(server.count("RetrievePropertiesEx"), count, "nothing was to be asked");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_fault_and_other_faults_are_replies() {
    let missing = "<objects><obj type=\"VirtualMachine\">vm-42</obj><missingSet><path>config</path><fault>\
        <fault xsi:type=\"NoPermission\"><privilegeId>System.Read</privilegeId></fault>\
        <localizedMessage>Permission denied.</localizedMessage></fault></missingSet></objects>";
    let server = Server::start(move |asked| {
        read(asked).then(|| match asked.before {
            0 => found(missing),
            _ => fault("InvalidProperty", "", "<name>config.x</name>"),
        })
    })
    .await;
    let transport = transport();
    let reply = ask_with(&transport, &server, names()).await.unwrap();
    let expected = json!([{ "type": "VirtualMachine", "id": "vm-42", "properties": {}, "missing": { "config": "NoPermission" } }]);
    assert_eq!(shown(&reply)["objects"], expected);
    let reply = ask_with(&transport, &server, names()).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (500, "InvalidProperty: name config.x"));
    let expected = json!({ "fault": "InvalidProperty", "message": "InvalidProperty: name config.x", "fields": { "name": "config.x" } });
    assert_eq!(shown(&reply), expected);
}
