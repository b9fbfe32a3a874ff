//! Which array types take which path selection policy, and the names that are known of both.

use evenkeel_core::driver::{Risk, Step};

/// Round robin.
pub(super) const ROUND_ROBIN: &str = "VMW_PSP_RR";
/// A preferred path.
pub(super) const FIXED: &str = "VMW_PSP_FIXED";
/// The array type of local disks.
pub(super) const LOCAL: &str = "VMW_SATP_LOCAL";
/// What names of policies begin with.
const POLICY_PREFIX: &str = "VMW_PSP_";
/// What names of array types begin with.
const ARRAY_TYPE_PREFIX: &str = "VMW_SATP_";

/// The policies of VMware's own. Makers of arrays bring others.
pub(super) const POLICIES: [&str; 4] = [ROUND_ROBIN, FIXED, "VMW_PSP_MRU", "VMW_PSP_FIXED_AP"];

/// The array types of VMware's own, from ESX 4 to ESXi 8. Makers of arrays bring others.
pub(super) const ARRAY_TYPES: [&str; 13] = [
    "VMW_SATP_ALUA",
    "VMW_SATP_ALUA_CX",
    "VMW_SATP_CX",
    "VMW_SATP_DEFAULT_AA",
    "VMW_SATP_DEFAULT_AP",
    "VMW_SATP_EQL",
    "VMW_SATP_EVA",
    "VMW_SATP_INV",
    LOCAL,
    "VMW_SATP_LSI",
    "VMW_SATP_MSA",
    "VMW_SATP_SVC",
    "VMW_SATP_SYMM",
];

/// Array types of arrays whose disk answers through one controller at a time, without ALUA. Their default is
/// `VMW_PSP_MRU` in every release. (`VMW_SATP_CX` is a CLARiiON in failover mode 1; in mode 4 it is `VMW_SATP_ALUA_CX`.)
///
/// Sources: VMware, "SAN Configuration Guide" 4.1 and "vSphere Storage" 5.0 to 8.0, on path selection: "most recently
/// used" is for active-passive arrays, "fixed" may make their disks go to and fro between controllers (path thrashing);
/// the article on IBM SVC that this kind began with: round robin wants an active/active array, those made by LSI want
/// MRU.
const ACTIVE_PASSIVE: [&str; 4] = ["VMW_SATP_CX", "VMW_SATP_DEFAULT_AP", "VMW_SATP_LSI", "VMW_SATP_MSA"];

/// Why a policy is wrong for an array type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// As `accept.dataLoss.of` names it: `VMW_PSP_RR on VMW_SATP_LSI`.
    pub(super) of: String,
    /// What can happen.
    pub(super) says: &'static str,
}

impl Misfit {
    /// The step with this as a reason why it is risky.
    pub(super) fn on(&self, step: Step) -> Step {
        step.hazard(Risk::DataLoss, self.of.clone(), self.says)
    }

    /// What a person writes who wants it all the same.
    pub(super) fn acceptance(&self) -> String {
        format!(
            "it is held unless the manifest says `accept: {{ dataLoss: {{ of: {}, reason: \"…\", until: YYYY-MM-DD }} }}`",
            self.of
        )
    }
}

/// Why `policy` is wrong for disks of the array type `satp` by this vendor, as far as the vendor is known.
pub(super) fn misfit(policy: &str, satp: &str, vendor: Option<&str>) -> Option<Misfit> {
    let says = match policy {
        ROUND_ROBIN if satp == LOCAL => {
            "local disks take VMW_PSP_FIXED and VMW_PSP_MRU only; under round robin they may go away"
        }
        ROUND_ROBIN if ACTIVE_PASSIVE.contains(&satp) => {
            "the array is active/passive: under round robin its disks may go to and fro between the controllers, until I/O fails"
        }
        FIXED if ACTIVE_PASSIVE.contains(&satp) => {
            "the array is active/passive: where hosts prefer different paths, its disks go to and fro between the controllers, until I/O fails"
        }
        // Source: HPE, "3PAR VMware ESX/vSphere Implementation Guide": valid in an ALUA rule are RR and MRU.
        FIXED if satp == "VMW_SATP_ALUA" && vendor == Some("3PARdata") => {
            "a 3PAR with ALUA (persona 11) takes VMW_PSP_RR and VMW_PSP_MRU only"
        }
        _ => return None,
    };
    Some(Misfit { of: format!("{policy} on {satp}"), says })
}

