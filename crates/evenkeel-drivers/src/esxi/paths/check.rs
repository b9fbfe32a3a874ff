//! What is wrong with a spec, as far as that shows without the host.

use std::collections::BTreeSet;

use evenkeel_core::driver::Finding;

use super::arrays::{FIXED, LOCAL, POLICIES, ROUND_ROBIN, meant_array_type, meant_policy, misfit};
use super::rules::RuleKey;
use super::spec::{Devices, EsxiPathPolicySpec, Latency, RoundRobin, Rule};
use crate::esxi::{Names, api};

/// What the host takes as `--iops`.
const IOPS: std::ops::RangeInclusive<u64> = 1..=10_000;

pub(super) fn check(spec: &EsxiPathPolicySpec) -> Vec<Finding> {
    let mut found = whole(spec);
    found.extend(api::check(spec.esxi_host.as_deref()));
    found.extend(spec.devices.as_ref().map(devices).unwrap_or_default());
    found.extend(policy(spec));
    found.extend(spec.round_robin.as_ref().map(limits).unwrap_or_default());
    found.extend(spec.rules.as_deref().map(rules).unwrap_or_default());
    found
}

/// Whether what is written makes sense together.
fn whole(spec: &EsxiPathPolicySpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut wrong = |path: &[&str], message: &str, hint: &str| {
        found.push(Finding::error(path.iter().copied(), message).hint(hint));
    };
    if spec.devices.is_none() && spec.rules.is_none() {
        wrong(&[], "says neither which disks nor which rules", "write `devices`, or `rules`, or both");
    }
    if spec.min_working_paths == 0 {
        wrong(
            &["minWorkingPaths"],
            "must be at least 1: a disk without a working path is never changed",
            "2 leaves one path where another fails",
        );
    }
    if spec.reset_to_default {
        let beside = [
            ("pathSelectionPolicy", spec.path_selection_policy.is_some()),
            ("roundRobin", spec.round_robin.is_some()),
            ("preferredPath", spec.preferred_path.is_some()),
            ("default", spec.default),
            ("rules", spec.rules.is_some()),
        ];
        for (field, _) in beside.into_iter().filter(|(_, written)| *written) {
            let message = format!("`{field}` stands beside `resetToDefault`, which gives everything back");
            wrong(&[field], &message, "take one of them away, or write two resources");
        }
        if spec.devices.is_none() {
            wrong(&["resetToDefault"], "says not of which disks", "write `devices`");
        }
        return found;
    }
    match (&spec.devices, &spec.path_selection_policy) {
        (None, Some(_)) => {
            wrong(
                &["pathSelectionPolicy"],
                "says not of which disks",
                "write `devices`, such as `devices: { satp: VMW_SATP_SVC }`",
            );
        }
        (Some(_), None) => wrong(
            &["devices"],
            "says which disks, but nothing says what of them",
            "write `pathSelectionPolicy` or `resetToDefault: true`; rules do without `devices`",
        ),
        _ => {}
    }
    let policy = spec.path_selection_policy.as_deref();
    if spec.round_robin.is_some() && policy != Some(ROUND_ROBIN) {
        let hint = "write `pathSelectionPolicy: VMW_PSP_RR`, or take `roundRobin` away";
        wrong(&["roundRobin"], "only VMW_PSP_RR goes from path to path", hint);
    }
    if spec.preferred_path.is_some() && policy != Some(FIXED) {
        let hint = "write `pathSelectionPolicy: VMW_PSP_FIXED`, or take `preferredPath` away";
        wrong(&["preferredPath"], "only VMW_PSP_FIXED prefers a path", hint);
    }
    if spec.default && policy.is_none() {
        wrong(&["default"], "says not which policy", "write `pathSelectionPolicy`");
    }
    if spec.default && spec.devices.as_ref().is_none_or(|devices| devices.satp.is_empty()) {
        wrong(
            &["default"],
            "a default belongs to an array type, and none is written",
            "write `devices.satp`",
        );
    }
    found
}

