//! States of commits at a stand-in of each forge, in the forms that their API documents.

use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use super::*;
use crate::stand_in::credential;
use crate::stand_in::diary::{MemoryDiary, Ticking};
use crate::stand_in::http::Server;

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

fn source(verdict: &Value) -> evenkeel_engine::store::SourceStatus {
    serde_json::from_value(json!({
        "name": "site", "url": "x", "revision": { "id": REVISION }, "resources": 1, "targets": 1,
        "verdict": verdict, "since": "2026-11-20T18:00:00Z"
    }))
    .unwrap()
}

fn resource(ready: &str, reason: &str) -> evenkeel_engine::store::ResourceStatus {
    serde_json::from_value(json!({
        "source": "site", "target": "host1", "kind": "ZfsDataset", "name": "vm", "object": "tank/vm",
        "observedGeneration": 1, "digest": "d", "lastAttemptedRevision": REVISION,
        "conditions": [{ "type": "Ready", "status": ready, "reason": reason, "message": "it is so" }],
        "since": "2026-11-20T18:00:00Z", "failures": 0, "next": "2026-11-20T18:30:00Z"
    }))
    .unwrap()
}

struct Scene {
    server: Server,
    diary: Arc<MemoryDiary>,
    status: Arc<AtomicU16>,
    provider: Forge,
}

impl Scene {
    async fn new(provider: Forge) -> Self {
        let status = Arc::new(AtomicU16::new(201));
        let kept = Arc::clone(&status);
        let server = Server::start(move |_| (kept.load(Ordering::SeqCst), "", "{}".to_owned())).await;
        let diary = MemoryDiary::new();
        diary.sources.lock().unwrap().push(source(&json!({ "state": "inForce" })));
        Scene { server, diary, status, provider }
    }

    fn watcher(&self, name: &str) -> Watcher {
        let repository = Repository::of(&format!("{}/teppi/infra.git", self.server.url)).unwrap();
        let spec =
            CommitStatusSpec { provider: self.provider, url: None, credentials_ref: "forge".to_owned() };
        let way = Way { timeout: Duration::from_secs(5), ca_file: None };
        let board = Board {
            spec,
            credential: credential(&[("token", "hunter2")]),
            way,
            controller: "main".to_owned(),
        };
        Watcher {
            name: name.to_owned(),
            board: Arc::new(board),
            sources: [("site".to_owned(), repository)].into(),
            max_per_hour: 30,
            diary: Arc::clone(&self.diary) as _,
            clock: Ticking::new(),
            stop: watch::channel(false).1,
        }
    }

    fn is(&self, ready: &str, reason: &str) {
        *self.diary.resources.lock().unwrap() = vec![resource(ready, reason)];
    }

    fn states(&self) -> Vec<String> {
        self.server.seen().iter().map(|seen| seen.json()["state"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn each_forge_is_told_in_its_own_form() {
    for (provider, path, header, body) in [
        (
            Forge::GitHub,
            format!("/api/v3/repos/teppi/infra/statuses/{REVISION}"),
            ("authorization", "Bearer hunter2"),
            json!({ "state": "failure", "context": "evenkeel/main/site",
                "description": "1 of 1 resources failed: ZfsDataset/vm on host1: it is so" }),
        ),
        (
            Forge::GitLab,
            format!("/api/v4/projects/teppi%2Finfra/statuses/{REVISION}"),
            ("private-token", "hunter2"),
            json!({ "state": "failed", "name": "evenkeel/main/site",
                "description": "1 of 1 resources failed: ZfsDataset/vm on host1: it is so" }),
        ),
        (
            Forge::Gitea,
            format!("/api/v1/repos/teppi/infra/statuses/{REVISION}"),
            ("authorization", "token hunter2"),
            json!({ "state": "failure", "context": "evenkeel/main/site",
                "description": "1 of 1 resources failed: ZfsDataset/vm on host1: it is so" }),
        ),
    ] {
        let scene = Scene::new(provider).await;
        scene.is("False", "Failed");
        let (mut memory, mut sent, mut failures) = (None, Sent::default(), 0);
        scene.watcher("forge").turn(&mut memory, &mut sent, &mut failures).await.unwrap();
        let seen = scene.server.seen();
        assert_eq!((seen.len(), seen[0].method.as_str(), &seen[0].path), (1, "POST", &path));
        assert_eq!((seen[0].headers[header.0].as_str(), seen[0].json()), (header.1, body));
    }
}

#[tokio::test]
async fn a_state_is_told_once_and_a_success_stays_one() {
    let scene = Scene::new(Forge::Gitea).await;
    let (mut memory, mut sent, mut failures) = (None, Sent::default(), 0);
    let watcher = scene.watcher("forge");
    for (ready, reason) in [
        ("Unknown", "Unreachable"),
        ("Unknown", "Unreachable"),
        ("False", "Failed"),
        ("True", "InSync"),
        ("True", "InSync"),
        ("False", "Drifted"),
        ("False", "Failed"),
    ] {
        scene.is(ready, reason);
        watcher.turn(&mut memory, &mut sent, &mut failures).await.unwrap();
    }
    assert_eq!(scene.states(), ["pending", "failure", "success"]);
    // Nor is it told again after a restart.
    let mut memory = None;
    watcher.turn(&mut memory, &mut sent, &mut failures).await.unwrap();
    assert_eq!(scene.states().len(), 3);
}

#[tokio::test]
async fn a_forge_that_fails_is_asked_again_and_it_is_told_once() {
    let scene = Scene::new(Forge::GitHub).await;
    scene.is("True", "InSync");
    scene.status.store(500, Ordering::SeqCst);
    let (mut memory, mut sent, mut failures) = (None, Sent::default(), 0);
    let watcher = scene.watcher("forge");
    let mut pauses = Vec::new();
    for _ in 0..5 {
        pauses.push(watcher.turn(&mut memory, &mut sent, &mut failures).await.unwrap().as_secs());
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80]);
    assert_eq!(scene.diary.reports(), ["NotificationFailed"]);
    scene.status.store(201, Ordering::SeqCst);
    watcher.turn(&mut memory, &mut sent, &mut failures).await.unwrap();
    watcher.turn(&mut memory, &mut sent, &mut failures).await.unwrap();
    assert_eq!(scene.diary.reports(), ["NotificationFailed", "NotificationsWork"]);
    assert_eq!(scene.states().len(), 6);
}

#[tokio::test]
async fn a_trial_asks_for_the_repository_and_sends_nothing() {
    let scene = Scene::new(Forge::GitLab).await;
    scene.status.store(200, Ordering::SeqCst);
    let watcher = scene.watcher("forge");
    watcher.board.look(&watcher.sources["site"]).await.unwrap();
    let seen = scene.server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("GET", "/api/v4/projects/teppi%2Finfra"));
    scene.status.store(404, Ordering::SeqCst);
    let failure = watcher.board.look(&watcher.sources["site"]).await.unwrap_err();
    assert_eq!(failure.message, "127.0.0.1 answers 404: {}");
}
