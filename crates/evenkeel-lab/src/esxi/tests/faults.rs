//! Paths that are lost, hosts that go down, devices that refuse.

use super::super::{Array, EsxHost, Release};
use super::{refused, told};
use crate::machine::Machine;
use crate::random::Random;

fn set(id: &str, psp: &str) -> String {
    format!("esxcli storage nmp device set -d {id} -P {psp}")
}

#[test]
fn a_path_is_lost_by_whole_parts() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    host.add_lun("naa.1", Array::IbmSvc, &["vmhba2:C0:T1:L1", "vmhba2:C0:T11:L1", "vmhba22:C0:T1:L1"]);
    let living = |host: &EsxHost| host.device("naa.1").unwrap().living_paths().join(" ");
    host.lose_path("vmhba2:C0:T1");
    assert_eq!(living(&host), "vmhba2:C0:T11:L1 vmhba22:C0:T1:L1");
    host.lose_path("vmhba2");
    assert_eq!(living(&host), "vmhba22:C0:T1:L1");
    let paths = told(&mut host, "esxcli storage nmp path list");
    assert_eq!(paths.matches("Group State: dead\n").count(), 2, "{paths}");
    host.restore_path("vmhba2:C0");
    assert_eq!(living(&host).split(' ').count(), 3);
}

#[test]
fn a_path_is_lost_in_the_middle_of_a_run() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    let ids = host.add_luns(Array::IbmSvc, 3, 4);
    host.lose_path_after(2, "vmhba3");
    let living = |host: &EsxHost| host.device(&ids[2]).unwrap().living_paths().len();
    told(&mut host, &set(&ids[0], "VMW_PSP_FIXED"));
    refused(&mut host, &set("naa.9", "VMW_PSP_FIXED"));
    assert_eq!(living(&host), 4, "what was refused is no write");
    told(&mut host, &set(&ids[1], "VMW_PSP_FIXED"));
    assert_eq!(living(&host), 2);
    told(&mut host, &set(&ids[2], "VMW_PSP_FIXED"));
    let seen: Vec<usize> = host.written().iter().map(|written| written.living_paths).collect();
    assert_eq!(seen, [4, 4, 2], "as it was before each");
    assert_eq!(host.written()[2].device.as_deref(), Some(ids[2].as_str()));
}

#[test]
fn a_host_that_goes_down_carries_the_write_out_and_says_nothing_more() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    let ids = host.add_luns(Array::IbmSvc, 2, 4);
    host.reboot_after(1);
    let said = refused(&mut host, &set(&ids[0], "VMW_PSP_FIXED"));
    assert_eq!(said, "Connection to plum closed by remote host.\n");
    assert!(host.is_down());
    refused(&mut host, "esxcli storage nmp device list");
    refused(&mut host, &set(&ids[1], "VMW_PSP_FIXED"));
    host.come_up();
    assert!(!host.is_down());
    told(&mut host, "esxcli storage nmp device list");
    let policies: Vec<&str> = host.devices().map(|device| device.psp.as_str()).collect();
    assert_eq!(policies, ["VMW_PSP_FIXED", "VMW_PSP_RR"]);
}

#[test]
fn a_device_refuses_with_the_words_that_it_was_given() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    let ids = host.add_luns(Array::IbmSvc, 1, 4);
    host.fail_writes(&ids[0], "Unable to set it: I/O error");
    assert_eq!(refused(&mut host, &set(&ids[0], "VMW_PSP_FIXED")), "Unable to set it: I/O error\n");
    assert!(host.written().is_empty());
    host.allow_writes(&ids[0]);
    told(&mut host, &set(&ids[0], "VMW_PSP_FIXED"));
}

#[test]
fn esxlab_does_the_same_by_command() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    told(&mut host, "esxlab add-lun ibm-svc naa.1");
    told(&mut host, "esxlab add-lun netapp-ontap naa.2 vmhba9:C0:T0:L7");
    assert_eq!(host.device("naa.1").unwrap().living_paths().len(), 4);
    assert_eq!(host.device("naa.2").unwrap().working_paths(), ["vmhba9:C0:T0:L7"]);
    told(&mut host, "esxlab lose-path vmhba2");
    assert_eq!(host.device("naa.1").unwrap().living_paths().len(), 2);
    told(&mut host, "esxlab restore-path vmhba2");
    told(&mut host, "esxlab lose-path vmhba3 --after 1");
    told(&mut host, &set("naa.1", "VMW_PSP_FIXED"));
    assert_eq!(host.device("naa.1").unwrap().living_paths().len(), 2);
    host.add_datastore("vol1", "naa.1");
    told(&mut host, "esxlab run-vm web vol1");
    assert!(told(&mut host, "esxcli vm process list").starts_with("web\n"));
    told(&mut host, "esxlab busy naa.2");
    refused(&mut host, "esxcli storage core claiming reclaim -d naa.2");
    told(&mut host, "esxlab reboot --after 1");
    refused(&mut host, &set("naa.1", "VMW_PSP_RR"));
    assert!(host.is_down());
    for wrong in ["busy naa.9", "add-lun x naa.3", "add-lun pure naa.1", "lose-path", "reboot --after x"] {
        refused(&mut host, &format!("esxlab {wrong}"));
    }
}

#[test]
fn drift_is_seeded_and_gives_nothing_that_a_host_refuses() {
    let drifted = |seed| {
        let mut random = Random::new(seed);
        let mut host = EsxHost::new("plum", Release::Esxi80);
        for array in Array::ALL {
            host.add_luns(array, 2, 4);
        }
        for _ in 0..20 {
            host.drift(&mut random);
        }
        for device in host.devices().filter(|device| device.array == Array::Local) {
            assert_ne!(device.psp, "VMW_PSP_RR");
        }
        host.fingerprint()
    };
    assert_eq!(drifted(7), drifted(7));
    let unlike: std::collections::BTreeSet<u64> = (0..20).map(drifted).collect();
    assert!(unlike.len() > 15);
}

#[test]
fn rules_of_ours_tell_their_owner() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    host.add_lun("naa.1", Array::Pure, &["vmhba2:C0:T0:L1"]);
    host.mount_nfs("isos", "durian", "/isos");
    let add = "esxcli storage nmp satp rule add -s VMW_SATP_ALUA -V ACME";
    told(&mut host, &format!("{add} -M A1 -e evenkeel/lab/acme"));
    told(&mut host, &format!("{add} -M A2 -e \"by hand\""));
    let objects = Machine::objects(&host);
    assert_eq!(objects["device naa.1"], None);
    assert_eq!(objects["datastore isos"], None);
    let owner = |model: &str| {
        let mut found = objects.iter().filter(|(name, _)| name.contains(&format!("model={model} ")));
        found.next().unwrap().1.clone()
    };
    assert_eq!(owner("A1").as_deref(), Some("lab"));
    assert_eq!(owner("A2"), None);
}
