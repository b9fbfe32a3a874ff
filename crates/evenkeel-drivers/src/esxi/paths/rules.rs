//! Rules by which array types claim devices: what a rule is known by, what it gives, and whose it is.

use std::fmt;

use evenkeel_core::driver::Step;

use super::arrays::misfit;
use super::spec::Rule;
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::{ClaimRule, NmpDevice, ScsiDevice};

/// What the descriptions of our rules begin with.
const OURS: &str = "evenkeel/";
/// The group of the rules that a host was made with.
const SYSTEM: &str = "system";
/// The group of the rules that were added to it.
const USER: &str = "user";

/// What a rule is known by: its array type and all that it matches. `VMW_SATP_ALUA vendor=PURE model=FlashArray`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleKey {
    satp: String,
    /// Device, vendor, model, driver, transport, claim options; empty where they do not matter.
    matches: [String; 6],
}

/// How each of [`RuleKey::matches`] is called.
const NAMES: [&str; 6] = ["device", "vendor", "model", "driver", "transport", "claim"];

impl RuleKey {
    /// What a written rule is known by.
    pub(super) fn of(rule: &Rule) -> Self {
        RuleKey::seen(&claim_rule(rule, String::new()))
    }

    /// What a rule of the host is known by.
    pub(super) fn seen(rule: &ClaimRule) -> Self {
        let ClaimRule { satp, device, vendor, model, driver, transport, claim_options, .. } = rule;
        let matches = [device, vendor, model, driver, transport, claim_options].map(Clone::clone);
        RuleKey { satp: satp.clone(), matches }
    }
}

impl RuleKey {
    /// True where a rule may take the place of another: both name the same disk, vendor, model, driver or transport.
    pub(super) fn resembles(&self, other: &Self) -> bool {
        // Not the claim options: arrays of every maker share those.
        let both = self.matches.iter().zip(&other.matches).take(5);
        both.into_iter().any(|(one, other)| !one.is_empty() && one == other)
    }
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.satp)?;
        for (name, value) in NAMES.iter().zip(&self.matches).filter(|(_, value)| !value.is_empty()) {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

/// A written rule in the host's form.
fn claim_rule(rule: &Rule, description: String) -> ClaimRule {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    ClaimRule {
        satp: rule.satp.clone(),
        device: String::new(),
        vendor: text(&rule.vendor),
        model: text(&rule.model),
        driver: text(&rule.driver),
        transport: text(&rule.transport),
        options: text(&rule.options),
        group: String::new(),
        claim_options: text(&rule.claim_options),
        psp: text(&rule.path_selection_policy),
        psp_options: text(&rule.path_selection_options),
        description,
    }
}

/// What a rule gives to the devices that it claims, in one text: `VMW_PSP_RR iops=1; options=disable_ssd`.
fn gives(rule: &ClaimRule) -> String {
    let psp = if rule.psp.is_empty() { "the array type's default policy" } else { &rule.psp };
    // Hosts print quotes around values as they were given.
    let bare = |text: &str| text.replace(['\'', '"'], "");
    let mut text = psp.to_owned();
    if !rule.psp_options.is_empty() {
        text = format!("{text} {}", bare(&rule.psp_options));
    }
    if !rule.options.is_empty() {
        text = format!("{text}; options={}", bare(&rule.options));
    }
    text
}

/// What a written rule gives.
pub(super) fn wanted(rule: &Rule) -> String {
    gives(&claim_rule(rule, String::new()))
}

/// What a rule of the host gives.
pub(super) fn seen(rule: &ClaimRule) -> String {
    gives(rule)
}

/// The mark of a resource, which its rules' descriptions begin with: `evenkeel/OWNER/NAME`.
pub(super) fn mark(owner: &str, name: &str) -> String {
    format!("{OURS}{owner}/{name}")
}

/// True for a rule that Evenkeel added for the resource of this mark.
pub(super) fn carries(rule: &ClaimRule, mark: &str) -> bool {
    let behind = rule.description.strip_prefix(mark);
    rule.group != SYSTEM && behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
}

/// The rule of the host that decides for what matches like this: one that was added goes before one that the host was
/// made with. ESX 4 does not tell which is which: there one that is marked goes before others, and of others one that
/// gives what is wanted.
pub(super) fn in_effect<'a>(rules: &'a [ClaimRule], wanted: &Rule) -> Option<&'a ClaimRule> {
    let key = RuleKey::of(wanted);
    let rank = |rule: &&ClaimRule| {
        let was_added = rule.group == USER || (rule.group.is_empty() && rule.description.starts_with(OURS));
        let told_apart = !rule.group.is_empty();
        (!was_added, told_apart || gives(rule) != self::wanted(wanted))
    };
    rules.iter().filter(|rule| rule.satp == key.satp && RuleKey::seen(rule) == key).min_by_key(rank)
}

/// True where a rule may have claimed a device, as far as is known: what it wants of driver, transport and options is
/// not.
pub(super) fn may_claim(rule: &ClaimRule, device: &NmpDevice, told: Option<&ScsiDevice>) -> bool {
    let fits = |pattern: &str, text: Option<&str>| {
        let Some(text) = text else { return pattern.is_empty() };
        match (pattern.strip_prefix('^').unwrap_or(pattern), pattern) {
            (_, "") => true,
            (bare, _) => match bare.strip_suffix('*') {
                Some(beginning) => text.starts_with(beginning),
                None => text == bare,
            },
        }
    };
    rule.satp == device.satp
        && (rule.device.is_empty() || rule.device == device.id)
        && fits(&rule.vendor, told.map(|told| told.vendor.as_str()))
        && fits(&rule.model, told.map(|told| told.model.as_str()))
}

