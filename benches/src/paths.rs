//! A policy for the disks of a made-up fleet of ESXi hosts, and what such a host prints of them.

use std::fmt::Write as _;

use evenkeel_core::manifest::SourceFile;

/// The question that every host is asked: its disks, by the native multipathing.
pub const DEVICE_LIST: &str = "storage nmp device list";

/// What asks for the array types and their default policies.
pub const SATP_LIST: &str = "storage nmp satp list";

/// One policy for all hosts, which all that they print meets.
pub fn policy() -> SourceFile {
    let text = "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiPathPolicy\nmetadata: { name: svc }\nspec:\n  \
                targetSelector: { matchLabels: { role: storage } }\n  devices: { satp: VMW_SATP_SVC }\n  \
                pathSelectionPolicy: VMW_PSP_RR\n  roundRobin: { iops: 1 }\n  default: true\n";
    SourceFile { path: "paths.yaml".to_owned(), bytes: text.into() }
}

/// What a host of 5.x or later prints of so many LUNs of an IBM SVC with four paths each, and of the disk that it boots from.
pub fn device_list(luns: usize) -> String {
    let mut text = String::new();
    for lun in 0..luns {
        let id = format!("naa.60050768018e8303e80000000000{lun:04x}");
        let _ = write!(
            text,
            "{id}\n   Device Display Name: IBM Fibre Channel Disk ({id})\n   Storage Array Type: VMW_SATP_SVC\n   \
             Storage Array Type Device Config: SATP VMW_SATP_SVC does not support device configuration.\n   \
             Path Selection Policy: VMW_PSP_RR\n   Path Selection Policy Device Config: \
             {{policy=iops,iops=1,bytes=10485760,useANO=0; lastPathIndex={}: NumIOsPending=0,numBytesPending=0}}\n   \
             Path Selection Policy Device Custom Config:\n   Working Paths: vmhba2:C0:T0:L{lun}, vmhba2:C0:T1:L{lun}, \
             vmhba3:C0:T0:L{lun}, vmhba3:C0:T1:L{lun}\n   Is USB: false\n\n",
            lun % 4
        );
    }
    text.push_str(
        "naa.600508b1001c4d8f3d1c0b4b5a1e0f01\n   Device Display Name: Local HP Disk \
         (naa.600508b1001c4d8f3d1c0b4b5a1e0f01)\n   Storage Array Type: VMW_SATP_LOCAL\n   \
         Storage Array Type Device Config: SATP VMW_SATP_LOCAL does not support device configuration.\n   \
         Path Selection Policy: VMW_PSP_FIXED\n   Path Selection Policy Device Config: \
         {preferred=vmhba0:C0:T0:L1;current=vmhba0:C0:T0:L1}\n   Path Selection Policy Device Custom Config:\n   \
         Working Paths: vmhba0:C0:T0:L1\n   Is USB: false\n",
    );
    text
}

/// What it prints of its array types.
pub fn satp_list() -> String {
    let rows = [
        ("VMW_SATP_SVC", "VMW_PSP_RR", "Supports IBM SVC"),
        ("VMW_SATP_MSA", "VMW_PSP_MRU", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_ALUA", "VMW_PSP_MRU", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_DEFAULT_AP", "VMW_PSP_MRU", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_EQL", "VMW_PSP_FIXED", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_INV", "VMW_PSP_FIXED", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_EVA", "VMW_PSP_FIXED", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_ALUA_CX", "VMW_PSP_RR", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_SYMM", "VMW_PSP_RR", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_CX", "VMW_PSP_MRU", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_LSI", "VMW_PSP_MRU", "Placeholder (plugin not loaded)"),
        ("VMW_SATP_DEFAULT_AA", "VMW_PSP_FIXED", "Supports non-specific active/active arrays"),
        ("VMW_SATP_LOCAL", "VMW_PSP_FIXED", "Supports direct attached devices"),
    ];
    let dashes = "-".repeat(42);
    let mut text =
        format!("{:<19}  {:<13}  Description\n{:-<19}  {:-<13}  {dashes}\n", "Name", "Default PSP", "", "");
    for (name, policy, words) in rows {
        let _ = writeln!(text, "{name:<19}  {policy:<13}  {words}");
    }
    text
}
