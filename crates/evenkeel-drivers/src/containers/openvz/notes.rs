//! What can be foreseen of a build, and of the containers that are made from a template.

use evenkeel_core::driver::{Health, Report};

use super::host::Host;
use super::observe::Known;
use super::spec::{Limits, OpenvzSettings};
use crate::containers::host::nearest;
use crate::containers::name;
use crate::openvz_host::keys::{REQUIRED, REQUIRED_BY_VSWAP};

/// Distributions that were made from others, which vzctl knows.
const KIN: [(&str, &str); 11] = [
    ("sabayon", "gentoo"),
    ("funtoo", "gentoo"),
    ("calculate", "gentoo"),
    ("scientific", "redhat"),
    ("rocky", "centos"),
    ("almalinux", "centos"),
    ("oracle", "centos"),
    ("mint", "ubuntu"),
    ("devuan", "debian"),
    ("kali", "debian"),
    ("manjaro", "arch"),
];

/// Adds it.
pub(super) fn add(report: &mut Report, spec: &OpenvzSettings, known: &Known) {
    report.notes.extend(quota(&spec.build.limits, &known.host));
    report.notes.extend(counters(&spec.build.limits, &known.host));
    let distribution = distribution(spec, &known.host);
    // Of what is not good a plan shows only the first.
    report.notes.extend((!distribution.good).then(|| distribution.message.clone()));
    report.health.push(distribution);
    let release = spec
        .output
        .listed_by
        .as_deref()
        .or(known.folders.look.proxmox.as_deref())
        .and_then(name::Release::parse);
    let file = format!("{}{}", name::name(&spec.output), super::ENDING).replace(['{', '}'], "");
    if let Some(invisible) = release.and_then(|release| name::why_invisible(&file, release)) {
        report.health.push(Health::bad("Listed", "Invisible", format!("{file} {}", invisible.why)));
    }
}

/// `Not enough parameters, diskspace quota not set`
fn quota(limits: &Limits, host: &Host) -> Option<String> {
    let lacks = |key: &str, own: &Option<String>| own.is_none() && !host.set.contains(key);
    let missing: Vec<&str> = [("DISKSPACE", &limits.diskspace), ("DISKINODES", &limits.diskinodes)]
        .into_iter()
        .filter(|(key, own)| lacks(key, own))
        .map(|(key, _)| key)
        .collect();
    (host.has_quota && !missing.is_empty()).then(|| {
        format!(
            "vzctl create will fail (\"Not enough parameters, diskspace quota not set\"), for nothing gives a container {}: \
             write it into vz.conf by a resource of kind OpenvzHost (vzConf: DISKSPACE: \"20G:22G\", DISKINODES: \
             \"4000000:4400000\"), or into `build.limits`",
            missing.join(" and ")
        )
    })
}

/// `required UB parameter kmemsize not set`
fn counters(limits: &Limits, host: &Host) -> Option<String> {
    let of_build = |key: &str| limits.ubc.get(&key.to_ascii_lowercase());
    let has = |key: &str| of_build(key).is_some() || host.set.contains(key);
    // Where memory and swap are limited, a kernel that knows vswap wants no others.
    let is_vswap = host.has_vswap && REQUIRED_BY_VSWAP.iter().all(|key| has(key));
    if !host.has_quota || is_vswap {
        return None;
    }
    let missing: Vec<String> =
        REQUIRED.iter().filter(|key| !has(key)).map(|key| key.to_ascii_lowercase()).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "vzctl start may fail (\"required UB parameter {} not set\"), for neither the host's sample of a container's settings \
             nor `build.limits.ubc` gives {}: write them into `build.limits.ubc`",
            missing.first().map_or("", String::as_str),
            missing.join(", ")
        )
    })
}

/// Whether vzctl knows how to set up what is made from the template.
fn distribution(spec: &OpenvzSettings, host: &Host) -> Health {
    let about = "Distribution";
    let output = name::name(&spec.output);
    if let Some(config) = &spec.distribution_config {
        return Health::good(about, "Known", format!("containers are set up by {config}.conf"));
    }
    if let Some(known) = host.distribution_of(&output) {
        return Health::good(about, "Known", format!("containers are set up by {known}.conf"));
    }
    let kin = KIN.iter().find(|(name, _)| *name == spec.output.distribution).map(|(_, kin)| *kin);
    let there = host.dists.keys().map(String::as_str);
    let candidate =
        kin.filter(|kin| host.dists.contains_key(*kin)).or_else(|| nearest(&spec.output.distribution, there));
    let remedy = if let Some(name) = candidate {
        format!("`distributionConfig: {name}` would link it to one that is there")
    } else {
        let names: Vec<&str> = host.dists.keys().map(String::as_str).collect();
        format!("write one of these into `distributionConfig`: {}", names.join(", "))
    };
    let message = format!(
        "no file of /etc/vz/dists is for {output}, so that containers of it would be set up by /etc/vz/dists/default, and may start without \
         a network: {remedy}"
    );
    Health::bad(about, "Default", message)
}
