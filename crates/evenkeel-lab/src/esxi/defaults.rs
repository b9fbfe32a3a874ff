//! Array types and path selection policies that a release has, and what goes with what.

use std::collections::BTreeMap;

use super::Release;

/// A path selection policy and what it says of itself.
pub(super) type Policy = (&'static str, &'static str);

/// As the seed article recorded them on 4.1.
const POLICIES_4: [Policy; 4] = [
    ("VMW_PSP_FIXED_AP", "Fixed Path Selection with Array Preference"),
    ("VMW_PSP_MRU", "Most Recently Used Path Selection"),
    ("VMW_PSP_RR", "Round Robin Path Selection"),
    ("VMW_PSP_FIXED", "Fixed Path Selection"),
];

const POLICIES_5: [Policy; 3] = [
    ("VMW_PSP_MRU", "Most Recently Used Path Selection"),
    ("VMW_PSP_RR", "Round Robin Path Selection"),
    ("VMW_PSP_FIXED", "Fixed Path Selection"),
];

/// The policies of a release, in the order of its list.
pub(super) fn policies(release: Release) -> &'static [Policy] {
    if release == Release::Esx41 { &POLICIES_4 } else { &POLICIES_5 }
}

/// An array type: its name, its defaults on 4.1 and from 5.5 on, and what it says of itself once it is loaded.
struct ArrayType {
    name: &'static str,
    default_4: &'static str,
    default_5: &'static str,
    description: &'static str,
}

const fn array_type(
    name: &'static str,
    default_4: &'static str,
    default_5: &'static str,
    description: &'static str,
) -> ArrayType {
    ArrayType { name, default_4, default_5, description }
}

/// Those that are loaded from the start come last, as in recorded lists. The descriptions of SVC, ALUA, `ALUA_CX`, CX,
/// `DEFAULT_AA` and LOCAL are recorded, the others believed.
const TYPES: [ArrayType; 13] = [
    array_type("VMW_SATP_SVC", "VMW_PSP_FIXED", "VMW_PSP_RR", "Supports IBM SVC"),
    array_type("VMW_SATP_SYMM", "VMW_PSP_FIXED", "VMW_PSP_RR", "Supports EMC Symmetrix"),
    array_type("VMW_SATP_MSA", "VMW_PSP_MRU", "VMW_PSP_MRU", "Supports HP MSA"),
    array_type(
        "VMW_SATP_LSI",
        "VMW_PSP_MRU",
        "VMW_PSP_MRU",
        "Supports LSI and other arrays compatible with the SIS 6.10 in non-AVT mode",
    ),
    array_type(
        "VMW_SATP_DEFAULT_AP",
        "VMW_PSP_MRU",
        "VMW_PSP_MRU",
        "Supports non-specific active/passive arrays",
    ),
    array_type("VMW_SATP_EQL", "VMW_PSP_FIXED", "VMW_PSP_FIXED", "Supports EqualLogic arrays"),
    array_type("VMW_SATP_INV", "VMW_PSP_FIXED", "VMW_PSP_FIXED", "Supports EMC Invista"),
    array_type("VMW_SATP_EVA", "VMW_PSP_FIXED", "VMW_PSP_FIXED", "Supports HP EVA"),
    array_type(
        "VMW_SATP_ALUA_CX",
        "VMW_PSP_FIXED_AP",
        "VMW_PSP_RR",
        "Supports EMC CX that use the ALUA protocol",
    ),
    array_type(
        "VMW_SATP_CX",
        "VMW_PSP_MRU",
        "VMW_PSP_MRU",
        "Supports EMC CX that do not use the ALUA protocol",
    ),
    array_type(
        "VMW_SATP_ALUA",
        "VMW_PSP_MRU",
        "VMW_PSP_MRU",
        "Supports non-specific arrays that use the ALUA protocol",
    ),
    array_type(
        "VMW_SATP_DEFAULT_AA",
        "VMW_PSP_FIXED",
        "VMW_PSP_FIXED",
        "Supports non-specific active/active arrays",
    ),
    array_type("VMW_SATP_LOCAL", "VMW_PSP_FIXED", "VMW_PSP_FIXED", "Supports direct attached devices"),
];

/// The default policies of a release, by array type.
pub(super) fn defaults(release: Release) -> BTreeMap<String, String> {
    let of = |ty: &ArrayType| if release == Release::Esx41 { ty.default_4 } else { ty.default_5 };
    TYPES.iter().map(|ty| (ty.name.to_owned(), of(ty).to_owned())).collect()
}

/// Array types with what each says of itself: those that `is_loaded` first, then those that are not.
pub(super) fn listed(is_loaded: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let always = ["VMW_SATP_DEFAULT_AA", "VMW_SATP_LOCAL"];
    let rank = |ty: &&ArrayType| match (always.contains(&ty.name), is_loaded(ty.name)) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 1,
    };
    let mut types: Vec<&ArrayType> = TYPES.iter().collect();
    types.sort_by_key(rank);
    let description = |ty: &ArrayType| {
        let is_there = always.contains(&ty.name) || is_loaded(ty.name);
        if is_there { ty.description } else { "Placeholder (plugin not loaded)" }
    };
    types.into_iter().map(|ty| (ty.name, description(ty))).collect()
}

/// Whether the array type refuses the policy. Others take what they are given, even where it does harm.
pub(super) fn refuses(satp: &str, psp: &str) -> bool {
    satp == "VMW_SATP_LOCAL" && psp == "VMW_PSP_RR"
}
