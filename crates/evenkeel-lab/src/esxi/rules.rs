//! Claim rules: which array type takes a disk, and with which policy.

use super::Release;
use super::array::Array;
use super::device::{LimitType, Limits};

/// Who a rule came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// With the release.
    System,
    /// With `rule add`.
    User,
}

/// A rule by which an array type claims disks. What is empty matches everything, or gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The array type.
    pub satp: String,
    /// A single device.
    pub device: String,
    /// The SCSI vendor; `*` at the end stands for anything, `^` at the beginning for nothing.
    pub vendor: String,
    /// The SCSI model, in the same way.
    pub model: String,
    /// The driver.
    pub driver: String,
    /// The transport: `fc`.
    pub transport: String,
    /// The array type's options.
    pub options: String,
    /// Who it came from.
    pub group: Group,
    /// What must hold of a disk: `tpgs_on`.
    pub claim_options: String,
    /// The policy; empty for the default of the array type.
    pub psp: String,
    /// Options of the policy: `iops=1`.
    pub psp_options: String,
    /// Words.
    pub description: String,
}

impl Rule {
    /// Whether it is the same rule but for its description.
    pub(super) fn gives_the_same(&self, other: &Rule) -> bool {
        Rule { description: String::new(), ..self.clone() }
            == Rule { description: String::new(), ..other.clone() }
    }

    /// How well it fits a disk; `None` where it does not. The most specific rule wins, a user's before a system one.
    fn fit(&self, id: &str, array: Array) -> Option<(u8, bool)> {
        let tpgs = array.has_target_port_groups();
        let claims = match self.claim_options.as_str() {
            "" => true,
            "tpgs_on" => tpgs,
            "tpgs_off" => !tpgs,
            _ => false,
        };
        let is_free = |text: &str| text.is_empty() || text == "*";
        let fits = claims
            && (self.device.is_empty() || self.device == id)
            && (self.transport.is_empty() || self.transport == array.transport())
            && self.driver.is_empty()
            && (is_free(&self.vendor) || matches(&self.vendor, array.vendor()))
            && (is_free(&self.model) || matches(&self.model, array.model()));
        let named = u8::from(!is_free(&self.vendor)) + u8::from(!is_free(&self.model));
        let class = match (self.device.is_empty(), named, self.transport.is_empty()) {
            (false, ..) => 4,
            (true, 0, true) => 1,
            (true, 0, false) => 0,
            (true, named, _) => 1 + named,
        };
        fits.then_some((class, self.group == Group::User))
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim_start_matches('^');
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    }
}

/// The rule that claims a disk; of equals the first.
pub(super) fn claiming<'a>(rules: &'a [Rule], id: &str, array: Array) -> Option<&'a Rule> {
    let mut best: Option<((u8, bool), &Rule)> = None;
    for rule in rules {
        if let Some(fit) = rule.fit(id, array)
            && best.is_none_or(|(other, _)| fit > other)
        {
            best = Some((fit, rule));
        }
    }
    best.map(|(_, rule)| rule)
}

/// The limits that a rule's policy options give; `None` where there are none.
pub(super) fn limits_of(options: &str, release: Release) -> Option<Limits> {
    let mut limits = Limits::default();
    for option in options.split([';', ',']) {
        let Some((name, value)) = option.split_once('=') else { continue };
        let number = value.trim().parse::<u64>().ok();
        match (name.trim(), number) {
            // 4.1 takes the number and leaves the type.
            ("iops", Some(number)) if release == Release::Esx41 => limits.iops = number,
            ("iops", Some(number)) => (limits.by, limits.iops) = (LimitType::Iops, number),
            ("bytes", Some(number)) => (limits.by, limits.bytes) = (LimitType::Bytes, number),
            ("samplingCycles", Some(number)) => limits.sampling_ios = number,
            ("latencyEvalTime", Some(number)) => limits.interval = number,
            ("useANO", Some(number)) => limits.use_unoptimized = number == 1,
            ("policy", None) if value == "latency" => {
                (limits.by, limits.sampling_ios, limits.interval) = (LimitType::Latency, 16, 180_000);
            }
            _ => {}
        }
    }
    (limits != Limits::default()).then_some(limits)
}

/// From which release on a system rule is there, and until which.
type Since = (Release, Release);

const ALL: Since = (Release::Esx41, Release::Esxi80);
const FOUR: Since = (Release::Esx41, Release::Esx41);
const FIVE: Since = (Release::Esxi55, Release::Esxi80);
const SIX: Since = (Release::Esxi67, Release::Esxi80);

const ON: &str = "tpgs_on";
const RR: &str = "VMW_PSP_RR";
const RESET: &str = "reset_on_attempted_reserve";
const E_SERIES: &str = "NetApp E-Series arrays with ALUA support";

