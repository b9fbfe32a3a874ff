//! The simulator begins and ends as it should, and does what we add to it.

use std::path::Path;

use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::soap::{Soap, reference};
use evenkeel_tests::vcsim::{PASSWORD, Vcsim};

#[test]
fn it_is_a_vcenter_or_a_standalone_host_and_ends_with_its_owner() {
    for (flags, api, version, build, folder) in [
        (
            &["-vms", "avocado2,banana", "-folders", "backup"][..],
            "VirtualCenter",
            "6.5.0",
            "5973321",
            "DC0/vm",
        ),
        (&["-kind", "esx", "-vms", "avocado2,banana"], "HostAgent", "6.5.0", "5969303", "ha-datacenter/vm"),
    ] {
        let mut vcsim = Vcsim::start(flags);
        let seen = look(vcsim.url());
        let about = (seen.about.api_type.as_str(), seen.about.version.as_str(), seen.about.build.as_str());
        assert_eq!(about, (api, version, build));
        let names: Vec<_> = seen.within(folder).map(|vm| vm.name.as_str()).collect();
        assert_eq!(names, ["avocado2", "banana"]);
        assert_eq!(seen.folders.contains(&"DC0/vm/backup".to_owned()), api == "VirtualCenter");
        let process = format!("/proc/{}", vcsim.process());
        assert!(Path::new(&process).exists() && vcsim.certificate().exists());
        vcsim.stop();
        assert!(!Path::new(&process).exists());
        assert_eq!(std::fs::read_dir(vcsim.files()).unwrap().count(), 0, "temporary files are gone");
    }
}

#[test]
fn one_that_does_not_start_says_why_and_what_to_run() {
    for (flags, why) in [
        (&["-kind", "hyperv"][..], "vpx or esx"),
        (&["-bare", "-task-time", "1s"], "neither -task-time nor -page"),
        (&["avocado2"], "flags only"),
        (&["-nas", "a,a"], "datastore a"),
    ] {
        let said = Vcsim::try_start(flags).unwrap_err();
        assert!(said.contains(why) && said.contains("tests/vcsim-host install"), "{said}");
    }
}

#[tokio::test]
async fn each_has_a_certificate_of_its_own() {
    let (one, other) = (Vcsim::start(&[]), Vcsim::start(&[]));
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert!(Soap::new(one.address(), one.fingerprint()).await.is_ok());
    let refused = Soap::new(one.address(), other.fingerprint()).await.unwrap_err();
    assert!(refused.to_string().contains(one.fingerprint()), "{refused}");
}

