//! What servers answer that the simulator does not: faults of every kind, and what is in answers of later versions.

use evenkeel_core::request::VsphereRequest;
use evenkeel_core::request::vsphere::VsphereCall;
use evenkeel_core::transport::TransportErrorKind;
use evenkeel_tests::soap_proxy::{Act, Fault, SoapProxy};
use evenkeel_tests::vcsim::Vcsim;
use serde_json::{Value, json};

use super::way::{CREDENTIAL, SITE, Way, backup, shown};

fn site() -> (Vcsim, SoapProxy, Way) {
    let vcsim = Vcsim::start(&SITE);
    let proxy = SoapProxy::start(&vcsim);
    let way = Way::new(proxy.spec(CREDENTIAL));
    (vcsim, proxy, way)
}

fn fault(kind: &str, words: &str, fields: &str) -> Act {
    Act::Fault(Fault { kind: kind.to_owned(), words: words.to_owned(), fields: fields.to_owned() })
}

#[tokio::test]
async fn a_fault_of_a_call_is_a_reply_with_its_type_words_and_fields() {
    let (_vcsim, proxy, way) = site();
    let object = "<object type=\"Folder\">group-v3</object>";
    for (act, exit, message, fields) in [
        (
            fault(
                "NoPermission",
                "Permission to perform this operation was denied.",
                &format!("{object}<privilegeId>Folder.Create</privilegeId>"),
            ),
            403,
            "NoPermission: Permission to perform this operation was denied.",
            json!({ "object": { "type": "Folder", "id": "group-v3" }, "privilegeId": "Folder.Create" }),
        ),
        (
            fault("DuplicateName", "", &format!("<name>a</name>{object}")),
            409,
            "DuplicateName: name a, object Folder:group-v3",
            json!({ "name": "a", "object": { "type": "Folder", "id": "group-v3" } }),
        ),
        (fault("ManagedObjectNotFound", "*types.NotFound", ""), 404, "ManagedObjectNotFound", json!({})),
        (fault("NotSupported", "", ""), 501, "NotSupported", json!({})),
        (
            fault("RestrictedVersion", "The license prohibits it.", ""),
            403,
            "RestrictedVersion: The license prohibits it.",
            json!({}),
        ),
        (
            fault("NoDiskSpace", "There is no room.", "<datastore>NFS_durian</datastore>"),
            507,
            "NoDiskSpace: There is no room.",
            json!({ "datastore": "NFS_durian" }),
        ),
        (
            fault("FaultOfLaterTimes", "What nobody knows yet.", ""),
            500,
            "FaultOfLaterTimes: What nobody knows yet.",
            json!({}),
        ),
    ] {
        proxy.on("CreateFolder", 1, act);
        let reply = way.try_call(VsphereCall::create_folder(backup(), "a")).await.unwrap();
        assert_eq!((reply.exit, reply.stderr_text().as_str()), (exit, message));
        let kind = message.split(':').next().unwrap();
        assert_eq!(shown(&reply), json!({ "fault": kind, "message": message, "fields": fields }));
    }
}

#[tokio::test]
async fn a_fault_of_a_task_is_a_reply_too() {
    let (_vcsim, proxy, way) = site();
    let vm = way.find("VirtualMachine", "avocado2").await;
    for (kind, exit) in
        [("NoDiskSpace", 507), ("DuplicateName", 409), ("NoPermission", 403), ("SystemError", 500)]
    {
        proxy.on("CreateSnapshot_Task", 1, Act::TaskFails(kind.to_owned()));
        let call = VsphereCall::create_snapshot(vm.clone(), "s", "d", false);
        let reply = way.try_call(call).await.unwrap();
        assert_eq!(
            (reply.exit, shown(&reply)["fault"].as_str()),
            (exit, Some(kind)),
            "{}",
            reply.stderr_text()
        );
    }
    // One that the simulator has by itself.
    let (exit, words) = way.refused(VsphereCall::destroy(vm)).await;
    assert!(exit == 409 && words.starts_with("InvalidPowerState: "), "{words}");
    assert!(words.contains("poweredOn"), "{words}");
}

