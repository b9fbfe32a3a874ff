//! What is wrong is said where it stands.

use evenkeel_core::period::Period;
use serde_json::{Value, json};

use super::*;

fn said(findings: Vec<Finding>) -> Vec<String> {
    let told = |f: Finding| {
        format!("{}{}: {}", if f.warning { "warning " } else { "" }, f.path.join("."), f.message)
    };
    findings.into_iter().map(told).collect()
}

fn of(provisioned: Value) -> Vec<String> {
    told(provisioned, true)
}

fn told(provisioned: Value, cleanup: bool) -> Vec<String> {
    let spec = serde_json::from_value(provisioned).unwrap();
    said(provision((&spec, cleanup), LARGEST_RECIPE, &["lxc", "provision"]))
}

#[test]
fn what_would_not_get_into_the_template_is_told() {
    let at = |path: &str| json!({ "files": [{ "path": path, "content": "x" }] });
    for path in ["/run/y", "/proc/sys/x", "/var/run/z"] {
        assert_said(at(path), &format!("files.0.path: {path} is in no template"));
        assert_eq!(told(at(path), false).len(), 1);
    }
    for path in ["/etc/resolv.conf", "/var/log/app/.keep", "/tmp/x", "/root/.bash_history"] {
        let expected =
            format!("warning lxc.provision.files.0.path: {path} is emptied or removed by `cleanup`");
        let all = of(at(path));
        assert!(all.len() == 1 && all[0].starts_with(&expected), "{all:?}");
        assert_eq!(told(at(path), false), [""; 0]);
        assert_eq!(of(json!({ "files": [{ "path": path, "absent": true }] })), [""; 0]);
    }
    for path in ["/running", "/etc/resolv.conf.d/x", "/srv/tmp/x"] {
        assert_eq!(of(at(path)), [""; 0], "{path}");
    }
}

#[test]
fn what_the_article_does_is_good() {
    let told = of(json!({
        "packages": { "upgrade": true, "install": ["php", "g++", "@base", "www-servers/nginx", "php:i386"], "remove": ["sendmail"] },
        "timeZone": "Asia/Tokyo",
        "locale": "ja_JP.UTF-8",
        "files": [
            { "path": "/etc/php.ini", "line": "date.timezone = Asia/Tokyo" },
            { "path": "/etc/php.ini", "line": "expose_php = Off" },
            { "path": "/etc/motd", "content": "", "mode": "0644", "owner": "root:root" },
            { "path": "/etc/issue", "absent": true }
        ],
        "links": { "/etc/localtime": "../usr/share/zoneinfo/Asia/Tokyo" },
        "run": [{ "name": "tune it", "script": "echo tuned\n" }]
    }));
    assert_eq!(told, [""; 0]);
}

#[test]
fn what_is_wrong_with_packages_zone_and_locale_is_said() {
    for (provisioned, expected) in [
        (json!({ "packages": { "install": ["-y"] } }), "packages.install: \"-y\" is no name of a package"),
        (json!({ "packages": { "install": ["php-"] } }), "packages.install: \"php-\" is no name"),
        (json!({ "packages": { "remove": ["a b"] } }), "packages.remove: \"a b\" is no name"),
        (json!({ "packages": { "install": [""] } }), "packages.install: \"\" is no name"),
        (
            json!({ "packages": { "install": ["a"], "remove": ["a"] } }),
            "packages.remove: a is under `install`, too",
        ),
        (json!({ "timeZone": "../../etc/passwd" }), "timeZone: \"../../etc/passwd\" is no time zone"),
        (json!({ "timeZone": "" }), "timeZone: \"\" is no time zone"),
        (json!({ "locale": "ja JP" }), "locale: \"ja JP\" is no locale"),
    ] {
        assert_said(provisioned, expected);
    }
}