fn devices(devices: &Devices) -> Vec<Finding> {
    let mut found = Vec::new();
    let criteria = [&devices.satp, &devices.vendor, &devices.model, &devices.name_prefix];
    if criteria.iter().all(|names| names.is_empty()) && devices.ids.is_empty() {
        let hint = "write at least one of `satp`, `vendor`, `model`, `namePrefix` and `ids`";
        let message = "would take every disk of the host, whatever its array";
        found.push(Finding::error(["devices"], message).hint(hint));
    }
    if devices.satp.has(LOCAL) {
        let message = "local disks are only taken where they are named";
        found.push(Finding::error(["devices", "satp"], message).hint("write their ids in `devices.ids`"));
    }
    for satp in devices.satp.iter() {
        found.extend(array_type(&["devices", "satp"], satp));
    }
    for satp in devices.exclude.satp.iter() {
        found.extend(array_type(&["devices", "exclude", "satp"], satp));
    }
    let named: [(&[&str], &Names); 6] = [
        (&["devices", "vendor"], &devices.vendor),
        (&["devices", "model"], &devices.model),
        (&["devices", "namePrefix"], &devices.name_prefix),
        (&["devices", "exclude", "vendor"], &devices.exclude.vendor),
        (&["devices", "exclude", "model"], &devices.exclude.model),
        (&["devices", "exclude", "namePrefix"], &devices.exclude.name_prefix),
    ];
    for (path, names) in named {
        found.extend(names.iter().filter_map(|name| bad_line(path, name)));
    }
    found.extend(ids(&["devices", "ids"], &devices.ids));
    found.extend(ids(&["devices", "exclude", "ids"], &devices.exclude.ids));
    if let Some(id) = devices.ids.iter().find(|id| devices.exclude.ids.contains(id)) {
        let message = format!("{id} is in `devices.ids`, too; what is excluded is left alone");
        found.push(
            Finding::error(["devices", "exclude", "ids"], message).hint("take it away from one of them"),
        );
    }
    found
}

fn ids(path: &[&str], ids: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for id in ids {
        if id.is_empty() || id.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let message = format!("`{}` is no id of a disk", id.escape_debug());
            let hint = "ids are as `esxcli` prints them: naa.60050768018105e9d80000000000002d";
            found.push(Finding::error(path.iter().copied(), message).hint(hint));
        } else if !known.insert(id) {
            let message = format!("{id} is listed twice");
            found.push(Finding::error(path.iter().copied(), message).hint("write each id once"));
        }
    }
    found
}

fn policy(spec: &EsxiPathPolicySpec) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(policy) = &spec.path_selection_policy {
        found.extend(policy_name(&["pathSelectionPolicy"], policy));
        for satp in spec.devices.iter().flat_map(|devices| devices.satp.iter()).filter(|_| spec.default) {
            found.extend(misfit(policy, satp, None).map(|misfit| {
                let message = format!("{}: {}", misfit.of, misfit.says);
                Finding::warning(["default"], message).hint(misfit.acceptance())
            }));
        }
    }
    if let Some(path) = &spec.preferred_path
        && !is_path(path)
    {
        let message = format!("`{}` is no path, nor the beginning of one", path.escape_debug());
        let hint = "write a runtime name such as vmhba2:C0:T1:L11, or its first parts: vmhba2:C0:T1, vmhba2:C0, vmhba2";
        found.push(Finding::error(["preferredPath"], message).hint(hint));
    }
    found
}

