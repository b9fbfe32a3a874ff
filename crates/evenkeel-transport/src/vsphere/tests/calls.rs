//! Calls: what they are about, what has to be so, and that each is sent once.

use super::*;

fn done(asked: &Asked) -> Option<Act> {
    match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        "RetrievePropertiesEx" if is_look(asked) => Some(found(&task("task-1", "success", &[]))),
        _ => None,
    }
}

#[tokio::test]
async fn a_call_is_made_and_its_task_waited_for() {
    let server = Server::start(done).await;
    let reply = ask(&server, VsphereRequest::Call(rename())).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)), (0, json!({ "result": null })));
    let expected = "<soapenv:Body><Rename_Task xmlns=\"urn:vim25\"><_this type=\"VirtualMachine\">vm-42</_this>\
        <newName>new</newName></Rename_Task></soapenv:Body>";
    assert!(server.log()[2].body.contains(expected));
    assert_eq!(server.methods()[2..], ["Rename_Task", "RetrievePropertiesEx"], "nothing was to be looked up");
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_not_made_again() {
    let late = |act: Act| Act::Late(std::time::Duration::from_secs(9), Box::new(act));
    for (broken, kind) in [
        (Act::Cut, TransportErrorKind::ConnectionLost),
        (Act::Torn(Box::new(begun("Rename_Task", "task-1"))), TransportErrorKind::ConnectionLost),
        (soap("Rename_Task", ""), TransportErrorKind::ConnectionLost),
        (Act::Answer(200, String::new(), "<?xml?><Envelope".to_owned()), TransportErrorKind::ConnectionLost),
        (page(502, "<html>"), TransportErrorKind::ConnectionLost),
        (page(503, "no healthy upstream"), TransportErrorKind::ConnectionLost),
        (Act::Silence, TransportErrorKind::Timeout),
        (late(begun("Rename_Task", "task-1")), TransportErrorKind::Timeout),
    ] {
        let server =
            Server::start(
                move |asked| {
                    if asked.method == "Rename_Task" { Some(broken.clone()) } else { done(asked) }
                },
            )
            .await;
        let request = request(VsphereRequest::Call(rename()));
        let error = transport().exchange(&at(&server, 1), &[request]).await.remove(0).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(
            error.message.contains("it is not known whether Rename_Task of avocado2 was done"),
            "{error}"
        );
        assert_eq!(server.count("Rename_Task"), 1);
    }
}

#[tokio::test]
async fn what_comes_after_a_loss_is_not_sent() {
    let server = Server::start(|asked| (asked.method == "Rename_Task").then_some(Act::Cut)).await;
    let requests = [request(VsphereRequest::Call(rename())), request(names())];
    let answers = transport().exchange(&at(&server, 5), &requests).await;
    assert!(answers.iter().all(|a| a.as_ref().unwrap_err().kind == TransportErrorKind::ConnectionLost));
    assert_eq!(server.count("RetrievePropertiesEx"), 0);
}

#[tokio::test]
async fn a_fault_is_a_reply_with_its_status() {
    for (kind, exit) in
        [("DuplicateName", 409), ("ManagedObjectNotFound", 404), ("NoPermission", 403), ("NoDiskSpace", 507)]
    {
        let of_call = kind.to_owned();
        let server = Server::start(move |asked| {
            (asked.method == "Rename_Task").then(|| fault(&of_call, "It will not do.", "<name>new</name>"))
        })
        .await;
        let reply = ask(&server, VsphereRequest::Call(rename())).await.unwrap();
        let message = format!("{kind}: It will not do.");
        assert_eq!((reply.exit, reply.stderr_text()), (exit, message.clone()));
        assert_eq!(shown(&reply), json!({ "fault": kind, "message": message, "fields": { "name": "new" } }));
        let of_task = kind.to_owned();
        let server = Server::start(move |asked| {
            if is_look(asked) {
                return Some(found(&failed("task-1", &of_task, "*types.X")));
            }
            done(asked)
        })
        .await;
        let reply = ask(&server, VsphereRequest::Call(rename())).await.unwrap();
        assert_eq!((reply.exit, shown(&reply)["fault"].clone()), (exit, json!(kind)));
    }
}