/// The name that was probably meant, where `name` begins as VMware's names of policies do, is none of them, and is near
/// to one. Any other name may be that of another maker.
pub(super) fn meant_policy(name: &str) -> Option<&'static str> {
    meant(name, POLICY_PREFIX, &POLICIES)
}

/// As [`meant_policy`], for array types.
pub(super) fn meant_array_type(name: &str) -> Option<&'static str> {
    meant(name, ARRAY_TYPE_PREFIX, &ARRAY_TYPES)
}

fn meant(name: &str, prefix: &str, known: &[&'static str]) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    if known.contains(&name) {
        return None;
    }
    // Short words such as RR and AP are one letter apart; the prefix is what is long enough to tell a slip by.
    let bare = |text: &str| text.strip_prefix(prefix).unwrap_or(text).to_owned();
    let exact = known.iter().find(|one| **one == upper || bare(one) == upper);
    exact.copied().or_else(|| {
        let near = known.iter().map(|one| (strsim::osa_distance(&upper, one), *one));
        near.filter(|(distance, _)| *distance <= 2).min().map(|(_, one)| one)
    })
}

/// The one among the host's own names that was probably meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let upper = name.to_ascii_uppercase();
    let near = known.map(|one| (strsim::osa_distance(&upper, &one.to_ascii_uppercase()), one));
    near.filter(|(distance, _)| *distance <= 3).min().map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_names_of_others_are_let_be() {
        for (written, meant) in [
            ("VMW_PSP_rr", Some("VMW_PSP_RR")),
            ("RR", Some("VMW_PSP_RR")),
            ("VMW_PSP_FIXD", Some("VMW_PSP_FIXED")),
            ("VMW_PPS_MRU", Some("VMW_PSP_MRU")),
            ("VMW_PSP_RR", None),
            ("DELL_PSP_EQL_ROUTED", None),
            ("HTI_PSP_HDLM_EXLIO", None),
        ] {
            assert_eq!(meant_policy(written), meant, "{written}");
        }
        for (written, meant) in [
            ("VMW_SATP_SCV", Some("VMW_SATP_SVC")),
            ("VMW_STAP_ALUA", Some("VMW_SATP_ALUA")),
            ("vmw_satp_alua_cx", Some("VMW_SATP_ALUA_CX")),
            ("VMW_SATP_ALUA_CX", None),
            ("DELL_SATP_EQL_ROUTED", None),
        ] {
            assert_eq!(meant_array_type(written), meant, "{written}");
        }
    }

    #[test]
    fn what_an_array_type_does_not_take_is_known() {
        assert_eq!(misfit(ROUND_ROBIN, "VMW_SATP_LSI", None).unwrap().of, "VMW_PSP_RR on VMW_SATP_LSI");
        for satp in ["VMW_SATP_LOCAL", "VMW_SATP_MSA", "VMW_SATP_DEFAULT_AP", "VMW_SATP_CX"] {
            assert!(misfit(ROUND_ROBIN, satp, None).is_some(), "{satp}");
            assert!(misfit("VMW_PSP_MRU", satp, None).is_none(), "{satp}");
        }
        for satp in ["VMW_SATP_SVC", "VMW_SATP_ALUA", "VMW_SATP_ALUA_CX", "VMW_SATP_DEFAULT_AA", "OTHER"] {
            assert!(misfit(ROUND_ROBIN, satp, None).is_none(), "{satp}");
        }
        assert!(misfit(FIXED, "VMW_SATP_LOCAL", None).is_none());
        assert!(misfit(FIXED, "VMW_SATP_ALUA", Some("3PARdata")).is_some());
        assert!(misfit(FIXED, "VMW_SATP_ALUA", Some("PURE")).is_none());
    }
}
