//! Storage arrays: what their disks answer to an inquiry, and which of their paths are used first.

/// An array that a host sees disks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Array {
    /// IBM SAN Volume Controller and Storwize: `VMW_SATP_SVC`.
    IbmSvc,
    /// Pure `FlashArray`: `VMW_SATP_ALUA`, all paths optimized.
    Pure,
    /// `NetApp` ONTAP: `VMW_SATP_ALUA`.
    NetappOntap,
    /// `NetApp` E-Series: `VMW_SATP_ALUA`, on 4.1 as an LSI array.
    NetappESeries,
    /// HPE 3PAR with host persona 11: `VMW_SATP_ALUA`.
    ThreeParAlua,
    /// HPE 3PAR with host persona 6: `VMW_SATP_DEFAULT_AA`.
    ThreeParActive,
    /// IBM DS4000 and others that LSI built, active and passive controllers: `VMW_SATP_LSI`.
    LsiOem,
    /// EMC `CLARiiON` and VNX with failover mode 4: `VMW_SATP_ALUA_CX`.
    Clariion,
    /// A disk of the host itself: `VMW_SATP_LOCAL`.
    Local,
}

/// What becomes of the paths that lead to another controller than the first path does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum OtherController {
    /// They are as good.
    Optimized,
    /// They work, but are used only where no others are left.
    Unoptimized,
    /// They work only after the array has moved the disk.
    Standby,
}

impl Array {
    /// All of them.
    pub const ALL: [Array; 9] = [
        Array::IbmSvc,
        Array::Pure,
        Array::NetappOntap,
        Array::NetappESeries,
        Array::ThreeParAlua,
        Array::ThreeParActive,
        Array::LsiOem,
        Array::Clariion,
        Array::Local,
    ];

    /// Its name for `esxlab`: `ibm-svc`.
    pub fn name(self) -> &'static str {
        match self {
            Array::IbmSvc => "ibm-svc",
            Array::Pure => "pure",
            Array::NetappOntap => "netapp-ontap",
            Array::NetappESeries => "netapp-e-series",
            Array::ThreeParAlua => "3par-alua",
            Array::ThreeParActive => "3par-active",
            Array::LsiOem => "lsi-oem",
            Array::Clariion => "clariion",
            Array::Local => "local",
        }
    }

    /// The array of this name; `None` where there is none.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|array| array.name() == name)
    }

    /// The SCSI vendor.
    pub fn vendor(self) -> &'static str {
        match self {
            Array::IbmSvc | Array::LsiOem => "IBM",
            Array::Pure => "PURE",
            Array::NetappOntap => "NETAPP",
            Array::NetappESeries => "LSI",
            Array::ThreeParAlua | Array::ThreeParActive => "3PARdata",
            Array::Clariion => "DGC",
            Array::Local => "HP",
        }
    }

    /// The SCSI model.
    pub fn model(self) -> &'static str {
        match self {
            Array::IbmSvc => "2145",
            Array::Pure => "FlashArray",
            Array::NetappOntap => "LUN C-Mode",
            Array::NetappESeries => "INF-01-00",
            Array::ThreeParAlua | Array::ThreeParActive => "VV",
            Array::LsiOem => "1814      FAStT",
            Array::Clariion => "VRAID",
            Array::Local => "LOGICAL VOLUME",
        }
    }

    pub(super) fn revision(self) -> &'static str {
        match self {
            Array::IbmSvc => "0000",
            Array::Pure => "8888",
            Array::NetappOntap => "9000",
            Array::NetappESeries => "0784",
            Array::ThreeParAlua | Array::ThreeParActive => "3123",
            Array::LsiOem => "0916",
            Array::Clariion => "0533",
            Array::Local => "3.52",
        }
    }

    /// What the host calls its disks.
    pub(super) fn display(self) -> &'static str {
        match self {
            Array::IbmSvc | Array::LsiOem => "IBM Fibre Channel Disk",
            Array::Pure => "PURE Fibre Channel Disk",
            Array::NetappOntap => "NETAPP Fibre Channel Disk",
            Array::NetappESeries => "LSI Fibre Channel Disk",
            Array::ThreeParAlua | Array::ThreeParActive => "3PARdata Fibre Channel Disk",
            Array::Clariion => "DGC Fibre Channel Disk",
            Array::Local => "HP Serial Attached SCSI Disk",
        }
    }

    /// How the disks' names begin.
    pub(super) fn id_prefix(self) -> &'static str {
        match self {
            Array::IbmSvc => "naa.600507680180",
            Array::Pure => "naa.624a9370a1b2",
            Array::NetappOntap => "naa.600a09803831",
            Array::NetappESeries => "naa.60080e50001b",
            Array::ThreeParAlua => "naa.60002ac00000",
            Array::ThreeParActive => "naa.50002ac00000",
            Array::LsiOem => "naa.600a0b800048",
            Array::Clariion => "naa.600601604670",
            Array::Local => "naa.600508b1001c",
        }
    }

    /// Whether it says that it has target port groups: what `tpgs_on` and `tpgs_off` of a rule ask for.
    pub(super) fn has_target_port_groups(self) -> bool {
        match self {
            Array::Pure
            | Array::NetappOntap
            | Array::NetappESeries
            | Array::ThreeParAlua
            | Array::Clariion => true,
            Array::IbmSvc | Array::ThreeParActive | Array::LsiOem | Array::Local => false,
        }
    }

    pub(super) fn transport(self) -> &'static str {
        if self == Array::Local { "sas" } else { "fc" }
    }

    pub(super) fn other_controller(self) -> OtherController {
        match self {
            Array::NetappOntap | Array::NetappESeries | Array::Clariion => OtherController::Unoptimized,
            Array::LsiOem => OtherController::Standby,
            _ => OtherController::Optimized,
        }
    }

    /// The target port groups with unoptimized and with optimized paths.
    pub(super) fn port_groups(self) -> (u32, u32) {
        match self {
            Array::NetappOntap => (1000, 1001),
            Array::Clariion => (1, 2),
            Array::NetappESeries => (1, 0),
            _ => (0, 0),
        }
    }
}
