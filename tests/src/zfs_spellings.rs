//! Property values of ZFS as people spell them, drawn from a seed, and how a manifest quotes them.

use std::collections::BTreeMap;

use evenkeel_lab::random::Random;

/// One property of a dataset, written in a manifest and set by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling {
    /// Its full or short name.
    pub property: String,
    /// As a manifest has it.
    pub written: String,
    /// As `zfs set` is given it: the same, except where Evenkeel takes more than `zfs` does (`Yes`, `10 GiB`).
    pub by_hand: String,
}

/// A dataset with spelled properties.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The last part of its name.
    pub name: String,
    /// Whether it is a volume.
    pub is_volume: bool,
    /// What only `zfs create` takes.
    pub fixed: Vec<Spelling>,
    /// What `zfs set` takes.
    pub properties: Vec<Spelling>,
}

/// Draws the spellings of one dataset.
struct Draw<'a> {
    random: &'a mut Random,
    /// By full name.
    found: BTreeMap<String, Spelling>,
}

const ALIASES: &[(&str, &str)] = &[
    ("casesensitivity", "case"),
    ("compression", "compress"),
    ("dnodesize", "dnsize"),
    ("filesystem_limit", "fslimit"),
    ("readonly", "rdonly"),
    ("recordsize", "recsize"),
    ("redundant_metadata", "redund_md"),
    ("refreservation", "refreserv"),
    ("reservation", "reserv"),
    ("snapshot_limit", "sslimit"),
    ("volblocksize", "volblock"),
];

const SWITCHES: [&str; 8] = ["atime", "devices", "exec", "setuid", "nbmand", "overlay", "relatime", "vscan"];

/// Words of file systems.
const FILESYSTEM: &[(&str, &str)] = &[
    ("aclinherit", "discard noallow restricted secure passthrough passthrough-x"),
    ("aclmode", "discard groupmask passthrough restricted"),
    ("acltype", "off nfsv4 posix posixacl noacl disabled"),
    ("canmount", "on off noauto"),
    ("dnodesize", "legacy auto 1k 2k 4k 8k 16k"),
    ("snapdir", "hidden visible"),
    ("special_small_blocks", "none 0 512 1K 64KiB 0.5M 1m"),
    ("version", "5 current"),
    ("xattr", "on off dir sa"),
    ("filesystem_limit", "none 0 7 007 1K 1000000 18446744073709551615"),
    ("zoned", "off"),
];

/// Words of file systems and volumes.
const BOTH: &[(&str, &str)] = &[
    ("checksum", "on off fletcher2 fletcher4 sha256 sha512 skein edonr"),
    (
        "compression",
        "on off lzjb lz4 zle gzip gzip-1 gzip-5 gzip-6 gzip-7 gzip-9 zstd zstd-1 zstd-3 zstd-9 zstd-10 zstd-19 \
         zstd-fast zstd-fast-1 zstd-fast-2 zstd-fast-10 zstd-fast-20 zstd-fast-90 zstd-fast-100 zstd-fast-500 \
         zstd-fast-1000",
    ),
    ("copies", "1 2 3"),
    ("dedup", "on off verify sha256 sha256,verify sha512 sha512,verify skein skein,verify edonr,verify"),
    ("keylocation", "none"),
    ("logbias", "latency throughput"),
    ("primarycache", "all none metadata"),
    ("readonly", "on off"),
    ("redundant_metadata", "all most some none"),
    ("secondarycache", "all none metadata"),
    ("snapdev", "hidden visible"),
    ("snapshot_limit", "none 0 12 0012 2K 18446744073709551615"),
    ("sync", "standard always disabled"),
    ("volmode", "default full geom dev none"),
];

/// What release 2.3 has on top, of file systems.
const NEWER: &[&str] = &[
    "direct=disabled",
    "direct=always",
    "prefetch=none",
    "prefetch=metadata",
    "longname=on",
    "checksum=blake3",
    "dedup=blake3",
    "dedup=blake3,verify",
    "snapdir=disabled",
];

/// What a file system may be told that is not mounted: this machine neither shares nor has `SELinux`.
const UNMOUNTED: &[(&str, &str)] = &[
    ("mountpoint", "none legacy"),
    ("sharenfs", "off on rw=@10.0.0.0/8,no_root_squash ro"),
    ("sharesmb", "off on"),
    ("context", "none system_u:object_r:tmp_t:s0"),
];

/// Where Evenkeel takes more spellings than `zfs` does: as written, and what `zfs` must be told instead.
const MORE: &[(&str, &str, &str)] = &[
    ("atime", "Yes", "on"),
    ("exec", "FALSE", "off"),
    ("relatime", "true", "on"),
    ("dnodesize", "4K", "4k"),
    ("quota", "0", "none"),
    ("quota", "10 GiB", "10G"),
    ("refquota", "1.5 GB", "1536M"),
];

