//! Machines and hand-made changes that a seed fixes.

use super::{Kind, Version, ZfsHost};
use crate::random::Random;

/// Settings that a person may have made by hand, on file systems and on volumes alike.
const BY_HAND: [&str; 10] = [
    "sync=disabled",
    "sync=always",
    "compression=zstd",
    "compression=off",
    "copies=2",
    "primarycache=metadata",
    "logbias=throughput",
    "com.acme:owner=team a",
    "com.acme:backup=daily",
    "com.acme:note=two words",
];

/// Settings for file systems only.
const BY_HAND_FILESYSTEM: [&str; 8] = [
    "atime=off",
    "atime=on",
    "quota=2G",
    "quota=none",
    "recordsize=16K",
    "exec=off",
    "snapdir=visible",
    "refquota=1G",
];

impl ZfsHost {
    /// A machine with one to two pools and a few datasets in a state that `seed` fixes.
    pub fn seeded(version: Version, seed: u64) -> Self {
        let mut random = Random::derive(seed, 1);
        let mut host = ZfsHost::new(version);
        for pool in ["tank", "data"].iter().take(1 + random.below(2)) {
            host.add_pool(pool, 64 << 30);
        }
        for _ in 0..random.below(8) {
            let names: Vec<String> = host.filesystems().map(str::to_owned).collect();
            let Some(parent) = random.pick(&names) else { break };
            let name = format!("{parent}/{}", random.pick(&["a", "b", "vm", "db", "x-1"]).unwrap_or(&"a"));
            if random.one_in(4) {
                host.run(&["zfs", "create", "-s", "-V", "64M", &name]);
            } else {
                host.run(&["zfs", "create", &name]);
            }
        }
        for _ in 0..random.below(10) {
            host.drift(&mut random);
        }
        host
    }

    /// One change by hand somewhere: a setting, a setting taken back, a received value, data, a snapshot.
    pub fn drift(&mut self, random: &mut Random) {
        let names: Vec<String> = self.datasets.keys().cloned().collect();
        let Some(name) = random.pick(&names) else { return };
        let is_volume = self.kind_of(name) == Some(Kind::Volume);
        let mut settings = BY_HAND.to_vec();
        settings.extend(BY_HAND_FILESYSTEM.iter().filter(|_| !is_volume));
        let Some(setting) = random.pick(&settings) else { return };
        let property = setting.split('=').next().unwrap_or(setting);
        match random.below(12) {
            0 | 1 => drop(self.run(&["zfs", "inherit", property, name])),
            2 => self.write_data(name, 1 << (20 + random.below(4))),
            3 => {
                let snapshot = format!("{name}@s{}", random.below(3));
                self.run(&["zfs", "snapshot", &snapshot]);
            }
            4 => self.receive_property(name, "compression", "lz4"),
            _ => drop(self.run(&["zfs", "set", setting, name])),
        }
    }

    /// Names of the file systems.
    pub fn filesystems(&self) -> impl Iterator<Item = &str> {
        self.datasets.iter().filter(|(_, d)| d.kind == Kind::Filesystem).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_machine() {
        let host = |seed| ZfsHost::seeded(Version::V2_1, seed).fingerprint();
        assert_eq!(host(7), host(7));
        let unlike: std::collections::BTreeSet<u64> = (0..50).map(host).collect();
        assert!(unlike.len() > 40, "seeds give different machines");
    }

    #[test]
    fn looking_changes_nothing_and_writing_does() {
        let mut host = ZfsHost::seeded(Version::V2_3, 3);
        let before = host.fingerprint();
        for look in ["zfs get -Hp all", "zfs list -r -t all", "zpool get all", "zpool list", "zfs version"] {
            host.run(&look.split(' ').collect::<Vec<_>>());
        }
        assert_eq!(host.fingerprint(), before);
        host.run(&["zfs", "set", "com.acme:x=1", "tank"]);
        assert_ne!(host.fingerprint(), before);
    }
}
