//! What of a node is ours, and how it goes.

use evenkeel_core::driver::Risk;
use evenkeel_core::request::Reply;

use super::*;

const NODE: &str = "storage local vztmpl\nstorage nas vztmpl\nstorage off vztmpl\nfolder local /cache\nfolder nas /nas/cache\n\
                    folder off /off/cache\nend\n";
const OBJECT: &str = "debian-12-web_12-{yyyyMMdd}_amd64";
const NAME: &str = "debian-12-web_12-20261101_amd64.tar.zst";
const MARK: &str = "ContainerTemplate/web evenkeel debian-12-web_12-{yyyyMMdd}_amd64 \
                    debian-12-web_12-20261102_amd64.tar.zst";

fn reply(text: &str) -> Reply {
    Reply { exit: 0, stdout: text.as_bytes().to_vec(), stderr: Vec::new() }
}

/// A version of an owner, as a look tells it.
fn version(owner: &str) -> String {
    let record = serde_json::json!({
        "format": 1, "object": OBJECT, "resource": "ContainerTemplate/web", "owner": owner, "recipe": {},
        "digest": "d", "base": { "name": "b", "bytes": 1, "sha256": "s" }, "bytes": 5, "mtime": 7, "sha256": "s",
    });
    format!("file 5 7 {NAME}\nrecord {NAME}.json\n= {record}\n")
}

/// What a node says whose folder `nas` has `on_nas`; the marks are told with each folder.
fn replies(on_nas: &str, marks: &str) -> Replies {
    let mut replies = Replies::default();
    replies.insert(node::query(None), Ok(reply(NODE)));
    for (folder, told) in [("/cache", ""), ("/nas/cache", on_nas), ("/off/cache", "missing\n")] {
        replies.insert(look_query(folder), Ok(reply(&format!("{told}{marks}end\n"))));
    }
    replies
}

#[test]
fn a_machine_without_pct_is_told_as_one() {
    let mut replies = Replies::default();
    assert_eq!(queries(&replies), [node::query(None)]);
    let none = Reply { exit: 127, stdout: Vec::new(), stderr: b"there is no pct".to_vec() };
    replies.insert(node::query(None), Ok(none));
    assert!(marked(&replies).unwrap_err().lacks_program());
    let denied = Reply { exit: 1, stdout: Vec::new(), stderr: b"denied".to_vec() };
    let mut replies = Replies::default();
    replies.insert(node::query(None), Ok(denied));
    assert!(!marked(&replies).unwrap_err().lacks_program());
}

#[test]
fn what_was_built_goes_with_its_record_and_what_is_left_of_a_build_goes_once() {
    let half =
        format!("{}file 1 1 .debian-12-web_12-20261102_amd64.tar.zst.evenkeel-new\n", version("evenkeel"));
    let marks = format!("mark 900\n= {MARK}\n");
    let replies = replies(&half, &marks);
    assert_eq!(queries(&replies).len(), 4);
    let all = marked(&replies).unwrap();
    assert_eq!(all, [Marked { object: OBJECT.into(), owner: "evenkeel".into() }]);
    let steps = removal(OBJECT, &replies).unwrap();
    let shown: Vec<String> = steps.iter().map(|step| step.request.display()).collect();
    assert_eq!(
        shown,
        [
            format!(
                "sh -s 900 /nas/cache debian-12-web_12-20261102_amd64.tar.zst '{MARK}' < containers/lxc/discard.sh"
            ),
            format!("rm -f -- /nas/cache/{NAME} /nas/cache/{NAME}.json"),
        ]
    );
    assert!(steps[1].hazards.iter().any(|hazard| hazard.risk == Risk::Destructive));
    // Killed before it packed: no folder has anything of it.
    let none = removal(OBJECT, &self::replies("", &marks)).unwrap();
    assert_eq!(none.len(), 1);
}

#[test]
fn nothing_goes_where_several_owners_have_a_share() {
    let marks = format!("mark 900\n= {MARK}\n");
    let why = removal(OBJECT, &replies(&version("another-site"), &marks)).unwrap_err();
    assert!(why.contains("several owners"), "{why}");
}