/// VMs, folders and snapshots.
fn inventory(asked: &Asked) -> Option<Act> {
    let parent = |id: &str| format!("<val xsi:type=\"ManagedObjectReference\" type=\"Folder\">{id}</val>");
    let (vms, backup) = (parent("group-v3"), parent("group-v9"));
    let mark = |value: &str| {
        format!(
            "<val xsi:type=\"ArrayOfOptionValue\"><OptionValue xsi:type=\"OptionValue\"><key>evenkeel.clone</key>\
             <value xsi:type=\"xsd:string\">{value}</value></OptionValue></val>"
        )
    };
    let (one, two) = (mark("one"), mark("two"));
    let snapshot = "<val xsi:type=\"VirtualMachineSnapshotInfo\"><rootSnapshotList>\
        <snapshot type=\"VirtualMachineSnapshot\">snapshot-1</snapshot><name>Clone Snapshot</name><description>theirs</description>\
        <childSnapshotList><snapshot type=\"VirtualMachineSnapshot\">snapshot-2</snapshot><name>Clone Snapshot</name>\
        <description>ours</description></childSnapshotList></rootSnapshotList></val>";
    let all = objects(&[
        ("Folder", "group-v3", &[("name", "vm")]),
        ("Folder", "group-v9", &[("name", "backup"), ("parent", &vms)]),
        ("StoragePod", "group-p1", &[("name", "pod"), ("parent", &vms)]),
        ("VirtualMachine", "vm-42", &[("name", "avocado2"), ("parent", &vms), ("snapshot", snapshot)]),
        ("VirtualMachine", "vm-50", &[("name", "zz"), ("parent", &backup), ("config.extraConfig", &one)]),
        ("VirtualMachine", "vm-51", &[("name", "zz"), ("parent", &vms), ("config.extraConfig", &two)]),
        ("VirtualMachine", "vm-52", &[("name", "yy"), ("parent", &vms), ("config.extraConfig", &two)]),
    ]);
    match asked.method.as_str() {
        "RetrievePropertiesEx" if is_look(asked) => None,
        "RetrievePropertiesEx" => Some(found(&all)),
        "Destroy_Task" => Some(begun("Destroy_Task", "task-1")),
        _ => None,
    }
}

#[tokio::test]
async fn objects_are_found_by_what_they_are_and_only_where_there_is_one() {
    let named = |name: &str| Object::Named { kind: "VirtualMachine".into(), name: name.into(), within: None };
    let within = |folder: &str, name: &str| {
        let root = Object::Named { kind: "Folder".into(), name: "vm".into(), within: None };
        Object::named("VirtualMachine", name, Object::named("Folder", folder, root))
    };
    let marked = |value: &str| Object::Marked { key: "evenkeel.clone".into(), value: value.into() };
    let snapshot = |name: &str, description: &str| Object::Snapshot {
        vm: vm(),
        name: name.into(),
        description: description.into(),
    };
    for (object, expected) in [
        (named("avocado2"), Ok("VirtualMachine\">vm-42<")),
        (within("backup", "zz"), Ok("VirtualMachine\">vm-50<")),
        (marked("one"), Ok("VirtualMachine\">vm-50<")),
        (snapshot("Clone Snapshot", "ours"), Ok("VirtualMachineSnapshot\">snapshot-2<")),
        (Object::Of("taskManager".into()), Ok("TaskManager\">TaskManager<")),
        (
            Object::Named { kind: "Folder".into(), name: "pod".into(), within: None },
            Ok("StoragePod\">group-p1<"),
        ),
        (named("zz"), Err((409, "there are 2 of what should be one: VirtualMachine of the name `zz`"))),
        (named("ZZ"), Err((404, "there is no VirtualMachine of the name `ZZ`"))),
        (
            within("nowhere", "zz"),
            Err((
                404,
                "there is no VirtualMachine of the name `zz` in the Folder of the name `nowhere` in the Folder of the name `vm`",
            )),
        ),
        (
            marked("two"),
            Err((409, "there are 2 of what should be one: VirtualMachine with evenkeel.clone=two")),
        ),
        (marked("on"), Err((404, "there is no VirtualMachine with evenkeel.clone=on"))),
        (
            snapshot("Clone Snapshot", ""),
            Err((
                404,
                "there is no snapshot `Clone Snapshot` of the VirtualMachine vm-42 with the description ``",
            )),
        ),
        (Object::Of("dvSwitchManager".into()), Err((404, "there is no `dvSwitchManager` on this server"))),
    ] {
        let server = Server::start(|asked| inventory(asked).or_else(|| done(asked))).await;
        let reply = ask(&server, VsphereRequest::Call(VsphereCall::destroy(object.clone()))).await.unwrap();
        let log = server.log();
        let sent = log.iter().find(|asked| asked.method == "Destroy_Task");
        match expected {
            Ok(written) => assert!(sent.unwrap().body.contains(written), "{object:?}"),
            Err((exit, words)) => {
                assert_eq!((reply.exit, reply.stderr_text().as_str()), (exit, words));
                assert_eq!(shown(&reply), json!({ "message": words }));
                assert!(sent.is_none());
            }
        }
        assert!(server.count("RetrievePropertiesEx") <= 2);
    }
}

