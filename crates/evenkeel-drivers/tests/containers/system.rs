//! The container's start, its time zone and its locale.

use std::fs;

use evenkeel_drivers::containers::scripts::{LOCALE, READY, RELEASE, TIME_ZONE};

use crate::world::{World, everywhere};

#[test]
fn a_start_is_waited_for_but_not_for_ever() {
    everywhere(|world| {
        // Neither systemd nor `runlevel`: it is up.
        assert_eq!(world.good(&READY, &[]), "");
        world.program("runlevel", "echo N 3");
        assert_eq!(world.good(&READY, &[]), "");
        world.program("runlevel", "echo unknown; exit 1");
        assert_eq!(world.good(&READY, &[]), "the container is still starting; going on\n");
        // systemd has just begun, and answers nobody.
        world.link("/proc/1/exe", "/usr/lib/systemd/systemd");
        world.program("systemctl", "exit 1");
        assert_eq!(world.good(&READY, &[]), "the container is still starting; going on\n");
        fs::create_dir_all(world.path("/run/systemd/system")).unwrap();
        for state in ["", "unknown", "offline"] {
            world.program("systemctl", &format!("echo {state}; exit 1"));
            assert_eq!(world.good(&READY, &[]), "the container is still starting; going on\n", "{state}");
            // An old one is up once it answers to anything.
            world.program("systemctl", &format!("[ $1 = show-environment ] || echo {state}"));
            assert_eq!(world.good(&READY, &[]), "", "{state}");
        }
        for (state, said) in
            [("running", ""), ("degraded", ""), ("starting", "the container is still starting; going on\n")]
        {
            world.program("systemctl", &format!("echo {state}; [ {state} = running ]"));
            assert_eq!(world.good(&READY, &[]), said, "{state}");
        }
    });
}

#[test]
fn a_network_that_was_asked_for_has_to_come_up() {
    let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
    let six = "fe800000000000000000000000000000 40 0 00 0 0 0 0 00000001     eth0\n\
               00000000000000000000000000000001 80 0 00 0 0 0 0 80200001       lo\n";
    everywhere(|world| {
        let (status, said) = world.bad(&READY, &["network"]);
        assert_eq!(status, 1);
        assert!(said.starts_with("no network came up in the container"), "{said}");
        world.write("/proc/net/route", head);
        world.write("/proc/net/ipv6_route", six);
        world.bad(&READY, &["network"]);
        world.write(
            "/proc/net/route",
            &format!("{head}venet0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"),
        );
        assert_eq!(world.good(&READY, &["network"]), "");
        world.write("/proc/net/route", head);
        let default = "00000000000000000000000000000000 00 0 00 0 fe80 0 0 0 00000003     eth0\n";
        world.write("/proc/net/ipv6_route", &format!("{six}{default}"));
        assert_eq!(world.good(&READY, &["network"]), "");
    });
}

#[test]
fn a_time_zone_is_set_where_the_system_looks_for_it() {
    everywhere(|world| {
        let (status, said) = world.bad(&TIME_ZONE, &["Asia/Tokio"]);
        assert_eq!(status, 1);
        assert!(
            said.contains("there is no /usr/share/zoneinfo/Asia/Tokio; install the package tzdata"),
            "{said}"
        );
        world.write("/usr/share/zoneinfo/Asia/Tokyo", "TZif");
        world.bad(&TIME_ZONE, &["Asia"]);
        assert!(!world.has("/etc/localtime"));
        world.write("/etc/localtime", "TZif of somewhere else");
        world.write("/etc/sysconfig/clock", "# comment\nZONE=\"America/New York\"\nUTC=true\n");
        world.good(&TIME_ZONE, &["Asia/Tokyo"]);
        assert_eq!(world.leads_to("/etc/localtime").as_deref(), Some("/usr/share/zoneinfo/Asia/Tokyo"));
        assert_eq!(world.read("/etc/sysconfig/clock"), "# comment\nUTC=true\nZONE=\"Asia/Tokyo\"\n");
        assert!(!world.has("/etc/timezone"), "no Debian, and it has none");
        world.write("/etc/debian_version", "6.0\n");
        world.write("/etc/sysconfig/clock", "TIMEZONE=\"UTC\"\n");
        world.good(&TIME_ZONE, &["Asia/Tokyo"]);
        assert_eq!(world.read("/etc/timezone"), "Asia/Tokyo\n");
        assert_eq!(world.read("/etc/sysconfig/clock"), "TIMEZONE=\"Asia/Tokyo\"\n");
    });
}

/// A system that knows the locales in `/known`.
fn locales(world: &World, known: &str) {
    world.write("/known", known);
    world.program("locale", "cat \"$EVENKEEL_ROOT/known\"");
}

