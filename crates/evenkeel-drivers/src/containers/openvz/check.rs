//! Problems of a spec that can be seen without the host.

use std::net::IpAddr;

use evenkeel_core::driver::Finding;

use super::ENDING;
use super::spec::{Build, OpenvzSettings};
use crate::containers::host::matches;
use crate::containers::host::nearest;
use crate::containers::{check, name};
use crate::openvz_host::keys;
use crate::openvz_host::limits::Limits;

/// Containers below are the host's own.
const FIRST_ID: u32 = 101;

/// Problems of a spec.
pub(super) fn check(spec: &OpenvzSettings) -> Vec<Finding> {
    let mut findings = name::check(&spec.output, ENDING.trim_start_matches('.'), &["openvz", "output"]);
    findings.extend(base(spec));
    findings.extend(build(&spec.build));
    if let Some(config) = &spec.distribution_config {
        findings.extend(distribution(config));
    }
    findings.extend(check::provision(
        (&spec.provision, spec.cleanup),
        check::LARGEST_RECIPE,
        &["openvz", "provision"],
    ));
    findings.extend(check::versions(&spec.output.version, spec.refresh.as_ref(), spec.keep, &["openvz"]));
    findings.extend(check::publish(&spec.publish, &["openvz", "publish"]));
    if let Some(folder) = &spec.template_dir
        && (!folder.starts_with('/')
            || folder.contains(['\n', '\r', '\0'])
            || folder.split('/').any(|part| part == ".."))
    {
        let message = format!("{folder:?} is no folder from `/` on");
        findings.push(
            Finding::error(["openvz", "templateDir"], message)
                .hint("templateDir: /var/lib/vz/template/cache"),
        );
    }
    findings
}

fn base(spec: &OpenvzSettings) -> Option<Finding> {
    let base = &spec.base;
    let error = |message: String| Finding::error(["openvz", "base"], message);
    let endings = [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz"];
    if let Some(stem) = endings.iter().find_map(|ending| base.strip_suffix(ending)) {
        return Some(
            error("vzctl names templates without their ending".to_owned()).hint(format!("base: {stem}")),
        );
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    if base.is_empty() || base.starts_with(['-', '.']) || !base.chars().all(is_plain) {
        return Some(
            error(format!("{base:?} is no name of a template")).hint("base: scientific-6-standard_6.0_i386"),
        );
    }
    let is_own = matches(&name::name(&spec.output), base);
    is_own.then(|| {
        error("a template is not made of itself".to_owned())
            .hint("give `output.version` another value than the base has")
    })
}

fn build(build: &Build) -> Vec<Finding> {
    let at = |path: &[&str]| -> Vec<String> {
        ["openvz", "build"].iter().chain(path).map(|key| (*key).to_owned()).collect()
    };
    let mut findings = Vec::new();
    if build.ctid < FIRST_ID {
        let message = format!("ids up to {} are the host's own", FIRST_ID - 1);
        findings
            .push(Finding::error(at(&["ctid"]), message).hint("ctid: 555, or another that no container has"));
    }
    for (field, words) in [("address", &build.address), ("nameserver", &build.nameserver)] {
        for word in words.all() {
            let (address, prefix) = word.split_once('/').map_or((word.as_str(), None), |(a, p)| (a, Some(p)));
            let has_prefix = prefix.is_none_or(|prefix| {
                field == "address" && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
            });
            if address.parse::<IpAddr>().is_err() || !has_prefix {
                findings.push(
                    Finding::error(at(&[field]), format!("{word:?} is no address"))
                        .hint(format!("{field}: 192.168.35.240")),
                );
            }
        }
    }
    if build.address.all().is_empty() && !build.nameserver.all().is_empty() {
        let message =
            "without an address the scratch container has no network, and a name server is of no use";
        findings
            .push(Finding::error(at(&["nameserver"]), message).hint("write an `address`, or leave it out"));
    }
    let limits = &build.limits;
    let disk = [("diskspace", &limits.diskspace), ("diskinodes", &limits.diskinodes)];
    for (field, value) in disk.into_iter().filter_map(|(field, value)| Some((field, value.as_ref()?))) {
        findings.extend(limit(field, value, at(&["limits", field])));
    }
    for (counter, value) in &limits.ubc {
        findings.extend(limit(counter, value, at(&["limits", "ubc", counter])));
    }
    findings
}

fn distribution(config: &str) -> Option<Finding> {
    let error = |message: String| Finding::error(["openvz", "distributionConfig"], message);
    if let Some(stem) = config.strip_suffix(".conf") {
        return Some(
            error("it is named without `.conf`".to_owned()).hint(format!("distributionConfig: {stem}")),
        );
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    let is_name = !config.is_empty() && !config.starts_with(['-', '.']) && config.chars().all(is_plain);
    (!is_name)
        .then(|| error(format!("{config:?} is no file of /etc/vz/dists")).hint("distributionConfig: gentoo"))
}

/// Problems of the limit of something, by its option of vzctl.
fn limit(option: &str, value: &str, at: Vec<String>) -> Option<Finding> {
    let is_lower = !option.chars().any(|c| c.is_ascii_uppercase());
    let Some(unit) = keys::unit(&option.to_ascii_uppercase()).filter(|_| is_lower) else {
        let known = keys::known().filter(|key| keys::unit(key).is_some()).map(str::to_ascii_lowercase);
        let known: Vec<String> = known.collect();
        let near = nearest(&option.to_ascii_lowercase(), known.iter().map(String::as_str));
        let message = format!("{option:?} is no user beancounter");
        return Some(
            Finding::error(at, message).hint_if_any(near.map(|near| format!("did you mean `{near}`?"))),
        );
    };
    let wrong = Limits::read(value, unit).err()?;
    Some(Finding::error(at, format!("{value:?} {wrong}")).hint(unit.hint()))
}
