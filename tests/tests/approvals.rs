//! A risky change from its commit to what a person reads of it afterwards: held, shown, approved or rejected from a
//! terminal, sent by the running controller, written down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use evenkeel_lab::zfs::ZfsHost;
use evenkeel_tests::evenkeel::Ran;
use evenkeel_tests::gitops::{Followed, Serving, wait_until};
use evenkeel_tests::site::Site;
use serde_json::Value;

/// A host of the lab, and a controller that follows a repository and prunes what leaves it.
struct Scene {
    site: Site,
    followed: Followed,
    serving: Serving,
}

const CONFIG: [&str; 2] = ["--config", "evenkeel.yaml"];

impl Scene {
    /// With `tank/vm` and `tank/old` in place.
    fn new() -> Self {
        let site = Site::of_one();
        let followed = Followed::new(&site.work, "prune: true");
        followed.repository.write("targets.yaml", &site.lab.manifests());
        followed.repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", "atime: off"));
        followed.repository.write("old.yaml", &Site::dataset("old", "tank/old", "atime: off"));
        followed.repository.push("first");
        let mut serving = Serving::start(&site.work, &CONFIG);
        serving.wait_for("Applied host ZfsDataset/vm");
        let is_there = |host: &mut ZfsHost| host.run(&["zfs", "list", "tank/old"]).exit == 0;
        wait_until("tank/old", || site.lab.with_host("host", is_there).unwrap());
        Scene { site, followed, serving }
    }

    fn run(&self, code: i32, args: &[&str]) -> Ran {
        let args: Vec<&str> = args.iter().copied().chain(CONFIG).collect();
        self.site.work.expect(code, &args)
    }

    fn want(&mut self, properties: &str) {
        self.followed.repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", properties));
        self.followed.repository.push("more");
    }

    /// What `approvals` says, as data.
    fn approvals(&self) -> Vec<Value> {
        let all = self.site.work.run(&["approvals", "--config", "evenkeel.yaml", "-o", "json"]);
        let document: Value = serde_json::from_str(&all.stdout).unwrap();
        assert_eq!(document["formatVersion"], 1);
        document["approvals"].as_array().unwrap().clone()
    }

    /// The short hash of the only plan that waits.
    fn waiting(&self) -> String {
        let all = self.approvals();
        let waiting: Vec<_> = all.iter().filter(|record| record["state"] == "waiting").collect();
        assert_eq!(waiting.len(), 1, "{all:#?}");
        waiting[0]["plan"].as_str().unwrap()[..12].to_owned()
    }

    fn states(&self) -> Vec<String> {
        self.approvals().iter().map(|record| record["state"].as_str().unwrap().to_owned()).collect()
    }

    fn writes(&self, word: &str) -> usize {
        self.site.writes("host").iter().filter(|command| command.contains(word)).count()
    }
}

#[test]
fn a_removal_is_held_shown_approved_sent_and_can_be_read_about() {
    let mut scene = Scene::new();
    std::fs::remove_file(scene.followed.repository.clone_path().join("old.yaml")).unwrap();
    scene.followed.repository.push("without old");
    let held = scene.serving.wait_for("PruneHeld host ZfsDataset/old");
    let plan = scene.waiting();
    assert!(held.contains(&format!("evenkeel approve {plan}")), "the command to type: {held}");
    scene.run(2, &["approvals"]).says(&[&plan, "ZfsDataset/old", "destructive", "delete"]);

    // Without a terminal and without a word nothing happens; nor without a reason.
    scene
        .run(1, &["approve", &plan, "--reason", "r"])
        .says(&["no terminal to ask on", "nothing was approved"]);
    scene.run(1, &["approve", &plan]).says(&["--reason"]);
    scene.run(1, &["approve", &plan, "--auto-approve", "--reason", " "]).says(&["wants a reason"]);
    assert_eq!((scene.writes("destroy"), scene.waiting()), (0, plan.clone()));

    // As the documentation says it.
    let page = include_str!("../../docs/approvals.md");
    let shown = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    assert_eq!((lines[0], lines[2], lines[3]), ("evenkeel approvals", "evenkeel history", "evenkeel events"));
    let (command, reason) = lines[1].split_once(" --reason ").unwrap();
    assert_eq!(command, "evenkeel approve 3f9c1d0a7b42");
    let reason = reason.trim_matches('"');
    let approve = ["approve", "zfsdataset/OLD", "--auto-approve", "--reason", reason];
    scene.run(0, &approve).says(&["(held) $ zfs destroy tank/old", "approved until", &plan]);
    scene.serving.wait_for("Pruned host ZfsDataset/old");
    wait_until("the word", || scene.states() == ["used"]);
    assert_eq!(scene.writes("destroy tank/old"), 1);

    let run = scene.approvals()[0]["run"].as_i64().unwrap().to_string();
    scene.run(0, &["approvals"]).says(&["nothing waits", "approved and sent", "agreed with Ann"]);
    scene.run(0, &["history", &run]).says(&[
        "approved by local user",
        "was copied to tank/new",
        "zfs destroy tank/old",
    ]);
    scene.run(0, &["events"]).says(&["Approved", "agreed with Ann"]);
    scene
        .run(1, &["approve", &plan, "--auto-approve", "--reason", "again"])
        .says(&["not to be sent", "any more"]);
}

