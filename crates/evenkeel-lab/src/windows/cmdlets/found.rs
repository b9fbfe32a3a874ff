//! How the cmdlets for adapters and what hangs on them find what is meant: by name, with wildcards, or all.

use super::super::machine::{Adapter, WindowsHost};
use super::super::shell::{Arguments, Parameter, Takes};
use super::super::value::{ErrorRecord, Value, is_name};
use super::{at, named, piped};

/// `-Name`
pub(super) const NAME: Parameter = at(0, "Name", Takes::Texts);
/// `-InterfaceDescription`
pub(super) const DESCRIPTION: Parameter = named("InterfaceDescription", Takes::Texts);
/// `-IncludeHidden`
pub(super) const HIDDEN: Parameter = named("IncludeHidden", Takes::Switch);
/// What `Get-NetAdapter` and its like send down the pipeline.
pub(super) const INPUT: Parameter = piped("InputObject");
/// `-NoRestart`
pub(super) const NO_RESTART: Parameter = named("NoRestart", Takes::Switch);

/// The adapters that the arguments name, in the host's order for each of them; all where none is named. `is_of` are those that the cmdlet's
/// class has instances of.
pub(super) fn adapters<'a>(
    host: &'a WindowsHost,
    arguments: &Arguments,
    cmdlet: &str,
    class: &str,
    is_of: impl Fn(&Adapter) -> bool,
) -> Result<Vec<&'a Adapter>, ErrorRecord> {
    let mut names = arguments.texts("Name");
    for input in arguments.get("InputObject").map(Value::items).unwrap_or_default() {
        names.push(input.get("Name").unwrap_or(Value::Null).to_text());
    }
    let descriptions = arguments.texts("InterfaceDescription");
    let all = || host.seen_adapters().filter(|adapter| is_of(adapter));
    if names.is_empty() && descriptions.is_empty() && arguments.get("InputObject").is_none() {
        return Ok(all().collect());
    }
    let mut found: Vec<&Adapter> = Vec::new();
    for (property, patterns) in [("Name", names), ("InterfaceDescription", descriptions)] {
        for pattern in patterns {
            let text = |adapter: &'a Adapter| match property {
                "Name" => &adapter.name,
                _ => &adapter.description,
            };
            let fitting: Vec<&Adapter> = all().filter(|adapter| fits(&pattern, text(adapter))).collect();
            if fitting.is_empty() && !has_wildcards(&pattern) {
                return Err(not_found(cmdlet, class, property, &pattern));
            }
            found.extend(fitting);
        }
    }
    Ok(found)
}

/// What a cmdlet of a CIM class says of an object that is not there.
pub(super) fn not_found(cmdlet: &str, class: &str, property: &str, value: &str) -> ErrorRecord {
    ErrorRecord::of(
        cmdlet,
        "ObjectNotFound",
        value,
        format!("CmdletizationQuery_NotFound_{property}"),
        format!(
            "No {class} objects found with property '{property}' equal to '{value}'.  Verify the value of the property and retry."
        ),
    )
}

/// What Windows refuses with an error of its own. `id` is of the form `Windows System Error 87`.
pub(super) fn refused(cmdlet: &str, target: &str, id: &str, message: impl Into<String>) -> ErrorRecord {
    ErrorRecord::of(cmdlet, "InvalidArgument", target, id, message)
}

/// A pattern has wildcards (`about_Wildcards`).
pub(super) fn has_wildcards(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether a text fits a pattern with `*` and `?`, whatever the case. Ranges in brackets are not known: no script of ours has any, and names
/// of NICs may have brackets.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    if !has_wildcards(pattern) {
        return is_name(pattern, text);
    }
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    fits_chars(&pattern, &text)
}

fn fits_chars(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), None) => fits_chars(rest, text),
        (Some(('*', rest)), Some((_, later))) => fits_chars(rest, text) || fits_chars(pattern, later),
        (Some(('?', rest)), Some((_, later))) => fits_chars(rest, later),
        (Some((wanted, rest)), Some((there, later))) => wanted == there && fits_chars(rest, later),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_as_in_powershell() {
        assert!(fits("NIC*", "nic1"));
        assert!(fits("*Direct", "*NetworkDirect"));
        assert!(fits("イーサネット ?", "イーサネット 2"));
        assert!(fits("vEthernet (S2D1)", "vethernet (s2d1)"));
        assert!(!fits("NIC?", "NIC10"));
        assert!(!fits("*Direct", "*NetworkDirectTechnology"));
    }
}
