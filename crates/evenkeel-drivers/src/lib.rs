//! Evenkeel's drivers: one folder per backend, no I/O.

pub mod backup;
pub mod containers;
pub mod esxi;
pub mod hyperv;
pub mod openvz_host;
pub mod pve;
pub mod vsphere;
pub mod vzdump;
pub mod zfs;

use evenkeel_core::driver::Registry;

/// Every driver there is. Adding one is one folder and one line here.
pub fn registry() -> Registry {
    Registry::default()
        .with(zfs::ZfsDataset) //
        .with(zfs::ZfsPool)
        .with(zfs::ZfsSnapshotSchedule)
        .with(vzdump::VzdumpSchedule)
        .with(vsphere::VmCloneSchedule)
        .with(pve::PveJob)
        .with(esxi::EsxiNfsDatastore)
        .with(esxi::EsxiPathPolicy)
        .with(hyperv::NicSettings)
        .with(hyperv::DcbPolicy)
        .with(hyperv::HyperVSwitch)
        .with(openvz_host::OpenvzHost)
        .with(containers::incus::IncusTemplates)
        .with(containers::lxc::LxcTemplate)
        .with(containers::openvz::OpenvzTemplate)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kind_is_registered_once() {
        let registry = super::registry();
        assert_eq!(
            registry.kinds(),
            [
                "BackupSchedule",
                "ContainerTemplate",
                "DcbPolicy",
                "EsxiNfsDatastore",
                "EsxiPathPolicy",
                "HyperVSwitch",
                "NicSettings",
                "OpenvzHost",
                "ZfsDataset",
                "ZfsPool"
            ]
        );
        assert_eq!(registry.iter().count(), 15);
    }
}
