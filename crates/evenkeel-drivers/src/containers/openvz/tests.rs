//! What a host without manifests tells, whose templates go, and what distributions' files lead to.

use evenkeel_core::driver::{Driver as _, Marked, Risk};
use evenkeel_core::request::{Replies, Reply};
use serde_json::json;

use super::host::{self, Host};
use super::{OpenvzTemplate, inventory};
use crate::containers::host::{log_of, look_query};

const CACHE: &str = "/var/lib/vz/template/cache";
const OBJECT: &str = "debian-12-web_1-{yyyyMMdd}_amd64";

fn reply(text: &str) -> Reply {
    Reply { exit: 0, stdout: text.as_bytes().to_vec(), stderr: Vec::new() }
}

fn record(name: &str, owner: &str, bytes: u64, mtime: Option<i64>) -> String {
    let mut record = json!({
        "format": 1, "object": OBJECT, "resource": "ContainerTemplate/web", "owner": owner, "recipe": {}, "digest": "0a",
        "base": { "name": "b.tar.gz", "bytes": 1, "mtime": 1, "sha256": "00" }, "bytes": bytes, "sha256": "00",
        "ended": "2026-11-01T00:00:00Z",
    });
    if let Some(mtime) = mtime {
        record["mtime"] = json!(mtime);
        record["built"] = json!("2026-11-01T00:00:00Z");
    }
    format!("file {bytes} 7 {name}\nrecord {name}.json\n= {record}\n")
}

fn replies(dists: &str, folder: &str) -> Replies {
    let mut replies = Replies::default();
    let set_up =
        format!("template /var/lib/vz/template\nprivate /var/lib/vz/private/0\nlayout\n{dists}end\n");
    replies.insert(host::query(None), Ok(reply(&set_up)));
    replies.insert(look_query(CACHE), Ok(reply(&format!("{folder}end\n"))));
    replies
}

fn version(day: u32) -> String {
    format!("debian-12-web_1-{day}_amd64.tar.gz")
}

#[test]
fn what_was_built_here_is_marked_and_copies_are_not() {
    let (built, copy, changed) = (version(20_261_101), version(20_261_102), version(20_261_103));
    let folder = record(&built, "evenkeel", 10, Some(7))
        + &record(&copy, "evenkeel", 10, None)
        + &record(&changed, "evenkeel", 10, Some(8))
        + "mark 556\n= ContainerTemplate/half evenkeel debian-12-half_1_amd64 debian-12-half_1_amd64.tar.gz\n";
    let replies = replies("", &folder);
    let marked = |object: &str| Marked { object: object.to_owned(), owner: "evenkeel".to_owned() };
    assert_eq!(OpenvzTemplate.marked(&replies).unwrap(), [marked("debian-12-half_1_amd64"), marked(OBJECT)]);
    let steps = OpenvzTemplate.removal(OBJECT, &[], &replies).unwrap();
    let shown: Vec<String> = steps.iter().map(|step| step.request.display()).collect();
    assert_eq!(shown, [format!("rm -f -- {CACHE}/{built} {CACHE}/{built}.json")]);
    assert_eq!(steps[0].risk(), Risk::Destructive);
    let steps = OpenvzTemplate.removal("debian-12-half_1_amd64", &[], &replies).unwrap();
    assert!(steps[0].request.display().starts_with("sh -s 556 /var/lib/vz/private/556 "), "{steps:?}");
    assert_eq!(steps.len(), 1);
}

#[test]
fn what_another_machine_made_in_a_folder_that_both_share_does_not_go() {
    let built = version(20_261_101);
    let folder = |host: &str| {
        let record =
            record(&built, "evenkeel", 10, Some(7)).replace("\"format\":1", "\"format\":1,\"host\":\"ovz1\"");
        replies("", &format!("host {host}\n{record}"))
    };
    assert_eq!(OpenvzTemplate.marked(&folder("ovz1")).unwrap().len(), 1);
    assert_eq!(OpenvzTemplate.marked(&folder("ovz2")).unwrap(), []);
    assert_eq!(OpenvzTemplate.removal(OBJECT, &[], &folder("ovz2")), Ok(Vec::new()));
}

#[test]
fn what_two_owners_made_is_left_to_them() {
    let folder = record(&version(20_261_101), "evenkeel", 10, Some(7))
        + &record(&version(20_261_102), "another-site", 10, Some(7));
    let replies = replies("", &folder);
    assert_eq!(OpenvzTemplate.marked(&replies).unwrap().len(), 2);
    assert!(OpenvzTemplate.removal(OBJECT, &[], &replies).unwrap_err().contains("several owners"));
}

#[test]
fn an_import_tells_what_is_listed_and_whose_it_is() {
    let built = version(20_261_101);
    let folder = record(&built, "evenkeel", 10, Some(7))
        + "file 5 5 Sabayon_Linux_SpinBase_5.4_x86_openvz.tar.gz\nfile 5 5 notes.txt\npve 1.7-10\n";
    let replies = replies("", &folder);
    assert_eq!(OpenvzTemplate.inventory(&replies).unwrap(), []);
    let told = inventory::remarks(&replies);
    assert_eq!(told.len(), 2);
    assert!(
        told[0].contains("call it sabayon-5-SpinBase_5.4-1_i386.tar.gz; it was not built by Evenkeel"),
        "{told:?}"
    );
    assert_eq!(told[1], format!("{built} was built by ContainerTemplate/web (owner evenkeel)"));
}

#[test]
fn a_distributions_file_is_found_as_vzctl_finds_it() {
    let dists = "dist 1 gentoo -\ndist 2 debian -\ndist 1 sabayon-5-SpinBase_5.4-1_i386 -\ndist 0 lost nowhere.conf\ndist 1 funtoo gentoo.conf\n";
    let host = Host::read(&replies(dists, ""), None).unwrap();
    assert_eq!(host.distribution_of("debian-12-web_1-2_amd64"), Some("debian"));
    assert_eq!(host.distribution_of("sabayon-5-other_1_i386"), None);
    assert_eq!(host.distribution_of("lost-1-x_1_i386"), None);
    assert_eq!(host.leads_to("sabayon-5-SpinBase_5.4-1_i386"), Some("gentoo"), "a second name of one file");
    assert_eq!(host.leads_to("funtoo"), Some("gentoo"));
    assert_eq!(host.leads_to("fedora"), None);
    assert!(host.is_own_file("debian") && !host.is_own_file("sabayon-5-SpinBase_5.4-1_i386"));
    assert!(host.lacks_dist("lost") && host.lacks_dist("fedora") && !host.lacks_dist("funtoo"));
}

#[test]
fn all_versions_have_one_log_and_no_other_object_has_it() {
    let log = |object: &str| log_of(object).rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(log("a-1-b_1-{yyyyMMdd}_i386"), "a-1-b_1-@yyyyMMdd_i386.log");
    assert_eq!(log("a-1-b_1-{digest}_i386"), "a-1-b_1-@digest_i386.log");
    assert_eq!(log("a-1-b_1_i386"), "a-1-b_1_i386.log");
}

#[test]
fn half_an_answer_is_an_error() {
    let mut replies = Replies::default();
    replies.insert(
        host::query(None),
        Ok(reply("template /var/lib/vz/template\nprivate /var/lib/vz/private/0\n")),
    );
    assert!(OpenvzTemplate.marked(&replies).is_err());
    let odd = "template /vz/template\nprivate /vz/containers\nend\n";
    let mut replies = Replies::default();
    replies.insert(host::query(None), Ok(reply(odd)));
    assert!(OpenvzTemplate.inventory(&replies).is_err());
}
