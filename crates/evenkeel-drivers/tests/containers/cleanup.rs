//! What does not get into a template.

use evenkeel_drivers::containers::scripts::CLEANUP;

use crate::world::everywhere;

#[test]
fn what_belongs_to_the_scratch_container_goes() {
    let gone = [
        "/var/cache/apt/pkgcache.bin",
        "/var/cache/apt/archives/php_1_all.deb",
        "/var/lib/apt/lists/deb.example_Packages",
        "/var/cache/yum/base/primary.sqlite",
        "/var/cache/dnf/.hidden/x",
        "/var/cache/apk/a.apk",
        "/var/lib/dbus/machine-id",
        "/var/lib/systemd/random-seed",
        "/var/log/messages.1",
        "/var/log/apt/term.log.2.gz",
        "/var/log/cron-20261101",
        "/var/log/journal/0a1b/system.journal",
        "/root/.bash_history",
        "/home/ann/.viminfo",
        "/var/lib/dhcp/dhclient.eth0.leases",
        "/tmp/a b/c",
        "/tmp/.X0-lock",
        "/tmp/..odd",
        "/var/tmp/x",
    ];
    let emptied = [
        "/etc/machine-id",
        "/etc/resolv.conf",
        "/var/log/messages",
        "/var/log/apt/term.log",
        "/var/log/wtmp",
    ];
    let kept = [
        "/etc/hosts.allow",
        "/root/.bashrc",
        "/root/.ssh/authorized_keys",
        "/var/lib/apt/extended_states",
        "/var/tmpfiles",
    ];
    everywhere(|world| {
        for path in gone.iter().chain(&emptied).chain(&kept) {
            world.write(path, "x");
        }
        world.link("/var/log/outside", "../../etc/hosts.allow");
        world.link("/tmp/link", "../root/.bashrc");
        assert_eq!(world.good(&CLEANUP, &[]), "");
        for path in gone {
            assert!(!world.has(path), "{path}");
        }
        for path in emptied {
            assert_eq!(world.read(path), "", "{path}");
        }
        for path in kept {
            assert_eq!(world.read(path), "x", "{path}");
        }
        for folder in
            ["/tmp", "/var/tmp", "/var/lib/apt/lists", "/var/cache/yum", "/var/log/journal", "/var/log/apt"]
        {
            assert!(world.path(folder).is_dir(), "{folder}");
        }
        assert!(!world.has("/tmp/link"));
    });
}

#[test]
fn what_a_system_leads_elsewhere_is_left_to_it() {
    everywhere(|world| {
        world.write("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
        world.link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
        world.write("/etc/machine-id", "1111\n");
        world.program("journalctl", "exit 1");
        world.link("/var/lib/dbus/machine-id", "../../../etc/machine-id");
        world.good(&CLEANUP, &[]);
        assert_eq!(world.read("/run/systemd/resolve/stub-resolv.conf"), "nameserver 127.0.0.53\n");
        assert_eq!(world.read("/etc/machine-id"), "");
        assert!(world.has("/var/lib/dbus/machine-id"));
        assert!(world.calls().is_empty());
    });
}

/// Else it would write a new journal when the container stops.
#[test]
fn a_journal_is_let_go_before_it_is_emptied() {
    everywhere(|world| {
        world.write("/run/systemd/system/x", "");
        world.program("journalctl", "ls \"$EVENKEEL_ROOT/var/log/journal/0a1b\" || exit 1");
        world.write("/var/log/journal/0a1b/system.journal", "x");
        world.good(&CLEANUP, &[]);
        assert_eq!(world.calls(), ["journalctl --relinquish-var", "journalctl --relinquish-var"]);
        assert!(!world.has("/var/log/journal/0a1b"));
    });
}

#[test]
fn host_keys_go_only_where_something_makes_them_again() {
    let key = "/etc/ssh/ssh_host_ed25519_key";
    let public = "/etc/ssh/ssh_host_ed25519_key.pub";
    for (maker, text, goes) in [
        // Red Hat's before and after systemd, Arch's, SUSE's.
        ("/etc/init.d/sshd", "/usr/bin/ssh-keygen -q -t rsa", true),
        ("/usr/lib/systemd/system/sshd-keygen.service", "ExecStart=/usr/sbin/sshd-keygen", true),
        ("/usr/lib/systemd/system/sshdgenkeys.service", "ExecStart=/usr/bin/ssh-keygen -A", true),
        ("/usr/lib/systemd/system/sshd.service", "ExecStartPre=/usr/sbin/sshd-gen-keys-start", true),
        // Debian makes them when the package is installed, and never again.
        ("/lib/systemd/system/ssh.service", "ExecStartPre=/usr/sbin/sshd -t", false),
        ("/etc/init.d/ssh", "start-stop-daemon --exec /usr/sbin/sshd", false),
    ] {
        everywhere(|world| {
            world.write(maker, text);
            world.write(key, "key");
            world.write(public, "public");
            let said = world.good(&CLEANUP, &[]);
            assert_eq!((world.has(key), world.has(public)), (!goes, !goes), "{maker}");
            let told = format!(
                "{key} is kept, for nothing here makes it again: all containers of this template will have it\n"
            );
            assert_eq!(said, if goes { String::new() } else { told }, "{maker}");
        });
    }
}

#[test]
fn the_name_of_the_scratch_container_goes_and_no_other() {
    everywhere(|world| {
        world.write("/etc/hostname", "evenkeel-build-scientific-6\n");
        world.write(
            "/etc/sysconfig/network",
            "NETWORKING=yes\nHOSTNAME=\"evenkeel-build-scientific-6\"\nGATEWAY=192.0.2.1\n",
        );
        let hosts = "# names\n127.0.0.1\tlocalhost evenkeel-build-x evenkeel-build-x.example\n\n192.0.2.9 evenkeel-build-x\n\
                     ::1 ip6-localhost\n";
        world.write("/etc/hosts", hosts);
        world.good(&CLEANUP, &[]);
        assert_eq!(world.read("/etc/hostname"), "localhost\n");
        assert_eq!(
            world.read("/etc/sysconfig/network"),
            "NETWORKING=yes\nHOSTNAME=localhost\nGATEWAY=192.0.2.1\n"
        );
        assert_eq!(world.read("/etc/hosts"), "# names\n127.0.0.1\tlocalhost\n\n::1 ip6-localhost\n");
        world.write("/etc/hostname", "mine\n");
        world.write("/etc/hosts", "192.0.2.9\n192.0.2.8 mine\n");
        world.good(&CLEANUP, &[]);
        assert_eq!(
            (world.read("/etc/hostname"), world.read("/etc/hosts")),
            ("mine\n".into(), "192.0.2.9\n192.0.2.8 mine\n".into())
        );
    });
}
