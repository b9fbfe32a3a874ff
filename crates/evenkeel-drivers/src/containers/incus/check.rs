//! Problems of the spec that can be seen without the server.

use std::net::Ipv4Addr;

use evenkeel_core::driver::Finding;

use super::super::check;
use super::spec::IncusTemplate;
use super::world::RESERVED;

/// An alias with its version is not longer.
const LONGEST: usize = 200;
/// Bytes of a recipe as JSON. Every instance that is started from an image carries its record twice, and all of them are told in
/// one answer.
const LARGEST_RECIPE: usize = 32 * 1024;
/// Names of instances are host names.
const LONGEST_NAME: usize = 63;
/// What stands in braces in a version.
const TOKENS: [&str; 2] = ["{yyyyMMdd}", "{digest}"];

pub(super) fn check(spec: &IncusTemplate) -> Vec<Finding> {
    let mut all = check::provision((&spec.provision, spec.cleanup), LARGEST_RECIPE, &["incus", "provision"]);
    let version = &spec.output.version;
    all.extend(check::versions(version, spec.refresh.as_ref(), spec.keep, &["incus"]));
    all.extend(output(spec));
    all.extend(build(spec));
    let own = spec.base == spec.output.alias || spec.base.starts_with(&format!("{}/", spec.output.alias));
    if own || spec.base.trim().is_empty() {
        let why = "it is made of another image: an alias, or the first digits of a fingerprint";
        all.push(Finding::error(["incus", "base"], why).hint("base: debian/12"));
    }
    all
}

/// Letters, digits and what Incus's own servers have in aliases.
fn is_plain(text: &str) -> bool {
    let is_one = |part: &str| !part.is_empty() && !part.starts_with('.');
    text.split('/').all(is_one) && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+~/".contains(c))
}

fn output(spec: &IncusTemplate) -> Vec<Finding> {
    let output = &spec.output;
    let mut all = Vec::new();
    if !is_plain(&output.alias) || output.alias.contains(RESERVED) {
        let why = format!("{:?} is no alias for a template", output.alias);
        all.push(Finding::error(["incus", "output", "alias"], why).hint("alias: debian-12-web"));
    }
    let bare = TOKENS.iter().fold(output.version.clone(), |text, token| text.replace(token, "0"));
    let path = ["incus", "output", "version"];
    if bare.contains(['{', '}']) {
        let known = TOKENS.join(" and ");
        let why = format!("what stands in braces is not known (known are {known})");
        all.push(Finding::error(path, why));
    } else if !is_plain(&bare) || bare.contains('/') || bare.starts_with(RESERVED) {
        let why = format!("{:?} is no name of a version", output.version);
        all.push(Finding::error(path, why).hint("version: \"{yyyyMMdd}\""));
    }
    if output.alias.len() + output.version.len() > LONGEST {
        all.push(Finding::error(path, format!("alias and version have more than {LONGEST} characters")));
    }
    let told = [
        ("distribution", &output.distribution),
        ("release", &output.release),
        ("description", &output.description),
    ];
    for (name, value) in told {
        if value.as_ref().is_some_and(|value| value.trim().is_empty() || value.chars().any(char::is_control))
        {
            all.push(Finding::error(["incus", "output", name], "it is one line of text"));
        }
    }
    all
}

fn build(spec: &IncusTemplate) -> Vec<Finding> {
    let build = &spec.build;
    let at = |name: &'static str| ["incus", "build", name];
    let mut all = Vec::new();
    let name = spec.scratch();
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_digit = |c: char| c.is_ascii_digit();
    let is_odd = name.starts_with(is_digit) || name.starts_with('-') || name.ends_with('-');
    if name.is_empty() || name.len() > LONGEST_NAME || is_odd || !name.chars().all(is_host) {
        let why =
            format!("{name:?} is no name of an instance: up to {LONGEST_NAME} letters, digits and hyphens");
        all.push(Finding::error(at("name"), why).hint("name: evenkeel-build-web"));
    }
    if build.address.is_some() && build.network.is_none() {
        let why = "an address needs a network";
        all.push(Finding::error(at("address"), why).hint("network: incusbr0"));
    }
    if build.address.as_ref().is_some_and(|address| address.parse::<Ipv4Addr>().is_err()) {
        all.push(Finding::error(at("address"), "it is no IPv4 address").hint("address: 10.0.0.9"));
    }
    for (name, path, value) in [
        ("size", vec!["incus", "build", "size"], &build.size),
        ("memory", vec!["incus", "build", "limits", "memory"], &build.limits.memory),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !is_size(value)) {
            let why = format!("{value:?} is no size");
            all.push(Finding::error(path, why).hint(format!("{name}: 4GiB")));
        }
    }
    if build.limits.cpu == Some(0) {
        let why = "a container without processors does nothing";
        all.push(Finding::error(["incus", "build", "limits", "cpu"], why).hint("cpu: 2"));
    }
    all
}

/// A size as Incus writes it: `512MiB`, `4GiB`, `2GB`.
fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let is_number =
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    is_number && ["kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_small_enough_for_every_instance_to_carry_it() {
        let with = |bytes: usize| {
            let spec = json!({
                "base": "debian/12",
                "output": { "alias": "web", "version": "{yyyyMMdd}" },
                "provision": { "files": [{ "path": "/f", "content": "x".repeat(bytes) }] },
            });
            let findings = check(&serde_json::from_value(spec).unwrap());
            findings.iter().map(|f| format!("{}: {}", f.path.join("."), f.message)).collect::<Vec<_>>()
        };
        assert_eq!(with(31 * 1024), [""; 0]);
        let why = "all of it has 33 KiB as JSON, and may have 32: it is part of the template's record";
        assert_eq!(with(32 * 1024), [format!("incus.provision: {why}")]);
    }
}
