//! The normal forms of property values against real OpenZFS: what a person writes means there what it means here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::fmt::Write as _;

use evenkeel_lab::random::Random;
use evenkeel_tests::evenkeel::Workdir;
use evenkeel_tests::on_each_version;
use evenkeel_tests::zfs_spellings::{Sample, Spelling, filesystem, volume, yaml};
use evenkeel_tests::zfshost::ZfsHost;

on_each_version!(
    hundreds_of_spellings_mean_what_zfs_takes_them_for,
    spellings_that_zfs_refuses_are_refused_before_anything_is_sent,
    what_only_the_host_can_refuse_fails_one_by_one_in_its_words,
);

const SEED: u64 = 20_261_120;

/// Datasets for the tree `tree`; every tree gets the same, but for the paths of mount points.
fn samples(version: &str, tree: &str) -> Vec<Sample> {
    let mut random = Random::new(SEED);
    let newer = version == "2.3";
    let mut samples = Vec::new();
    for nth in 0..9 {
        let path = format!("/mnt/{tree}/it's no {nth}=a #b");
        let mountpoint = (nth % 3 != 2).then_some(path.as_str());
        samples.push(filesystem(&mut random, &format!("fs{nth}"), newer, mountpoint));
    }
    samples.extend((0..4).map(|nth| volume(&mut random, &format!("vol{nth}"), newer)));
    samples
}

fn manifest(random: &mut Random, tree: &str, sample: &Sample) -> String {
    let mut text = format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: {{ name: {} }}\nspec:\n  target: host\n  \
         dataset: {tree}/{}\n  properties:\n",
        sample.name, sample.name
    );
    for Spelling { property, written, .. } in sample.fixed.iter().chain(&sample.properties) {
        let quoted = if property.ends_with(':') || property.starts_with(':') { "\"" } else { "" };
        writeln!(text, "    {quoted}{property}{quoted}: {}", yaml(random, written)).unwrap();
    }
    text += "  accept:\n    dataLoss:\n";
    let risks = sample.properties.iter().filter(|s| {
        let name = s.property.as_str();
        matches!(
            (name, s.written.as_str()),
            ("sync", "disabled")
                | ("checksum", "off")
                | ("redundant_metadata" | "redund_md", "some" | "none")
        )
    });
    for risk in risks {
        let name = risk.property.replace("redund_md", "redundant_metadata");
        writeln!(text, "    - {{ of: {name}={}, reason: tests, until: 2099-01-01 }}", risk.written).unwrap();
    }
    text.strip_suffix("  accept:\n    dataLoss:\n").map(str::to_owned).unwrap_or(text)
}

fn work(host: &ZfsHost, tree: &str, samples: &[Sample]) -> Workdir {
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    let mut random = Random::new(SEED);
    let all: String = samples.iter().map(|sample| manifest(&mut random, tree, sample)).collect();
    work.write("d.yaml", &all);
    work
}

fn assignments(spellings: &[Spelling]) -> Vec<String> {
    spellings.iter().map(|s| format!("{}={}", s.property, s.by_hand)).collect()
}

/// `zfs create`, with what only that takes.
fn create(tree: &str, sample: &Sample) -> Vec<String> {
    let mut command: Vec<String> = ["zfs", "create"].map(str::to_owned).to_vec();
    if sample.is_volume {
        command.extend(["-s", "-V", "1M"].map(str::to_owned));
    }
    command.extend(assignments(&sample.fixed).into_iter().flat_map(|fixed| ["-o".to_owned(), fixed]));
    command.push(format!("{tree}/{}", sample.name));
    command
}

fn set(tree: &str, sample: &Sample) -> Vec<String> {
    let mut command: Vec<String> = ["zfs", "set"].map(str::to_owned).to_vec();
    let mut settings = assignments(&sample.properties);
    // It takes the device away, and what is set of the device after it fails.
    settings.sort_by_key(|setting| setting.starts_with("volmode="));
    command.extend(settings);
    command.push(format!("{tree}/{}", sample.name));
    command
}

