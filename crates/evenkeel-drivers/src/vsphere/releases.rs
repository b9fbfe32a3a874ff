//! The release that a build of ESXi or vCenter is of, from `releases.csv`; `releases.md` says where that is from.

use std::fmt;
use std::str::FromStr as _;

use jiff::civil::Date;

const TABLE: &str = include_str!("releases.csv");

/// Whose build it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// ESX or ESXi.
    Host,
    /// The vCenter appliance.
    VCenter,
}

/// A release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Of what.
    pub product: Product,
    /// `7.0.3`, as the API tells it.
    pub version: &'static str,
    /// `20036589`
    pub build: u32,
    /// `7.0 Update 3f`
    pub name: &'static str,
    /// The day of the release.
    pub date: Option<Date>,
}

/// What is known of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is this release.
    Exactly(Release),
    /// It is none that is known, and later than this one, the last known one before it of the same version.
    NewerThan(Release),
}

impl Known {
    /// The release that it is.
    pub fn exactly(&self) -> Option<&Release> {
        match self {
            Known::Exactly(release) => Some(release),
            Known::NewerThan(_) => None,
        }
    }
}

/// `7.0 Update 3f`, or `newer than 7.0 Update 3f`.
impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Known::Exactly(release) => f.write_str(release.name),
            Known::NewerThan(release) => write!(f, "newer than {}", release.name),
        }
    }
}

/// What is known of a build, by the version and the build as the API tells them: `7.0.3`, `20036589`. `None` where
/// nothing is: then a person is told the version and the build.
pub fn lookup(product: Product, version: &str, build: &str) -> Option<Known> {
    let build: u32 = build.parse().ok()?;
    let mut before: Option<Release> = None;
    for release in releases().filter(|release| release.product == product) {
        if release.build == build {
            return Some(Known::Exactly(release));
        }
        let is_nearer = before.is_none_or(|known| known.build < release.build);
        if release.version == version && release.build < build && is_nearer {
            before = Some(release);
        }
    }
    before.map(Known::NewerThan)
}

/// Every release that is known.
pub fn releases() -> impl Iterator<Item = Release> {
    TABLE.lines().skip(1).filter_map(release)
}

/// `host,7.0.3,20036589,7.0 Update 3f,2022-07-12`
fn release(line: &'static str) -> Option<Release> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let product = match next()? {
        "host" => Product::Host,
        "vcenter" => Product::VCenter,
        _ => return None,
    };
    let (version, build, name) = (next()?, next()?.parse().ok()?, next()?);
    let date = match next()? {
        "" => None,
        date => Some(Date::from_str(date).ok()?),
    };
    if next().is_some() {
        return None;
    }
    Some(Release { product, version, build, name, date })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::date;

    use super::{Known, Product, Release, TABLE, lookup, releases};

    /// `7.0.3` as numbers.
    fn numbers(release: &Release) -> Vec<u32> {
        release.version.split('.').map(|part| part.parse().unwrap()).collect()
    }

    #[test]
    fn every_line_is_a_release() {
        let mut lines = TABLE.lines();
        assert_eq!(lines.next(), Some("product,version,build,name,date"));
        assert_eq!(releases().count(), lines.count());
        assert!(TABLE.ends_with('\n') && !TABLE.contains('\r'));
        for release in releases() {
            assert_eq!(numbers(&release).len(), 3, "{release:?}");
            let of = &release.version[..3];
            assert!(release.name.starts_with(of) && release.name.trim() == release.name, "{release:?}");
            let days = date(2009, 5, 21)..=date(2026, 7, 29);
            assert!(release.date.is_none_or(|day| days.contains(&day)), "{release:?}");
        }
    }

    #[test]
    fn no_build_is_there_twice_and_they_are_sorted() {
        let builds: BTreeSet<_> = releases().map(|release| (release.product, release.build)).collect();
        assert_eq!(builds.len(), releases().count());
        let places: Vec<_> =
            releases().map(|release| (release.product, numbers(&release), release.build)).collect();
        assert!(places.is_sorted());
    }

    /// A slip in a number or a day shows here.
    #[test]
    fn within_a_version_builds_rise_with_the_days_but_for_those_that_are_known() {
        let mut falls = Vec::new();
        let mut last: Option<Release> = None;
        for release in releases().filter(|release| release.date.is_some()) {
            let of = (release.product, release.version);
            match last {
                Some(before) if (before.product, before.version) == of && before.date > release.date => {
                    falls.push((release.product, release.build, release.name));
                }
                _ => last = Some(release),
            }
        }
        let known = [
            (Product::VCenter, 2_063_318, "5.5 Update 2"),
            (Product::VCenter, 7_070_488, "6.5 GA"),
            (Product::VCenter, 7_092_136, "6.5.0a"),
        ];
        assert_eq!(falls, known);
    }

    #[test]
    fn builds_are_told_by_name_and_day() {
        for (product, version, build, name, day) in [
            (Product::Host, "4.0.0", "164009", "4.0 GA", Some(date(2009, 5, 21))),
            (Product::Host, "4.1.0", "348481", "4.1 Update 1", None),
            (Product::Host, "5.0.0", "469512", "5.0 GA", Some(date(2011, 8, 24))),
            (Product::Host, "6.5.0", "5969303", "6.5 Update 1", Some(date(2017, 7, 27))),
            (Product::Host, "6.7.0", "20497097", "6.7 P08", Some(date(2022, 10, 6))),
            (Product::Host, "7.0.3", "22348808", "7.0 Update 3o (security only)", None),
            (Product::Host, "8.0.3", "24674464", "8.0 Update 3e", Some(date(2025, 4, 10))),
            (Product::VCenter, "6.5.0", "5973321", "6.5 Update 1", Some(date(2017, 7, 27))),
            (Product::VCenter, "6.5.0", "4602587", "6.5 GA", Some(date(2016, 11, 15))),
            (Product::VCenter, "6.5.0", "7070488", "6.5 GA", Some(date(2016, 11, 15))),
            (Product::VCenter, "8.0.2", "22617221", "8.0 Update 2a", Some(date(2023, 10, 26))),
        ] {
            let known = lookup(product, version, build).unwrap();
            let release = known.exactly().unwrap();
            assert_eq!((release.version, release.name, release.date), (version, name, day));
            assert_eq!(known.to_string(), name);
        }
        for release in releases() {
            let build = release.build.to_string();
            assert_eq!(lookup(release.product, release.version, &build), Some(Known::Exactly(release)));
        }
    }

    #[test]
    fn of_an_unknown_build_the_last_known_one_before_it_is_told() {
        let told = |product, version, build| lookup(product, version, build).map(|known| known.to_string());
        let newer = |name: &str| Some(format!("newer than {name}"));
        assert_eq!(told(Product::Host, "7.0.3", "99999999"), newer("7.0 Update 3w"));
        assert_eq!(told(Product::Host, "7.0.3", "24585292"), newer("7.0 Update 3s"));
        assert_eq!(told(Product::VCenter, "6.7.0", "14368061"), newer("6.7 Update 2c"), "Windows");
        // Not of another version, nor of the other product.
        assert_eq!(told(Product::Host, "7.0.3", "18644230"), None);
        assert_eq!(told(Product::Host, "3.5.0", "153875"), None);
        assert_eq!(told(Product::Host, "10.0.0", "99999999"), None);
        assert_eq!(told(Product::VCenter, "6.5.0", "5969303"), newer("6.5.0e"));
        assert_eq!(told(Product::Host, "7.0.3", ""), None);
        assert_eq!(told(Product::Host, "7.0.3", "build-1"), None);
    }
}
