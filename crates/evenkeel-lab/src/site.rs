//! The machines that `evenkeel-lab serve` has: a small site of storage hosts, of hosts of guests, of ESX(i) hosts, of Hyper-V
//! hosts, and of hosts of containers.

use std::collections::BTreeMap;

use crate::containers::{ContainerHost, System};
use crate::esxi::{Array, EsxHost, Release};
use crate::random::Random;
use crate::server::LabTarget;
use crate::vzdump::{Dialect, DumpHost};
use crate::windows::{self, Edition, Model, Port, WindowsHost};
use crate::zfs::{Version, ZfsHost};

const NAMES: [&str; 3] = ["durian", "kiwi", "papaya"];

/// The pool of a target: `POOL1` on the first, `tank` on the others.
pub fn pool(at: usize) -> &'static str {
    if at == 0 { "POOL1" } else { "tank" }
}

/// The target number `at`, with `datasets` more datasets, and changes by hand where `seed` is not 0.
pub fn target(at: usize, datasets: usize, seed: u64) -> LabTarget {
    let name = NAMES.get(at).map_or_else(|| format!("target-{at:03}"), |name| (*name).to_owned());
    let version = if at.is_multiple_of(2) { Version::V2_1 } else { Version::V2_3 };
    let mut host = ZfsHost::new(version);
    let pool = pool(at);
    host.add_pool(pool, 8 << 40);
    host.run(&["zfs", "set", "compression=lz4", pool]);
    for dataset in ["vm", "home", "backup", "backup/daily"] {
        host.run(&["zfs", "create", &format!("{pool}/{dataset}")]);
    }
    host.run(&["zfs", "create", "-s", "-V", "100G", &format!("{pool}/disk0")]);
    host.write_data(&format!("{pool}/vm"), 300 << 30);
    host.write_data(&format!("{pool}/home"), 40 << 30);
    if datasets > 0 {
        host.run(&["zfs", "create", &format!("{pool}/bulk")]);
    }
    for number in 1..=datasets {
        host.run(&["zfs", "create", &format!("{pool}/bulk/{number:04}")]);
    }
    if seed != 0 {
        let mut random = Random::derive(seed, at as u64);
        for _ in 0..10 {
            host.drift(&mut random);
        }
    }
    LabTarget::new(name, host)
}

/// The host of guests number `at`: `pve1` of the OpenVZ era, `pve2` of today, and so on in turn. Four guests; the last does
/// not run.
pub fn dump_host(at: usize, bytes: u64) -> LabTarget {
    let dialect = if at.is_multiple_of(2) { Dialect::OpenVz } else { Dialect::Today };
    let mut host = DumpHost::new(format!("pve{}", at + 1), dialect, "Asia/Tokyo");
    for (id, name) in [(101, "web1"), (102, "db1"), (103, "mail1"), (104, "test1")] {
        let guest = host.add_guest(id, name);
        guest.bytes = bytes;
        guest.running = id != 104;
    }
    LabTarget::dump_host(host)
}

/// The OpenVZ host number `at`: `ovz1` as two articles of 2011 and 2014 tell of it, `ovz2` with `vzctl` 4, and so on in turn.
/// In their caches are templates that come from elsewhere, one of them under a name that Proxmox VE does not list.
pub fn openvz_host(at: usize) -> LabTarget {
    let name = format!("ovz{}", at + 1);
    let mut host = match at % 2 {
        0 => ContainerHost::openvz_of_old(&name),
        _ => ContainerHost::openvz(&name),
    };
    host.add_template("scientific-6-standard_6.0_i386.tar.gz", System::Scientific6);
    host.add_template("sabayon-5-SpinBase_5.4-1_i386.tar.gz", System::Sabayon5);
    host.add_template("Sabayon_Linux_SpinBase_5.4_x86_openvz.tar.gz", System::Sabayon5);
    LabTarget::container_host(host)
}

/// The node of Proxmox VE number `at`: `node1`, `node2` and so on, each with a template of Debian.
pub fn pve_host(at: usize) -> LabTarget {
    let mut host = ContainerHost::proxmox(&format!("node{}", at + 1), "9.1.99");
    host.add_template("debian-12-standard_12.7-1_amd64.tar.zst", System::Debian12);
    LabTarget::container_host(host)
}

const ESX_HOSTS: [(&str, Release); 4] = [
    ("olive", Release::Esx41),
    ("lime", Release::Esxi55),
    ("plum", Release::Esxi80),
    ("date", Release::Esxi67),
];

