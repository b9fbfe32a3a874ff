//! Files, links, and scripts of the manifest.

use evenkeel_drivers::containers::scripts::{FILE, LINK, RUN, data_of, is, with_data, without_data};
use proptest::prelude::*;

use crate::world::{World, everywhere};

fn content(world: &World, path: &str, data: &str) {
    world.good(&with_data(&FILE, data), &["content", path, "-", "-"]);
}

fn line(world: &World, path: &str, line: &str) {
    world.good(&without_data(&FILE), &["line", path, "-", "-", line]);
}

#[test]
fn a_content_arrives_as_it_is() {
    let hostile = "$HOME `id` \\ 'a' \"b\"\tc\r\nEVENKEEL\nEVENKEEL_\n\nécole $(exit 3)\n";
    everywhere(|world| {
        content(world, "/etc/deep/er/file", hostile);
        assert_eq!(world.read("/etc/deep/er/file"), hostile);
        assert_eq!(world.mode("/etc/deep/er/file"), 0o644);
        content(world, "/etc/deep/er/file", "no line break");
        assert_eq!(world.read("/etc/deep/er/file"), "no line break\n");
        content(world, "/etc/deep/er/file", "");
        assert_eq!(world.read("/etc/deep/er/file"), "");
        assert!(!world.has("/etc/deep/er/file.evenkeel-new"));
        content(world, "/a b'c\"d$e", "x");
        assert_eq!(world.read("/a b'c\"d$e"), "x\n");
    });
}

#[test]
fn what_is_there_keeps_its_mode_and_a_link_stays_a_link() {
    everywhere(|world| {
        world.write("/etc/evenkeel-secret", "old\n");
        world.good(&with_data(&FILE, "new"), &["content", "/etc/evenkeel-secret", "0640", "-"]);
        assert_eq!(
            (world.read("/etc/evenkeel-secret"), world.mode("/etc/evenkeel-secret")),
            ("new\n".into(), 0o640)
        );
        line(world, "/etc/evenkeel-secret", "a=1");
        assert_eq!(
            (world.read("/etc/evenkeel-secret"), world.mode("/etc/evenkeel-secret")),
            ("new\na=1\n".into(), 0o640)
        );
        world.link("/etc/absolute", "/etc/evenkeel-secret");
        world.link("/etc/relative", "../etc/absolute");
        content(world, "/etc/relative", "through");
        assert_eq!(world.read("/etc/evenkeel-secret"), "through\n");
        assert_eq!(world.leads_to("/etc/relative").as_deref(), Some("../etc/absolute"));
        world.link("/etc/resolv.conf", "/run/evenkeel-lab/stub.conf");
        content(world, "/etc/resolv.conf", "nameserver 192.0.2.1");
        assert_eq!(world.read("/run/evenkeel-lab/stub.conf"), "nameserver 192.0.2.1\n");
        world.link("/etc/self", "self");
        let (status, said) = world.bad(&with_data(&FILE, "x"), &["content", "/etc/self", "-", "-"]);
        assert_eq!((status, said.as_str()), (1, "/etc/self is a link that leads to itself\n"));
        let (_, said) = world.bad(&with_data(&FILE, "x"), &["content", "/etc", "-", "-"]);
        assert_eq!(said, "/etc is a folder, and no file can be written in its place\n");
    });
}

#[test]
fn an_owner_is_given_before_the_mode() {
    everywhere(|world| {
        world.program("chown", "");
        world.good(&with_data(&FILE, "x"), &["content", "/usr/bin/tool", "4755", "root:staff"]);
        let call = format!("chown -- root:staff {}.evenkeel-new", world.path("/usr/bin/tool").display());
        assert_eq!(world.calls(), [call.clone(), call]);
        assert_eq!(world.mode("/usr/bin/tool"), 0o4755);
        world.program("chown", "echo 'no such user' >&2; exit 1");
        let (status, said) = world.bad(&with_data(&FILE, "y"), &["content", "/usr/bin/tool", "-", "nobody"]);
        assert_eq!((status, said.as_str()), (1, "no such user\n"));
        assert_eq!(world.read("/usr/bin/tool"), "x\n", "a file whose owner is not known stays as it is");
    });
}

