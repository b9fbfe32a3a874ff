//! What can be bought: releases of Windows Server, models of NICs, and the ports that they are plugged into.

use std::collections::BTreeSet;

/// A release of Windows Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Release {
    /// Windows Server 2016.
    Ws2016,
    /// Windows Server 2019.
    Ws2019,
    /// Windows Server 2022.
    Ws2022,
    /// Windows Server 2025.
    Ws2025,
}

impl Release {
    /// The version of Windows: `10.0.20348`.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Release::Ws2016 => "10.0.14393",
            Release::Ws2019 => "10.0.17763",
            Release::Ws2022 => "10.0.20348",
            Release::Ws2025 => "10.0.26100",
        }
    }
}

/// A model of NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// Mellanox ConnectX-5, 25 Gbit/s, RoCE.
    ConnectX5,
    /// Mellanox ConnectX-4 Lx, 10 Gbit/s, RoCE.
    ConnectX4Lx,
    /// Intel X710, 10 Gbit/s. The design's stand-in for iWARP.
    IntelX710,
    /// Emulex Skyhawk, 10 Gbit/s, RoCE with a driver's own property `Roce mode`.
    EmulexSkyhawk,
    /// What is soldered to the board, 1 Gbit/s, no RDMA.
    Onboard,
}

/// The port of the physical switch that a NIC is plugged into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Port {
    /// The VLAN that goes untagged.
    pub untagged: Option<u16>,
    /// The VLANs that go tagged.
    pub tagged: BTreeSet<u16>,
    /// The cable is in, and there is a link.
    pub connected: bool,
}

impl Port {
    /// A port with a link that carries `untagged` without and `tagged` with a tag.
    pub fn new(untagged: Option<u16>, tagged: impl IntoIterator<Item = u16>) -> Self {
        Port { untagged, tagged: tagged.into_iter().collect(), connected: true }
    }

    /// A port without a cable.
    pub fn unplugged() -> Self {
        Port::default()
    }

    /// Whether frames of a VLAN come through for somebody who sends them tagged with it.
    pub(crate) fn carries(&self, vlan: u16) -> bool {
        self.connected && self.tagged.contains(&vlan)
    }
}

impl Model {
    /// As Windows calls the first of them.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Model::ConnectX5 => "Mellanox ConnectX-5 Adapter",
            Model::ConnectX4Lx => "Mellanox ConnectX-4 Lx Ethernet Adapter",
            Model::IntelX710 => "Intel(R) Ethernet Converged Network Adapter X710",
            Model::EmulexSkyhawk => "Emulex OneConnect OCe14102-UX NIC",
            Model::Onboard => "Intel(R) I350 Gigabit Network Connection",
        }
    }

    /// `ComponentID`, lower case vendor and device as in the registry.
    pub(crate) fn component(self) -> &'static str {
        match self {
            Model::ConnectX5 => "PCI\\VEN_15B3&DEV_1017&SUBSYS_002015B3",
            Model::ConnectX4Lx => "PCI\\VEN_15B3&DEV_1015&SUBSYS_000315B3",
            Model::IntelX710 => "PCI\\VEN_8086&DEV_1572&SUBSYS_00088086",
            Model::EmulexSkyhawk => "PCI\\VEN_10DF&DEV_0720&SUBSYS_E10010DF",
            Model::Onboard => "PCI\\VEN_8086&DEV_1521&SUBSYS_00018086",
        }
    }

    /// `DriverVersion`
    pub(crate) fn driver(self) -> &'static str {
        match self {
            Model::ConnectX5 | Model::ConnectX4Lx => "2.70.24728.0",
            Model::IntelX710 => "1.13.104.0",
            Model::EmulexSkyhawk => "11.4.1186.5",
            Model::Onboard => "12.18.9.6",
        }
    }

    /// Bits per second.
    pub(crate) fn speed(self) -> u64 {
        match self {
            Model::ConnectX5 => 25_000_000_000,
            Model::ConnectX4Lx | Model::IntelX710 | Model::EmulexSkyhawk => 10_000_000_000,
            Model::Onboard => 1_000_000_000,
        }
    }

    /// It can do RDMA.
    pub(crate) fn has_rdma(self) -> bool {
        self != Model::Onboard
    }
}
