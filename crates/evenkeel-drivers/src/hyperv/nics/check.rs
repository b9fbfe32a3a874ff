//! What is wrong with a spec, as far as that shows without the host.

use std::collections::BTreeMap;

use evenkeel_core::driver::Finding;

use super::names::{ALIASES, INCOMPATIBLE, NETWORK_DIRECT, ROCE_VERSION, keyword};
use super::spec::{NicSelector, NicSettingsSpec};
use crate::hyperv::ground::{check_adapters, check_confirm, near};

/// The sizes of Ethernet frames with their header.
const FRAMES: std::ops::RangeInclusive<u64> = 1514..=16_384;
/// What people mean by jumbo frames, without the header.
const JUMBO_PAYLOAD: &str = "9000";

pub(super) fn check(spec: &NicSettingsSpec) -> Vec<Finding> {
    let mut found = which(spec);
    found.extend(whole(spec));
    found.extend(twice(spec));
    found.extend(spec.properties.iter().filter_map(|(name, value)| property(name, value.as_str())));
    if let Some(direct) = &spec.network_direct
        && direct.enabled.is_none()
        && direct.across_subnets.is_none()
    {
        found.push(
            Finding::error(["networkDirect"], "says nothing")
                .hint("write `enabled`, `acrossSubnets`, or both"),
        );
    }
    found.extend(check_confirm(spec.confirm_within));
    found
}

/// Which NICs.
fn which(spec: &NicSettingsSpec) -> Vec<Finding> {
    let wants_nics = spec.rdma.is_some() || !spec.properties.is_empty() || spec.set_incompatible.is_some();
    match (&spec.adapters, &spec.selector) {
        (Some(adapters), None) => self::adapters(adapters),
        (None, Some(selector)) => self::selector(selector),
        (Some(_), Some(_)) => {
            let message = "stands beside `adapters`, which names the NICs";
            vec![Finding::error(["selector"], message).hint("keep one of the two")]
        }
        (None, None) if wants_nics => {
            let hint = "write `adapters: [NIC1, NIC2]`, or `selector: { uplinksOf: SETswitch }`";
            vec![Finding::error::<_, String>([], "says not which NICs").hint(hint)]
        }
        (None, None) => Vec::new(),
    }
}

fn adapters(adapters: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    if adapters.is_empty() {
        found.push(Finding::error(["adapters"], "names no NIC").hint("write at least one, or a `selector`"));
    }
    found.extend(check_adapters(adapters));
    found
}

fn selector(selector: &NicSelector) -> Vec<Finding> {
    let mut found = Vec::new();
    let texts = [("description", &selector.description), ("uplinksOf", &selector.uplinks_of)];
    if texts.iter().all(|(_, text)| text.is_none()) {
        let hint = "write `description: \"Mellanox ConnectX-5*\"`, `uplinksOf: SETswitch`, or both";
        found.push(Finding::error(["selector"], "would take every NIC of the host").hint(hint));
    }
    for (field, text) in texts {
        let Some(text) = text else { continue };
        if text.trim().is_empty() {
            found.push(Finding::error(["selector", field], "is empty").hint("leave the field out"));
        }
        if field == "description" && !text.is_empty() && text.chars().all(|c| c == '*') {
            let hint = "write the beginning of the description, such as `Mellanox ConnectX-5*`";
            found.push(Finding::error(["selector", field], "would take every NIC of the host").hint(hint));
        }
    }
    found
}

/// Whether anything is wanted.
fn whole(spec: &NicSettingsSpec) -> Option<Finding> {
    let wants_nics = spec.rdma.is_some() || !spec.properties.is_empty() || spec.set_incompatible.is_some();
    let names_nics = spec.adapters.is_some() || spec.selector.is_some();
    let hint = "write `properties`, `rdma` or `setIncompatible: off`";
    match (wants_nics, names_nics, spec.network_direct.is_some()) {
        (false, true, _) => {
            Some(Finding::error::<_, String>([], "says which NICs, but nothing says what of them").hint(hint))
        }
        (false, false, false) => Some(Finding::error::<_, String>([], "says nothing").hint(hint)),
        _ => None,
    }
}

