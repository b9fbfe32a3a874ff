//! What a host refuses, and that it says so and changes nothing.

use super::super::{Array, EsxHost, Release};
use super::{refused, told, words};
use crate::zfs::Rights;

fn host(release: Release) -> EsxHost {
    let mut host = EsxHost::new("lime", release);
    host.add_lun("naa.1", Array::ThreeParActive, &["vmhba2:C0:T0:L1", "vmhba3:C0:T0:L1"]);
    host.add_lun("naa.2", Array::Local, &["vmhba0:C0:T0:L0"]);
    host
}

#[test]
fn a_release_does_not_know_the_other_dialect() {
    let mut old = host(Release::Esx41);
    assert!(refused(&mut old, "esxcli storage nmp device list").starts_with("Unknown namespace: storage\n"));
    for release in [Release::Esxi55, Release::Esxi67, Release::Esxi80] {
        let mut host = host(release);
        let said = refused(&mut host, "esxcli nmp device list");
        assert_eq!(said, "Error: Unknown command or namespace nmp device list\n");
    }
    let said = refused(&mut host(Release::Esxi55), "esxcli storage nfs41 list");
    assert_eq!(said, "Error: Unknown command or namespace storage nfs41 list\n", "NFS 4.1 came with 6.0");
    assert!(refused(&mut old, "esxcfg-foo -l").ends_with("command not found\n"));
}

#[test]
fn everything_that_is_wrong_is_refused_and_nothing_changes() {
    let five = [
        ("storage nmp device list -d naa.9", "Unknown device naa.9\n"),
        ("storage nmp device set -d naa.9 -P VMW_PSP_RR", "Unknown device naa.9\n"),
        ("storage nmp device set -d naa.1 -P VMW_PSP_R", "Unknown PSP VMW_PSP_R\n"),
        ("storage nmp device set -d naa.1", "Exactly one of -P|--psp and -E|--default"),
        ("storage nmp device set -P VMW_PSP_RR", "Error: Missing required parameter -d|--device\n"),
        ("storage nmp device set -d naa.1 --pps VMW_PSP_RR", "Error: Invalid option --pps\n"),
        (
            "storage nmp device set -d naa.2 -P VMW_PSP_RR",
            "VMW_PSP_RR is not compatible with VMW_SATP_LOCAL\n",
        ),
        ("storage nmp satp set -s VMW_SATP_SVG -P VMW_PSP_RR", "Unknown SATP VMW_SATP_SVG\n"),
        ("storage nmp satp set -s VMW_SATP_SVC -P VMW_PSP_R", "Unknown PSP VMW_PSP_R\n"),
        ("storage nmp satp set -s VMW_SATP_LOCAL -P VMW_PSP_RR", "not compatible with VMW_SATP_LOCAL\n"),
        (
            "storage nmp psp roundrobin deviceconfig set -t iops -I 1 -d naa.1",
            "does not use path selection policy VMW_PSP_RR, it uses VMW_PSP_FIXED\n",
        ),
        ("storage nmp psp roundrobin deviceconfig get -d naa.1", "it uses VMW_PSP_FIXED\n"),
        (
            "storage nmp psp fixed deviceconfig set -d naa.1 -p vmhba9:C0:T0:L1",
            "Unknown path vmhba9:C0:T0:L1",
        ),
        ("storage nmp satp rule add -s VMW_SATP_X -V A -M B", "Unknown SATP VMW_SATP_X\n"),
        ("storage nmp satp rule add -s VMW_SATP_SVC -V A -M B -P VMW_PSP_X", "Unknown PSP VMW_PSP_X\n"),
        ("storage nmp satp rule add -s VMW_SATP_SVC -V A -R fc", "mutually exclusive\n"),
        ("storage nmp satp rule add -s VMW_SATP_SVC -P VMW_PSP_RR", "nothing to match was given\n"),
        ("storage nmp satp rule remove -s VMW_SATP_SVC -V A -M B", "No matching user rule found"),
        ("storage nmp satp rule remove -s VMW_SATP_SVC -V IBM -M 2145", "No matching user rule found"),
        ("storage core claiming reclaim -d naa.9", "Unknown device naa.9\n"),
        ("storage nmp", "Usage: esxcli storage nmp {cmd} [cmd options]\n"),
    ];
    for release in [Release::Esxi55, Release::Esxi67, Release::Esxi80] {
        let mut host = host(release);
        let before = host.fingerprint();
        for (command, text) in five {
            let said = refused(&mut host, &format!("esxcli {command}"));
            assert!(said.contains(text), "{command}: {said}");
        }
        assert_eq!(host.fingerprint(), before);
        assert!(host.written().is_empty());
    }
    let mut old = host(Release::Esx41);
    assert_eq!(refused(&mut old, "esxcli nmp device list -d naa.9"), "Errors:\nUnknown device naa.9\n");
    refused(&mut old, "esxcli nmp device setpolicy -d naa.1 -P VMW_PSP_R");
}

