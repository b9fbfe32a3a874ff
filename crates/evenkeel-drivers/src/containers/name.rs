//! The names of templates: built from parts, and who lists which.
//!
//! Proxmox VE looks at nothing but a file's name. What it lists changed: 1.x the whole form of the name; from 2.0 on only
//! the ending, `.tar.gz`; with LXC (4.0, October 2015) also `.tar.xz`; from 7.0 on (July 2021) also `.tar.zst`, in upper or
//! lower case; from 8 on also `.tar.bz2`; from 9.1 on (November 2025) also `.tar`. Where a year is known and no release,
//! it is the first release of that year that could have it: to say of a name that is listed that it is not costs a rename.
//! Of `.tar.bz2`, and of upper and lower case, it is known of 9.1 alone.

use std::fmt;

use evenkeel_core::driver::Finding;

use super::spec::Output;

/// The form that Proxmox VE 1.x wants, and that its own templates have to this day.
const FORM: &str = "DISTRIBUTION-RELEASE-FLAVOR_VERSION_ARCH";
/// Longer names leave no room for what is put before and behind them while a template is made.
const LONGEST: usize = 200;
/// What is written of an architecture elsewhere, and Debian's name of it.
const ARCHITECTURES: [(&str, &str); 9] = [
    ("x86", "i386"),
    ("i486", "i386"),
    ("i586", "i386"),
    ("i686", "i386"),
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("armv7l", "armhf"),
];
/// Words in names that say nothing that distinguishes.
const NOISE: [&str; 7] = ["linux", "gnu", "openvz", "vz", "lxc", "template", "ct"];
/// What stands in braces in a version, and what it may be replaced by.
const TOKENS: [(&str, &str); 2] = [("{yyyyMMdd}", "20261121"), ("{digest}", "0123abcd")];

/// A release of Proxmox VE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    major: u32,
    minor: u32,
}

impl Release {
    /// Understands `1.7`, `9`, and the first word of `pveversion`: `pve-manager/9.1.1/42db4a6cf33dac83`.
    pub(super) fn parse(text: &str) -> Option<Release> {
        let version = text.trim().strip_prefix("pve-manager/").unwrap_or(text.trim());
        let version = version.split(['/', ' ', '-', '~']).next()?;
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok().filter(|major| *major > 0)?;
        let minor = numbers.next().transpose().ok()?.unwrap_or(0);
        Some(Release { major, minor })
    }

    /// The endings that it lists, the best first.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match (self.major, self.minor) {
            (..=3, _) => &["tar.gz"],
            (..=6, _) => &["tar.xz", "tar.gz"],
            (7, _) => &["tar.zst", "tar.xz", "tar.gz"],
            (8, _) | (9, 0) => &["tar.zst", "tar.xz", "tar.gz", "tar.bz2"],
            _ => &["tar.zst", "tar.xz", "tar.gz", "tar.bz2", "tar"],
        }
    }

    /// Up to 6, `.TAR.GZ` is none of them.
    fn ignores_case(self) -> bool {
        self.major >= 7
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxmox VE {}.{}", self.major, self.minor)
    }
}

/// Why a release does not list a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invisible {
    /// Why, as the rest of a sentence about the file.
    pub why: String,
    /// What to call it, where that is all that is needed.
    pub suggestion: Option<String>,
}

/// The name of a template without an ending, what stands in braces in its version still in it.
pub(super) fn name(output: &Output) -> String {
    let Output { distribution, release, flavor, version, arch, .. } = output;
    format!("{distribution}-{release}-{flavor}_{version}_{arch}")
}

/// The same with an ending: `tar.gz`.
pub(super) fn file_name(output: &Output, ending: &str) -> String {
    format!("{}.{ending}", name(output))
}

/// Whether a version has a part that is another one for another build.
pub(super) fn is_numbered(version: &str) -> bool {
    TOKENS.iter().any(|(token, _)| version.contains(token))
}

