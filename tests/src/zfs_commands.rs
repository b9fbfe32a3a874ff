//! Command lines for `zfs`, good and bad ones, drawn from a seed: a script to run on two hosts and compare.
//!
//! Only what a simulated host can know is asked: no space, no times, no ids; and only in the forms for programs, without padding.

use evenkeel_lab::random::Random;
use evenkeel_lab::zfs::Version;

use crate::zfs_spellings::spelled;

/// An endless script that works in one dataset tree.
#[derive(Debug)]
pub struct Commands {
    random: Random,
    tree: String,
    version: Version,
}

/// Settings with values that are taken and values that are not. Without `readonly`: below a file system that is
/// read-only nothing can be mounted, which the simulated host, having no files, does not know.
const SETTINGS: &[(&str, &str)] = &[
    ("aclinherit", "discard secure passthrough bad"),
    ("acltype", "off posix posixacl noacl"),
    ("atime", "on off yes"),
    ("canmount", "on off noauto inherit"),
    ("checksum", "on sha256 fletcher4 blake3 md5"),
    ("compress", "lz4 zstd gzip-6 gzip-0"),
    ("compression", "on off zstd-3 zstd-20 zstd-fast-1 LZ4"),
    ("copies", "1 2 3 4"),
    ("dedup", "off verify sha256,verify on,verify"),
    ("devices", "on off"),
    ("dnodesize", "legacy auto 1k 1K"),
    ("exec", "on off"),
    ("logbias", "latency throughput none"),
    ("primarycache", "all none metadata some"),
    ("quota", "none 0 64M 1G 1.5T 16E -1 1K"),
    ("recordsize", "512 1K 128K 1M 16M 3K 32M none"),
    ("recsize", "4k 8KiB"),
    ("redundant_metadata", "all most none few"),
    ("refquota", "none 0 128M 1K"),
    ("refreservation", "none 0 1M auto 10T"),
    ("relatime", "on off"),
    ("reservation", "none 0 1M 2M 10T"),
    ("secondarycache", "all none"),
    ("setuid", "on off"),
    ("snapdir", "hidden visible disabled"),
    ("filesystem_limit", "none 100 1K"),
    ("snapshot_limit", "none 0100 x"),
    ("sync", "standard always disabled disable"),
    ("volmode", "default dev geom"),
    ("xattr", "on off sa dir"),
    ("mountpoint", "none legacy relative"),
    ("com.acme:owner", "team-a it's=odd"),
    ("com.acme:note", "1 2"),
    ("com.Acme:note", "1"),
    ("nonsense", "1"),
    ("used", "1"),
    ("type", "volume"),
    ("casesensitivity", "mixed"),
    ("utf8only", "on"),
    ("volsize", "1M 2M 3000000 0"),
    ("volblocksize", "16K"),
    ("prefetch", "all none"),
    ("direct", "standard always"),
];

/// What can be asked: nothing that depends on space, time or chance.
const ASKED: &[&str] = &[
    "type",
    "aclinherit",
    "acltype",
    "canmount",
    "checksum",
    "compression",
    "compress",
    "copies",
    "dedup",
    "dnodesize",
    "logbias",
    "primarycache",
    "quota",
    "recordsize",
    "recsize",
    "redundant_metadata",
    "refquota",
    "refreservation",
    "reservation",
    "snapdir",
    "filesystem_limit",
    "snapshot_limit",
    "sync",
    "volmode",
    "xattr",
    "mountpoint",
    "com.acme:owner",
    "com.acme:note",
    "com.acme:unset",
    "casesensitivity",
    "utf8only",
    "normalization",
    "volsize",
    "volblocksize",
    "origin",
    "atime",
    "exec",
    "readonly",
    "mounted",
    "prefetch",
    "nonsense",
    "snapdev",
    "version",
    "special_small_blocks",
    "encryption",
    "keylocation",
    "relatime",
];