#[test]
fn latency_came_with_6_7() {
    let set = "psp roundrobin deviceconfig set -t latency -d naa.1";
    for (release, takes) in [(Release::Esxi55, false), (Release::Esxi67, true), (Release::Esxi80, true)] {
        let mut host = host(release);
        host.set_policy("naa.1", "VMW_PSP_RR");
        let reply = host.run(&words(&format!("esxcli storage nmp {set}")));
        assert_eq!(reply.exit == 0, takes, "{release:?}");
    }
    let mut old = host(Release::Esx41);
    old.set_policy("naa.1", "VMW_PSP_RR");
    refused(&mut old, "esxcli nmp roundrobin setconfig --type latency --device naa.1");
}

#[test]
fn the_same_rule_is_not_added_twice_and_removed_once() {
    let rule = "-s VMW_SATP_ALUA -V 3PARdata -M VV -P VMW_PSP_RR -O iops=1 -c tpgs_on -e \"HP 3PAR\"";
    let mut host = host(Release::Esxi55);
    told(&mut host, &format!("esxcli storage nmp satp rule add {rule}"));
    assert_eq!(
        refused(&mut host, &format!("esxcli storage nmp satp rule add {rule}")),
        "Error adding SATP user rule: Duplicate user rule found for SATP VMW_SATP_ALUA matching vendor 3PARdata \
         model VV claim Options tpgs_on PSP VMW_PSP_RR and PSP Options iops=1\n"
    );
    let other = rule.replace("iops=1", "iops=2");
    refused(&mut host, &format!("esxcli storage nmp satp rule remove {other}"));
    let other = rule.replace("HP 3PAR", "HP");
    refused(&mut host, &format!("esxcli storage nmp satp rule remove {other}"));
    let without_words = rule.split(" -e").next().unwrap();
    told(&mut host, &format!("esxcli storage nmp satp rule remove {without_words}"));
    refused(&mut host, &format!("esxcli storage nmp satp rule remove {rule}"));
}

#[test]
fn who_may_only_look_changes_nothing() {
    for (release, set) in
        [(Release::Esx41, "nmp device setpolicy"), (Release::Esxi80, "storage nmp device set")]
    {
        let mut host = host(release);
        let command = words(&format!("esxcli {set} -d naa.1 -P VMW_PSP_MRU"));
        let reply = host.run_as(Rights::User, &command);
        let said = String::from_utf8(reply.stderr).unwrap();
        assert!(
            reply.exit == 1 && said.contains("Permission to perform this operation was denied."),
            "{said}"
        );
        assert_eq!(host.device("naa.1").unwrap().psp, "VMW_PSP_FIXED");
        assert_eq!(host.run_as(Rights::User, &["vmware", "-v"]).exit, 0);
    }
}

#[test]
fn looking_changes_nothing_though_counters_move() {
    for release in Release::ALL {
        let mut host = host(release);
        host.add_luns(Array::IbmSvc, 2, 4);
        host.set_policy("naa.1", "VMW_PSP_RR");
        let before = host.fingerprint();
        let namespace = if release == Release::Esx41 { "nmp" } else { "storage nmp" };
        let first = told(&mut host, &format!("esxcli {namespace} device list"));
        for look in ["path list", "psp list", "satp list"] {
            told(&mut host, &format!("esxcli {namespace} {look}"));
        }
        assert_ne!(told(&mut host, &format!("esxcli {namespace} device list")), "", "{first}");
        let lists = (0..3).map(|_| told(&mut host, &format!("esxcli {namespace} device list")));
        let unlike: std::collections::BTreeSet<String> = lists.collect();
        assert!(unlike.len() > 1, "the last path changes");
        assert_eq!(host.fingerprint(), before);
    }
}