#[tokio::test]
async fn only_its_administrator_gets_in() {
    let vcsim = Vcsim::start(&[]);
    let mut soap = Soap::new(vcsim.address(), vcsim.fingerprint()).await.unwrap();
    let instance = ("ServiceInstance".to_owned(), "ServiceInstance".to_owned());
    let heard = soap.call("CurrentTime", &instance, "").await.unwrap();
    assert_eq!((heard.status, heard.fault()), (500, Some("NotAuthenticated")));
    assert_eq!(soap.login("secret").await.unwrap().fault(), Some("InvalidLogin"));
    assert_eq!(soap.login(PASSWORD).await.unwrap().fault(), None);
    assert_eq!(soap.call("CurrentTime", &instance, "").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_session_that_was_idle_ends() {
    let vcsim = Vcsim::start(&["-idle", "1s"]);
    let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
    let instance = ("ServiceInstance".to_owned(), "ServiceInstance".to_owned());
    assert_eq!(soap.call("CurrentTime", &instance, "").await.unwrap().status, 200);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let heard = soap.call("CurrentTime", &instance, "").await.unwrap();
    assert_eq!(heard.fault(), Some("NotAuthenticated"));
}

#[tokio::test]
async fn collectors_answer_page_by_page() {
    for (flags, at_most) in [(&["-count", "5"][..], Some(2)), (&["-count", "5", "-page", "2"], None)] {
        let vcsim = Vcsim::start(flags);
        let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
        let collector = soap.of("propertyCollector");
        let mut heard = soap.names("VirtualMachine", at_most).await.unwrap();
        let (mut names, mut pages) = (Vec::new(), Vec::new());
        loop {
            let page: Vec<_> = heard.texts("val").collect();
            pages.push(page.len());
            names.extend(page);
            let Some(token) = heard.text("token") else { break };
            assert_eq!(token, (pages.len() - 1).to_string(), "a token may be 0");
            let token = format!("<token>{token}</token>");
            heard = soap.call("ContinueRetrievePropertiesEx", &collector, &token).await.unwrap();
        }
        names.sort();
        assert_eq!(names, ["vm-0000", "vm-0001", "vm-0002", "vm-0003", "vm-0004"]);
        assert_eq!(pages, [2, 2, 1]);
        let used = soap.call("ContinueRetrievePropertiesEx", &collector, "<token>0</token>").await.unwrap();
        assert_eq!(used.fault(), Some("InvalidArgument"));
        let heard = soap.names("VirtualMachine", at_most).await.unwrap();
        let token = format!("<token>{}</token>", heard.text("token").unwrap());
        for fault in [None, Some("InvalidArgument")] {
            let heard = soap.call("CancelRetrievePropertiesEx", &collector, &token).await.unwrap();
            assert_eq!(heard.fault(), fault);
        }
    }
}

#[tokio::test]
async fn a_datastore_of_two_hosts_is_one_and_goes_with_the_last() {
    let vcsim = Vcsim::start(&["-nas", "NFS_durian", "-hosts", "2"]);
    let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
    let mut systems = Vec::new();
    for name in ["DC0_H0", "DC0_H1"] {
        let host = soap.find("HostSystem", name).await.unwrap();
        let heard = soap.retrieve(&host, "configManager.datastoreSystem").await.unwrap();
        systems.push(("HostDatastoreSystem".to_owned(), heard.text("val").unwrap()));
    }
    let spec = "<spec><remoteHost>durian.teppi.net</remoteHost><remotePath>/mnt/POOL1/NFS_durian</remotePath>\
                <localPath>NFS_durian</localPath><accessMode>readWrite</accessMode><type>NFS</type></spec>";
    let twice = soap.call("CreateNasDatastore", &systems[0], spec).await.unwrap();
    assert_eq!(twice.fault(), Some("DuplicateName"));
    let datastore = reference("datastore", &soap.find("Datastore", "NFS_durian").await.unwrap());
    let seen = look(vcsim.url());
    let durian = seen.datastore("NFS_durian");
    assert_eq!(durian.remote.as_deref(), Some("durian.teppi.net:/mnt/POOL1/NFS_durian"));
    assert_eq!(
        (durian.kind.as_str(), durian.hosts.as_slice()),
        ("NFS", &["DC0_H0".into(), "DC0_H1".into()][..])
    );
    assert_eq!(soap.call("RemoveDatastore", &systems[0], &datastore).await.unwrap().fault(), None);
    assert_eq!(look(vcsim.url()).datastore("NFS_durian").hosts, ["DC0_H1"]);
    let gone = soap.call("RemoveDatastore", &systems[0], &datastore).await.unwrap();
    assert_eq!(gone.fault(), Some("NotFound"));
    assert_eq!(soap.call("RemoveDatastore", &systems[1], &datastore).await.unwrap().fault(), None);
    let left: Vec<_> = look(vcsim.url()).datastores.into_iter().map(|datastore| datastore.name).collect();
    assert_eq!(left, ["LocalDS_0"]);
    let made = soap.call("CreateNasDatastore", &systems[1], spec).await.unwrap();
    assert_eq!(made.fault(), None, "{made:?}");
    assert_eq!(look(vcsim.url()).datastore("NFS_durian").hosts, ["DC0_H1"]);
}

#[tokio::test]
async fn a_lun_on_one_host_gets_another_policy() {
    let vcsim = Vcsim::start(&["-luns", "2", "-hosts", "2"]);
    let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
    let host = soap.find("HostSystem", "DC0_H1").await.unwrap();
    let heard = soap.retrieve(&host, "configManager.storageSystem").await.unwrap();
    let system = ("HostStorageSystem".to_owned(), heard.text("val").unwrap());
    let policy = |lun: &str| format!("<lunId>{lun}</lunId><policy><policy>VMW_PSP_RR</policy></policy>");
    let unknown = soap.call("SetMultipathLunPolicy", &system, &policy("02")).await.unwrap();
    assert_eq!(unknown.fault(), Some("NotFound"));
    let second = format!("02000000006005076801{:024x}", 1);
    let heard = soap.call("SetMultipathLunPolicy", &system, &policy(&second)).await.unwrap();
    assert_eq!(heard.fault(), None);
    let seen = look(vcsim.url());
    let policies = |host: &str| -> Vec<_> {
        seen.hosts[host].luns.values().map(|lun| (lun.policy.clone(), lun.working)).collect()
    };
    let (fixed, round_robin) = (("VMW_PSP_FIXED".to_owned(), 4), ("VMW_PSP_RR".to_owned(), 4));
    assert_eq!(policies("DC0_H0"), [fixed.clone(), fixed.clone()]);
    assert_eq!(policies("DC0_H1"), [fixed, round_robin]);
}
