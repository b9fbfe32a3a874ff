//! What `esxcli` prints, understood. Text output is read in every dialect.

/// A device as the native multipathing plugin tells of it (`nmp device list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NmpDevice {
    /// `naa.600a0980383148693724545244395855`
    pub(crate) id: String,
    /// `NETAPP Fibre Channel Disk (naa.600a…)`
    pub(crate) display_name: String,
    /// Storage array type: `VMW_SATP_ALUA`
    pub(crate) satp: String,
    /// Path selection policy: `VMW_PSP_RR`
    pub(crate) psp: String,
    /// What the policy says of the device, as printed: `{policy=iops,iops=1,bytes=10485760,useANO=0; …}`
    pub(crate) config: String,
    /// The paths that work, by their runtime names, in the order printed.
    pub(crate) working_paths: Vec<String>,
}

/// A storage array type (`nmp satp list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Satp {
    /// `VMW_SATP_SVC`
    pub(crate) name: String,
    /// The policy of devices that have no other: `VMW_PSP_FIXED`
    pub(crate) default_psp: String,
    /// `Supports IBM SVC`
    pub(crate) description: String,
}

/// A rule by which an array type claims devices (`nmp satp rule list`). What a column leaves blank is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClaimRule {
    /// The array type.
    pub(crate) satp: String,
    /// A single device.
    pub(crate) device: String,
    /// The SCSI vendor.
    pub(crate) vendor: String,
    /// The SCSI model.
    pub(crate) model: String,
    /// The driver.
    pub(crate) driver: String,
    /// The transport.
    pub(crate) transport: String,
    /// The array type's options.
    pub(crate) options: String,
    /// `system` or `user`; empty on 4.x, which does not tell.
    pub(crate) group: String,
    /// What must hold of a device: `tpgs_on`.
    pub(crate) claim_options: String,
    /// The policy of devices that it claims; empty for that of the array type.
    pub(crate) psp: String,
    /// Options of that policy: `iops=1`.
    pub(crate) psp_options: String,
    /// The words that it was added with. Our mark stands here.
    pub(crate) description: String,
}

/// A device as the SCSI layer tells of it (`core device list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScsiDevice {
    /// Its id, as in [`NmpDevice`].
    pub(crate) id: String,
    /// The SCSI vendor, without the blanks around it.
    pub(crate) vendor: String,
    /// The SCSI model, without the blanks around it.
    pub(crate) model: String,
    /// Whether the host boots from it; `None` where it does not tell.
    pub(crate) is_boot: Option<bool>,
    /// Whether it is local; `None` where it does not tell.
    pub(crate) is_local: Option<bool>,
}

/// A part of a VMFS datastore (`vmfs extent list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The datastore's name.
    pub(crate) datastore: String,
    /// Its UUID, as in paths below `/vmfs/volumes`.
    pub(crate) uuid: String,
    /// The device that it lies on.
    pub(crate) device: String,
}

/// A virtual machine that runs (`vm process list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningVm {
    /// Its display name.
    pub(crate) name: String,
    /// `/vmfs/volumes/UUID-OR-NAME/folder/name.vmx`
    pub(crate) config_file: String,
}
