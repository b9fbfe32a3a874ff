//! Data center bridging: policies, traffic classes, flow control.

/// What is set for the whole host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Qos {
    /// It takes what the switch says over what is set here.
    pub(in crate::windows) willing: bool,
    pub(in crate::windows) policies: Vec<Policy>,
    /// Without `[Default]`, which has what these leave.
    pub(in crate::windows) classes: Vec<TrafficClass>,
    /// Flow control of the priorities 0 to 7.
    pub(in crate::windows) flow_control: [bool; 8],
}

impl Default for Qos {
    fn default() -> Self {
        Qos { willing: true, policies: Vec::new(), classes: Vec::new(), flow_control: [false; 8] }
    }
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Policy {
    pub(in crate::windows) name: String,
    /// The port of SMB Direct; 0 where it is not matched.
    pub(in crate::windows) port: u16,
    /// `SMB`, `Cluster`, `LiveMigration`, `NFS`, `iSCSI`, `Default` or `None`.
    pub(in crate::windows) template: &'static str,
    /// -1 where it sets none.
    pub(in crate::windows) priority: i8,
}

/// A traffic class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct TrafficClass {
    pub(in crate::windows) name: String,
    pub(in crate::windows) priorities: Vec<u8>,
    /// In percent; 0 for `Strict`.
    pub(in crate::windows) bandwidth: u8,
    pub(in crate::windows) strict: bool,
}