/// The ESX(i) host number `at`, with so many LUNs of an IBM SVC, each on four paths and all `VMW_PSP_FIXED`; a local disk
/// that it boots from; two datastores on LUNs, with virtual machines that run; and one datastore over NFS.
pub fn esx_host(at: usize, luns: usize) -> LabTarget {
    let release = ESX_HOSTS.iter().cycle().nth(at).map_or(Release::Esxi80, |(_, release)| *release);
    let name = ESX_HOSTS.get(at).map_or_else(|| format!("esx-{at:03}"), |(name, _)| (*name).to_owned());
    let mut host = EsxHost::new(name, release);
    let boot = format!("naa.600508b1001c{at:020x}");
    host.add_lun(&boot, Array::Local, &["vmhba1:C0:T0:L0"]);
    host.set_boot(&boot);
    let ids: Vec<String> = (1..=luns).map(lun_id).collect();
    for (id, lun) in ids.iter().zip(1..) {
        let paths = [("vmhba2", 0), ("vmhba3", 0), ("vmhba2", 1), ("vmhba3", 1)]
            .map(|(adapter, target)| format!("{adapter}:C0:T{target}:L{lun}"));
        host.add_lun(id, Array::IbmSvc, &paths.each_ref().map(String::as_str));
        // Where it is not the default, as from 5.5 on, somebody set it by hand.
        if host.device(id).is_some_and(|device| device.psp != "VMW_PSP_FIXED") {
            host.set_policy(id, "VMW_PSP_FIXED");
        }
    }
    for (id, (datastore, guests)) in ids.iter().zip(DATASTORES) {
        host.add_datastore(datastore, id);
        for guest in guests {
            host.run_vm(&format!("{guest}-{}", at + 1), datastore);
        }
    }
    host.mount_nfs("NFS_durian", "durian.teppi.net", "/POOL1/nfs");
    let mut target = LabTarget::esx_host(host);
    target.labels = labels("esxi");
    target
}

fn labels(role: &str) -> BTreeMap<String, String> {
    [("role", role), ("cluster", "lab")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The VLAN of the management network.
const MANAGEMENT: u16 = 10;

/// The Hyper-V host number `at`, of Windows Server 2022: `hv01`, `hv02` and so on, with four NICs of one model and no switch
/// yet. `NIC1` and `NIC2` are plugged into the network of management, VLAN 10, and of storage, VLANs 100 and 200, which come with
/// their tags; `NIC3` into that of guests alone, `NIC4` into none. On `hv01`, `hv03` and so on a NIC of the board has the management
/// address, on the others `NIC1`. `speed` seconds pass on it in a second.
pub fn hyperv_host(at: usize, speed: u64) -> LabTarget {
    let name = format!("hv{:02}", at + 1);
    let address = format!("192.168.1.{}/24", at % 240 + 11);
    let trunk = || Port::new(Some(MANAGEMENT), [100, 200]);
    let host = WindowsHost::new(&name.to_uppercase(), windows::Release::Ws2022, Edition::Desktop)
        .add_nic("NIC1", Model::ConnectX5, trunk())
        .add_nic("NIC2", Model::ConnectX5, trunk())
        .add_nic("NIC3", Model::ConnectX5, Port::new(Some(50), []))
        .add_nic("NIC4", Model::ConnectX5, Port::unplugged());
    let host = if at.is_multiple_of(2) {
        host.add_nic("Onboard", Model::Onboard, Port::new(Some(MANAGEMENT), []))
            .manage("Onboard", &address, MANAGEMENT)
    } else {
        host.manage("NIC1", &address, MANAGEMENT)
    };
    let mut target = LabTarget::windows_host(name, host);
    target.labels = labels("hyperv");
    target.speed = speed;
    target
}

const DATASTORES: [(&str, [&str; 2]); 2] = [("vol1", ["web", "db"]), ("vol2", ["mail", "test"])];

/// The same LUN has the same id on every host.
fn lun_id(number: usize) -> String {
    format!("naa.600507680180876543{number:014x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_has_what_the_demo_speaks_of() {
        let target = target(0, 3, 0);
        assert_eq!(target.name, "durian");
        let names: Vec<&str> = target.host.filesystems().collect();
        assert!(names.contains(&"POOL1/vm") && names.contains(&"POOL1/bulk/0003"), "{names:?}");
    }

    #[test]
    fn hyperv_hosts_are_reached_by_a_nic_of_their_own_or_by_one_of_those_to_come_into_a_team() {
        for (at, name, is_cut_by) in [(0, "hv01", "Onboard"), (1, "hv02", "NIC1"), (10, "hv11", "Onboard")] {
            let target = hyperv_host(at, 1);
            assert_eq!(target.name, name);
            let mut host = target.windows.unwrap();
            assert!(host.is_reachable(), "{name}");
            host.unplug("NIC2");
            assert!(host.is_reachable(), "{name}");
            host.unplug(is_cut_by);
            assert!(!host.is_reachable(), "{name}");
        }
    }

    #[test]
    fn esx_hosts_have_all_that_a_path_policy_meets() {
        for (at, (name, _)) in ESX_HOSTS.iter().enumerate() {
            let target = esx_host(at, 5);
            assert_eq!(target.name, *name);
            let host = target.esx.unwrap();
            let fixed = host.devices().filter(|device| device.psp == "VMW_PSP_FIXED");
            assert_eq!(fixed.count(), 6, "{name}: five LUNs and the local disk");
            assert_eq!(host.device(&lun_id(5)).unwrap().living_paths().len(), 4, "{name}");
            let guests = host.vms().iter().filter(|vm| vm.is_running).count();
            assert_eq!((host.nfs_mounts().count(), guests), (1, 4), "{name}");
        }
        assert_eq!(esx_host(4, 0).name, "esx-004");
        assert_ne!(lun_id(1), lun_id(2));
        assert_eq!(lun_id(1).len(), "naa.".len() + 32);
    }
}
