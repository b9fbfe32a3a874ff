//! NFS datastores in both dialects, and the machines on them.

use super::super::{Array, EsxHost, Release};
use super::{refused, told};

#[test]
fn a_share_is_mounted_and_unmounted_from_5x_on() {
    for release in [Release::Esxi55, Release::Esxi67, Release::Esxi80] {
        let mut host = EsxHost::new("lime", release);
        told(&mut host, "esxcli storage nfs add -H durian -s /POOL1/nfs -v NFS_durian");
        told(&mut host, "esxcli storage nfs add --host=fig --share=/b --volume-name=b --readonly");
        let list = told(&mut host, "esxcli storage nfs list");
        assert_eq!(list.lines().count(), 4, "{list}");
        let mounts: Vec<(&str, bool)> =
            host.nfs_mounts().map(|mount| (mount.name.as_str(), mount.read_only)).collect();
        assert_eq!(mounts, [("NFS_durian", false), ("b", true)]);
        assert_eq!(
            refused(&mut host, "esxcli storage nfs add -H durian -s /POOL1/nfs -v other"),
            "Unable to create new NAS volume.  durian:/POOL1/nfs is already exported by a volume with the name \
             NFS_durian\n"
        );
        refused(&mut host, "esxcli storage nfs add -H fig -s /c -v b");
        refused(&mut host, "esxcli storage nfs remove -v c");
        told(&mut host, "esxcli storage nfs remove -v b");
        host.set_nfs_server("fig", false);
        let said = refused(&mut host, "esxcli storage nfs add -H fig -s /c -v c");
        assert!(said.contains("The NFS server denied the mount request"), "{said}");
    }
}

#[test]
fn nfs_4_1_is_listed_by_itself() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    told(&mut host, "esxcli storage nfs41 add -H fig1,fig2 -s /c -v c");
    let list = told(&mut host, "esxcli storage nfs41 list");
    assert!(list.contains("\nc            fig1,fig2  /c"), "{list}");
    assert_eq!(told(&mut host, "esxcli storage nfs list").lines().count(), 2);
    refused(&mut host, "esxcli storage nfs remove -v c");
    told(&mut host, "esxcli storage nfs41 remove -v c");
}

#[test]
fn a_share_on_4x() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    assert_eq!(told(&mut host, "esxcfg-nas -l"), "No NAS datastore found\n");
    told(&mut host, "esxcfg-nas -a -o durian -s /POOL1/nfs NFS_durian");
    assert_eq!(told(&mut host, "esxcfg-nas -l"), "NFS_durian is /POOL1/nfs from durian mounted available\n");
    assert_eq!(told(&mut host, "esxcfg-nas -d NFS_durian"), "NAS volume NFS_durian deleted.\n");
    refused(&mut host, "esxcfg-nas -d NFS_durian");
    assert_eq!(host.written().len(), 2);
}

#[test]
fn running_machines_hold_a_datastore_and_registered_ones_are_listed() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    host.mount_nfs("isos", "fig", "/isos");
    host.add_lun("naa.1", Array::IbmSvc, &["vmhba2:C0:T0:L1"]);
    host.add_datastore("vol1", "naa.1");
    host.run_vm("web", "isos");
    host.register_vm("db", "vol1");
    refused(&mut host, "esxcli storage nfs remove -v isos");
    let list = told(&mut host, "vim-cmd vmsvc/getallvms");
    assert!(list.contains("\n1      web    [isos] web/web.vmx   "), "{list}");
    assert!(list.contains("\n2      db     [vol1] db/db.vmx     "), "{list}");
    // Where the file cannot be read, the list does not tell where the machine lies.
    host.set_nfs_accessible("isos", false);
    let list = told(&mut host, "vim-cmd vmsvc/getallvms");
    assert!(list.starts_with("Skipping invalid VM '1'\nVmid"), "{list}");
    assert!(!list.contains("isos"), "{list}");
    host.lose_path("vmhba2");
    assert!(told(&mut host, "vim-cmd vmsvc/getallvms").contains("Skipping invalid VM '2'\n"));
}

#[test]
fn the_parts_of_datastores_on_4x() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    let ids = host.add_luns(Array::IbmSvc, 2, 4);
    host.add_datastore("vol1", &ids[0]);
    host.add_datastore("vol1", &ids[1]);
    host.run_vm("web", "vol1");
    let list = told(&mut host, "esxcfg-scsidevs -m");
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][0], format!("{}:1", ids[1]));
    assert_eq!((rows[0][2], rows[0][3], rows[1][3]), (rows[1][2], "0", "1"), "{list}");
    assert_eq!(rows[1][4], "vol1");
    let running = told(&mut host, "esxcli vms vm list");
    assert!(
        running.contains(&format!("Config File: /vmfs/volumes/{}/web/web.vmx\n", rows[0][2])),
        "{running}"
    );
    assert!(told(&mut host, "vmware-vim-cmd vmsvc/getallvms").contains("[vol1] web/web.vmx"));
    assert_eq!(refused(&mut host, "vim-cmd vmsvc/getallvms"), "-bash: vim-cmd: command not found\n");
    for list in ["esxcfg-scsidevs -l", "esxcli corestorage device list"] {
        let list = told(&mut host, list);
        assert_eq!(list.matches("Is Local: false\n").count(), 2, "{list}");
        assert!(!list.contains("Is Boot Device"), "4.x does not tell");
    }
}
