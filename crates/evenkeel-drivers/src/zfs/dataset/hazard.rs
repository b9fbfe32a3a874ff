//! What setting a property can do to data and to those who use it.

use evenkeel_core::driver::{Risk, Step};

use super::property::{find, is_user};

/// Properties whose change takes a mount, a share or a device away for a moment or for good.
const DISRUPTIVE: [(&str, &str); 8] = [
    ("mountpoint", "the filesystem is unmounted and mounted elsewhere, with what is mounted below it"),
    ("canmount", "the filesystem may be unmounted or mounted"),
    ("sharenfs", "NFS clients may lose their mounts"),
    ("sharesmb", "SMB clients may lose their connections"),
    ("zoned", "the filesystem leaves this host's mounts, or comes back to them"),
    ("jailed", "the filesystem leaves this host's mounts, or comes back to them"),
    ("volmode", "the volume's devices may go away"),
    ("keylocation", "the key may not be found any more when it is needed next, after a restart of the host"),
];

/// One property about to change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) name: &'a str,
    pub(super) before: Option<&'a str>,
    /// In normal form; of one that is inherited what it then is, or `inherit` where that makes no difference.
    pub(super) after: &'a str,
    /// As the manifest has it.
    pub(super) written: &'a str,
}

/// Adds the hazards of changing a property of a dataset that exists.
pub(super) fn of_change(step: Step, setting: Setting<'_>) -> Step {
    let step = of_value(step, setting);
    let of = format!("{}={}", setting.name, setting.written);
    // Where only the source changes, nobody notices; but a mount point that is set is mounted anew.
    if setting.before == Some(setting.after) && setting.name != "mountpoint" {
        return step;
    }
    if let Some((_, says)) = DISRUPTIVE.iter().find(|(name, _)| *name == setting.name) {
        return step.hazard(Risk::Disruptive, of, *says);
    }
    if find(setting.name).is_none() && !is_user(setting.name) {
        return step.hazard(Risk::Disruptive, of, "this property is not known here, nor what it does");
    }
    let number = |text: &str| text.parse::<u64>().ok();
    // What cannot be compared counts as less.
    let less = |before: &str| match (number(before), number(setting.after)) {
        (Some(before), Some(after)) => after < before,
        _ => true,
    };
    let shrinks = setting.before.is_some_and(less);
    match (setting.name, setting.after) {
        ("readonly", "on") => step.hazard(Risk::Disruptive, of, "programs that write here begin to fail"),
        ("exec" | "setuid" | "devices", "off") => {
            step.hazard(Risk::Disruptive, of, "programs and devices that are used from here may stop working")
        }
        ("volsize", _) if shrinks => {
            step.hazard(Risk::DataLoss, of, "everything beyond the new end of the volume is lost at once")
        }
        ("copies", _) if shrinks => {
            step.hazard(Risk::DataLoss, of, "what is written from now on is kept in fewer copies")
        }
        _ => step,
    }
}

/// Adds the hazards of a value, whatever was there before.
pub(super) fn of_value(step: Step, setting: Setting<'_>) -> Step {
    let says = match (setting.name, setting.after) {
        ("sync", "disabled") => {
            "a crash or power cut of the host loses up to about 5 s (zfs_txg_timeout) of writes that were acknowledged"
        }
        ("checksum", "off") => "corrupted file data is no longer noticed, nor repaired from other copies",
        ("redundant_metadata", "some" | "none") => {
            "one bad block of metadata can lose whole files or directories that a second copy would have saved"
        }
        _ => return step,
    };
    step.hazard(Risk::DataLoss, format!("{}={}", setting.name, setting.written), says)
}
