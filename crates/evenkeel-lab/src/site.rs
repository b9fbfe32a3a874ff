//! The machines that `evenkeel-lab serve` has: a small site of storage hosts, and of hosts of guests.

use crate::random::Random;
use crate::server::LabTarget;
use crate::vzdump::{Dialect, DumpHost};
use crate::zfs::{Version, ZfsHost};

const NAMES: [&str; 3] = ["durian", "kiwi", "papaya"];

/// The pool of a target: `POOL1` on the first, `tank` on the others.
pub fn pool(at: usize) -> &'static str {
    if at == 0 { "POOL1" } else { "tank" }
}

/// The target number `at`, with `datasets` more datasets, and changes by hand where `seed` is not 0.
pub fn target(at: usize, datasets: usize, seed: u64) -> LabTarget {
    let name = NAMES.get(at).map_or_else(|| format!("target-{at:03}"), |name| (*name).to_owned());
    let version = if at.is_multiple_of(2) { Version::V2_1 } else { Version::V2_3 };
    let mut host = ZfsHost::new(version);
    let pool = pool(at);
    host.add_pool(pool, 8 << 40);
    host.run(&["zfs", "set", "compression=lz4", pool]);
    for dataset in ["vm", "home", "backup", "backup/daily"] {
        host.run(&["zfs", "create", &format!("{pool}/{dataset}")]);
    }
    host.run(&["zfs", "create", "-s", "-V", "100G", &format!("{pool}/disk0")]);
    host.write_data(&format!("{pool}/vm"), 300 << 30);
    host.write_data(&format!("{pool}/home"), 40 << 30);
    if datasets > 0 {
        host.run(&["zfs", "create", &format!("{pool}/bulk")]);
    }
    for number in 1..=datasets {
        host.run(&["zfs", "create", &format!("{pool}/bulk/{number:04}")]);
    }
    if seed != 0 {
        let mut random = Random::derive(seed, at as u64);
        for _ in 0..10 {
            host.drift(&mut random);
        }
    }
    LabTarget::new(name, host)
}

/// The host of guests number `at`: `pve1` of the OpenVZ era, `pve2` of today, and so on in turn. Four guests; the last does
/// not run.
pub fn dump_host(at: usize, bytes: u64) -> LabTarget {
    let dialect = if at.is_multiple_of(2) { Dialect::OpenVz } else { Dialect::Today };
    let mut host = DumpHost::new(format!("pve{}", at + 1), dialect, "Asia/Tokyo");
    for (id, name) in [(101, "web1"), (102, "db1"), (103, "mail1"), (104, "test1")] {
        let guest = host.add_guest(id, name);
        guest.bytes = bytes;
        guest.running = id != 104;
    }
    LabTarget::dump_host(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_has_what_the_demo_speaks_of() {
        let target = target(0, 3, 0);
        assert_eq!(target.name, "durian");
        let names: Vec<&str> = target.host.filesystems().collect();
        assert!(names.contains(&"POOL1/vm") && names.contains(&"POOL1/bulk/0003"), "{names:?}");
    }
}