impl Draw<'_> {
    /// Adds a property under its full or its short name, in place of an earlier spelling.
    fn add(&mut self, property: &str, written: &str, by_hand: &str) {
        let alias = ALIASES.iter().find(|(full, _)| *full == property).map(|(_, alias)| *alias);
        let name = alias.filter(|_| self.random.one_in(3)).unwrap_or(property);
        let [name, written, by_hand] = [name, written, by_hand].map(str::to_owned);
        self.found.insert(property.to_owned(), Spelling { property: name, written, by_hand });
    }

    fn take(&mut self) -> Vec<Spelling> {
        std::mem::take(&mut self.found).into_values().collect()
    }

    fn words(&mut self, table: &[(&str, &str)]) {
        for (property, words) in table {
            let words: Vec<&str> = words.split_whitespace().collect();
            let word = self.random.pick(&words).copied().unwrap_or_default();
            self.add(property, word, word);
        }
    }

    fn size(&mut self, property: &str, bytes: u64) {
        let text = spelled(self.random, bytes);
        self.add(property, &text, &text);
    }

    /// A size, or no limit.
    fn limit(&mut self, property: &str, bytes: u64) {
        if self.random.one_in(5) {
            self.add(property, "none", "none");
        } else {
            self.size(property, bytes);
        }
    }

    /// From 64 MiB to 8 EiB, with bits that no unit divides.
    fn large(&mut self) -> u64 {
        let bits = 26 + self.random.below(37);
        let kept = !0 << self.random.below(bits);
        (1 << bits) | (self.random.next_u64() & ((1 << bits) - 1) & kept)
    }

    fn user_properties(&mut self) {
        for nth in 0..6 {
            let name = user_name(self.random, nth);
            let value = user_value(self.random);
            self.add(&name, &value, &value);
        }
    }

    fn filesystem(&mut self, newer: bool, mountpoint: &str) {
        self.words(FILESYSTEM);
        self.words(BOTH);
        for switch in SWITCHES {
            self.words(&[(switch, "on off")]);
        }
        let quota = self.large();
        self.limit("quota", quota);
        let refquota = self.large();
        self.limit("refquota", refquota);
        let small = |random: &mut Random| 1 + random.next_u64() % (2 << 20);
        let (reserved, referenced) = (small(self.random), small(self.random));
        self.limit("reservation", reserved);
        self.limit("refreservation", referenced);
        let largest = if newer { 16 } else { 12 };
        let block = 512 << self.random.below(largest);
        self.size("recordsize", block);
        self.add("mountpoint", mountpoint, mountpoint);
        self.words(&[("sharenfs", "off"), ("sharesmb", "off")]);
        self.user_properties();
    }

    fn volume(&mut self, newer: bool, block: u64) {
        self.words(BOTH);
        if newer {
            self.words(&[("prefetch", "none metadata all")]);
            let has_device = self.found.get("volmode").is_some_and(|s| s.written != "none");
            self.words(if has_device { &[("volthreading", "on off")] } else { &[] });
        }
        let size = block * (1 + self.random.next_u64() % ((16 << 20) / block));
        self.size("volsize", size);
        if self.random.one_in(2) {
            self.words(&[("refreservation", "none auto")]);
        } else {
            self.size("refreservation", 1 + size / 3);
        }
        self.limit("reservation", 1 << 20);
        self.user_properties();
    }

    /// Three of what only 2.3 knows, three of what only Evenkeel spells so.
    fn extras(&mut self, newer: bool) {
        let mut words: Vec<&str> = NEWER.iter().filter(|_| newer).copied().collect();
        self.random.shuffle(&mut words);
        for (property, value) in words.iter().take(3).filter_map(|word| word.split_once('=')) {
            self.add(property, value, value);
        }
        let mut more = MORE.to_vec();
        self.random.shuffle(&mut more);
        for (property, written, by_hand) in more.into_iter().take(3) {
            self.add(property, written, by_hand);
        }
    }
}