/// True for a rule that another person, or another resource, added. ESX 4 does not tell what was added: there only a mark
/// does.
fn is_of_others(rule: &ClaimRule, mark: &str) -> bool {
    let was_added = match rule.group.as_str() {
        "" => rule.description.starts_with(OURS),
        group => group == USER,
    };
    was_added && !carries(rule, mark)
}

/// Rules that match exactly what a written one does and give something else, on a host that does not tell who added
/// them. Those with a mark are known.
pub(super) fn unclear<'a>(rules: &'a [ClaimRule], wanted: &Rule) -> impl Iterator<Item = &'a ClaimRule> {
    let key = RuleKey::of(wanted);
    let gives_wanted = self::wanted(wanted);
    rules.iter().filter(move |rule| {
        rule.group.is_empty()
            && !rule.description.starts_with(OURS)
            && RuleKey::seen(rule) == key
            && gives(rule) != gives_wanted
    })
}

/// The steps that make a rule of the host as it is written. A rule cannot be edited: it is removed, with the options that
/// it was added with, and added again.
pub(super) fn put(dialect: Dialect, rules: &[ClaimRule], rule: &Rule, mark: &str) -> Vec<Step> {
    let description = match &rule.description {
        Some(words) => format!("{mark}: {words}"),
        None => mark.to_owned(),
    };
    let add = Step::new(dialect.add_rule(&claim_rule(rule, description)));
    let policy = rule.path_selection_policy.as_deref().unwrap_or_default();
    let add = match misfit(policy, &rule.satp, rule.vendor.as_deref()) {
        Some(misfit) => misfit.on(add),
        None => add,
    };
    let old = in_effect(rules, rule).filter(|old| is_of_others(old, mark));
    if let Some(old) = old {
        let whose = if old.description.starts_with(OURS) {
            format!("another resource's ({})", old.description)
        } else if old.description.is_empty() {
            "somebody else's, without a description".to_owned()
        } else {
            format!("somebody else's ({})", old.description)
        };
        return vec![add.held(format!(
            "the rule {} is there already, it is {whose}, and gives {}: remove it on the host, or take it out of the manifest",
            RuleKey::seen(old),
            gives(old)
        ))];
    }
    let key = RuleKey::of(rule);
    let ours = rules.iter().filter(|old| RuleKey::seen(old) == key && carries(old, mark));
    let (mut as_wanted, others): (Vec<&ClaimRule>, Vec<&ClaimRule>) =
        ours.partition(|old| gives(old) == wanted(rule));
    let stays = as_wanted.pop().is_some();
    let gone = others.into_iter().chain(as_wanted);
    let mut steps: Vec<Step> = gone.map(|old| Step::new(dialect.remove_rule(old))).collect();
    if !stays {
        steps.push(add);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pure(group: &str, psp_options: &str, description: &str) -> ClaimRule {
        ClaimRule {
            satp: "VMW_SATP_ALUA".into(),
            vendor: "PURE".into(),
            model: "FlashArray".into(),
            group: group.into(),
            psp: "VMW_PSP_RR".into(),
            psp_options: psp_options.into(),
            description: description.into(),
            ..ClaimRule::default()
        }
    }

    fn wanted_pure() -> Rule {
        Rule {
            satp: "VMW_SATP_ALUA".into(),
            vendor: Some("PURE".into()),
            model: Some("FlashArray".into()),
            path_selection_policy: Some("VMW_PSP_RR".into()),
            path_selection_options: Some("iops=1".into()),
            ..Rule::default()
        }
    }

    #[test]
    fn what_was_added_goes_before_what_was_there() {
        let rules = [pure("system", "iops=1", ""), pure("user", "iops=100", "")];
        assert_eq!(in_effect(&rules, &wanted_pure()), Some(&rules[1]));
        let old = [pure("", "iops=100", ""), pure("", "iops=1", "")];
        assert_eq!(in_effect(&old, &wanted_pure()), Some(&old[1]), "which of the two counts is not told");
        let old = [pure("", "iops=1", ""), pure("", "iops=100", "evenkeel/lab/pure")];
        assert_eq!(in_effect(&old, &wanted_pure()), Some(&old[1]));
        assert_eq!(in_effect(&[], &wanted_pure()), None);
    }

    #[test]
    fn a_mark_is_that_of_one_resource() {
        let mark = mark("lab", "pure");
        for (description, ours) in [
            ("evenkeel/lab/pure", true),
            ("evenkeel/lab/pure: Pure", true),
            ("evenkeel/lab/pure-2", false),
            ("evenkeel/lab/pur", false),
            ("evenkeel/other/pure", false),
            ("Pure", false),
        ] {
            assert_eq!(carries(&pure("user", "", description), &mark), ours, "{description}");
            assert!(!carries(&pure("system", "", description), &mark), "{description}");
        }
    }

    #[test]
    fn quotes_make_no_difference() {
        assert_eq!(seen(&pure("user", "iops='1'", "")), wanted(&wanted_pure()));
        assert_eq!(RuleKey::of(&wanted_pure()).to_string(), "VMW_SATP_ALUA vendor=PURE model=FlashArray");
    }
}