impl Commands {
    /// A script of commands of `version` in `tree`, which exists already.
    pub fn new(random: Random, tree: &str, version: Version) -> Self {
        Commands { random, tree: tree.to_owned(), version }
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        self.random.pick(items).copied().unwrap_or_default()
    }

    /// A dataset that may be there.
    fn dataset(&mut self) -> String {
        let below = self.pick(&["a", "a", "b", "b", "a/x", "a/y", "b/x", "v", "v", "a/v", "c", "gone"]);
        format!("{}/{below}", self.tree)
    }

    /// One to three of them, sometimes twice the same.
    fn datasets(&mut self) -> Vec<String> {
        let count = 1 + self.random.below(6) / 3;
        (0..count)
            .map(|_| if self.random.one_in(6) { self.snapshot_name() } else { self.dataset() })
            .collect()
    }

    fn snapshot_name(&mut self) -> String {
        let snapshot = self.pick(&["s1", "s2", "s3"]);
        format!("{}@{snapshot}", self.dataset())
    }

    /// A name that no dataset can have, or not here.
    fn odd_name(&mut self) -> String {
        let tree = self.tree.clone();
        match self.random.below(9) {
            0 => format!("{tree}/a%b"),
            1 => format!("{tree}/"),
            2 => format!("{tree}//a"),
            3 => format!("/{tree}"),
            4 => "nopool/a".to_owned(),
            5 => format!("{tree}/a@s1"),
            6 => format!("{tree}/{}", "n".repeat(256)),
            7 => format!("{tree}/no/parent"),
            _ => tree,
        }
    }

    fn setting(&mut self) -> String {
        let (property, values) = self.random.pick(SETTINGS).copied().unwrap_or_default();
        if property == "quota" && self.random.one_in(3) {
            let bytes = (64 << 20) + self.random.next_u64() % (1 << 50);
            return format!("quota={}", spelled(&mut self.random, bytes));
        }
        let values: Vec<&str> = values.split(' ').collect();
        format!("{property}={}", self.pick(&values))
    }

    fn settings(&mut self) -> Vec<String> {
        let count = 1 + self.random.below(6) / 4;
        (0..count).map(|_| self.setting()).collect()
    }

    fn properties(&mut self) -> String {
        let count = 1 + self.random.below(4);
        (0..count).map(|_| self.pick(ASKED)).collect::<Vec<_>>().join(",")
    }

    fn create(&mut self) -> Vec<String> {
        let mut words = vec!["create".to_owned()];
        if self.random.one_in(8) {
            words.push(self.odd_name());
            return words;
        }
        let name = self.dataset();
        if name.ends_with('v') || self.random.one_in(6) {
            let size = self.pick(&["1M", "2M", "1000000", "0", "none", "1.5m"]);
            words.extend(["-s", "-V", size].map(str::to_owned));
            if self.random.one_in(3) {
                // A block size that is none, or a small one, is warned of in ways that depend on the pool.
                words.extend(["-b", self.pick(&["16K", "64K", "128k"])].map(str::to_owned));
            }
        }
        if self.random.one_in(5) {
            words.push("-p".to_owned());
        }
        if self.random.one_in(3) {
            words.extend(self.settings().into_iter().flat_map(|setting| ["-o".to_owned(), setting]));
        }
        words.push(name);
        words
    }

    fn get(&mut self) -> Vec<String> {
        let mut words = vec!["get".to_owned()];
        let forms: &[&[&str]] = &[
            &["-Hp", "-o", "name,property,value,source"],
            &["-Hp", "-o", "name,property,value,source"],
            &["-H"],
            &["-Hp", "-o", "all"],
            &["-H", "-s", "local,inherited", "-o", "name,value,source"],
            &["-Hpr", "-t", "filesystem,volume", "-o", "name,value"],
            &["-Hp", "-d", "1", "-o", "name,source"],
            &["-Hp", "-o", "name,valeu"],
        ];
        let form = self.random.pick(forms).copied().unwrap_or_default();
        words.extend(form.iter().map(|&word| word.to_owned()));
        words.push(self.properties());
        words.extend(self.datasets());
        words
    }