/// Problems of a name's parts, and of the whole of it where it shall be `listedBy` a release. `at` is where it stands.
pub(super) fn check(output: &Output, ending: &str, at: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |part: &str, message: String, hint: Option<String>| {
        findings.push(Finding::error(at.iter().copied().chain([part]), message).hint_if_any(hint));
    };
    let shown = TOKENS.iter().fold(output.version.clone(), |text, (token, with)| text.replace(token, with));
    let parts = [
        ("distribution", &output.distribution, "-_", "+."),
        ("release", &output.release, "-_", "+.~"),
        ("flavor", &output.flavor, "_", "+.~-"),
        ("version", &shown, "_", "+.~-"),
        ("arch", &output.arch, "-_", ""),
    ];
    for (part, text, separators, others) in parts {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        if text.is_empty() {
            add(part, format!("a part of the name is empty: {FORM}"), None);
        } else if let Some(c) = architecture(text).filter(|_| part == "arch") {
            add(part, format!("{text} is called {c} in the names of templates"), Some(format!("arch: {c}")));
        } else if let Some(c) = text.chars().find(|c| separators.contains(*c)) {
            add(
                part,
                format!("`{c}` separates the parts of the name {FORM}, and may not stand in one"),
                None,
            );
        } else if part == "version" && text.contains(['{', '}']) {
            let known = "known are {yyyyMMdd} (the day of the build, UTC) and {digest}";
            add(part, "what stands in braces is not known".to_owned(), Some(known.to_owned()));
        } else if !text.chars().all(is_plain) || text.starts_with(['.', '-', '~', '+']) {
            add(
                part,
                format!("{text:?} has characters that do not belong into the name of a template"),
                None,
            );
        } else if part == "distribution" && text.chars().any(|c| c.is_ascii_uppercase()) {
            let lower = text.to_lowercase();
            add(
                part,
                "distributions are written in lower case".into(),
                Some(format!("distribution: {lower}")),
            );
        }
    }
    if name(output).len() > LONGEST {
        add("version", format!("the name is longer than {LONGEST} bytes"), None);
    }
    if let Some(by) = &output.listed_by {
        let release = Release::parse(by);
        if release.is_none() {
            let hint = Some("listedBy: \"9\"".to_owned());
            add("listedBy", format!("{by:?} is no release of Proxmox VE"), hint);
        }
        let file = file_name(&Output { version: shown.clone(), ..output.clone() }, ending);
        let invisible = release.and_then(|release| why_invisible(&file, release));
        if let Some(Invisible { why, suggestion }) = invisible.filter(|_| findings.is_empty()) {
            let hint = suggestion.map(|name| format!("it would list {name}"));
            findings.push(Finding::error(at.iter().copied(), format!("{file} {why}")).hint_if_any(hint));
        }
    }
    findings
}

/// Why `release` does not list `file`, which lies in the folder of its templates; `None` where it does.
pub(super) fn why_invisible(file: &str, release: Release) -> Option<Invisible> {
    let lower = file.to_lowercase();
    let as_listed = if release.ignores_case() { lower.as_str() } else { file };
    let ends = |name: &str| release.endings().iter().any(|ending| stem(name, ending).is_some());
    if release.major > 1 {
        if ends(as_listed) {
            return None;
        }
        let listed: Vec<String> = release.endings().iter().map(|ending| format!(".{ending}")).collect();
        let why = format!("is not listed by {release}, which lists files that end in {}", listed.join(", "));
        let suggestion = respelled(file).filter(|name| ends(name));
        return Some(Invisible { why, suggestion });
    }
    if stem(file, "tar.gz").is_some_and(has_form) {
        return None;
    }
    let why =
        format!("is not listed by {release}, which lists {FORM}.tar.gz only, with i386 or amd64 as ARCH");
    let gzipped = respelled(file).or_else(|| Some(file.to_owned()));
    let suggestion = gzipped.and_then(|name| suggest(stem(&name, "tar.gz")?));
    Some(Invisible { why, suggestion: suggestion.map(|name| format!("{name}.tar.gz")) })
}

/// What stands before `.ENDING`, where that is something.
fn stem<'f>(file: &'f str, ending: &str) -> Option<&'f str> {
    file.strip_suffix(ending)?.strip_suffix('.').filter(|stem| !stem.is_empty())
}

/// `file` with the usual form of its ending, where another is written of the same compression.
fn respelled(file: &str) -> Option<String> {
    let lower = file.to_lowercase();
    let usual = [
        ("tgz", "tar.gz"),
        ("txz", "tar.xz"),
        ("tzst", "tar.zst"),
        ("tbz2", "tar.bz2"),
        ("tbz", "tar.bz2"),
        ("tar.zstd", "tar.zst"),
    ];
    let same = ["tar.gz", "tar.xz", "tar.zst", "tar.bz2", "tar"].map(|ending| (ending, ending));
    let (length, ending) =
        usual.iter().chain(&same).find_map(|(other, ending)| Some((stem(&lower, other)?.len(), *ending)))?;
    Some(format!("{}.{ending}", file.get(..length)?)).filter(|name| name != file)
}

/// Whether a name without its ending is what Proxmox VE 1.x lists.
fn has_form(stem: &str) -> bool {
    let parts = || {
        let (rest, arch) = stem.rsplit_once('_')?;
        let (rest, version) = rest.rsplit_once('_')?;
        let mut words = rest.splitn(3, '-');
        let (distribution, release, flavor) = (words.next()?, words.next()?, words.next()?);
        let is_whole = ![distribution, release, flavor, version].iter().any(|part| part.is_empty());
        Some(is_whole && !flavor.contains('_') && ["i386", "amd64"].contains(&arch))
    };
    parts().unwrap_or(false)
}

