//! What is wrong with a spec, as far as can be seen without the vCenter.

use std::collections::BTreeSet;

use evenkeel_core::driver::Finding;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::spec::{VmCloneScheduleSpec, last_part};
use crate::vsphere::name::{LONGEST, escaped};

/// A number that clones may have in the end, for the length of their names.
const LARGE_NUMBER: u32 = 99;

pub(super) fn check(spec: &VmCloneScheduleSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut within = |path: &[&str], inner: Vec<Finding>| {
        findings.extend(inner.into_iter().map(|finding| Finding {
            path: path.iter().map(|key| (*key).to_owned()).chain(finding.path).collect(),
            ..finding
        }));
    };
    within(&["schedule"], spec.schedule.check());
    within(&["schedule"], zone(spec));
    within(&["retention"], spec.retention.check());
    within(&["vmClone"], vms(spec));
    within(&["vmClone"], places(spec));
    within(&["vmClone"], names(spec));
    within(&["vmClone"], numbers(spec));
    findings
}

fn zone(spec: &VmCloneScheduleSpec) -> Vec<Finding> {
    if spec.schedule.time_zone.is_some() {
        return Vec::new();
    }
    let message = "a vCenter does not say in which time zone it is, so that the schedule has to";
    vec![Finding::error(["timeZone"], message).hint("write `timeZone`, for instance `timeZone: Asia/Tokyo`")]
}

fn vms(spec: &VmCloneScheduleSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let entries = &spec.vm_clone.vms;
    if entries.is_empty() {
        let finding = Finding::error(["vms"], "no virtual machine would ever be cloned");
        findings.push(finding.hint("name some: `vms: [avocado2, papaya3]`"));
    }
    let (mut seen, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (nth, entry) in entries.iter().enumerate() {
        let path = ["vms".to_owned(), nth.to_string()];
        if last_part(entry).trim().is_empty() {
            let finding = Finding::error(path, format!("`{entry}` names no virtual machine"));
            findings.push(finding.hint("write its name, or its path as in `/DC0/vm/avocado2`"));
        } else if !seen.insert(escaped(entry)) {
            findings.push(Finding::error(path, format!("`{entry}` is named twice")));
        } else if !names.insert(escaped(last_part(entry))) {
            let message =
                format!("the clones of `{entry}` would have the same names as those of another one");
            let finding = Finding::error(path, message);
            findings.push(finding.hint("put it into a schedule of its own, with another `folder` or `name`"));
        }
    }
    findings
}

fn places(spec: &VmCloneScheduleSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if last_part(&spec.vm_clone.datastore).trim().is_empty() {
        let finding = Finding::error(["datastore"], "it says nowhere which datastore the clones are put on");
        findings.push(finding.hint("write its name: `datastore: NFS_durian`"));
    }
    let is_bad = |part: &str| part.trim().is_empty() || part == "." || part == "..";
    if spec.folder().any(is_bad) {
        let message = format!("`{}` is no path of a folder", spec.vm_clone.folder);
        let hint = "write the folder below that of the datacenter's virtual machines: `folder: backup`";
        findings.push(Finding::error(["folder"], message).hint(hint));
    }
    findings
}

fn names(spec: &VmCloneScheduleSpec) -> Vec<Finding> {
    let pattern = match spec.pattern() {
        Ok(pattern) => pattern,
        Err((message, hint)) => return vec![Finding::error(["name"], message).hint(hint)],
    };
    let slot = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let length = |entry: &String| pattern.name(last_part(entry), LARGE_NUMBER, &slot).chars().count();
    let too_long = spec.vm_clone.vms.iter().map(|entry| (length(entry), entry));
    let too_long = too_long.max_by_key(|(length, _)| *length).filter(|(length, _)| *length > LONGEST);
    let finding = too_long.map(|(length, entry)| {
        let message = format!(
            "the clones of `{}` would have names of {length} characters, {LONGEST} are allowed",
            last_part(entry)
        );
        Finding::error(["name"], message).hint("write a shorter `name`, such as `{vm}-{slot}`")
    });
    finding.into_iter().collect()
}

fn numbers(spec: &VmCloneScheduleSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if spec.vm_clone.concurrency == Some(0) {
        let finding = Finding::error(["concurrency"], "nothing would ever be cloned");
        findings.push(finding.hint("write 1 or more, or leave it out"));
    }
    if spec.reserve().is_none() {
        let written = spec.vm_clone.reserve.as_deref().unwrap_or_default();
        let finding = Finding::error(["reserve"], format!("`reserve: {written}` is no share of a datastore"));
        findings.push(finding.hint("write hundredths of it: `10%`"));
    }
    if spec.snapshot_name().trim().is_empty() {
        findings.push(Finding::error(["snapshotName"], "the snapshots would have no name"));
    }
    findings
}
