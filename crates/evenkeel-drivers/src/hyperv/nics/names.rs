//! What properties of NICs are called: names that people write, and the registry keywords of drivers.

use evenkeel_core::driver::ObserveError;

use super::spec::PropertyValue;
use crate::hyperv::ground::near;
use crate::hyperv::host::Property;
use crate::hyperv::way::same;

/// Names for what is set again and again, with their keywords.
pub(super) const ALIASES: [(&str, &str); 6] = [
    (ROCE_VERSION, TECHNOLOGY),
    ("jumbo", "*JumboPacket"),
    ("vlanId", "VLANID"),
    ("encapOverhead", "*EncapOverhead"),
    ("flowControl", "*FlowControl"),
    ("packetDirect", PACKET_DIRECT),
];
pub(super) const ROCE_VERSION: &str = "roceVersion";
/// 1 is iWARP, 2 InfiniBand, 3 `RoCE`, 4 `RoCE` v2.
pub(super) const TECHNOLOGY: &str = "*NetworkDirectTechnology";
pub(super) const PACKET_DIRECT: &str = "*PacketDirect";
/// What `rdma` sets.
pub(super) const NETWORK_DIRECT: &str = "*NetworkDirect";

/// What a switch with embedded teaming cannot live with. 0 is off in each of them.
pub(super) const INCOMPATIBLE: [&str; 7] = [
    "*SRIOV",
    "*RSS",
    "*RscIPv4",
    "*RscIPv6",
    "*IPsecOffloadV2",
    "*TCPConnectionOffloadIPv4",
    "*TCPConnectionOffloadIPv6",
];

/// The keyword that is meant by what is written.
pub(super) fn keyword(written: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == written).map_or(written, |(_, keyword)| keyword)
}

/// A property of one NIC, with the value that it shall have.
pub(super) struct Meant<'a> {
    pub(super) property: &'a Property,
    pub(super) value: String,
}

/// What is meant on the NIC `nic`, which has `properties`, by what is written.
pub(super) fn meant<'a>(
    nic: &str,
    properties: &[&'a Property],
    written: &str,
    value: &PropertyValue,
) -> Result<Meant<'a>, ObserveError> {
    let path = ["properties", written];
    let keyword = keyword(written);
    let has = |keyword: &str| properties.iter().copied().find(|one| same(&one.keyword, keyword));
    let (property, value) = match (written, has(keyword)) {
        (ROCE_VERSION, Some(property)) => (property, technology(value.as_str())),
        (ROCE_VERSION, None) => {
            let property = properties.iter().copied().find(|one| is_roce_mode(one));
            (property.ok_or_else(|| lacks(nic, properties, written))?, value.as_str())
        }
        (_, Some(property)) => (property, value.as_str()),
        (_, None) => return Err(lacks(nic, properties, written)),
    };
    let value = one_of(&property.valid, value).ok_or_else(|| {
        let message = format!("{nic} takes no `{}` for {}", value.escape_debug(), property.keyword);
        let display = property.display.as_deref().unwrap_or(&property.keyword);
        ObserveError::unfit(&path, message, format!("`{display}` takes: {}", property.valid.join(", ")))
    })?;
    let is_set = is_equal(&property.values.join(","), &value);
    if !is_set && let Some(other) = properties.iter().find(|other| is_caught(property, other)) {
        let message = format!(
            "`{}` on {nic} cannot be set alone: Windows takes it as a pattern, which fits `{}` as well",
            property.keyword, other.keyword
        );
        return Err(ObserveError::unfit(&path, message, "set it by hand, by its display name"));
    }
    Ok(Meant { property, value })
}

/// The number of a version of `RoCE`.
fn technology(version: &str) -> &str {
    match version {
        "1" => "3",
        "2" => "4",
        other => other,
    }
}

/// True for the property of old converged adapters that has the version of `RoCE`, whatever its keyword.
fn is_roce_mode(property: &Property) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(&property.keyword) == "rocemode"
        || property.display.as_deref().is_some_and(|d| letters(d) == "rocemode")
}

/// True where the pattern that `property`'s keyword is for Windows fits `other`, too: `*RSS` fits `VendorRSS`.
fn is_caught(property: &Property, other: &Property) -> bool {
    let Some(end) = property.keyword.strip_prefix('*') else { return false };
    !same(&property.keyword, &other.keyword) && other.keyword.to_lowercase().ends_with(&end.to_lowercase())
}

/// `value` as the driver writes it; `None` where it takes others only.
fn one_of(valid: &[String], value: &str) -> Option<String> {
    if valid.is_empty() {
        return Some(value.to_owned());
    }
    valid.iter().find(|one| is_equal(one, value)).cloned()
}

/// Registry values are texts, also where they are numbers.
pub(super) fn is_equal(left: &str, right: &str) -> bool {
    let numbers = || Some((left.parse::<u64>().ok()?, right.parse::<u64>().ok()?));
    left.eq_ignore_ascii_case(right) || numbers().is_some_and(|(left, right)| left == right)
}

fn lacks(nic: &str, properties: &[&Property], written: &str) -> ObserveError {
    let path = ["properties", written];
    let of_people = properties.iter().find(|one| one.display.as_deref().is_some_and(|d| same(d, written)));
    if let Some(property) = of_people {
        let message = format!("`{}` is what Windows shows, in its language", written.escape_debug());
        return ObserveError::unfit(&path, message, format!("write the keyword: `\"{}\"`", property.keyword));
    }
    let what = match keyword(written) {
        keyword if keyword == written => format!("`{}`", written.escape_debug()),
        keyword => format!("`{keyword}` (`{written}`)"),
    };
    let meant = near(written, properties.iter().map(|one| one.keyword.as_str()));
    let meant = meant.map(|near| format!(", did you mean `\"{near}\"`?")).unwrap_or_default();
    let hint = format!(
        "`Get-NetAdapterAdvancedProperty -Name '{nic}' | ft RegistryKeyword, ValidRegistryValues` shows what it has"
    );
    ObserveError::unfit(&path, format!("{nic} has no property {what}{meant}"), hint)
}