#[test]
fn a_changed_plan_wants_a_new_word_and_a_rejection_stays() {
    let mut scene = Scene::new();
    scene.want("atime: off, readonly: on");
    scene.serving.wait_for("Held host ZfsDataset/vm");
    let first = scene.waiting();
    scene.run(2, &["status"]).says(&["readonly=on is disruptive", &format!("evenkeel approve {first}")]);
    scene.want("atime: off, readonly: on, exec: off");
    wait_until("another plan", || {
        !scene.approvals().iter().any(|r| r["plan"].as_str().unwrap().starts_with(&first))
    });
    let second = scene.waiting();
    let late = scene.run(1, &["approve", &first, "--auto-approve", "--reason", "r"]);
    late.says(&[&first, &second, "any more"]);

    scene.run(0, &["reject", &second, "--reason", "not on a Friday"]).says(&["rejected", &second]);
    scene.serving.wait_for("Rejected host ZfsDataset/vm");
    scene
        .run(1, &["approve", &second, "--auto-approve", "--reason", "r"])
        .says(&["was rejected by", "not on a Friday"]);
    wait_until("the word", || {
        scene.site.work.run(&["status", "--config", "evenkeel.yaml"]).stdout.contains("rejected by")
    });
    assert_eq!(scene.writes("readonly=on"), 0);
    scene.run(0, &["approvals"]).says(&["rejected", "not on a Friday"]);
}

#[test]
fn an_approval_that_is_not_used_runs_out() {
    let mut scene = Scene::new();
    let window = "window: { calendar: \"2099-01-01 03:00\", timeZone: UTC, duration: 1h }";
    let spec = format!("dataset: tank/vm, properties: {{ atime: off, readonly: on }}, {window}");
    scene.followed.repository.write("vm.yaml", &Site::resource("ZfsDataset", "vm", &spec));
    scene.followed.repository.push("in its window");
    scene.serving.wait_for("Held host ZfsDataset/vm");
    let plan = scene.waiting();
    scene.run(2, &["status"]).says(&["outside of its window", &format!("evenkeel approve {plan}")]);
    let approve = ["approve", &plan, "--auto-approve", "--for", "3s", "--reason", "r"];
    scene.run(0, &approve).says(&["approved until", "when its window opens"]);
    scene.serving.wait_for("ApprovalExpired host ZfsDataset/vm");
    wait_until("it to wait again", || scene.states() == ["waiting", "expired"]);
    scene.run(2, &["approvals"]).says(&["approved, run out"]);
    assert_eq!(scene.writes("readonly=on"), 0);

    let approve = ["approve", &plan, "--auto-approve", "--override-window", "--reason", "the storm comes"];
    scene.run(0, &approve).says(&["sends it now"]);
    scene.serving.wait_for("Applied host ZfsDataset/vm");
    assert_eq!(scene.writes("readonly=on"), 1);
    scene.run(0, &["history"]).says(&["operator"]);
    scene.run(0, &["approvals"]).says(&["approved and sent, overriding windows", "the storm comes"]);
}
