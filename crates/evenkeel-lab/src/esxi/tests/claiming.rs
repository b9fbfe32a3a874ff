//! What a default, a rule and a policy of its own do to a disk, and when.

use std::time::Instant;

use super::super::{Array, EsxHost, LimitType, Limits, Release};
use super::{refused, told};

const PATHS: [&str; 4] = ["vmhba2:C0:T0:L1", "vmhba3:C0:T0:L1", "vmhba2:C0:T1:L1", "vmhba3:C0:T1:L1"];

fn host_with(release: Release, array: Array) -> EsxHost {
    let mut host = EsxHost::new("lime", release);
    host.add_lun("naa.1", array, &PATHS);
    host
}

fn policy<'a>(host: &'a EsxHost, id: &str) -> (&'a str, &'a str) {
    let device = host.device(id).unwrap();
    (&device.satp, &device.psp)
}

#[test]
fn every_release_claims_as_it_does() {
    use Array::{
        Clariion, IbmSvc, Local, LsiOem, NetappESeries, NetappOntap, Pure, ThreeParActive, ThreeParAlua,
    };
    let (rr, fixed, mru) = ("VMW_PSP_RR", "VMW_PSP_FIXED", "VMW_PSP_MRU");
    let [four, five, six, eight] = Release::ALL;
    let expected = [
        (IbmSvc, "VMW_SATP_SVC", [fixed, rr, rr, rr]),
        (Pure, "VMW_SATP_ALUA", [mru, mru, rr, rr]),
        (NetappOntap, "VMW_SATP_ALUA", [rr, rr, rr, rr]),
        (ThreeParAlua, "VMW_SATP_ALUA", [mru, mru, rr, rr]),
        (ThreeParActive, "VMW_SATP_DEFAULT_AA", [fixed, fixed, fixed, fixed]),
        (LsiOem, "VMW_SATP_LSI", [mru, mru, mru, mru]),
        (Clariion, "VMW_SATP_ALUA_CX", ["VMW_PSP_FIXED_AP", rr, rr, rr]),
        (Local, "VMW_SATP_LOCAL", [fixed, fixed, fixed, fixed]),
    ];
    for (array, satp, policies) in expected {
        for (release, psp) in Release::ALL.into_iter().zip(policies) {
            assert_eq!(policy(&host_with(release, array), "naa.1"), (satp, psp), "{array:?} {release:?}");
        }
    }
    assert_eq!(policy(&host_with(four, NetappESeries), "naa.1"), ("VMW_SATP_LSI", mru));
    for release in [five, six, eight] {
        assert_eq!(policy(&host_with(release, NetappESeries), "naa.1"), ("VMW_SATP_ALUA", mru));
    }
}

#[test]
fn a_default_reaches_new_disks_and_old_ones_when_they_are_claimed_anew() {
    let mut host = host_with(Release::Esx41, Array::IbmSvc);
    host.add_lun("naa.2", Array::IbmSvc, &PATHS);
    told(&mut host, "esxcli nmp satp setdefaultpsp --satp VMW_SATP_SVC --psp VMW_PSP_RR");
    assert_eq!(host.default_psp("VMW_SATP_SVC"), Some("VMW_PSP_RR"));
    host.add_lun("naa.3", Array::IbmSvc, &PATHS);
    let policies =
        |host: &EsxHost| ["naa.1", "naa.2", "naa.3"].map(|id| host.device(id).unwrap().psp.clone());
    assert_eq!(policies(&host), ["VMW_PSP_FIXED", "VMW_PSP_FIXED", "VMW_PSP_RR"]);
    told(&mut host, "esxcli corestorage claiming reclaim -d naa.1");
    assert_eq!(policies(&host), ["VMW_PSP_RR", "VMW_PSP_FIXED", "VMW_PSP_RR"]);
    host.reboot();
    assert_eq!(policies(&host), ["VMW_PSP_RR", "VMW_PSP_RR", "VMW_PSP_RR"]);
}

#[test]
fn a_policy_of_its_own_acts_at_once_and_shields_a_disk() {
    let mut host = host_with(Release::Esxi55, Array::IbmSvc);
    told(&mut host, "esxcli storage nmp device set --device naa.1 --psp VMW_PSP_MRU");
    assert_eq!(host.device("naa.1").unwrap().psp, "VMW_PSP_MRU");
    told(&mut host, "esxcli storage nmp satp set --satp VMW_SATP_SVC --default-psp VMW_PSP_FIXED");
    host.reboot();
    told(&mut host, "esxcli storage core claiming reclaim -d naa.1");
    let device = host.device("naa.1").unwrap();
    assert_eq!((device.psp.as_str(), device.overridden), ("VMW_PSP_MRU", true));
    told(&mut host, "esxcli storage nmp device set --device naa.1 --default");
    let device = host.device("naa.1").unwrap();
    assert_eq!((device.psp.as_str(), device.overridden), ("VMW_PSP_FIXED", false));
}

