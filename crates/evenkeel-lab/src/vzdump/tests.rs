//! The simulated host says what the real programs were seen to say.

use evenkeel_core::request::{Check, Exec, Goal, Origin, Request, Transfer};

use super::*;
use crate::contract::now;
use crate::machine::Machine as _;

fn run(host: &mut DumpHost, line: &str) -> (i32, String, String) {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let reply = host.run(&words, now());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (reply.exit, text(&reply.stdout), text(&reply.stderr))
}

fn old_host() -> DumpHost {
    let mut host = DumpHost::new("pve1", Dialect::OpenVz, "Asia/Tokyo");
    host.add_guest(555, "web1");
    host.add_guest(556, "db").running = false;
    host
}

#[test]
fn vzlist_is_right_aligned_as_in_the_transcript() {
    let mut host = old_host();
    assert_eq!(run(&mut host, "vzlist -H -a -o ctid,status").1, "       555 running\n       556 stopped\n");
    assert_eq!(run(&mut host, "vzlist -a -1").1, "       555\n       556\n");
    assert_eq!(run(&mut host, "vzlist -S -1").1, "       556\n");
    let table = run(&mut host, "vzlist -a").1;
    assert!(table.starts_with("      CTID      NPROC STATUS    IP_ADDR         HOSTNAME\n"), "{table}");
    assert!(table.contains("\n       556          - stopped   -               db\n"), "{table}");
    assert_eq!(run(&mut host, "vzlist -a -o bogus"), (1, String::new(), "Unknown field: bogus\n".to_owned()));
    host.guests.clear();
    assert_eq!(run(&mut host, "vzlist -1"), (0, String::new(), "Container(s) not found\n".to_owned()));
}

#[test]
fn vzctl_ends_as_in_the_transcript() {
    let mut host = old_host();
    assert_eq!(run(&mut host, "vzctl status 777").1, "CTID 777 deleted unmounted down\n");
    assert_eq!(run(&mut host, "vzctl status 555").1, "CTID 555 exist mounted running\n");
    for (line, exit) in [
        ("vzctl create 555", 44),
        ("vzctl start 555", 32),
        ("vzctl destroy 555", 32),
        ("vzctl stop 555", 0),
        ("vzctl stop 555", 0),
        ("vzctl destroy 555", 0),
        ("vzctl destroy 555", 14),
        ("vzctl create 600", 0),
    ] {
        assert_eq!(run(&mut host, line).0, exit, "{line}");
    }
}

#[test]
fn the_old_vzdump_keeps_one_dump_unless_it_is_told_otherwise_and_never_fails() {
    let mut host = old_host();
    host.files.make_folder_by_hand("/dumps");
    host.files.put_by_hand("/dumps/vzdump-openvz-555-2026_11_01-02_00_00.tar", b"older");
    host.files.put_by_hand("/dumps/vzdump-openvz-556-2026_11_01-02_00_00.tar", b"another guest's");
    host.guests.get_mut(&555).unwrap().trouble = Some(Trouble::Error);
    let (exit, _, said) = run(&mut host, "vzdump --dumpdir /dumps 555");
    assert!(exit == 0 && said.contains("ERROR: Backup of VM 555 failed - "), "{said}");
    assert!(host.files.file("/dumps/vzdump-openvz-555-2026_11_01-02_00_00.tar").is_some());

    host.guests.get_mut(&555).unwrap().trouble = None;
    run(&mut host, "vzdump --dumpdir /dumps --maxfiles 9 555");
    assert!(host.files.file("/dumps/vzdump-openvz-555-2026_11_01-02_00_00.tar").is_some());
    let (_, _, said) = run(&mut host, "vzdump --dumpdir /dumps --snapshot --compress 555");
    assert!(
        said.contains("INFO: delete old backup '/dumps/vzdump-openvz-555-2026_11_01-02_00_00.tar'"),
        "{said}"
    );
    let left = host.files.files("/dumps");
    // 12:00 UTC is 21:00 in Tokyo.
    assert!(left.contains(&"/dumps/vzdump-openvz-555-2026_11_20-21_00_00.tgz".to_owned()), "{left:?}");
    assert!(left.contains(&"/dumps/vzdump-openvz-556-2026_11_01-02_00_00.tar".to_owned()), "{left:?}");
    assert_eq!(run(&mut host, "vzdump --dumpdir /dumps 99").0, 2);
}

