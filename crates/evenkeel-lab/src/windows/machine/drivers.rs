//! The advanced properties that the drivers of NICs have.
//!
//! Keywords with an asterisk and their values are Microsoft's ("Standardized INF Keywords" of the Windows driver documentation). Which of them
//! a model has, ranges and defaults are after the makers' manuals as far as these say so, and believed otherwise.

use super::{Model, Property, PropertyTakes};

/// The advanced properties that a model's driver has.
pub(super) fn properties(model: Model) -> Vec<Property> {
    match model {
        Model::ConnectX5 | Model::ConnectX4Lx => mellanox(),
        Model::IntelX710 => intel_x710(),
        Model::EmulexSkyhawk => emulex(),
        Model::Onboard => onboard(),
    }
}

/// The advanced properties of the host's side of a host adapter.
pub(super) fn host_side_properties() -> Vec<Property> {
    vec![
        jumbo_words(),
        switch("*NetworkDirect", "Network Direct (RDMA)", "0"),
        switch("*LsoV2IPv4", "Large Send Offload Version 2 (IPv4)", "1"),
        switch("*LsoV2IPv6", "Large Send Offload Version 2 (IPv6)", "1"),
        switch("*RSS", "Receive Side Scaling", "1"),
    ]
}

fn mellanox() -> Vec<Property> {
    let mut all = vec![
        number("*JumboPacket", "Jumbo Packet", "1514", 614, 9614),
        number("VlanID", "VLAN ID", "0", 0, 4094),
        number("*EncapOverhead", "Encapsulation Overhead", "0", 0, 256),
        switch("*PacketDirect", "Packet Direct", "1"),
        switch("*NetworkDirect", "NetworkDirect Functionality", "1"),
        words("*NetworkDirectTechnology", "NetworkDirect Technology", "4", &[("3", "RoCE"), ("4", "RoCEv2")]),
        words(
            "DcbxMode",
            "DcbxMode",
            "0",
            &[("0", "Host in Charge"), ("1", "FW In Charge"), ("2", "Advised")],
        ),
    ];
    all.extend(usual("3"));
    all.push(switch("*QOS", "Quality Of Service", "0"));
    all.extend([switch("*SRIOV", "SR-IOV", "1"), switch("*RscIPv4", "Recv Segment Coalescing (IPv4)", "1")]);
    all.push(switch("*RscIPv6", "Recv Segment Coalescing (IPv6)", "1"));
    all
}

fn intel_x710() -> Vec<Property> {
    let mut all = vec![
        jumbo_words(),
        number("VlanID", "VLAN ID", "0", 0, 4095),
        switch("*NetworkDirect", "NetworkDirect Functionality", "1"),
        words("*NetworkDirectTechnology", "NetworkDirect Technology", "1", &[("1", "iWARP")]),
    ];
    all.extend(usual("0"));
    all.push(switch("*QOS", "Data Center Bridging", "0"));
    all.extend([switch("*SRIOV", "SR-IOV", "1"), switch("*RscIPv4", "Recv Segment Coalescing (IPv4)", "1")]);
    all.push(switch("*RscIPv6", "Recv Segment Coalescing (IPv6)", "1"));
    let ipsec = [
        ("0", "Disabled"),
        ("1", "Auth Header Enabled"),
        ("2", "ESP Enabled"),
        ("3", "Auth Header & ESP Enabled"),
    ];
    all.push(words("*IPsecOffloadV2", "IPsec Offload", "3", &ipsec));
    all
}

fn emulex() -> Vec<Property> {
    let mut all = vec![
        words("*JumboPacket", "Packet Size", "1514", &[("1514", "1514"), ("8222", "8222"), ("9014", "9014")]),
        number("VlanID", "VLAN Identifier (802.1q)", "0", 0, 4094),
        switch("*NetworkDirect", "Network Direct Functionality", "1"),
        // Instead of *NetworkDirectTechnology. Its keyword is believed, its display name is that of the seed's screen.
        words("RoceMode", "Roce mode", "1", &[("1", "RoCE v1"), ("2", "RoCE v2")]),
        switch("*TCPConnectionOffloadIPv4", "TCP Connection Offload (IPv4)", "1"),
        switch("*TCPConnectionOffloadIPv6", "TCP Connection Offload (IPv6)", "1"),
    ];
    all.extend(usual("3"));
    all.push(switch("*QOS", "Quality Of Service", "0"));
    all.push(switch("*SRIOV", "SR-IOV", "0"));
    all
}

fn onboard() -> Vec<Property> {
    let mut all = vec![jumbo_words()];
    all.extend(usual("3"));
    all
}

/// What all NICs here have.
fn usual(flow_control: &str) -> [Property; 5] {
    let flow = [("0", "Disabled"), ("1", "Tx Enabled"), ("2", "Rx Enabled"), ("3", "Rx & Tx Enabled")];
    let tags = [
        ("0", "Priority & VLAN Disabled"),
        ("1", "Priority Enabled"),
        ("2", "VLAN Enabled"),
        ("3", "Priority & VLAN Enabled"),
    ];
    [
        words("*FlowControl", "Flow Control", flow_control, &flow),
        words("*PriorityVLANTag", "Priority & VLAN", "3", &tags),
        switch("*RSS", "Receive Side Scaling", "1"),
        switch("*VMQ", "Virtual Machine Queues", "1"),
        number("*ReceiveBuffers", "Receive Buffers", "512", 64, 4096),
    ]
}

fn jumbo_words() -> Property {
    let sizes = [("1514", "Disabled"), ("4088", "4088 Bytes"), ("9014", "9014 Bytes")];
    words("*JumboPacket", "Jumbo Packet", "1514", &sizes)
}

fn switch(keyword: &str, display: &str, default: &str) -> Property {
    words(keyword, display, default, &[("0", "Disabled"), ("1", "Enabled")])
}

fn words(keyword: &str, display: &str, default: &str, words: &[(&str, &str)]) -> Property {
    let words = words.iter().map(|(value, name)| ((*value).to_owned(), (*name).to_owned())).collect();
    property(keyword, display, default, PropertyTakes::Words(words))
}

fn number(keyword: &str, display: &str, default: &str, least: u64, most: u64) -> Property {
    property(keyword, display, default, PropertyTakes::Number(least, most))
}

fn property(keyword: &str, display: &str, default: &str, takes: PropertyTakes) -> Property {
    Property {
        keyword: keyword.to_owned(),
        display: display.to_owned(),
        value: default.to_owned(),
        active: default.to_owned(),
        default: default.to_owned(),
        takes,
    }
}