#[test]
fn a_rule_reaches_what_is_claimed_after_it() {
    let mut host = host_with(Release::Esxi55, Array::Pure);
    let rule = "-s VMW_SATP_ALUA -V PURE -M FlashArray -P VMW_PSP_RR -O iops=1 -e \"by hand\"";
    told(&mut host, &format!("esxcli storage nmp satp rule add {rule}"));
    assert_eq!(host.device("naa.1").unwrap().psp, "VMW_PSP_MRU");
    host.add_lun("naa.2", Array::Pure, &PATHS);
    let device = host.device("naa.2").unwrap();
    assert_eq!(
        (device.psp.as_str(), device.limits.by, device.limits.iops),
        ("VMW_PSP_RR", LimitType::Iops, 1)
    );
    told(&mut host, "esxcli storage core claiming reclaim -d naa.1");
    assert_eq!(host.device("naa.1").unwrap().psp, "VMW_PSP_RR");
    told(&mut host, &format!("esxcli storage nmp satp rule remove {rule}"));
    assert_eq!(host.device("naa.1").unwrap().psp, "VMW_PSP_RR", "until it is claimed anew");
    host.reboot();
    assert_eq!(host.device("naa.1").unwrap().psp, "VMW_PSP_MRU");
    assert_eq!(host.device("naa.1").unwrap().limits, Limits::default());
}

#[test]
fn a_4x_host_forgets_limits_unless_a_rule_carries_them() {
    let mut host = host_with(Release::Esx41, Array::NetappOntap);
    told(&mut host, "esxcli nmp roundrobin setconfig --type \"iops\" --iops=1 --device naa.1");
    assert_eq!(host.device("naa.1").unwrap().limits.iops, 1);
    host.reboot();
    assert!(host.device("naa.1").unwrap().limits.iops > 1000, "it is what stood in memory");
    told(
        &mut host,
        "esxcli nmp satp addrule -s VMW_SATP_ALUA -V NETAPP -M \"LUN C-Mode\" -P VMW_PSP_RR -O iops=1",
    );
    host.reboot();
    assert_eq!(host.device("naa.1").unwrap().limits.iops, 1);
    for release in [Release::Esxi55, Release::Esxi67, Release::Esxi80] {
        let mut host = host_with(release, Array::NetappOntap);
        told(&mut host, "esxcli storage nmp psp roundrobin deviceconfig set -t iops -I 3 -d naa.1");
        host.reboot();
        assert_eq!(host.device("naa.1").unwrap().limits.iops, 3, "{release:?}");
    }
}

#[test]
fn a_busy_disk_is_not_claimed_anew() {
    let mut host = host_with(Release::Esxi80, Array::IbmSvc);
    let reclaim = "esxcli storage core claiming reclaim -d naa.1";
    host.make_busy("naa.1");
    assert!(refused(&mut host, reclaim).contains("Busy or in use devices detected."));
    host.make_idle("naa.1");
    told(&mut host, reclaim);
    host.add_datastore("vol1", "naa.1");
    told(&mut host, reclaim);
    host.run_vm("web", "vol1");
    refused(&mut host, reclaim);
    let boot = host.add_luns(Array::Local, 1, 1);
    host.set_boot(&boot[0]);
    refused(&mut host, &format!("esxcli storage core claiming reclaim -d {}", boot[0]));
}

#[test]
fn a_preferred_path_is_used_while_it_lives() {
    let mut host = host_with(Release::Esxi80, Array::ThreeParActive);
    told(&mut host, "esxcli storage nmp psp fixed deviceconfig set -d naa.1 -p vmhba3:C0:T1:L1");
    assert_eq!(host.device("naa.1").unwrap().working_paths(), ["vmhba3:C0:T1:L1"]);
    host.lose_path("vmhba3:C0:T1");
    assert_eq!(host.device("naa.1").unwrap().working_paths(), ["vmhba2:C0:T0:L1"]);
    host.restore_path("vmhba3:C0:T1");
    assert_eq!(host.device("naa.1").unwrap().working_paths(), ["vmhba3:C0:T1:L1"]);
    // MRU does not go back.
    told(&mut host, "esxcli storage nmp device set -d naa.1 -P VMW_PSP_MRU");
    host.lose_path("vmhba3:C0:T1");
    host.restore_path("vmhba3:C0:T1");
    assert_eq!(host.device("naa.1").unwrap().working_paths(), ["vmhba2:C0:T0:L1"]);
}

#[test]
fn round_robin_uses_optimized_paths_and_others_where_none_is_left() {
    let mut host = host_with(Release::Esxi80, Array::NetappOntap);
    assert_eq!(host.device("naa.1").unwrap().working_paths(), ["vmhba2:C0:T0:L1", "vmhba3:C0:T0:L1"]);
    assert_eq!(host.device("naa.1").unwrap().living_paths().len(), 4);
    host.lose_path("vmhba2:C0:T0");
    host.lose_path("vmhba3:C0:T0");
    assert_eq!(host.device("naa.1").unwrap().working_paths(), ["vmhba2:C0:T1:L1", "vmhba3:C0:T1:L1"]);
    host.lose_path("vmhba2");
    host.lose_path("vmhba3");
    let list = told(&mut host, "esxcli storage nmp device list");
    assert!(list.contains("\n   Working Paths:\n"), "{list}");
}

#[test]
fn two_hundred_disks_are_listed_at_once() {
    for release in Release::ALL {
        let mut host = EsxHost::new("plum", release);
        let ids = host.add_luns(Array::IbmSvc, 200, 4);
        assert_eq!(ids.len(), 200);
        let namespace = if release == Release::Esx41 { "nmp" } else { "storage nmp" };
        // The fastest of several: other tests run at the same time.
        let fastest = (0..20).map(|_| {
            let start = Instant::now();
            let list = told(&mut host, &format!("esxcli {namespace} device list"));
            assert_eq!(list.matches("Working Paths: vmhba2:C0:T0:L").count(), 200);
            start.elapsed()
        });
        let fastest = fastest.min().unwrap();
        assert!(fastest.as_millis() < 50, "{release:?}: {fastest:?}");
    }
}