#[tokio::test]
async fn everything_that_a_clone_needs_is_looked_up_in_three_reads() {
    let folder = Object::Named { kind: "Folder".into(), name: "backup".into(), within: None };
    let snapshot = Object::Snapshot { vm: vm(), name: "Clone Snapshot".into(), description: "ours".into() };
    let location = RelocateSpec {
        datastore: Reference::new("Datastore", "datastore-7"),
        pool: None,
        host: None,
        format: DiskFormat::Sparse,
    };
    let clone = CloneSpec {
        name: "new".into(),
        folder: folder.clone(),
        location,
        config: ConfigSpec::default(),
        snapshot: Some(snapshot),
    };
    let call = VsphereCall::clone_vm(vm(), clone)
        .only_if(Condition::be_gone(Object::named("VirtualMachine", "new", folder.clone())))
        .only_if(Condition::be(vm(), "name", "avocado2"));
    let server = Server::start(|asked| match asked.method.as_str() {
        "CloneVM_Task" => Some(begun("CloneVM_Task", "task-2")),
        _ if is_look(asked) => {
            let result = "<val xsi:type=\"ManagedObjectReference\" type=\"VirtualMachine\">vm-63</val>";
            Some(found(&task("task-2", "success", &[("info.result", result)])))
        }
        _ => inventory(asked),
    })
    .await;
    let reply = ask(&server, VsphereRequest::Call(call.clone())).await.unwrap();
    assert_eq!(shown(&reply), json!({ "result": { "type": "VirtualMachine", "id": "vm-63" } }), "{reply:?}");
    assert_eq!(server.count("RetrievePropertiesEx"), 4, "with the look at the task");
    let log = server.log();
    let sent = log.iter().find(|asked| asked.method == "CloneVM_Task").unwrap();
    assert!(sent.body.contains("<folder type=\"Folder\">group-v9</folder><name>new</name>"));
    assert!(sent.body.contains("<snapshot type=\"VirtualMachineSnapshot\">snapshot-2</snapshot>"));
    // The name is taken meanwhile.
    let call = call.only_if(Condition::be_gone(Object::named("VirtualMachine", "zz", folder)));
    let reply = ask(&server, VsphereRequest::Call(call)).await.unwrap();
    let words = "not done, since VirtualMachine of the name `zz` in the Folder of the name `backup` is there";
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (412, words));
    assert_eq!(server.count("CloneVM_Task"), 1);
}

#[tokio::test]
async fn what_does_not_hold_or_cannot_be_read_keeps_a_call_from_being_made() {
    let hidden = "<objects><obj type=\"VirtualMachine\">vm-42</obj><propSet><name>name</name>\
        <val xsi:type=\"xsd:string\">avocado2</val></propSet><missingSet><path>snapshot</path><fault>\
        <fault xsi:type=\"NoPermission\"></fault></fault></missingSet></objects>";
    let gone = || Reference::new("VirtualMachine", "vm-9");
    for (condition, exit) in [
        (Condition::be(vm(), "name", "avocado2"), 0),
        (Condition::be(vm(), "name", "avocado3"), 412),
        (Condition::be_unset(vm(), "config.uuid"), 0),
        (Condition::be_unset(vm(), "snapshot"), 412),
        (Condition::be_gone(vm()), 412),
        (Condition::be_gone(gone()), 0),
        (Condition::be_unset(gone(), "name"), 0),
        (Condition::be(gone(), "name", "x"), 412),
    ] {
        let server = Server::start(move |asked| {
            let is_gone = "<obj type=\"VirtualMachine\">vm-9</obj>";
            match asked.method.as_str() {
                "RetrievePropertiesEx" if is_look(asked) => None,
                "RetrievePropertiesEx" if asked.body.contains(is_gone) => {
                    Some(fault("ManagedObjectNotFound", "gone", is_gone))
                }
                "RetrievePropertiesEx" => Some(found(hidden)),
                _ => None,
            }
            .or_else(|| done(asked))
        })
        .await;
        let reply = ask(&server, VsphereRequest::Call(rename().only_if(condition.clone()))).await.unwrap();
        assert_eq!(reply.exit, exit, "{condition:?}: {}", reply.stderr_text());
        assert_eq!(server.count("Rename_Task"), usize::from(exit == 0));
    }
}
