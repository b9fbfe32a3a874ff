//! The keys of OpenVZ's files.

use super::limits::Unit;

/// The limits that a container needs to start where the kernel does not limit memory and swap alone (`vzctl`: "required UB
/// parameter … not set").
pub(crate) const REQUIRED: [&str; 20] = [
    "KMEMSIZE",
    "LOCKEDPAGES",
    "PRIVVMPAGES",
    "SHMPAGES",
    "NUMPROC",
    "PHYSPAGES",
    "VMGUARPAGES",
    "OOMGUARPAGES",
    "NUMTCPSOCK",
    "NUMFLOCK",
    "NUMPTY",
    "NUMSIGINFO",
    "TCPSNDBUF",
    "TCPRCVBUF",
    "OTHERSOCKBUF",
    "DGRAMRCVBUF",
    "NUMOTHERSOCK",
    "NUMFILE",
    "DCACHESIZE",
    "NUMIPTENT",
];

/// The limits that it needs where the kernel does, and its memory is limited.
pub(crate) const REQUIRED_BY_VSWAP: [&str; 2] = ["PHYSPAGES", "SWAPPAGES"];

/// What limits are told for the whole host, for containers that have none of their own.
pub(crate) const DISK: [&str; 2] = ["DISKSPACE", "DISKINODES"];

/// Further keys of containers, and of the host's file.
const OTHERS: [&str; 52] = [
    "AVNUMPROC",
    "BOOTORDER",
    "CAPABILITY",
    "CONFIGFILE",
    "CPULIMIT",
    "CPUMASK",
    "CPUS",
    "CPUUNITS",
    "DEF_OSTEMPLATE",
    "DESCRIPTION",
    "DEVICES",
    "DEVNODES",
    "DISABLED",
    "DISK_QUOTA",
    "DUMPDIR",
    "ERROR_ON_ARPFAIL",
    "FEATURES",
    "HOSTNAME",
    "IOLIMIT",
    "IOPRIO",
    "IOPSLIMIT",
    "IPTABLES",
    "IPTABLES_MODULES",
    "IPV6",
    "IP_ADDRESS",
    "LOCKDIR",
    "LOGFILE",
    "LOGGING",
    "LOG_LEVEL",
    "NAME",
    "NAMESERVER",
    "NEIGHBOUR_DEVS",
    "NETFILTER",
    "NETIF",
    "NODEMASK",
    "ONBOOT",
    "ORIGIN_SAMPLE",
    "OSTEMPLATE",
    "QUOTATIME",
    "QUOTAUGIDLIMIT",
    "SEARCHDOMAIN",
    "SKIP_ARPDETECT",
    "TEMPLATE",
    "VE0CPUUNITS",
    "VERBOSE",
    "VE_LAYOUT",
    "VE_PRIVATE",
    "VE_ROOT",
    "VE_ROUTE_SRC_DEV",
    "VIRTUOZZO",
    "VZFASTBOOT",
    "VZWDOG",
];

/// What a key's limit counts; `None` where its value is none.
pub(crate) fn unit(key: &str) -> Option<Unit> {
    Some(match key {
        "DISKSPACE" => Unit::Blocks,
        "DISKINODES" => Unit::Inodes,
        "KMEMSIZE" | "TCPSNDBUF" | "TCPRCVBUF" | "OTHERSOCKBUF" | "DGRAMRCVBUF" | "DCACHESIZE" => Unit::Bytes,
        "SWAPPAGES" => Unit::Pages,
        "AVNUMPROC" => Unit::Things,
        key if REQUIRED.contains(&key) => {
            if key.starts_with("NUM") {
                Unit::Things
            } else {
                Unit::Pages
            }
        }
        _ => return None,
    })
}

/// The keys that are known, each once.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    REQUIRED.into_iter().chain(["SWAPPAGES"]).chain(DISK).chain(OTHERS)
}