#[test]
fn a_locale_that_is_there_is_only_set() {
    everywhere(|world| {
        locales(world, "C\nPOSIX\nja_JP.utf8\n");
        for (path, mark, before, after) in [
            (
                "/etc/sysconfig/i18n",
                "/x",
                "SYSFONT=\"latarcyrheb-sun16\"\nLANG=\"en_US.UTF-8\"\n",
                "SYSFONT=\"latarcyrheb-sun16\"\nLANG=\"ja_JP.UTF-8\"\n",
            ),
            (
                "/etc/default/locale",
                "/etc/debian_version",
                "LANG=C\nLC_TIME=C\n",
                "LC_TIME=C\nLANG=ja_JP.UTF-8\n",
            ),
        ] {
            world.write(mark, "");
            world.write(path, before);
            world.good(&LOCALE, &["ja_JP.UTF-8"]);
            assert_eq!(world.read(path), after);
        }
        assert!(world.calls().iter().all(|call| call == "locale -a"));
    });
}

#[test]
fn each_system_is_told_in_its_own_file() {
    for (folder, path, content) in [
        ("/etc/env.d", "/etc/env.d/02locale", "LANG=\"C.UTF-8\"\n"),
        ("/usr/lib/systemd", "/etc/locale.conf", "LANG=C.UTF-8\n"),
        ("/etc/sysconfig", "/etc/sysconfig/i18n", "LANG=\"C.UTF-8\"\n"),
        ("/etc/apk", "/etc/profile.d/locale.sh", "export LANG=C.UTF-8\n"),
    ] {
        everywhere(|world| {
            fs::create_dir_all(world.path(folder)).unwrap();
            world.good(&LOCALE, &["C.UTF-8"]);
            assert_eq!(world.read(path), content);
        });
    }
}

#[test]
fn a_locale_that_is_missing_is_made() {
    let generate = "grep -v '^#' \"$EVENKEEL_ROOT/etc/locale.gen\" >\"$EVENKEEL_ROOT/known\"; cat \"$EVENKEEL_ROOT/known\"";
    everywhere(|world| {
        locales(world, "C\n");
        world.write("/etc/debian_version", "12\n");
        world.write("/etc/locale.gen", "# ja_JP.UTF-8 UTF-8\n# de_DE ISO-8859-1\n");
        world.program("locale-gen", generate);
        world.good(&LOCALE, &["ja_JP.UTF-8"]);
        assert!(world.read("/etc/locale.gen").ends_with("\nja_JP.UTF-8 UTF-8\n"));
        assert_eq!(world.read("/etc/default/locale"), "LANG=ja_JP.UTF-8\n");
        assert_eq!(world.calls().iter().filter(|call| call.starts_with("locale-gen")).count(), 1);
        // Ubuntu's older one.
        fs::create_dir_all(world.path("/var/lib/locales/supported.d")).unwrap();
        world.program("locale-gen", "echo $1 >>\"$EVENKEEL_ROOT/known\"");
        world.good(&LOCALE, &["de_DE.UTF-8"]);
        assert!(world.calls().contains(&"locale-gen de_DE.UTF-8".to_owned()));
    });
    everywhere(|world| {
        locales(world, "C\n");
        world.program("localedef", "echo $5 >>\"$EVENKEEL_ROOT/known\"; exit 1");
        world.good(&LOCALE, &["uz_UZ.UTF-8@cyrillic"]);
        let made = "localedef -i uz_UZ@cyrillic -f UTF-8 uz_UZ.UTF-8@cyrillic".to_owned();
        assert!(world.calls().contains(&made));
        world.program("localedef", "exit 4");
        let (status, said) = world.bad(&LOCALE, &["xx_XX.UTF-8"]);
        assert_eq!(status, 1);
        assert!(said.contains("could not be made: install what has it (Debian: locales; "), "{said}");
        assert!(said.contains("glibc-langpack-xx"), "{said}");
    });
}

#[test]
fn a_locale_that_cannot_be_made_is_told_but_musl_takes_any() {
    everywhere(|world| {
        assert_eq!(world.bad(&LOCALE, &["ja_JP.UTF-8"]).0, 1);
        assert!(!world.has("/etc/profile.d"), "nothing is set that is not there");
        world.write("/lib/ld-musl-x86_64.so.1", "");
        world.good(&LOCALE, &["ja_JP.UTF-8"]);
        assert_eq!(world.read("/etc/profile.d/locale.sh"), "export LANG=ja_JP.UTF-8\n");
    });
}

#[test]
fn a_container_tells_which_system_it_is() {
    everywhere(|world| {
        let (status, said) = world.bad(&RELEASE, &[]);
        assert_eq!(status, 1);
        assert!(said.starts_with("no file in the container tells which system it is"), "{said}");
        world.write("/etc/redhat-release", "Scientific Linux release 6.0\n");
        assert_eq!(world.good(&RELEASE, &[]), "Scientific Linux release 6.0\n");
        // Half of it was written.
        world.write("/etc/os-release", "");
        assert_eq!(world.good(&RELEASE, &[]), "Scientific Linux release 6.0\n");
        world.write("/usr/lib/os-release", "ID=debian\n");
        fs::remove_file(world.path("/etc/os-release")).unwrap();
        world.link("/etc/os-release", "../usr/lib/os-release");
        assert_eq!(world.good(&RELEASE, &[]), "ID=debian\n");
    });
}