    fn list(&mut self) -> Vec<String> {
        let mut words = ["list", "-o"].map(str::to_owned).to_vec();
        words.push(format!("name,{}", self.properties()));
        words.push(self.pick(&["-H", "-Hp"]).to_owned());
        if self.random.one_in(2) {
            words.extend(
                ["-r", "-t", self.pick(&["all", "filesystem", "snapshot", "filesystem,volume"])]
                    .map(str::to_owned),
            );
            words.push(self.tree.clone());
        } else {
            words.extend(self.datasets());
        }
        words
    }

    fn snapshot(&mut self) -> Vec<String> {
        let recursive = self.random.one_in(4).then(|| "-r".to_owned());
        let names = (0..=self.random.below(4) / 3).map(|_| self.snapshot_name()).collect::<Vec<_>>();
        std::iter::once("snapshot".to_owned()).chain(recursive).chain(names).collect()
    }

    fn destroy(&mut self) -> Vec<String> {
        let name = if self.random.one_in(2) { self.snapshot_name() } else { self.dataset() };
        let recursive = self.random.one_in(4).then(|| "-r".to_owned());
        std::iter::once("destroy".to_owned()).chain(recursive).chain([name]).collect()
    }

    fn rename(&mut self) -> Vec<String> {
        let (from, to) = if self.random.one_in(3) {
            let from = self.snapshot_name();
            let to = from.replace("@s", "@t");
            (from, to)
        } else {
            (self.dataset(), self.dataset())
        };
        ["rename".to_owned(), from, to].to_vec()
    }

    fn inherit(&mut self) -> Vec<String> {
        let (property, _) = self.random.pick(SETTINGS).copied().unwrap_or_default();
        let flag = match self.random.below(8) {
            0 => Some("-S".to_owned()),
            1 => Some("-r".to_owned()),
            _ => None,
        };
        std::iter::once("inherit".to_owned())
            .chain(flag)
            .chain([property.to_owned()])
            .chain(self.datasets())
            .collect()
    }

    fn slip(&mut self) -> Vec<String> {
        let slips = [
            "set",
            "set atime=on",
            "set {tree}",
            "set atime {tree}",
            "set atime=on {tree} exec=off",
            "set atime=on atime=off {tree}",
            "inherit",
            "inherit atime",
            "inherit nonsense {tree}",
            "get",
            "get -x",
            "get -o",
            "create",
            "create {tree}/a {tree}/b",
            "destroy",
            "destroy {tree}/a {tree}/b",
            "rename {tree}/a",
            "snapshot",
            "snapshot {tree}/a",
            "list -o nonsense",
            "clone {tree}/a",
            "hold x",
            "set =1 {tree}",
        ];
        self.pick(&slips).replace("{tree}", &self.tree).split(' ').map(str::to_owned).collect()
    }
}

impl Iterator for Commands {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        let words = match self.random.below(40) {
            0..=7 => self.create(),
            8..=16 => {
                let settings = self.settings();
                let quiet = (self.version >= Version::V2_3 && self.random.one_in(9)).then(|| "-u".to_owned());
                std::iter::once("set".to_owned())
                    .chain(quiet)
                    .chain(settings)
                    .chain(self.datasets())
                    .collect()
            }
            17..=20 => self.inherit(),
            21..=26 => self.get(),
            27..=28 => self.list(),
            29..=31 => self.snapshot(),
            32..=34 => self.destroy(),
            35 => self.rename(),
            36 => ["clone".to_owned(), self.snapshot_name(), self.dataset()].to_vec(),
            37 => {
                let verb = self.pick(&["hold", "release"]).to_owned();
                [verb, "tag".to_owned(), self.snapshot_name()].to_vec()
            }
            _ => self.slip(),
        };
        Some(std::iter::once("zfs".to_owned()).chain(words).collect())
    }
}
