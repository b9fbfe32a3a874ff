//! What takes long: followed, told of, cancelled, and several at a time.

use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use super::*;

/// A server on which renaming takes so many looks, and what it says then.
async fn slow(looks: usize, end: impl Fn() -> String + Send + Sync + 'static) -> Server {
    let seen = AtomicUsize::new(0);
    Server::start(move |asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        _ if is_look(asked) => {
            let nth = seen.fetch_add(1, Ordering::SeqCst);
            let progress = (nth * 10).min(90).to_string();
            Some(found(&if nth < looks {
                task("task-1", "running", &[("info.progress", &progress)])
            } else {
                end()
            }))
        }
        _ => None,
    })
    .await
}

async fn work(server: &Server, call: VsphereCall, watch: &Onlooker) -> Result<Reply, TransportError> {
    transport().work(&at(server, 1), &request(VsphereRequest::Call(call)), watch).await
}

#[tokio::test]
async fn progress_is_told_until_the_end() {
    let server = slow(3, || task("task-1", "success", &[])).await;
    let onlooker = Onlooker::default();
    assert_eq!(work(&server, rename(), &onlooker).await.unwrap().exit, 0);
    assert_eq!(onlooker.percent.load(Ordering::SeqCst), 100);
    assert_eq!(server.count("RetrievePropertiesEx"), 4);
}

#[tokio::test]
async fn a_lost_look_is_made_again_and_the_call_is_not() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        _ if is_look(asked) => Some(match asked.before {
            0..4 => Act::Cut,
            4 => page(503, "starting"),
            5 => Act::Answer(200, String::new(), "<Envelope".into()),
            _ => found(&task("task-1", "success", &[])),
        }),
        _ => None,
    })
    .await;
    let call = rename().within(20);
    assert_eq!(work(&server, call, &Onlooker::default()).await.unwrap().exit, 0);
    assert_eq!(server.count("Rename_Task"), 1);
}

#[tokio::test]
async fn a_session_that_ends_meanwhile_is_replaced() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        _ if is_look(asked) && asked.before == 0 => Some(fault("NotAuthenticated", "", "")),
        _ if is_look(asked) => Some(found(&task("task-1", "success", &[]))),
        _ => None,
    })
    .await;
    assert_eq!(work(&server, rename(), &Onlooker::default()).await.unwrap().exit, 0);
    assert_eq!((server.count("Login"), server.count("Rename_Task")), (2, 1));
}

#[tokio::test]
async fn a_task_that_the_server_forgot_has_an_end_that_is_not_known() {
    let gone = "<obj type=\"Task\">task-1</obj>";
    let server = Server::start(move |asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        _ if is_look(asked) => Some(fault("ManagedObjectNotFound", "gone", gone)),
        _ => None,
    })
    .await;
    let error = work(&server, rename(), &Onlooker::default()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost);
    assert!(error.message.contains("not known what became of Rename_Task of avocado2"), "{error}");
}

#[tokio::test]
async fn what_takes_too_long_is_cancelled() {
    let cancelled = || failed("task-1", "RequestCanceled", "The task was canceled by a user.");
    let server = Server::start(move |asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        _ if is_look(asked) && asked.nth > 0 && asked.before >= 6 => Some(found(&cancelled())),
        _ if is_look(asked) => Some(found(&task("task-1", "running", &[]))),
        _ => None,
    })
    .await;
    let reply = work(&server, rename(), &Onlooker::default()).await.unwrap();
    assert_eq!(
        (reply.exit, reply.stderr_text().as_str()),
        (499, "it took longer than 1 seconds and was cancelled")
    );
    assert_eq!(shown(&reply)["fault"], "RequestCanceled");
    assert_eq!(server.count("CancelTask"), 1);
    // Another one did it.
    let server = slow(1, cancelled).await;
    let reply = work(&server, rename(), &Onlooker::default()).await.unwrap();
    assert_eq!(reply.exit, 499);
    assert!(reply.stderr_text().starts_with("somebody has cancelled it"), "{reply:?}");
    assert_eq!(server.count("CancelTask"), 0);
}

#[tokio::test]
async fn what_ends_in_time_after_all_is_done() {
    let server = slow(6, || task("task-1", "success", &[])).await;
    assert_eq!(work(&server, rename(), &Onlooker::default()).await.unwrap().exit, 0);
    assert_eq!(server.count("CancelTask"), 1);
}

/// Says stop after so long.
fn stopping(after: u64) -> Arc<Onlooker> {
    let onlooker = Arc::new(Onlooker::default());
    let told = Arc::clone(&onlooker);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(after)).await;
        told.stop.store(true, Ordering::SeqCst);
    });
    onlooker
}