/// The values of all of them, without the name of the tree.
fn values(host: &ZfsHost, tree: &str, samples: &[Sample]) -> Vec<String> {
    let commands: Vec<Vec<String>> = samples
        .iter()
        .map(|sample| {
            let all = sample.fixed.iter().chain(&sample.properties);
            let names: Vec<&str> = all.map(|s| s.property.as_str()).collect();
            let (names, dataset) = (names.join(","), format!("{tree}/{}", sample.name));
            ["zfs", "get", "-Hp", "-o", "name,property,value", &names, &dataset].map(str::to_owned).to_vec()
        })
        .collect();
    let answers = host.each(&commands).into_iter().map(|ran| {
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
        ran.stdout.replace(tree, "TREE")
    });
    answers.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn hundreds_of_spellings_mean_what_zfs_takes_them_for(version: &str) {
    let host = ZfsHost::start(version);
    let (by_hand, by_us) = (host.tree("spelled-by-hand"), host.tree("spelled-by-us"));
    let (here, there) = (samples(version, &by_us), samples(version, &by_hand));
    let count: usize = here.iter().map(|s| s.fixed.len() + s.properties.len()).sum();
    assert!(count > 400, "{count} spellings");

    let made = there.iter().map(|sample| create(&by_hand, sample));
    // Every other one of ours is there already, the rest has to be created.
    let ours = here.iter().step_by(2).map(|sample| create(&by_us, sample));
    // A volume that udev still looks at is busy.
    let settled = ["udevadm", "settle"].map(str::to_owned).to_vec();
    let sets = there.iter().map(|sample| set(&by_hand, sample));
    let commands: Vec<Vec<String>> = made.chain(ours).chain([settled]).chain(sets).collect();
    for (command, ran) in commands.iter().zip(host.each(&commands)) {
        assert_eq!(ran.code, 0, "{}{command:?}", ran.stderr);
    }
    work(&host, &by_hand, &there).expect(0, &["plan"]).says(&["nothing to do"]);

    let work = work(&host, &by_us, &here);
    work.expect(0, &["apply", "--auto-approve"]).says(&[&format!("{} applied", here.len())]);
    let differing: Vec<(String, String)> = values(&host, &by_us, &here)
        .into_iter()
        .zip(values(&host, &by_hand, &there))
        .filter(|(ours, theirs)| ours != theirs)
        .collect();
    assert_eq!(differing, [], "ours, by hand");
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
}

/// On a file system, as `zfs set` refuses it and as we say why.
const REFUSED: &[(&str, &str, &str)] = &[
    ("quota", "64Mi", "is not a size"),
    ("quota", "-1", "is not a size"),
    ("quota", "+64M", "is not a size"),
    ("quota", "1e9", "is not a size"),
    ("quota", "0x400000", "is not a size"),
    ("quota", "16E", "is more than ZFS can count"),
    ("reservation", "ten", "is not a size"),
    ("recordsize", "3K", "the next power of two is 4K"),
    ("recordsize", "256", "must be a power of two"),
    ("recordsize", "32M", "must be a power of two"),
    ("special_small_blocks", "100", "must be a power of two"),
    ("sync", "disable", "did you mean `disabled`?"),
    ("sync", "Standard", "did you mean `standard`?"),
    ("atime", "maybe", "must be `on` or `off`"),
    ("canmount", "auto", "must be one of on, off, noauto"),
    ("checksum", "md5", "must be one of on, off"),
    ("compression", "zstd-20", "must be one of on, off, lz4"),
    ("compression", "zstd-01", "must be one of on, off, lz4"),
    ("compression", "gzip-0", "must be one of on, off, lz4"),
    ("compression", "LZ4", "must be one of on, off, lz4"),
    ("copies", "4", "must be one of 1, 2, 3"),
    ("copies", "02", "must be one of 1, 2, 3"),
    ("dnodesize", "32k", "must be one of legacy"),
    ("filesystem_limit", "-1", "must be a number or `none`"),
    ("mountpoint", "srv/x", "must be an absolute path"),
    ("normalization", "formd", "must be one of none, formC"),
    ("refreservation", "auto", "`auto` is for volumes only"),
    ("used", "1", "cannot be set"),
    ("version", "6", "must be a number from 1 to 5"),
    ("volsize", "1M", "is a property of volumes"),
    ("com.Acme:a", "1", "has the character 'A'"),
    ("com acme:a", "1", "has the character ' '"),
];

fn spelling(property: &str, written: &str) -> Spelling {
    let [property, written] = [property, written].map(str::to_owned);
    Spelling { property, by_hand: written.clone(), written }
}

/// One file system for each spelling.
fn one_each(spellings: impl IntoIterator<Item = (&'static str, String)>) -> Vec<Sample> {
    let sample = |(nth, (property, written)): (usize, (&str, String))| Sample {
        name: format!("d{nth}"),
        is_volume: false,
        fixed: Vec::new(),
        properties: vec![spelling(property, &written)],
    };
    spellings.into_iter().enumerate().map(sample).collect()
}

fn spellings_that_zfs_refuses_are_refused_before_anything_is_sent(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("refused-by-us");
    let too_long = "x".repeat(8192);
    let spellings = REFUSED.iter().map(|(property, written, _)| (*property, (*written).to_owned()));
    let mut samples = one_each(spellings.chain([("com.acme:long", too_long)]));
    let sets: Vec<Vec<String>> = samples
        .iter()
        .map(|sample| ["zfs", "set", &assignments(&sample.properties)[0], &tree].map(str::to_owned).to_vec())
        .collect();
    for (command, ran) in sets.iter().zip(host.each(&sets)) {
        assert_ne!(ran.code, 0, "zfs takes it: {command:?}");
    }
    // `type: filesystem` need not be said, but `volsize` alone would make it a volume.
    for sample in &mut samples {
        sample.properties.push(spelling("atime", "off"));
    }
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    let mut random = Random::new(SEED);
    for sample in &samples {
        let text = manifest(&mut random, &tree, sample)
            .replace("  properties:", "  type: filesystem\n  properties:");
        work.write(&format!("{}.yaml", sample.name), &text);
    }
    let ran = work.expect(1, &["validate"]);
    let blocks: Vec<&str> = ran.stderr.split("\n\n").chain(ran.stdout.split("\n\n")).collect();
    let says = REFUSED.iter().map(|(_, _, says)| *says).chain(["8191 are allowed"]);
    for (sample, says) in samples.iter().zip(says) {
        let file = format!("{}.yaml", sample.name);
        let found = blocks.iter().any(|block| block.contains(&file) && block.contains(says));
        assert!(found, "no {says:?} for {:?} in:\n{}\n{}", sample.properties[0], ran.stdout, ran.stderr);
    }
    work.expect(1, &["apply", "--auto-approve"]);
    assert_eq!(host.sh(&format!("zfs list -H -o name -r {tree}")), format!("{tree}\n"), "nothing was sent");
}

/// On a file system that is there: what only the host knows, and how it says so.
const REFUSED_BY_HOST: &[(&str, &str, &str)] = &[
    ("quota", "1K", "size is less than current used or reserved space"),
    ("refquota", "1K", "size is less than current used or reserved space"),
    ("reservation", "10T", "size is greater than available space"),
    ("refreservation", "10T", "size is greater than available space"),
    ("version", "4", "already at version 5"),
    ("keylocation", "prompt", "keylocation must be 'none' for unencrypted datasets"),
    ("sharesmb", "guest_ok=y", "cannot be set to invalid options"),
    ("mlslabel", "secret", "mlslabels are unsupported"),
];

/// The same, of release 2.1 alone.
const REFUSED_BY_2_1: &[(&str, &str, &str)] = &[
    ("recordsize", "16M", "must be power of 2 from 512B to 1M"),
    ("special_small_blocks", "2M", "must be zero or a power of 2 from 512B to 1M"),
];

fn what_only_the_host_can_refuse_fails_one_by_one_in_its_words(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("refused-by-host");
    let mut refused = REFUSED_BY_HOST.to_vec();
    if version == "2.1" {
        refused.extend(REFUSED_BY_2_1);
    }
    let spellings = refused.iter().map(|(property, written, _)| (*property, (*written).to_owned()));
    let samples = one_each(spellings.chain([("atime", "off".to_owned())]));
    let creates: Vec<Vec<String>> = samples.iter().map(|sample| create(&tree, sample)).collect();
    let sets: Vec<Vec<String>> = samples.iter().map(|sample| set(&tree, sample)).collect();
    assert!(host.each(&creates).iter().all(|ran| ran.code == 0));
    let by_hand = host.each(&sets);
    for ((property, written, says), ran) in refused.iter().zip(&by_hand) {
        assert_ne!(ran.code, 0, "zfs takes {property}={written}");
        assert!(ran.stderr.contains(says), "{property}={written}: {}", ran.stderr);
    }
    host.sh(&format!("zfs inherit atime {tree}/d{}", refused.len()));

    let work = work(&host, &tree, &samples);
    work.expect(0, &["validate"]);
    work.expect(2, &["plan"]).says(&[&format!("{} to update", samples.len())]);
    let ran = work.expect(1, &["apply", "--auto-approve"]);
    ran.says(&["1 applied", &format!("{} failed", refused.len())]);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    for ((property, written, says), sample) in refused.iter().zip(&samples) {
        let place = format!("{tree}/{}'", sample.name);
        let found = all.lines().any(|line| line.contains(&place) && line.contains(says));
        assert!(found, "no {says:?} for {property}: {written} on {place} in:\n{all}");
    }
    assert_eq!(host.sh(&format!("zfs get -Hp -o value atime {tree}/d{}", refused.len())), "off\n");
}
