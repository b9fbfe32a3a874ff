//! What is run, and in which order.

use serde_json::json;

use super::super::scripts::data_of;
use super::*;

#[test]
fn all_is_done_in_the_order_that_the_manifest_has() {
    let provision: Provision = serde_json::from_value(json!({
        "packages": { "upgrade": true, "install": ["php", "g++"], "remove": ["sendmail"] },
        "timeZone": "Asia/Tokyo",
        "locale": "ja_JP.UTF-8",
        "files": [
            { "path": "/etc/php.ini", "line": "date.timezone = Asia/Tokyo", "mode": "0644" },
            { "path": "/etc/motd", "content": "hello", "owner": "root" },
            { "path": "/etc/issue", "absent": true }
        ],
        "links": { "/etc/alternatives/x": "y" },
        "run": [{ "name": "second to last", "script": "true" }]
    }))
    .unwrap();
    let all = inside(&provision, true);
    let told: Vec<String> =
        all.iter().map(|inside| format!("{} {}", inside.script.name, inside.arguments.join(" "))).collect();
    assert_eq!(
        told,
        [
            "containers/packages.sh upgrade",
            "containers/packages.sh remove sendmail",
            "containers/packages.sh install g++ php",
            "containers/timezone.sh Asia/Tokyo",
            "containers/locale.sh ja_JP.UTF-8",
            "containers/file.sh line /etc/php.ini 0644 - date.timezone = Asia/Tokyo",
            "containers/file.sh and 5 bytes content /etc/motd - root",
            "containers/file.sh absent /etc/issue",
            "containers/link.sh /etc/alternatives/x y",
            "containers/run.sh and 4 bytes second to last",
            "containers/cleanup.sh ",
        ]
    );
    let data: Vec<&str> = all.iter().filter_map(|inside| data_of(&inside.script.text, &FILE)).collect();
    assert_eq!(data, ["hello\n"]);
    assert_eq!(all.iter().find_map(|inside| data_of(&inside.script.text, &RUN)), Some("true\n"));
    assert!(inside(&Provision::default(), false).is_empty());
    assert_eq!(ready(true).arguments, ["network"]);
    assert!(ready(false).arguments.is_empty());
}