/// One thing is wrong, and said.
#[track_caller]
fn assert_said(provisioned: Value, expected: &str) {
    let told = of(provisioned);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("lxc.provision.{expected}")), "{told:?}");
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let big = "x".repeat(LARGEST_TEXT + 1);
    let key = "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";
    let file = |more: Value| {
        let mut file = json!({ "path": "/f" });
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "files": [file] })
    };
    for (provisioned, expected) in [
        (file(json!({})), "files.0: a file has exactly one of"),
        (file(json!({ "content": "", "line": "a" })), "files.0: a file has exactly one of"),
        (file(json!({ "line": "a\nb" })), "files.0.line: it is one line"),
        (file(json!({ "line": " " })), "files.0.line: it is one line"),
        (file(json!({ "content": "a\0b" })), "files.0.content: a NUL character"),
        (file(json!({ "content": big })), "files.0.content: it has 96 KiB, and may have 96"),
        (
            file(json!({ "content": key })),
            "files.0.content: this is a private key, and secrets never enter a template",
        ),
        (file(json!({ "content": "", "mode": "0888" })), "files.0.mode: \"0888\" is no mode in octal"),
        (file(json!({ "content": "", "mode": "u+x" })), "files.0.mode: \"u+x\" is no mode"),
        (file(json!({ "content": "", "owner": "-R" })), "files.0.owner: \"-R\" is no owner"),
        (file(json!({ "absent": true, "mode": "0644" })), "files.0: what is not there has no mode"),
        (
            json!({ "files": [{ "path": "etc/x", "content": "" }] }),
            "files.0.path: the path \"etc/x\" begins with no `/`",
        ),
        (
            json!({ "files": [{ "path": "/a/../b", "content": "" }] }),
            "files.0.path: the path \"/a/../b\" has parts",
        ),
        (
            json!({ "files": [{ "path": "/a\n", "content": "" }] }),
            "files.0.path: the path \"/a\\n\" has control",
        ),
        (
            json!({ "files": [{ "path": "/a/", "content": "" }] }),
            "files.0.path: the path \"/a/\" is that of a folder",
        ),
        (
            json!({ "files": [{ "path": "/a", "content": "" }, { "path": "/a", "line": "b" }] }),
            "files.1: /a is there twice",
        ),
        (
            json!({ "files": [{ "path": "/a", "line": "k=1" }, { "path": "/a", "line": "#k = 2" }] }),
            "files.1.line: the same line, or one with the same key",
        ),
        (json!({ "links": { "/a": "" } }), "links./a: a link cannot lead to \"\""),
        (json!({ "links": { "a": "b" } }), "links.a: the path \"a\" begins with no `/`"),
        (
            json!({ "links": { "/a": "b" }, "files": [{ "path": "/a", "content": "" }] }),
            "links./a: it is under `files`, too",
        ),
        (json!({ "run": [{ "name": "a\nb", "script": "x" }] }), "run.0.name: a script needs a name"),
        (json!({ "run": [{ "name": "a", "script": " \n" }] }), "run.0.script: the script is empty"),
        (json!({ "run": [{ "name": "a", "script": key }] }), "run.0.script: this is a private key"),
    ] {
        assert_said(provisioned, expected);
    }
    let wireguard = format!("[Interface]\nPrivateKey = {}=", "x".repeat(43));
    for key in ["PuTTY-User-Key-File-3: ssh-ed25519", "# age\nAGE-SECRET-KEY-1QQ", &wireguard] {
        assert_said(file(json!({ "content": key })), "files.0.content: this is a private key");
    }
    let public = json!({ "content": "-----BEGIN PUBLIC KEY-----\npassword=x\nssh-ed25519 AAAA" });
    assert_eq!(of(file(public)), [""; 0]);
}

#[test]
fn a_recipe_fits_into_a_record_that_is_read_again() {
    let files = |sizes: &[usize]| {
        let file = |(nth, bytes): (usize, &usize)| json!({ "path": format!("/{nth}"), "content": "x".repeat(*bytes) });
        json!({ "files": sizes.iter().enumerate().map(file).collect::<Vec<_>>() })
    };
    assert_eq!(of(files(&[90 * 1024, 37 * 1024])), [""; 0]);
    let why = "has 181 KiB as JSON, and may have 128: it is part of the template's record";
    assert_eq!(of(files(&[90 * 1024, 90 * 1024])), [format!("lxc.provision: all of it {why}")]);
    // In JSON a line break has two bytes, and what a terminal would act on has six.
    let escapes =
        json!({ "run": [{ "name": "a", "script": format!("echo\n{}", "\u{1b}".repeat(30 * 1024)) }] });
    assert_eq!(of(escapes).len(), 1);

    // Where it is sent to, its record is written with a line for each field.
    let names: Vec<String> = (0..).map(|nth| format!("{nth:03x}")).take(11_000).collect();
    let many = json!({ "packages": { "install": names } });
    assert_eq!(of(many.clone()), [""; 0]);
    let many: Provision = serde_json::from_value(many).unwrap();
    let record = json!({ "recipe": recipe::recipe("", &many, true) });
    let bytes = serde_json::to_string_pretty(&record).unwrap().len();
    assert!(bytes < 250 * 1024, "{bytes}");
}

#[test]
fn versions_that_would_have_one_name_cannot_be_several() {
    let hours = |hours: u64| Refresh { every: Period::seconds(hours * 3_600) };
    let told = |version: &str, refresh: Option<Refresh>, keep: Option<u32>| {
        said(versions(version, refresh.as_ref(), keep, &["lxc"])).join("; ")
    };
    assert_eq!(told("6.0", None, None), "");
    assert_eq!(told("6.0", None, Some(0)), "");
    assert_eq!(told("6.0-{yyyyMMdd}", Some(hours(24 * 7)), Some(3)), "");
    assert_eq!(told("{digest}", Some(hours(1)), Some(3)), "");
    assert!(
        told("6.0", Some(hours(24)), None)
            .starts_with("lxc.refresh: each build anew would have the same name")
    );
    assert!(told("6.0", None, Some(3)).starts_with("lxc.keep: no older version could be kept"));
    assert!(
        told("{yyyyMMdd}", Some(hours(6)), None)
            .starts_with("warning lxc.refresh: builds of one day have the same")
    );
    let short = Refresh { every: Period::seconds(60) };
    assert_eq!(told("{digest}", Some(short), None), "lxc.refresh.every: the shortest period is an hour");
}

#[test]
fn a_target_is_published_to_once() {
    let targets = ["pve2", "pve3", "pve2"].map(str::to_owned);
    assert_eq!(said(publish(&targets, &["lxc", "publish"])), ["lxc.publish.2: pve2 is there twice"]);
}
