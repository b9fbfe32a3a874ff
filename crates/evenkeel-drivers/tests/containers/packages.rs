//! Packages, with managers that only note how they were called.

use evenkeel_drivers::containers::scripts::PACKAGES;

use crate::world::{World, everywhere};

const APT: &str = "apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
                   -o DPkg::Lock::Timeout=600";

/// What a manager is called with, the second time that the script is run.
#[track_caller]
fn calls(world: &World, arguments: &[&str]) -> Vec<String> {
    world.good(&PACKAGES, arguments);
    let calls = world.calls();
    let (once, again) = calls.split_at(calls.len() / 2);
    assert_eq!(once, again);
    again.to_vec()
}

fn debian(world: &World) {
    world.program("dpkg", "");
    world.program("dpkg-query", "[ \"$3\" = sendmail ] && echo 'install ok installed'");
    let held =
        "test -x \"$EVENKEEL_ROOT/usr/sbin/policy-rc.d\" && echo held >>\"$EVENKEEL_ROOT/held\"; exit 0";
    world.program("apt-get", held);
}

#[test]
fn apt_is_asked_for_fresh_lists_and_asks_nothing() {
    everywhere(|world| {
        debian(world);
        world.write("/usr/sbin/useradd", "");
        let update = format!("{APT} -o APT::Update::Error-Mode=any update");
        assert_eq!(calls(world, &["upgrade"]), [update.clone(), format!("{APT} dist-upgrade")]);
        assert_eq!(
            calls(world, &["install", "g++", "php:i386"]),
            [update, format!("{APT} install g++ php:i386")]
        );
        let remove = calls(world, &["remove", "never-was", "sendmail"]);
        assert_eq!(remove.last(), Some(&format!("{APT} remove --purge sendmail")));
        assert!(world.has("/held"), "services are not started");
        assert!(!world.has("/usr/sbin/policy-rc.d"), "what holds them is taken away again");
        assert_eq!(std::fs::read_dir(world.path("/tmp")).unwrap().count(), 0);
    });
}

#[test]
fn what_is_not_there_is_not_removed() {
    everywhere(|world| {
        debian(world);
        assert_eq!(world.good(&PACKAGES, &["remove", "never-was"]), "nothing to remove\n");
        assert!(world.calls().iter().all(|call| call.starts_with("dpkg-query")));
    });
}

#[test]
fn a_policy_that_is_there_stays() {
    everywhere(|world| {
        debian(world);
        world.write("/usr/sbin/policy-rc.d", "theirs");
        world.good(&PACKAGES, &["install", "php"]);
        assert_eq!(world.read("/usr/sbin/policy-rc.d"), "theirs");
    });
}

#[test]
fn a_list_that_could_not_be_had_is_a_failure_though_apt_says_otherwise() {
    everywhere(|world| {
        debian(world);
        world.write("/usr/sbin/useradd", "");
        let body = "case $* in *update) echo 'W: Failed to fetch file:/srv/Packages' >&2;; esac";
        world.program("apt-get", body);
        let (status, said) = world.bad(&PACKAGES, &["upgrade"]);
        assert_eq!((status, said.as_str()), (100, "W: Failed to fetch file:/srv/Packages\n"));
        assert!(
            world.calls().iter().all(|call| call.ends_with("update")),
            "nothing is upgraded from old lists"
        );
        world.program(
            "apt-get",
            "case $* in *install*) echo 'E: Unable to locate package php' >&2; exit 100;; esac",
        );
        let (status, said) = world.bad(&PACKAGES, &["install", "php"]);
        assert_eq!((status, said.as_str()), (100, "E: Unable to locate package php\n"));
        assert!(!world.has("/usr/sbin/policy-rc.d"));
    });
}

#[test]
fn a_lock_of_apt_is_waited_for() {
    everywhere(|world| {
        debian(world);
        world.link("/proc/77/fd/4", "/var/lib/dpkg/lock-frontend");
        // Whoever has it is done a moment later.
        world.program("sleep", "rm -f \"$EVENKEEL_ROOT/proc/77/fd/4\"");
        world.good(&PACKAGES, &["install", "php"]);
        let calls = world.calls();
        assert_eq!(calls.first().map(String::as_str), Some("sleep 1"));
        assert!(calls.last().unwrap().ends_with("install php"));
    });
}