/// True for `vmhba2:C0:T1:L11` and its beginnings by whole parts.
fn is_path(text: &str) -> bool {
    let mut parts = text.split(':');
    let numbered = |part: &str, letter: &str| {
        part.strip_prefix(letter).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let adapter = parts.next().is_some_and(|name| numbered(name, "vmhba"));
    let rest: Vec<&str> = parts.collect();
    adapter
        && rest.len() <= 3
        && rest.iter().zip(["C", "T", "L"]).all(|(part, letter)| numbered(part, letter))
}

fn limits(limits: &RoundRobin) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut wrong = |path: &[&str], message: &str, hint: &str| {
        let path = std::iter::once("roundRobin").chain(path.iter().copied());
        found.push(Finding::error(path, message).hint(hint));
    };
    let written =
        [limits.iops.is_some(), limits.bytes.is_some(), limits.latency.is_some()].into_iter().filter(|w| *w);
    match written.count() {
        1 => {}
        0 => wrong(&[], "says not when to go on", "write one of `iops`, `bytes` and `latency`"),
        _ => wrong(&[], "round robin goes on by one measure", "keep one of `iops`, `bytes` and `latency`"),
    }
    if limits.iops.is_some_and(|iops| !IOPS.contains(&iops)) {
        wrong(
            &["iops"],
            "hosts take 1 to 10000 operations",
            "1 goes on after each, 1000 is the hosts' default",
        );
    }
    if limits.bytes == Some(0) {
        wrong(&["bytes"], "must be at least 1", "10485760 is the hosts' default");
    }
    if let Some(Latency { sampling_ios, interval_milliseconds }) = limits.latency {
        if sampling_ios == 0 {
            wrong(&["latency", "samplingIos"], "must be at least 1", "16 is the hosts' default");
        }
        if interval_milliseconds == 0 {
            wrong(&["latency", "intervalMilliseconds"], "must be at least 1", "180000 is the hosts' default");
        }
    }
    found
}

fn rules(rules: &[Rule]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for (nth, rule) in rules.iter().enumerate() {
        let nth = nth.to_string();
        found.extend(self::rule(&nth, rule));
        if !known.insert(RuleKey::of(rule)) {
            let message = "another rule of this list matches exactly the same";
            let hint = "keep one of them; what it matches is what a rule is known by";
            found.push(Finding::error(["rules", &nth], message).hint(hint));
        }
    }
    found
}

fn rule(nth: &str, rule: &Rule) -> Vec<Finding> {
    let mut found = Vec::new();
    let matches = [&rule.vendor, &rule.model, &rule.transport, &rule.driver, &rule.claim_options];
    if matches.iter().all(|one| one.is_none()) {
        let message = "matches nothing by itself";
        let hint = "write at least one of `vendor`, `model`, `transport`, `driver` and `claimOptions`; for all disks of an array type write `default: true`";
        found.push(Finding::error(["rules", nth], message).hint(hint));
    }
    for (field, text) in [("driver", &rule.driver), ("transport", &rule.transport)] {
        if text.is_some() && (rule.vendor.is_some() || rule.model.is_some()) {
            let message =
                format!("hosts take a rule by {field}, or one by vendor and model, not both in one");
            found.push(Finding::error(["rules", nth, field], message).hint("write two rules"));
        }
    }
    let texts = [
        ("vendor", rule.vendor.as_ref()),
        ("model", rule.model.as_ref()),
        ("transport", rule.transport.as_ref()),
        ("driver", rule.driver.as_ref()),
        ("claimOptions", rule.claim_options.as_ref()),
        ("options", rule.options.as_ref()),
        ("pathSelectionOptions", rule.path_selection_options.as_ref()),
        ("description", rule.description.as_ref()),
    ];
    for (field, text) in texts {
        found.extend(text.and_then(|text| bad_text(&["rules", nth, field], text)));
    }
    found.extend(array_type(&["rules", nth, "satp"], &rule.satp));
    if let Some(policy) = &rule.path_selection_policy {
        found.extend(policy_name(&["rules", nth, "pathSelectionPolicy"], policy));
        found.extend(misfit(policy, &rule.satp, rule.vendor.as_deref()).map(|misfit| {
            let message = format!("{}: {}", misfit.of, misfit.says);
            Finding::warning(["rules", nth, "pathSelectionPolicy"], message).hint(misfit.acceptance())
        }));
    }
    found.extend(options(nth, rule));
    if let Some(meant) = rule.claim_options.as_deref().and_then(meant_claim_option) {
        let message = format!("there is no claim option of this name, did you mean `{meant}`?");
        found.push(
            Finding::error(["rules", nth, "claimOptions"], message)
                .hint("tpgs_on is for arrays with ALUA, tpgs_off for those without"),
        );
    }
    found
}