/// A size in one of its exact spellings that `zfs` takes: `1610612736`, `1.5G`, `1536mb`, `0001.50GiB`.
pub fn spelled(random: &mut Random, bytes: u64) -> String {
    const PLACES: u32 = 6;
    let exact = |power: &usize| (u128::from(bytes) * 10_u128.pow(PLACES)).is_multiple_of(1 << (10 * power));
    let powers: Vec<usize> = (0..=6).filter(exact).collect();
    let power = random.pick(&powers).copied().unwrap_or(0);
    let millionths = (u128::from(bytes) * 10_u128.pow(PLACES)) >> (10 * power);
    let (whole, part) = (millionths / 1_000_000, millionths % 1_000_000);
    let mut text = format!("{whole}.{part:06}").trim_end_matches('0').trim_end_matches('.').to_owned();
    if random.one_in(6) && text.contains('.') {
        text.push('0');
    }
    if random.one_in(6) {
        text.insert_str(0, "00");
    }
    // Leading zeros of a plain number would be octal to some, and a decimal point needs a unit above it.
    let tails: &[&str] = if power == 0 { &["", "", "B", "b"] } else { &["", "", "B", "b", "iB", "ib", "IB"] };
    if let Some(letter) = "KMGTPE".chars().nth(power.wrapping_sub(1)) {
        text.push(if random.one_in(3) { letter.to_ascii_lowercase() } else { letter });
    }
    text.push_str(random.pick(tails).copied().unwrap_or_default());
    text
}

fn user_name(random: &mut Random, nth: usize) -> String {
    const ENDS: [&str; 6] = ["owner", "x-y_z.w", "a:b:c", "0", "-", ""];
    let prefix = random.pick(&["com.acme", "a", "0", "_", ".x", ""]).copied().unwrap_or_default();
    let end = random.pick(&ENDS).copied().unwrap_or_default();
    format!("{prefix}:{nth}{end}")
}

fn user_value(random: &mut Random) -> String {
    const WHOLE: &[&str] = &[
        "",
        "-",
        "none",
        "null",
        "~",
        "true",
        "off",
        "010",
        "1e3",
        "0x1F",
        "inherited",
        "=",
        "a=b=c",
        " lead",
        "trail ",
        "it's",
        "\"both\" 'kinds'",
        "back\\slash\\",
        "$(reboot)",
        "`reboot`",
        "${name}",
        "$${name}",
        "$",
        "# no comment",
        "key: value",
        "- item",
        "{a: b}",
        "[1, 2]",
        "*star",
        "&anchor",
        "!tag",
        "%s%n",
        "|",
        ">",
        "@at",
        "プール",
        "ö̈",
        "👩‍🚀 astronaut",
        "ﬀ ligature",
        "\u{a0}nbsp\u{a0}",
        "\u{2028}",
        "\u{feff}bom",
        "a  b   c",
        ",",
        "?",
        ":",
        "10G",
        "1.50",
        "2026-11-20",
        "12:30:45",
        "tank@snap",
        "a/b",
        "\\n",
        "\\t",
    ];
    const CHARS: &[char] = &[
        'a', 'Z', '0', ' ', '\'', '"', '\\', '=', ':', '#', '$', '{', '}', '*', '|', ';', '&', '<', '%', 'é',
        '漢', '😀', '~',
    ];
    if !random.one_in(3) {
        return random.pick(WHOLE).copied().unwrap_or_default().to_owned();
    }
    let length = if random.one_in(12) { 2000 } else { 1 + random.below(40) };
    (0..length).filter_map(|_| random.pick(CHARS)).collect()
}

/// A file system, mounted at `mountpoint` or, where it has none, nowhere.
pub fn filesystem(random: &mut Random, name: &str, newer: bool, mountpoint: Option<&str>) -> Sample {
    let mut draw = Draw { random, found: BTreeMap::new() };
    draw.words(&[("casesensitivity", "sensitive insensitive mixed"), ("utf8only", "on")]);
    draw.words(&[("normalization", "none formC formD formKC formKD")]);
    let fixed = draw.take();
    draw.filesystem(newer, mountpoint.unwrap_or("none"));
    draw.extras(newer);
    if mountpoint.is_none() {
        draw.words(UNMOUNTED);
    }
    Sample { name: name.to_owned(), is_volume: false, fixed, properties: draw.take() }
}

/// A volume.
pub fn volume(random: &mut Random, name: &str, newer: bool) -> Sample {
    let mut draw = Draw { random, found: BTreeMap::new() };
    let block = 4096 << draw.random.below(6);
    draw.size("volblocksize", block);
    let fixed = draw.take();
    draw.volume(newer, block);
    Sample { name: name.to_owned(), is_volume: true, fixed, properties: draw.take() }
}

/// A text as a YAML scalar that a manifest reads back as this text, in one of the ways to quote it.
pub fn yaml(random: &mut Random, text: &str) -> String {
    // `${name}` would be a value's name.
    let text = text.replace("${", "$${");
    let is_word = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_word)
        && !text.eq_ignore_ascii_case("null");
    match random.below(if plain { 4 } else { 2 }) {
        0 => format!("'{}'", text.replace('\'', "''")),
        1 => serde_json::Value::from(text).to_string(),
        _ => text,
    }
}