#[test]
fn yum_fails_where_it_knows_no_such_package_though_it_says_otherwise() {
    everywhere(|world| {
        world.program("yum", "");
        world.program("rpm", "case $* in *php|*mail-server|*tree) exit 0;; esac; exit 1");
        let installed = calls(world, &["install", "@base", "php", "php-*"]);
        let yum: Vec<&String> = installed.iter().filter(|call| call.starts_with("yum")).collect();
        assert_eq!(yum, ["yum -y clean expire-cache", "yum -y install @base php php-*"]);
        let (status, said) = world.bad(&PACKAGES, &["install", "php", "pph"]);
        assert_eq!((status, said.as_str()), (1, "not installed, since yum knows no such package: pph\n"));
        world.calls();
        assert_eq!(calls(world, &["upgrade"]), ["yum -y clean expire-cache", "yum -y update"]);
        assert_eq!(calls(world, &["remove", "tree"]).last().unwrap(), "yum -y remove tree");
    });
}

#[test]
fn zypper_says_by_its_status_also_what_is_no_failure() {
    everywhere(|world| {
        world.program(
            "zypper",
            "case $* in *update*) exit 102;; *nothing) exit 104;; *refresh) exit 0;; esac; exit 101",
        );
        assert_eq!(
            calls(world, &["upgrade"]),
            [
                "zypper --non-interactive refresh",
                "zypper --non-interactive update --auto-agree-with-licenses"
            ]
        );
        world.good(&PACKAGES, &["install", "tree"]);
        assert_eq!(world.bad(&PACKAGES, &["install", "nothing"]).0, 104);
        world.write("/etc/os-release", "NAME=x\nID=\"opensuse-tumbleweed\"\n");
        world.calls();
        assert!(calls(world, &["upgrade"])[1].contains("dist-upgrade"));
        // The first takes in a new zypper, which has to do the rest.
        let once = "if [ -e \"$EVENKEEL_ROOT/new\" ]; then exit 0; fi; case $* in *dist-upgrade*) \
                    : >\"$EVENKEEL_ROOT/new\"; exit 103;; esac";
        world.program("zypper", once);
        world.good(&PACKAGES, &["upgrade"]);
        assert_eq!(world.calls().iter().filter(|call| call.contains("dist-upgrade")).count(), 3);
    });
}

#[test]
fn the_others_are_called_so_that_they_ask_nothing() {
    type Expected = [(&'static [&'static str], &'static [&'static str])];
    let expected: [(&str, &Expected); 4] = [
        (
            "dnf",
            &[
                (&["upgrade"], &["dnf -y --refresh upgrade"]),
                (&["install", "a", "b"], &["dnf -y --refresh install a b"]),
            ],
        ),
        (
            "apk",
            &[
                (&["upgrade"], &["apk --wait 600 update", "apk --wait 600 upgrade"]),
                (&["install", "a", "b"], &["apk --wait 600 update", "apk --wait 600 add a b"]),
                (&["remove", "a"], &["apk info -e a", "apk --wait 600 del a"]),
            ],
        ),
        (
            "pacman",
            &[
                (&["upgrade"], &["pacman -Syu --noconfirm"]),
                (&["install", "a"], &["pacman -Sy --noconfirm --needed a"]),
                (&["remove", "a"], &["pacman -Qq a", "pacman -R --noconfirm a"]),
            ],
        ),
        (
            "emerge",
            &[
                (&["upgrade"], &["emerge --sync", "emerge --update --deep --newuse world"]),
                (
                    &["install", "www-servers/nginx"],
                    &["emerge --sync", "emerge --noreplace www-servers/nginx"],
                ),
                (&["remove", "app-misc/tree"], &["emerge --unmerge app-misc/tree"]),
                (&["remove", "app-misc/never"], &[]),
            ],
        ),
    ];
    for (manager, expected) in expected {
        everywhere(|world| {
            world.program(manager, "");
            world.write("/var/db/pkg/app-misc/tree-2.1.0/CONTENTS", "");
            for (arguments, wanted) in expected {
                assert_eq!(calls(world, arguments), *wanted, "{arguments:?}");
            }
            world.program(manager, "exit 3");
            for action in ["upgrade", "install"] {
                assert_eq!(world.bad(&PACKAGES, &[action, "a"]).0, 3, "{manager} {action}");
            }
        });
    }
}

#[test]
fn a_system_without_a_manager_is_told() {
    everywhere(|world| {
        let (status, said) = world.bad(&PACKAGES, &["install", "php"]);
        assert_eq!(status, 127);
        assert!(said.starts_with("there is no package manager that Evenkeel knows: apt-get, dnf"), "{said}");
    });
}
