//! Hyper-V hosts: switches with embedded teaming, the settings of their NICs, and data center bridging.
//!
//! All kinds look at a host by one script, so that a target is asked once however many resources it has.

mod dcb;
mod ground;
mod guard;
mod host;
mod nics;
mod scripts;
mod switch;
mod way;

#[cfg(test)]
mod grammar;

pub use dcb::{
    Algorithm, DcbPolicy, DcbPolicySpec, DcbPolicyState, QosPolicySpec, Technology, Template,
    TrafficClassSpec,
};
pub use nics::{
    NetworkDirect, NicSelector, NicSettings, NicSettingsSpec, NicSettingsState, Off, PropertyValue,
};
pub use switch::{
    HostAdapterSpec, HyperVSwitch, HyperVSwitchSpec, HyperVSwitchState, LoadBalancing, MinimumBandwidthMode,
    VlanId,
};