/// Array type, vendor, model, transport, options, claim options, policy, its options, description.
type Line = (Since, [&'static str; 9]);

/// The system rules: a choice of those that real hosts have, in the order of their list. Those of ALUA for NETAPP, LSI, XIV
/// and any array are recorded, the others as vendors describe them, with descriptions that are believed.
const SYSTEM: [Line; 40] = [
    (ALL, ["VMW_SATP_MSA", "", "MSA1000 VOLUME", "", "", "", "", "", "MSA 1000/1500 [Legacy product]"]),
    (ALL, ["VMW_SATP_DEFAULT_AP", "DEC", "HSG80", "", "", "", "", "", ""]),
    (ALL, ["VMW_SATP_DEFAULT_AP", "", "HSVX700", "", "", "tpgs_off", "", "", ""]),
    (ALL, ["VMW_SATP_SVC", "IBM", "2145", "", "", "", "", "", ""]),
    (ALL, ["VMW_SATP_EQL", "EQLOGIC", "", "", "", "", "", "", "All EqualLogic Arrays"]),
    (ALL, ["VMW_SATP_INV", "EMC", "Invista", "", "", "", "", "", ""]),
    (ALL, ["VMW_SATP_INV", "EMC", "LUNZ", "", "", "", "", "", "Invista LUNZ"]),
    (ALL, ["VMW_SATP_EVA", "", "HSV200", "", "", "tpgs_off", "", "", "active/active EVA 4000/6000/8000"]),
    (ALL, ["VMW_SATP_EVA", "", "HSV300", "", "", "tpgs_off", "", "", "active/active EVA 4400"]),
    (ALL, ["VMW_SATP_ALUA_CX", "DGC", "", "", "", "tpgs_on", "", "", "CLARiiON array in ALUA mode"]),
    (ALL, ["VMW_SATP_SYMM", "EMC", "SYMMETRIX", "", "", "", "", "", "EMC Symmetrix"]),
    (ALL, ["VMW_SATP_CX", "DGC", "", "", "", "tpgs_off", "", "", "All non-ALUA Clariion Arrays"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1722*", "", "", "", "", "", "FAStT600/DS4300"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1724*", "", "", "", "", "", "FAStT100/DS4100"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1726*", "", "", "", "", "", "DS3x00"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1742*", "", "", "", "", "", "FAStT700/900"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1814*", "", "", "", "", "", "DS4000"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1815*", "", "", "", "", "", "DS4800"]),
    (ALL, ["VMW_SATP_LSI", "IBM", "^1818*", "", "", "", "", "", "DS5100/DS5300"]),
    (FOUR, ["VMW_SATP_LSI", "LSI", "INF-01-00", "", "", "", "", "", ""]),
    (FIVE, ["VMW_SATP_LSI", "LSI", "INF-01-00", "", "", "tpgs_off", "", "", ""]),
    (ALL, ["VMW_SATP_DEFAULT_AA", "IBM", "2810XIV", "", "", "tpgs_off", "", "", ""]),
    (ALL, ["VMW_SATP_DEFAULT_AA", "", "", "fc", "", "", "", "", "Fibre Channel Devices"]),
    (ALL, ["VMW_SATP_DEFAULT_AA", "", "", "iscsi", "", "", "", "", "iSCSI Devices"]),
    (FIVE, ["VMW_SATP_DEFAULT_AA", "", "", "fcoe", "", "", "", "", "Fibre Channel over Ethernet Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "usb", "", "", "", "", "USB Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "ide", "", "", "", "", "IDE Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "block", "", "", "", "", "Block Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "parallel", "", "", "", "", "Parallel SCSI Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "sas", "", "", "", "", "Serial Attached SCSI Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "sata", "", "", "", "", "Serial ATA Devices"]),
    (ALL, ["VMW_SATP_LOCAL", "", "", "unknown", "", "", "", "", "Unknown Transport Devices"]),
    (FOUR, ["VMW_SATP_ALUA", "NETAPP", "", "", "", ON, RR, "", "NetApp arrays with ALUA support"]),
    (FIVE, ["VMW_SATP_ALUA", "NETAPP", "", "", RESET, ON, RR, "", "NetApp arrays with ALUA support"]),
    (ALL, ["VMW_SATP_ALUA", "IBM", "2810XIV", "", "", ON, RR, "", "IBM 2810XIV arrays with ALUA support"]),
    (FIVE, ["VMW_SATP_ALUA", "LSI", "INF-01-00", "", RESET, ON, "VMW_PSP_MRU", "", E_SERIES]),
    (SIX, ["VMW_SATP_ALUA", "PURE", "FlashArray", "", "", "", RR, "iops=1", ""]),
    (SIX, ["VMW_SATP_ALUA", "3PARdata", "VV", "", "", ON, RR, "iops=1", ""]),
    (SIX, ["VMW_SATP_ALUA", "HUAWEI", "XSG1", "", "", ON, RR, "", "Huawei arrays with ALUA"]),
    (ALL, ["VMW_SATP_ALUA", "", "", "", "", ON, "", "", "Any array with ALUA support"]),
];

/// The system rules of a release.
pub(super) fn system(release: Release) -> Vec<Rule> {
    let of_release = SYSTEM.iter().filter(|((since, until), _)| (*since..=*until).contains(&release));
    let rule = |line: &Line| {
        let [satp, vendor, model, transport, options, claim, psp, psp_options, description] =
            line.1.map(str::to_owned);
        Rule {
            satp,
            device: String::new(),
            vendor,
            model,
            driver: String::new(),
            transport,
            options,
            group: Group::System,
            claim_options: claim,
            psp,
            psp_options,
            description,
        }
    };
    of_release.map(rule).collect()
}
