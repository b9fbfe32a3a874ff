//! One line per recording: how it is replayed, or why it cannot be.

use std::fmt::Write as _;

use evenkeel_core::request::Reply;
use evenkeel_lab::zfs::{Rights, Version, ZfsHost};

use super::Outcome;
use super::normalise::{
    exact_list, human_list, nothing, pool_list, pool_properties, properties, snapshot_list, sorted,
    wide_list, without_foreign,
};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) replay: Replay,
}

#[derive(Clone, Copy)]
pub(crate) enum Replay {
    /// The same command line gives the same output and exit status.
    Same,
    /// The same, but for what this takes away.
    Like(fn(&str) -> String),
    /// The same, on this release only: the other one has it in JSON, which is not simulated.
    Only(Version, fn(&str) -> String),
    /// The same, while a process has the dataset as its working directory.
    Busy(&'static str),
    /// Another way to the same output, since the command line uses programs that are not simulated.
    Instead(fn(&mut ZfsHost) -> Outcome, fn(&str) -> String),
    /// Not compared, but what it does is done, for the cases that follow.
    Setup(&'static str, fn(&mut ZfsHost)),
    /// Not simulated.
    Unsupported(&'static str),
}

use Replay::{Busy, Instead, Like, Only, Same, Setup, Unsupported};

const fn case(name: &'static str, replay: Replay) -> Case {
    Case { name, replay }
}

const STREAMS: &str = "send and receive are not simulated";
const PROGRAMS: &str = "channel programs are not simulated";
const DELEGATION: &str = "delegated permissions are not simulated";
const DEVICES: &str = "the simulated pools have no devices";

pub(crate) const CASES: &[Case] = &[
    case("001-version", Same),
    case("002-version-j", Only(Version::V2_1, nothing)),
    case("003-zpool-list-none", Same),
    case("004-zfs-list-none", Same),
    case("005-zpool-create", Setup(DEVICES, make_pools)),
    case("006-zpool-create-again", Unsupported(DEVICES)),
    case("007-zpool-create-2", Unsupported(DEVICES)),
    case("008-zpool-status", Unsupported(DEVICES)),
    case("009-zpool-status-P", Unsupported(DEVICES)),
    case("010-zpool-list", Like(pool_list)),
    case("011-zpool-get", Like(pool_properties)),
    case("012-zfs-create", Same),
    case("013-zfs-create-exists", Same),
    case("014-zfs-create-noparent", Same),
    case("015-zfs-create-p", Same),
    case("016-set-sync", Same),
    case("017-set-again", Same),
    case("018-set-multi", Same),
    case("019-set-bad-value", Same),
    case("020-set-bad-prop", Same),
    case("021-set-readonly-prop", Same),
    case("022-set-createonly", Same),
    case("023-set-nods", Same),
    case("024-set-multi-one-bad", Same),
    case("025-set-two-datasets", Same),
    case("026-set-quota", Same),
    case("027-set-quota-too-small", Instead(set_quota_too_small, nothing)),
    case("028-set-volsize", Same),
    case("029-set-fs-prop-on-vol", Same),
    case("030-set-vol-prop-on-fs", Same),
    case("031-set-long-user", Instead(set_long_user, nothing)),
    case("032-set-newline-user", Instead(set_newline_user, nothing)),
    case("033-set-empty-user", Same),
    case("034-set-dash-user", Same),
    case("035-set-same-noop-txg", Unsupported("the numbers in events of the history are not simulated")),
    case("036-inherit-many", Same),
    case("037-inherit-one", Same),
    case("038-set-busy-rc", Busy("tank/vm")),
    case("039-set-mountpoint", Same),
    case("040-set-u", Instead(set_without_mounting, without_mount_table)),
    case("041-set-canmount-off", Same),
    case("042-set-alias", Same),
    case("043-set-dup", Same),
    case("044-set-case", Same),
    case("045-set-values", Same),
    case("046-set-bad-user", Same),
    case("047-inherit", Same),
    case("048-inherit-r", Same),
    case("049-inherit-again", Same),
    case("050-inherit-quota", Same),
    case("051-quota-none", Same),
    case("052-snapshot", Same),
    case("053-snapshot-exists", Same),
    case("054-snapshot-badname", Unsupported("names of snapshots are not checked")),
    case("055-snapshot-multi-one-exists", Same),
    case("056-list-snap", Like(snapshot_list)),
    case("057-hold", Setup("the list of holds is not simulated", hold)),
    case("058-destroy-held", Same),
    case("059-destroy-range-n", Unsupported("ranges and dry runs of destroy are not simulated")),
    case("060-release", Same),
    case("061-bookmark", Unsupported("bookmarks are not simulated")),
    case("062-clone", Same),
    case("063-destroy-has-children", Like(sorted)),
    case("064-destroy-missing", Same),
    case("065-destroy-list", Setup("the report of destroy -v is not simulated", destroy_list)),
    case("066-send-n", Unsupported(STREAMS)),
    case("067-send-recv", Unsupported(STREAMS)),
    case("068-send-R", Setup(STREAMS, |host| drop(host.run(&["zfs", "snapshot", "tank/vm/db@b"])))),
    case("069-recv-exists", Unsupported(STREAMS)),
    case("070-recv-modified", Setup(STREAMS, |host| drop(host.run(&["zfs", "snapshot", "tank/vm@c"])))),
    case("071-recv-nobase", Unsupported(STREAMS)),
    case("072-recv-resume", Setup(STREAMS, |host| drop(host.run(&["zfs", "snapshot", "tank/vm/db@r"])))),
    case("073-encrypt", Unsupported("encryption is not simulated")),
    case("074-enc-change", Unsupported("encryption is not simulated")),
    case("075-allow", Unsupported(DELEGATION)),
    case("076-allow-as-ops", Setup(DELEGATION, what_ops_did)),
    case("077-unallow", Unsupported(DELEGATION)),
    case("078-get-all-Hp", Like(properties)),
    case("079-get-all-Hp-received", Like(properties)),
    case("080-get-all-human", Like(properties)),
    case("081-get-local-r", Like(properties)),
    case("082-get-types", Like(without_foreign)),
    case("083-get-d1", Like(without_foreign)),
    case("084-get-missing", Same),
    case("085-get-bad-prop", Same),
    case("086-get-user-unset", Same),
    case("087-get-j", Only(Version::V2_1, nothing)),
    case("088-get-j-int", Only(Version::V2_1, nothing)),
    case("089-get-j-all", Only(Version::V2_1, nothing)),
    case("090-list-j", Only(Version::V2_1, nothing)),
    case("091-list-j-int", Only(Version::V2_1, nothing)),
    case("092-zpool-status-j", Unsupported(DEVICES)),
    case("093-zpool-status-j-int", Unsupported(DEVICES)),
    case("094-zpool-list-j", Only(Version::V2_1, nothing)),
    case("095-zpool-get-j", Only(Version::V2_1, nothing)),
    case("096-list-human", Like(human_list)),
    case("097-list-Hp", Like(exact_list)),
    case("098-list-all-props", Like(wide_list)),
    case("099-list-props", Same),
    case("100-diff", Unsupported("the contents of file systems are not simulated")),
    case("101-rename", Like(without_foreign)),
    case("102-rollback", Unsupported("rollback is not simulated")),
    case("103-sharenfs", Like(without_nfs_complaints)),
    case("104-unmount-busy", Unsupported("unmounting by hand is not simulated")),
    case("105-set-mountpoint-busy", Busy("tank/vm")),
    case("106-set-canmount", Same),
    case("107-zpool-set", Same),
    case("108-program", Unsupported(PROGRAMS)),
    case("109-program-set", Unsupported(PROGRAMS)),
    case("110-program-error", Unsupported(PROGRAMS)),
    case("111-unpriv", Instead(as_ordinary_user, without_devices)),
    case("112-zpool-history", Unsupported("channel programs in the history are not simulated")),
    case("113-zpool-offline", Unsupported(DEVICES)),
    case("114-zpool-scrub", Unsupported(DEVICES)),
    case("115-zpool-export", Unsupported(DEVICES)),
    case("116-zpool-events", Unsupported("kernel events are not simulated")),
    case("117-usage-set", Same),
    case("118-usage", Same),
];

fn outcome(replies: &[Reply]) -> Outcome {
    let join = |part: fn(&Reply) -> &Vec<u8>| {
        replies.iter().map(|reply| String::from_utf8_lossy(part(reply))).collect::<String>()
    };
    Outcome {
        exit: replies.last().map_or(0, |reply| reply.exit),
        stdout: join(|reply| &reply.stdout),
        stderr: join(|reply| &reply.stderr),
    }
}

fn make_pools(host: &mut ZfsHost) {
    host.add_pool("tank", 251_658_240);
    host.add_pool("data", 738_197_504);
    host.run(&["zpool", "set", "ashift=12", "tank"]);
    host.run(&["zfs", "set", "compression=lz4", "atime=off", "tank"]);
    // Options of `zpool create -O` are there before the first mount.
    host.run(&["zfs", "mount", "-o", "remount", "tank"]);
}

fn set_quota_too_small(host: &mut ZfsHost) -> Outcome {
    host.write_data("tank/vm/db", 4 << 20);
    outcome(&[host.run(&["zfs", "set", "quota=1M", "tank/vm/db"])])
}

fn set_long_user(host: &mut ZfsHost) -> Outcome {
    let set = |host: &mut ZfsHost, length: usize| {
        host.run(&["zfs", "set", &format!("com.acme:long={}", "x".repeat(length)), "tank/vm"])
    };
    let refused = set(host, 9000).stderr;
    let mut said = outcome(&[set(host, 8000)]);
    let length = host.run(&["zfs", "get", "-Hp", "-o", "value", "com.acme:long", "tank/vm"]).stdout.len();
    said.stdout = format!("{}{length}\n", String::from_utf8(refused).unwrap());
    said
}

fn set_newline_user(host: &mut ZfsHost) -> Outcome {
    let mut said = outcome(&[host.run(&["zfs", "set", "com.acme:nl=line1\nline2", "tank/vm"])]);
    let printed = host.run(&["zfs", "get", "-Hp", "com.acme:nl", "tank/vm"]).stdout;
    // As `od -c` shows it.
    for (at, bytes) in printed.chunks(16).enumerate() {
        let mut line = format!("{:07o}", at * 16);
        for &byte in bytes {
            let _ = match byte {
                b'\t' => write!(line, "  \\t"),
                b'\n' => write!(line, "  \\n"),
                byte => write!(line, "   {}", char::from(byte)),
            };
        }
        line.push('\n');
        said.stdout.push_str(&line);
    }
    let _ = writeln!(said.stdout, "{:07o}", printed.len());
    said
}

fn set_without_mounting(host: &mut ZfsHost) -> Outcome {
    let set = host.run(&["zfs", "set", "-u", "mountpoint=/mnt5", "tank/cl0"]);
    let get = host.run(&["zfs", "get", "-Hp", "-o", "value,source", "mountpoint,mounted", "tank/cl0"]);
    outcome(&[set, get])
}

fn without_mount_table(text: &str) -> String {
    text.lines().filter(|line| !line.contains(" type zfs (")).collect::<Vec<_>>().join("\n")
}

fn hold(host: &mut ZfsHost) {
    host.run(&["zfs", "hold", "keep", "tank/vm@a"]);
}

fn destroy_list(host: &mut ZfsHost) {
    host.run(&["zfs", "destroy", "tank/vm/db@b,auto-2024-01-01_0000"]);
}

fn what_ops_did(host: &mut ZfsHost) {
    host.run(&["zfs", "snapshot", "tank/vm@byops"]);
    host.run(&["zfs", "set", "sync=always", "tank/vm"]);
}

/// 2.3 tells that the machine has no NFS server.
fn without_nfs_complaints(text: &str) -> String {
    let complaint = |line: &&str| line.starts_with("cannot share") || line.starts_with("property may be set");
    text.lines().filter(|line| !complaint(line)).collect::<Vec<_>>().join("\n")
}

fn as_ordinary_user(host: &mut ZfsHost) -> Outcome {
    let replies: Vec<Reply> = ["zfs list -Hp -o name", "zpool list -Hp -o name", "zfs create tank/zz"]
        .iter()
        .map(|line| host.run_as(Rights::User, &line.split(' ').collect::<Vec<_>>()))
        .collect();
    outcome(&replies)
}

fn without_devices(text: &str) -> String {
    let of_zpool_create = |line: &&str| line.contains("/dev/vdb") || line.starts_with("cannot create 'x'");
    without_foreign(&text.lines().filter(|line| !of_zpool_create(line)).collect::<Vec<_>>().join("\n"))
}