#[tokio::test]
async fn a_fault_of_a_read_is_a_reply_and_never_an_empty_list() {
    let (_vcsim, proxy, way) = site();
    let names = || VsphereRequest::retrieve_all([("VirtualMachine", &["name"])]);
    proxy.on("RetrievePropertiesEx", 1, fault("NoPermission", "Denied to you.", ""));
    let reply = way.try_ask(names()).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (403, "NoPermission: Denied to you."));
    // A property that one may not see is missing, and says why.
    let denied = "<missingSet><path>name</path><fault><fault xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
        i:type=\"NoPermission\"><privilegeId>System.View</privilegeId></fault><localizedMessage></localizedMessage></fault></missingSet>";
    proxy.on("RetrievePropertiesEx", 1, Act::rewrite(move |body| without_properties(&body, denied)));
    let found = way.done(names()).await;
    assert_eq!(found["count"], 3);
    for one in found["objects"].as_array().unwrap() {
        assert_eq!((&one["properties"], &one["missing"]), (&json!({}), &json!({ "name": "NoPermission" })));
    }
}

/// The answer with this in place of each set of properties.
fn without_properties(body: &str, instead: &str) -> String {
    let mut parts = body.split("<propSet>");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| all + instead + part.split_once("</propSet>").unwrap().1)
}

#[tokio::test]
async fn what_later_versions_say_is_read_like_anything_else() {
    let (_vcsim, proxy, way) = site();
    let vm = way.find("VirtualMachine", "avocado2").await;
    proxy.on(
        "RetrievePropertiesEx",
        1,
        Act::rewrite(|body| {
            let body = body.replace("\"VirtualVmxnet3\"", "\"VirtualVmxnet9\"");
            body.replace("<unitNumber>", "<ofTheFuture><a>1</a><a>2</a></ofTheFuture><unitNumber>")
        }),
    );
    let devices = way.properties(&vm, &["config.hardware.device"]).await;
    let devices = devices["config.hardware.device"].as_array().unwrap().clone();
    let card: Vec<&Value> = devices.iter().filter(|device| device["_type"] == "VirtualVmxnet9").collect();
    assert_eq!(card.len(), 1, "{devices:?}");
    let strange = devices.iter().find_map(|device| device.get("ofTheFuture")).unwrap();
    assert_eq!(strange, &json!({ "a": ["1", "2"] }));
    // An enumeration that is empty is no word that is not known, and no error.
    proxy.on(
        "RetrievePropertiesEx",
        1,
        Act::rewrite(|body| {
            body.replace(">poweredOn<", "><").replace("<connectionState>connected<", "<connectionState><")
        }),
    );
    let runtime = way.properties(&vm, &["runtime"]).await;
    assert_eq!(
        (&runtime["runtime"]["powerState"], &runtime["runtime"]["connectionState"]),
        (&json!(""), &json!(""))
    );
    // Spaces, other prefixes and comments make no difference.
    proxy.on(
        "RetrievePropertiesEx",
        1,
        Act::rewrite(|body| {
            let body = body.replace("soapenv:", "S:").replace("xmlns:soapenv", "xmlns:S");
            body.replace("<propSet>", "\n  <!-- one -->\n<propSet>")
        }),
    );
    assert_eq!(way.names("VirtualMachine").await.len(), 3);
}

#[tokio::test]
async fn what_is_none_of_the_api_is_an_error_and_is_not_taken_for_an_answer() {
    let (_vcsim, proxy, way) = site();
    let vm = way.find("VirtualMachine", "avocado2").await;
    for (from, to) in [
        ("<propSet>", "<propSet><evil>&unknown;</evil>"),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<!DOCTYPE a [<!ENTITY b \"c\">]>"),
        ("</returnval>", ""),
    ] {
        proxy.each("RetrievePropertiesEx", Act::replace(from, to));
        let error = way.try_ask(VsphereRequest::retrieve_all([("Folder", &["name"])])).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Protocol, "{to}: {error:?}");
        proxy.clear();
    }
    // What began a task and does not say which is not known.
    proxy.on("Rename_Task", 1, Act::rewrite(|body| body.replace("type=\"Task\"", "type=\"Folder\"")));
    let error = way.try_call(VsphereCall::rename(vm, "new")).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error:?}");
    assert!(error.message.starts_with("it is not known whether Rename_Task of"), "{error}");
}