/// What somebody else's architecture is called in the names of templates; `None` where it is called so already.
fn architecture(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    ARCHITECTURES.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours)
}

/// The name that a template should have, made of what stands in the name that it has.
fn suggest(stem: &str) -> Option<String> {
    let stem = stem.replace("x86_64", "amd64").replace("x86-64", "amd64");
    let words = stem.split(['_', '-', ' ']).filter(|word| !word.is_empty());
    let words = words.filter(|word| !NOISE.contains(&word.to_lowercase().as_str()));
    let (mut arch, mut numbers, mut names) = (None, Vec::new(), Vec::new());
    for word in words {
        let known = architecture(word).or_else(|| ["i386", "amd64"].into_iter().find(|known| *known == word));
        match known {
            Some(known) => arch = Some(known),
            None if word.starts_with(|c: char| c.is_ascii_digit()) => numbers.push(word),
            None => names.push(word),
        }
    }
    let (distribution, flavor) = names.split_first()?;
    let distribution = distribution.to_lowercase();
    let flavor = if flavor.is_empty() { "standard".to_owned() } else { flavor.join("-") };
    let (first, more) = numbers.split_first()?;
    // Ubuntu's releases have two numbers, those of most others one.
    let major = if distribution == "ubuntu" { *first } else { first.split('.').next()? };
    let (release, version) = if more.is_empty() { (major, vec![*first]) } else { (*first, more.to_vec()) };
    // The package's own release, where the name has none.
    let own = if version.len() > 1 { "" } else { "-1" };
    let name = format!("{distribution}-{release}-{flavor}_{}{own}_{}", version.join("-"), arch?);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+.~-_".contains(c);
    (has_form(&name) && name.chars().all(is_plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        Release::parse(text).unwrap()
    }

    fn output(version: &str) -> Output {
        let [distribution, release, flavor, arch] =
            ["scientific", "6", "standard", "i386"].map(str::to_owned);
        Output { distribution, release, flavor, version: version.into(), arch, listed_by: Some("1.7".into()) }
    }

    fn said(output: &Output) -> Vec<String> {
        let findings = check(output, "tar.gz", &["openvz", "output"]);
        let told =
            |f: Finding| format!("{}: {} ({})", f.path.join("."), f.message, f.hint.unwrap_or_default());
        findings.into_iter().map(told).collect()
    }

    #[test]
    fn releases_are_read_as_people_and_machines_write_them() {
        for (text, major, minor) in [
            ("1.7", 1, 7),
            ("9", 9, 0),
            ("pve-manager/9.1.1/42db4a6cf33dac83", 9, 1),
            ("pve-manager/1.7/5470", 1, 7),
            ("pve-manager/3.4-6/102d4547", 3, 4),
            ("4.0-48\n", 4, 0),
        ] {
            assert_eq!(Release::parse(text), Some(Release { major, minor }), "{text}");
        }
        for text in ["", "x", "0", "pve-manager", "1.x", "-1"] {
            assert_eq!(Release::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_sabayon_case() {
        let invisible =
            why_invisible("Sabayon_Linux_SpinBase_5.4_x86_openvz.tar.gz", release("1.7")).unwrap();
        assert_eq!(invisible.suggestion.as_deref(), Some("sabayon-5-SpinBase_5.4-1_i386.tar.gz"));
        assert_eq!(
            invisible.why,
            "is not listed by Proxmox VE 1.7, which lists DISTRIBUTION-RELEASE-FLAVOR_VERSION_ARCH.tar.gz only, with i386 \
             or amd64 as ARCH"
        );
        assert_eq!(why_invisible("Sabayon_Linux_SpinBase_5.4_x86_openvz.tar.gz", release("2.0")), None);
    }

    #[test]
    fn what_lay_beside_it_was_listed() {
        for file in [
            "sabayon-5-SpinBase_5.4-1_i386.tar.gz",
            "centos-4-default_4.8-20100922_i386.tar.gz",
            "centos-5-standard_5.2-1_i386.tar.gz",
            "debian-5.0-wordpress_2.9-1_i386.tar.gz",
            "ubuntu-10.04-lamp_10.04_i386.tar.gz",
            "scientific-6-standard_6.0_i386.tar.gz",
        ] {
            for by in ["1.0", "1.9", "2.0", "3.4", "4.4", "6.4", "7.0", "9.1"] {
                assert_eq!(why_invisible(file, release(by)), None, "{file} {by}");
            }
        }
    }

    #[test]
    fn a_right_name_is_made_of_a_wrong_one_where_it_says_enough() {
        for (file, right) in [
            ("CentOS-5-x86_64.tar.gz", Some("centos-5-standard_5-1_amd64.tar.gz")),
            ("centos-6-x86_64-minimal-20121116.tgz", Some("centos-6-minimal_20121116-1_amd64.tar.gz")),
            ("ubuntu-10.04-x86.tar.gz", Some("ubuntu-10.04-standard_10.04-1_i386.tar.gz")),
            ("debian-7.0-web_7.1-3_i686.tar.gz", Some("debian-7.0-web_7.1-3_i386.tar.gz")),
            ("debian-7.0-web_7.1-3_i386.TAR.GZ", Some("debian-7.0-web_7.1-3_i386.tar.gz")),
            // Nobody can know the architecture, the version, or what it is.
            ("debian-7.0-web.tar.gz", None),
            ("debian_i386.tar.gz", None),
            ("5.4_i386.tar.gz", None),
            // Another name does not make it another compression.
            ("debian-7.0-web_7.1-3_i386.tar.xz", None),
            ("backup.zip", None),
            (".tar.gz", None),
            ("ünïcode-5_1_i386.tar.gz", None),
        ] {
            let invisible = why_invisible(file, release("1.8")).unwrap();
            assert_eq!(invisible.suggestion.as_deref(), right, "{file}");
        }
    }

    #[test]
    fn later_releases_look_at_the_ending_alone() {
        let listed = |file: &str, by: &str| why_invisible(file, release(by)).is_none();
        for (file, from) in [
            ("a.tar.gz", "2.0"),
            ("a.tar.xz", "4.0"),
            ("a.tar.zst", "7.0"),
            ("a.TAR.ZST", "7.0"),
            ("a.tar.bz2", "8.0"),
            ("a.tar", "9.1"),
        ] {
            for by in ["2.0", "3.4", "4.0", "5.4", "6.4", "7.0", "8.0", "9.0", "9.1", "10.0"] {
                assert_eq!(listed(file, by), release(by) >= release(from), "{file} {by}");
            }
        }
        assert_eq!(
            why_invisible("a.tgz", release("3.4")).unwrap(),
            Invisible {
                why: "is not listed by Proxmox VE 3.4, which lists files that end in .tar.gz".into(),
                suggestion: Some("a.tar.gz".into())
            }
        );
        assert_eq!(why_invisible("a.txz", release("3.4")).unwrap().suggestion, None);
    }

    #[test]
    fn a_name_of_plain_parts_is_good() {
        for version in ["6.0-20111026", "6.0-{yyyyMMdd}", "{digest}", "6.0+b~1"] {
            assert!(said(&output(version)).is_empty(), "{version}: {:?}", said(&output(version)));
        }
        assert_eq!(
            file_name(&output("6.0-{yyyyMMdd}"), "tar.gz"),
            "scientific-6-standard_6.0-{yyyyMMdd}_i386.tar.gz"
        );
        assert!(is_numbered("6.0-{yyyyMMdd}") && is_numbered("{digest}") && !is_numbered("6.0"));
    }

    #[test]
    fn what_is_wrong_with_a_part_is_said_of_that_part() {
        let change = |change: fn(&mut Output)| {
            let mut output = output("6.0");
            change(&mut output);
            said(&output).join("; ")
        };
        for (said, expected) in [
            (
                change(|o| o.distribution = "Sabayon".into()),
                "openvz.output.distribution: distributions are written in lower case (distribution: sabayon)",
            ),
            (change(|o| o.release = "5_4".into()), "openvz.output.release: `_` separates"),
            (change(|o| o.flavor = "a_b".into()), "openvz.output.flavor: `_` separates"),
            (
                change(|o| o.version = "6.0-{day}".into()),
                "openvz.output.version: what stands in braces is not known (known are {yyyyMMdd}",
            ),
            (change(|o| o.version = "../x".into()), "openvz.output.version: \"../x\" has characters"),
            (
                change(|o| o.arch = "x86_64".into()),
                "openvz.output.arch: x86_64 is called amd64 in the names of templates (arch: amd64)",
            ),
            (
                change(|o| o.arch = "arm64".into()),
                "openvz.output: scientific-6-standard_6.0_arm64.tar.gz is not listed by Proxmox VE 1.7",
            ),
            (
                change(|o| o.listed_by = Some("lenny".into())),
                "openvz.output.listedBy: \"lenny\" is no release",
            ),
            (change(|o| o.flavor = String::new()), "openvz.output.flavor: a part of the name is empty"),
            (change(|o| o.flavor = "x".repeat(200)), "openvz.output.version: the name is longer"),
        ] {
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