#[tokio::test]
async fn stop_cancels_what_can_be_cancelled_and_waits_for_the_rest() {
    let is_asked = Arc::new(AtomicBool::new(false));
    let asked_to = Arc::clone(&is_asked);
    let server = Server::start(move |asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        "CancelTask" => {
            asked_to.store(true, Ordering::SeqCst);
            Some(soap("CancelTask", ""))
        }
        _ if is_look(asked) && asked_to.load(Ordering::SeqCst) => {
            Some(found(&failed("task-1", "RequestCanceled", "")))
        }
        _ if is_look(asked) => Some(found(&task("task-1", "running", &[]))),
        _ => None,
    })
    .await;
    let began = Instant::now();
    let call = rename().within(600);
    let error = work(&server, call, &stopping(300)).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Stopped);
    assert!(began.elapsed() < Duration::from_secs(8));
    // One that cannot.
    let server = Server::start(|asked| match asked.method.as_str() {
        "Rename_Task" => Some(begun("Rename_Task", "task-1")),
        "CancelTask" => Some(fault("NotSupported", "", "")),
        _ if is_look(asked) && asked.before < 5 => Some(found(&task("task-1", "running", &[]))),
        _ if is_look(asked) => Some(found(&task("task-1", "success", &[]))),
        _ => None,
    })
    .await;
    assert_eq!(work(&server, rename().within(600), &stopping(100)).await.unwrap().exit, 0);
    assert_eq!(server.count("CancelTask"), 1);
    // Nothing is begun any more.
    let stopped = Onlooker { stop: AtomicBool::new(true), ..Onlooker::default() };
    assert_eq!(work(&server, rename(), &stopped).await.unwrap_err().kind, TransportErrorKind::Stopped);
    assert_eq!(server.count("Rename_Task"), 1);
}

/// A server that destroys VMs: `vm-3` fails at once, `vm-5` fails later. It counts how many it does at the same time.
async fn destroying(most: Arc<AtomicUsize>) -> Server {
    let at_once = AtomicUsize::new(0);
    Server::start(move |asked| match asked.method.as_str() {
        "Destroy_Task" if asked.body.contains(">vm-3<") => Some(fault("InvalidPowerState", "It is on.", "")),
        "Destroy_Task" => {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let (_, id) = asked.body.split_once(">vm-").unwrap();
            Some(begun("Destroy_Task", &format!("task-{}", id.split('<').next().unwrap())))
        }
        _ if is_look(asked) && asked.before % 2 == 0 => {
            let running =
                asked.body.split("<obj type=\"Task\">").skip(1).map(|rest| rest.split('<').next().unwrap());
            Some(found(
                &running.map(|id| task(id, "running", &[("info.progress", "50")])).collect::<String>(),
            ))
        }
        _ if is_look(asked) => {
            let all =
                asked.body.split("<obj type=\"Task\">").skip(1).map(|rest| rest.split('<').next().unwrap());
            let ends = all.map(|id| {
                at_once.fetch_sub(1, Ordering::SeqCst);
                let result = "<val xsi:type=\"ManagedObjectReference\" type=\"VirtualMachine\">new</val>";
                match id {
                    "task-5" => failed(id, "NoDiskSpace", "There is no room."),
                    _ => task(id, "success", &[("info.result", result)]),
                }
            });
            Some(found(&ends.collect::<String>()))
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn several_are_made_so_many_at_a_time_and_what_became_of_each_is_told_in_order() {
    let most = Arc::new(AtomicUsize::new(0));
    let server = destroying(Arc::clone(&most)).await;
    let calls = (1..=6).map(|n| VsphereCall::destroy(Reference::new("VirtualMachine", format!("vm-{n}"))));
    let together = VsphereRequest::Together { at_once: 2, calls: calls.collect() };
    let reply = ask(&server, together).await.unwrap();
    let done = json!({ "exit": 0, "result": { "type": "VirtualMachine", "id": "new" } });
    let refused = |exit: i32, fault: &str, words: &str| json!({ "exit": exit, "fault": fault, "message": format!("{fault}: {words}"), "fields": {} });
    let expected = json!([
        done,
        done,
        refused(409, "InvalidPowerState", "It is on."),
        done,
        refused(507, "NoDiskSpace", "There is no room."),
        done,
    ]);
    assert_eq!((reply.exit, shown(&reply)), (409, expected));
    let words = "Destroy_Task of vm-3: InvalidPowerState: It is on.\nDestroy_Task of vm-5: NoDiskSpace: There is no room.";
    assert_eq!(reply.stderr_text(), words);
    assert_eq!((most.load(Ordering::SeqCst), server.count("Destroy_Task")), (2, 6));
    let reply = ask(&server, VsphereRequest::Together { at_once: 0, calls: Vec::new() }).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)), (0, json!([])));
}

#[tokio::test]
async fn where_one_of_several_has_no_answer_those_under_way_are_waited_for_and_no_more_are_begun() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "Destroy_Task" if asked.before == 1 => Some(Act::Cut),
        "Destroy_Task" => Some(begun("Destroy_Task", "task-1")),
        _ if is_look(asked) && asked.before < 2 => Some(found(&task("task-1", "running", &[]))),
        _ if is_look(asked) => Some(found(&task("task-1", "success", &[]))),
        _ => None,
    })
    .await;
    let calls = (1..=4).map(|n| VsphereCall::destroy(Reference::new("VirtualMachine", format!("vm-{n}"))));
    let together = VsphereRequest::Together { at_once: 2, calls: calls.collect() };
    let error = ask(&server, together).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost);
    assert!(error.message.contains("Destroy_Task of vm-2"), "{error}");
    assert_eq!((server.count("Destroy_Task"), server.count("RetrievePropertiesEx")), (2, 3));
}