/// The words of a recorded task log, without those that only go with a storage.
#[test]
fn todays_vzdump_speaks_as_recorded() {
    let mut host = DumpHost::new("pve1", Dialect::Today, "Etc/UTC");
    host.add_guest(300, "tmplsrc").running = false;
    let (exit, bytes, said) =
        run(&mut host, "vzdump 300 --mode stop --compress zstd --dumpdir /var/lib/vz/dump");
    assert_eq!((exit, bytes.as_str()), (0, ""));
    let mut lines = said.lines();
    for recorded in [
        "INFO: starting new backup job: vzdump 300 --mode stop --compress zstd",
        "INFO: Starting Backup of VM 300 (lxc)",
        "INFO: Backup started at 2026-11-20 12:00:00",
        "INFO: status = stopped",
        "INFO: backup mode: stop",
        "INFO: ionice priority: 7",
        "INFO: CT Name: tmplsrc",
        "INFO: creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-300-2026_11_20-12_00_00.tar.zst'",
        "INFO: Total bytes written: ",
        "INFO: archive file size: ",
        "INFO: Finished Backup of VM 300 (00:00:01)",
        "INFO: Backup finished at 2026-11-20 12:00:00",
        "INFO: Backup job finished successfully",
    ] {
        assert!(lines.any(|line| line.starts_with(recorded)), "{recorded}: {said}");
    }
    let (exit, _, said) = run(&mut host, "vzdump 999 --mode stop");
    let recorded = "INFO: starting new backup job: vzdump 999 --mode stop\nERROR: Backup of VM 999 failed - unable to find VM '999'\nINFO: Failed at 2026-11-20 12:00:00\nINFO: Backup job finished with errors\n";
    assert!(exit != 0 && said.starts_with(recorded), "{said}");
}

#[test]
fn todays_tools_list_guests_in_columns_and_as_json() {
    let mut host = DumpHost::new("pve1", Dialect::Today, "Etc/UTC");
    assert_eq!(run(&mut host, "pct list").1, "");
    let guest = host.add_guest(101, "web1");
    guest.pool = Some("prod".to_owned());
    guest.tags = vec!["a".to_owned(), "b".to_owned()];
    host.add_guest(102, "vm").kind = Kind::Qemu;
    assert!(run(&mut host, "pct list").1.contains("\n101        running                 web1"));
    assert!(run(&mut host, "qm list").1.contains("\n       102 vm                   running"));
    let listed = run(&mut host, "pvesh get /cluster/resources --type vm --output-format json").1;
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed[0]["pool"], &listed[0]["tags"], &listed[1]["type"]),
        (&"prod".into(), &"a;b".into(), &"qemu".into())
    );
}

#[test]
fn a_dump_tells_its_guest_and_brings_it_back() {
    let mut host = old_host();
    host.guests.get_mut(&555).unwrap().bytes = 5000;
    let dump = host.run(&["vzdump", "--stdout", "--snapshot", "555"].map(str::to_owned), now());
    assert_eq!(dump.stdout.len(), 5000);
    let archive = Archive::read(dump.stdout.as_slice()).unwrap();
    assert_eq!(
        (archive.id, archive.name.as_str(), archive.at.as_str()),
        (555, "web1", "2026-11-20T12:00:00Z")
    );
    for (at, what) in [(0, "its first"), (4999, "its last")] {
        let mut spoiled = dump.stdout.clone();
        spoiled[at] ^= 1;
        assert!(Archive::read(spoiled.as_slice()).is_err(), "{what} byte is another");
    }
    assert!(Archive::read(&dump.stdout[..4000]).is_err());
    host.files.put_by_hand("/dumps/a.tar", &dump.stdout);
    assert_eq!(run(&mut host, "vzrestore /dumps/a.tar 555").0, 255, "it is there");
    assert_eq!(run(&mut host, "vzrestore /dumps/a.tar 900").0, 0);
    assert_eq!(host.guests[&900].restored_from.as_deref(), Some("2026-11-20T12:00:00Z"));
}

#[test]
fn a_dump_goes_to_a_store_and_a_failing_one_leaves_its_reason_there() {
    let mut host = old_host();
    host.guests.get_mut(&555).unwrap().bytes = 900;
    let mut world = World::new(host, now());
    let mut nas = FileStore::new(Personality::Nas);
    nas.make_folder_by_hand("/dump");
    world.stores.insert("nas".to_owned(), nas);
    let transfer = |id: u32| {
        Request::Transfer(Box::new(Transfer {
            from: Origin::Output {
                target: None,
                exec: Exec::new(["vzdump", "--stdout", "--snapshot"]).arg(id.to_string()),
                must_say: vec![format!("Finished Backup of VM {id} (")],
                must_not_say: vec!["ERROR: ".to_owned()],
            },
            to: Goal::File {
                target: Some("pve1-nas".to_owned()),
                path: format!("/dump/{id}.tar"),
                check: Check::Checksum,
                record: Some(serde_json::Map::new()),
                log: Some(format!("/dump/{id}.log")),
            },
            rate: None,
            patience: None,
        }))
    };
    assert_eq!(world.answer("pve1", &transfer(555)).exit, 0);
    let nas = world.files("pve1-nas");
    assert!(nas.file("/dump/555.tar").is_some() && nas.file("/dump/555.tar.json").is_some());
    for trouble in [Trouble::Error, Trouble::Dies] {
        world.host.guests.get_mut(&556).unwrap().trouble = Some(trouble);
        assert_ne!(world.answer("pve1", &transfer(556)).exit, 0);
        let nas = world.files("pve1-nas");
        assert!(nas.file("/dump/556.tar").is_none() && nas.file("/dump/556.tar.failed.json").is_some());
    }
}