/// Whether a rule's policy takes its options. What other makers' policies take is not known.
fn options(nth: &str, rule: &Rule) -> Option<Finding> {
    let options = rule.path_selection_options.as_deref()?;
    let wrong = |message: String, hint: &str| {
        Some(Finding::error(["rules", nth, "pathSelectionOptions"], message).hint(hint))
    };
    match rule.path_selection_policy.as_deref()? {
        ROUND_ROBIN => {
            let bad = options.split([';', ',']).find(|option| !is_round_robin_option(option))?;
            let message = format!("`{}` is no option of VMW_PSP_RR", bad.escape_debug());
            wrong(message, "write numbers of at least 1: `iops=1`, `bytes=10485760`")
        }
        policy if POLICIES.contains(&policy) => {
            wrong(format!("{policy} takes no options"), "take `pathSelectionOptions` away")
        }
        _ => None,
    }
}

/// True for `iops=1`, `bytes=10485760`, `policy=latency` and other names with a number.
fn is_round_robin_option(option: &str) -> bool {
    let Some((name, value)) = option.split_once('=') else { return false };
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let is_zero = value.bytes().all(|b| b == b'0');
    match name {
        "policy" => ["rr", "iops", "bytes", "latency"].contains(&value),
        "iops" | "bytes" => is_number && !is_zero,
        _ => is_name && is_number,
    }
}

/// What was probably meant by a claim option that is nearly one of the two that are known. There are others.
fn meant_claim_option(text: &str) -> Option<&'static str> {
    let known = ["tpgs_on", "tpgs_off"];
    if known.contains(&text) {
        return None;
    }
    let near = known.map(|one| (strsim::osa_distance(&text.to_ascii_lowercase(), one), one));
    near.into_iter().filter(|(distance, _)| *distance <= 2).min().map(|(_, one)| one)
}

/// A text that no vendor or model is. Blanks in the middle are their own affair: `1814      FAStT`.
fn bad_line(path: &[&str], text: &str) -> Option<Finding> {
    let inner = text.split_whitespace().collect::<Vec<_>>().join(" ");
    bad_text(
        path,
        if text.trim() == text && !text.contains(|c: char| c.is_control()) { &inner } else { text },
    )
}

/// A text that the host's tables could not give back.
fn bad_text(path: &[&str], text: &str) -> Option<Finding> {
    let finding = |message: &str, hint: &str| Finding::error(path.iter().copied(), message).hint(hint);
    if text.is_empty() {
        return Some(finding("is empty", "leave the field out"));
    }
    let bad = text.trim() != text || text.contains(|c: char| c.is_control());
    let hint = "hosts print texts in tables, where such blanks are lost";
    bad.then(|| finding("must be one line, without blanks at its ends", hint))
}

/// A text that no policy or array type is called.
fn bad_name(path: &[&str], name: &str, what: &str) -> Option<Finding> {
    let is_name = !name.is_empty()
        && !name.starts_with('-')
        && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    (!is_name).then(|| {
        let message = format!("`{}` is no name of {what}", name.escape_debug());
        Finding::error(path.iter().copied(), message).hint("names are one word, as `esxcli` prints them")
    })
}

fn policy_name(path: &[&str], name: &str) -> Option<Finding> {
    if let Some(bad) = bad_name(path, name, "a policy") {
        return Some(bad);
    }
    let meant = meant_policy(name)?;
    let message = format!("there is no policy {name}, did you mean `{meant}`?");
    Some(
        Finding::error(path.iter().copied(), message)
            .hint("`esxcli storage nmp psp list` shows what a host knows"),
    )
}

fn array_type(path: &[&str], name: &str) -> Option<Finding> {
    if let Some(bad) = bad_name(path, name, "an array type") {
        return Some(bad);
    }
    let meant = meant_array_type(name)?;
    let message = format!("there is no array type {name}, did you mean `{meant}`?");
    Some(
        Finding::error(path.iter().copied(), message)
            .hint("`esxcli storage nmp satp list` shows what a host knows"),
    )
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn paths_and_their_beginnings() {
        for text in ["vmhba2", "vmhba33:C0", "vmhba2:C0:T1", "vmhba2:C0:T10:L255"] {
            assert!(is_path(text), "{text}");
        }
        for text in ["", "vmhba", "vmhba2:", "vmhba2:T1", "vmhba2:C0:T1:L11:X", "naa.6005", "vmhba2:C0:T1:L"]
        {
            assert!(!is_path(text), "{text}");
        }
    }
}