#[test]
fn a_line_takes_the_place_of_the_one_with_its_key() {
    for (before, put, after) in [
        // The seed's.
        (
            "[PHP]\n;date.timezone =\nx = 1\n",
            "date.timezone = Asia/Tokyo",
            "[PHP]\ndate.timezone = Asia/Tokyo\nx = 1\n",
        ),
        // One that is in force goes before one that is not.
        ("#a=0\na=1\na=2\n", "a=3", "#a=0\na=3\na=2\n"),
        ("# a = 0\n;a=1", "a=3", "a=3\n;a=1\n"),
        // There already.
        ("a=1\nb=2", "b=2", "a=1\nb=2"),
        ("\ta = 1\n", "a=2", "a=2\n"),
        // Another key, no key, and what only looks like one.
        ("ab=1\n", "a=2", "ab=1\na=2\n"),
        ("PermitRootLogin no\n", "PermitRootLogin yes", "PermitRootLogin no\nPermitRootLogin yes\n"),
        ("# set the key a=1 to 2\n", "a=2", "# set the key a=1 to 2\na=2\n"),
        ("*=1\n", "*=2", "*=1\n*=2\n"),
        ("a\\n=1 $x `y` \\\n", "b='$(z)' \\n", "a\\n=1 $x `y` \\\nb='$(z)' \\n\n"),
        ("", "a=1", "a=1\n"),
        ("x", "a=1", "x\na=1\n"),
    ] {
        everywhere(|world| {
            world.write("/f", before);
            line(world, "/f", put);
            assert_eq!(world.read("/f"), after, "{before:?} {put:?}");
            line(world, "/f", put);
            assert_eq!(world.read("/f"), after, "again: {before:?} {put:?}");
        });
    }
    everywhere(|world| {
        line(world, "/new/file", "a=1");
        assert_eq!(world.read("/new/file"), "a=1\n");
    });
}

#[test]
fn what_shall_not_be_there_goes_and_folders_stay() {
    everywhere(|world| {
        world.write("/etc/motd", "x");
        world.link("/etc/issue", "/etc/nowhere");
        for path in ["/etc/motd", "/etc/issue", "/etc/never/was"] {
            world.good(&without_data(&FILE), &["absent", path]);
            assert!(!world.has(path), "{path}");
        }
        let (status, said) = world.bad(&without_data(&FILE), &["absent", "/etc"]);
        assert_eq!((status, said.as_str()), (1, "/etc is a folder: remove it with a script in `run`\n"));
    });
}

#[test]
fn a_link_takes_the_place_of_what_is_no_folder() {
    everywhere(|world| {
        world.write("/etc/localtime", "TZif");
        world.write("/srv/data/file", "x");
        world.link("/current", "srv");
        for (path, target) in
            [("/etc/localtime", "/usr/share/zoneinfo/Asia/Tokyo"), ("/current", "srv/data"), ("/a/b/c", "-d")]
        {
            world.good(&LINK, &[path, target]);
            assert_eq!(world.leads_to(path).as_deref(), Some(target));
        }
        assert!(!world.has("/srv/srv"), "no link was made in the folder that the old one led to");
        let (status, said) = world.bad(&LINK, &["/srv", "elsewhere"]);
        assert_eq!(status, 1);
        assert!(said.starts_with("/srv is a folder, which no link takes the place of"), "{said}");
        assert_eq!(world.read("/srv/data/file"), "x");
    });
}

#[test]
fn a_script_runs_to_its_end_with_nothing_to_read() {
    everywhere(|world| {
        let script = "cd \"$EVENKEEL_ROOT\"\ncat\necho one >one\nEVENKEEL=two\necho $EVENKEEL >>one\n";
        world.good(&with_data(&RUN, script), &["a name's"]);
        assert_eq!(world.read("/one"), "one\ntwo\n");
        let failing = "echo begun\nfalse\ntouch \"$EVENKEEL_ROOT/two\"";
        let (status, said) = world.bad(&with_data(&RUN, failing), &["tune it"]);
        assert_ne!(status, 0);
        assert!(said.ends_with(&format!("the script \"tune it\" ended with status {status}\n")), "{said}");
        assert!(!world.has("/two"));
        assert_eq!(world.bad(&with_data(&RUN, "exit 42"), &["x"]).0, 42);
        let left: Vec<_> = std::fs::read_dir(world.path("/tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn data_come_out_as_they_went_in(data in "(EVENKEEL|_|'|\n|a| |\\$|main|<<){0,20}") {
        let sent = with_data(&FILE, &data);
        let whole = if data.is_empty() || data.ends_with('\n') { data } else { format!("{data}\n") };
        prop_assert_eq!(data_of(&sent.text, &FILE), Some(whole.as_str()));
        prop_assert!(is(&sent.text, &FILE) && !is(&sent.text, &RUN));
        prop_assert!(is(&without_data(&FILE).text, &FILE) && is(&LINK.text, &LINK));
    }
}

/// The line breaks of the data must not end the text early, whatever they are.
#[test]
fn odd_data_arrive_in_every_shell() {
    let odd = [
        "EVENKEEL",
        "EVENKEEL\nEVENKEEL_",
        "\n\n",
        "a\\",
        "'",
        "\u{feff}x",
        "\u{85}",
        "\x1b[31m",
        "a\rb",
        "EVENKEEL\r",
    ];
    everywhere(|world| {
        for data in odd {
            content(world, "/odd", data);
            assert_eq!(world.read("/odd").trim_end_matches('\n'), data.trim_end_matches('\n'), "{data:?}");
        }
    });
}