/// What is written twice under different names.
fn twice(spec: &NicSettingsSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut by_keyword: BTreeMap<String, &str> = BTreeMap::new();
    for name in spec.properties.keys() {
        let keyword = keyword(name);
        let path = ["properties", name.as_str()];
        if let Some(other) = by_keyword.insert(keyword.to_lowercase(), name) {
            let message = format!("`{name}` is the same property as `{other}`");
            found.push(Finding::error(path, message).hint("keep one of the two"));
        }
        if spec.rdma.is_some() && keyword.eq_ignore_ascii_case(NETWORK_DIRECT) {
            let message = "is what `rdma` sets";
            found.push(Finding::error(path, message).hint("keep one of the two"));
        }
        let is_off = spec.set_incompatible.is_some()
            && INCOMPATIBLE.iter().any(|off| off.eq_ignore_ascii_case(keyword))
            && spec.properties.get(name).is_some_and(|value| value.as_str() != "0");
        if is_off {
            let message = "is something else than `setIncompatible: off` sets";
            found.push(Finding::error(path, message).hint("take one of the two away"));
        }
    }
    found
}

/// What is wrong with a property by itself.
pub(super) fn property(name: &str, value: &str) -> Option<Finding> {
    let wrong = |message: String, hint: &str| Some(Finding::error(["properties", name], message).hint(hint));
    if name.trim().is_empty() || name.trim() != name || name.chars().skip(1).any(|c| "*?[]".contains(c)) {
        let message = format!("`{}` is no registry keyword", name.escape_debug());
        return wrong(message, "keywords are words such as `\"*JumboPacket\"` or `VLANID`, without patterns");
    }
    let is_alias = ALIASES.iter().any(|(alias, _)| *alias == name);
    if !is_alias && let Some(alias) = near_alias(name) {
        return wrong(
            format!("there is no property `{name}`, did you mean `{alias}`?"),
            "other names are registry keywords",
        );
    }
    let word = value.to_ascii_lowercase();
    if ["true", "on", "yes", "enabled"].contains(&word.as_str()) {
        return wrong(format!("`{value}` is no registry value"), "write the number, usually 1");
    }
    if ["false", "off", "no", "disabled"].contains(&word.as_str()) {
        return wrong(format!("`{value}` is no registry value"), "write the number, usually 0");
    }
    if value.trim() != value || value.is_empty() || value.contains(|c: char| c.is_control()) {
        return wrong(
            format!("`{}` is no registry value", value.escape_debug()),
            "write a number or one word",
        );
    }
    let number = value.parse::<u64>().ok();
    let within = |range: std::ops::RangeInclusive<u64>| number.is_some_and(|number| range.contains(&number));
    match name {
        ROCE_VERSION if !within(1..=2) => {
            wrong(format!("there is no RoCE version `{value}`"), "write 1 or 2")
        }
        "vlanId" if !within(0..=4094) => {
            wrong(format!("`{value}` is no VLAN"), "write 1 to 4094, or 0 for none")
        }
        "jumbo" if !within(FRAMES) => wrong(
            format!("`{value}` is no size of a frame"),
            "write 1514 (no jumbo frames) or more, usually 9014",
        ),
        "jumbo" if value == JUMBO_PAYLOAD => {
            let message = "9000 is without the header, and drivers count it";
            Some(Finding::warning(["properties", name], message).hint("9014 is usual: 9000 bytes of payload"))
        }
        "packetDirect" if !within(0..=1) => {
            wrong(format!("`{value}` is neither 1 nor 0"), "write 1 (on) or 0 (off)")
        }
        _ => None,
    }
}

/// The alias that was probably meant. Keywords are not alike.
fn near_alias(name: &str) -> Option<&'static str> {
    if name.starts_with('*') || ALIASES.iter().any(|(_, keyword)| keyword.eq_ignore_ascii_case(name)) {
        return None;
    }
    let known = || ALIASES.iter().map(|(alias, _)| *alias);
    near(name, known())
}
