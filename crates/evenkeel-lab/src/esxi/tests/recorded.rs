//! Outputs of real hosts, byte by byte.

use super::super::table;
use super::super::{Array, EsxHost, Release};
use super::told;

const DGC: &str = "naa.600601604670290026cca5f7836fe111";
const NETAPP: &str = "naa.600a0980383148693724545244395855";
const IFT: &str = "naa.600d02310008483b000000007ef9583c";

#[test]
fn a_device_of_4x() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    host.add_lun(DGC, Array::Clariion, &["vmhba2:C0:T1:L1", "vmhba2:C0:T0:L1"]);
    host.set_policy(DGC, "VMW_PSP_FIXED");
    let recorded = "
naa.600601604670290026cca5f7836fe111
    Device Display Name: DGC Fibre Channel Disk (naa.600601604670290026cca5f7836fe111)
    Storage Array Type: VMW_SATP_ALUA_CX
    Storage Array Type Device Config: {navireg=on, ipfilter=on}{implicit_support=on;explicit_support=on;{TPG_id=1,TPG_state=ANO}{TPG_id=2,TPG_state=AO}}
    Path Selection Policy: VMW_PSP_FIXED
    Path Selection Policy Device Config: {preferred=vmhba2:C0:T1:L1;current=vmhba2:C0:T1:L1}
    Working Paths: vmhba2:C0:T1:L1
";
    assert_eq!(told(&mut host, "esxcli nmp device list"), recorded);
}

#[test]
fn the_device_of_the_seed_article() {
    let id = "naa.xxxxxxxxxxxxxxe9d80000000000002d";
    let mut host = EsxHost::new("olive", Release::Esx41);
    host.add_lun(id, Array::IbmSvc, &["vmhba2:C0:T3:L11", "vmhba3:C0:T3:L11"]);
    let recorded = "
naa.xxxxxxxxxxxxxxe9d80000000000002d
    Device Display Name: IBM Fibre Channel Disk (naa.xxxxxxxxxxxxxxe9d80000000000002d)
    Storage Array Type: VMW_SATP_SVC
    Storage Array Type Device Config: SATP VMW_SATP_SVC does not support device configuration.
    Path Selection Policy: VMW_PSP_FIXED
    Path Selection Policy Device Config: {preferred=vmhba2:C0:T3:L11;current=vmhba2:C0:T3:L11}
    Working Paths: vmhba2:C0:T3:L11
";
    assert_eq!(told(&mut host, "esxcli nmp device list"), recorded);
}

#[test]
fn the_policies_and_array_types_of_the_seed_article() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    host.add_lun("naa.1", Array::IbmSvc, &["vmhba2:C0:T3:L11"]);
    let policies = "\
Name              Description
VMW_PSP_FIXED_AP  Fixed Path Selection with Array Preference
VMW_PSP_MRU       Most Recently Used Path Selection
VMW_PSP_RR        Round Robin Path Selection
VMW_PSP_FIXED     Fixed Path Selection
";
    assert_eq!(told(&mut host, "esxcli nmp psp list"), policies);
    let types = "\
Name                 Default PSP       Description
VMW_SATP_SVC         VMW_PSP_FIXED     Supports IBM SVC
VMW_SATP_SYMM        VMW_PSP_FIXED     Placeholder (plugin not loaded)
VMW_SATP_MSA         VMW_PSP_MRU       Placeholder (plugin not loaded)
VMW_SATP_LSI         VMW_PSP_MRU       Placeholder (plugin not loaded)
";
    let told = told(&mut host, "esxcli nmp satp list");
    assert!(told.starts_with(types), "{told}");
}

#[test]
fn a_device_of_8() {
    for release in [Release::Esxi67, Release::Esxi80] {
        let mut host = EsxHost::new("plum", release);
        let paths = ["vmhba4:C0:T0:L11", "vmhba3:C0:T0:L11", "vmhba4:C0:T1:L11", "vmhba3:C0:T1:L11"];
        host.add_lun(NETAPP, Array::NetappOntap, &paths);
        let recorded = "\
naa.600a0980383148693724545244395855
   Device Display Name: NETAPP Fibre Channel Disk (naa.600a0980383148693724545244395855)
   Storage Array Type: VMW_SATP_ALUA
   Storage Array Type Device Config: {implicit_support=on; explicit_support=off; explicit_allow=on; alua_followover=on; action_OnRetryErrors=off; {TPG_id=1000,TPG_state=ANO}{TPG_id=1001,TPG_state=AO}}
   Path Selection Policy: VMW_PSP_RR
   Path Selection Policy Device Config: {policy=rr,iops=1000,bytes=10485760,useANO=0; lastPathIndex=1: NumIOsPending=0,numBytesPending=0}
   Path Selection Policy Device Custom Config:
   Working Paths: vmhba4:C0:T0:L11, vmhba3:C0:T0:L11
   Is USB: false
";
        assert_eq!(told(&mut host, "esxcli storage nmp device list"), recorded);
        assert_eq!(
            told(&mut host, &format!("esxcli storage nmp device list -d {NETAPP}")).lines().count(),
            9
        );
    }
}

/// The line that tells what the policy of a device is set to.
fn config(host: &mut EsxHost, list: &str) -> String {
    let told = told(host, list);
    let line = told.lines().find_map(|line| line.split_once("Path Selection Policy Device Config: "));
    line.unwrap().1.to_owned()
}

#[test]
fn most_recently_used_tells_its_path() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    host.add_lun(IFT, Array::ThreeParAlua, &["vmhba37:C0:T1:L6", "vmhba37:C0:T2:L6"]);
    assert_eq!(config(&mut host, "esxcli nmp device list"), "Current Path=vmhba37:C0:T1:L6");
    let told = told(&mut host, "esxcli nmp device list");
    assert!(told.ends_with("\n    Working Paths: vmhba37:C0:T1:L6\n"), "{told}");
    assert!(told.contains("Config: {implicit_support=on;explicit_support=off; explicit_allow=on;alua_followover=on;{TPG_id=0,TPG_state=AO}}\n"));
}

#[test]
fn limits_of_round_robin_in_the_device_list() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    host.add_lun(NETAPP, Array::Pure, &["vmhba1:C0:T0:L1", "vmhba2:C0:T0:L1"]);
    let set = |host: &mut EsxHost, options: &str| {
        told(host, &format!("esxcli storage nmp psp roundrobin deviceconfig set {options} -d {NETAPP}"));
        config(host, "esxcli storage nmp device list")
    };
    // The rule that is there from the factory gives iops=1.
    let end = ",bytes=10485760,useANO=0; lastPathIndex=1: NumIOsPending=0,numBytesPending=0}";
    assert_eq!(config(&mut host, "esxcli storage nmp device list"), format!("{{policy=iops,iops=1{end}"));
    let eight = set(&mut host, "--type=iops --iops=8");
    assert!(eight.starts_with("{policy=iops,iops=8,bytes=10485760,useANO=0; lastPathIndex="), "{eight}");
    let bytes = set(&mut host, "-t bytes -B 8800");
    assert!(bytes.starts_with("{policy=bytes,iops=1000,bytes=8800,useANO=0; "), "{bytes}");
    let latency = set(&mut host, "-t latency -S 16 -T 180000");
    assert!(
        latency.starts_with(
            "{policy=latency,latencyEvalTime=180000,samplingCycles=16,curSamplingCycle=16,useANO=0; CurrentPath="
        ),
        "{latency}"
    );
    let plain = set(&mut host, "-t default");
    assert!(plain.starts_with("{policy=rr,iops=1000,bytes=10485760,"), "{plain}");
}

#[test]
fn a_rule_of_4x_gives_the_number_and_leaves_the_type() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    let rule = "-s VMW_SATP_ALUA -P VMW_PSP_RR -O iops=1 -c tpgs_on -V 3PARdata -M VV";
    told(&mut host, &format!("esxcli nmp satp addrule {rule}"));
    host.add_lun("naa.1", Array::ThreeParAlua, &["vmhba1:C0:T0:L1"]);
    let config = config(&mut host, "esxcli nmp device list");
    assert!(config.starts_with("{policy=rr,iops=1,bytes=10485760,useANO=0;lastPathIndex="), "{config}");
}

#[test]
fn limits_by_themselves() {
    let id = "naa.60a010a03ff1bb511962194c40626cd1";
    let get = format!("esxcli storage nmp psp roundrobin deviceconfig get -d {id}");
    let mut host = EsxHost::new("plum", Release::Esxi80);
    host.add_lun(id, Array::IbmSvc, &["vmhba64:C1:T0:L0", "vmhba64:C0:T0:L0"]);
    told(
        &mut host,
        &format!("esxcli storage nmp psp roundrobin deviceconfig set --type=iops --iops=8 -d {id}"),
    );
    let recorded = "   Byte Limit: 10485760
   Device: naa.60a010a03ff1bb511962194c40626cd1
   IOOperation Limit: 8
   Latency Evaluation Interval: 0 milliseconds
   Limit Type: Iops
   Number Of Sampling IOs Per Path: 0
   Use Active Unoptimized Paths: false
";
    assert_eq!(told(&mut host, &get), recorded);
    let mut host = EsxHost::new("lime", Release::Esxi55);
    host.add_lun(id, Array::IbmSvc, &["vmhba64:C1:T0:L0"]);
    let recorded = "   Byte Limit: 10485760
   Device: naa.60a010a03ff1bb511962194c40626cd1
   IOOperation Limit: 1000
   Limit Type: Default
   Use Active Unoptimized Paths: false
";
    assert_eq!(told(&mut host, &get), recorded);
}

#[test]
fn a_new_default_is_told_of() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    let said = told(&mut host, "esxcli storage nmp satp set -s VMW_SATP_ALUA -P VMW_PSP_RR");
    assert_eq!(said, "Default PSP for VMW_SATP_ALUA is now VMW_PSP_RR\n");
}

#[test]
fn array_types_of_5x() {
    let mut host = EsxHost::new("lime", Release::Esxi55);
    host.add_lun("naa.1", Array::ThreeParAlua, &["vmhba2:C0:T3:L11"]);
    let types = "\
Name                 Default PSP    Description
-------------------  -------------  -------------------------------------------------------
VMW_SATP_ALUA        VMW_PSP_MRU    Supports non-specific arrays that use the ALUA protocol
";
    let list = told(&mut host, "esxcli storage nmp satp list");
    assert!(list.starts_with(types), "{list}");
    let end = "VMW_SATP_DEFAULT_AA  VMW_PSP_FIXED  Supports non-specific active/active arrays             \n\
               VMW_SATP_LOCAL       VMW_PSP_FIXED  Supports direct attached devices                       \n";
    assert!(list.ends_with(end), "{list}");
}

#[test]
fn rules_have_the_recorded_columns() {
    let mut host = EsxHost::new("plum", Release::Esxi80);
    told(
        &mut host,
        "esxcli storage nmp satp rule add -V SUN -M COMSTAR -P VMW_PSP_RR -s VMW_SATP_ALUA -e \"OmniOS Devices\" -O iops=1",
    );
    let list = told(&mut host, "esxcli storage nmp satp rule list");
    let mut lines = list.lines();
    let header: Vec<&str> =
        lines.next().unwrap().split("  ").map(str::trim).filter(|n| !n.is_empty()).collect();
    let names = [
        "Name",
        "Device",
        "Vendor",
        "Model",
        "Driver",
        "Transport",
        "Options",
        "Rule Group",
        "Claim Options",
        "Default PSP",
        "PSP Options",
        "Description",
    ];
    assert_eq!(header, names);
    assert!(lines.next().unwrap().starts_with("-------------------  ------  --------  "));
    let rule = list.lines().find(|line| line.contains("COMSTAR")).unwrap();
    let cells: Vec<&str> = rule.split_whitespace().collect();
    assert_eq!(
        cells,
        ["VMW_SATP_ALUA", "SUN", "COMSTAR", "user", "VMW_PSP_RR", "iops=1", "OmniOS", "Devices"]
    );
    let mut old = EsxHost::new("olive", Release::Esx41);
    let list = told(&mut old, "esxcli nmp satp listrules -s VMW_SATP_ALUA");
    assert_eq!(list.lines().count(), 4, "no dashes, and the three rules that were recorded:\n{list}");
    for recorded in [
        "NetApp arrays with ALUA support",
        "IBM 2810XIV arrays with ALUA support",
        "Any array with ALUA support",
    ] {
        assert!(list.contains(recorded), "{list}");
    }
}

#[test]
fn paths_of_4x_and_later() {
    let mut host = EsxHost::new("olive", Release::Esx41);
    host.add_lun(DGC, Array::Clariion, &["vmhba2:C0:T1:L1", "vmhba2:C0:T0:L1"]);
    host.set_policy(DGC, "VMW_PSP_FIXED");
    let list = told(&mut host, &format!("esxcli nmp path list -d {DGC}"));
    // The adapters' numbers differ, everything else is recorded.
    let known = "    Runtime Name: vmhba2:C0:T0:L1
    Device: naa.600601604670290026cca5f7836fe111
    Device Display Name: DGC Fibre Channel Disk (naa.600601604670290026cca5f7836fe111)
    Group State: active unoptimized
    Storage Array Type Path Config: {TPG_id=1,TPG_state=ANO,RTP_id=2,RTP_health=UP}
    Path Selection Policy Path Config: {current: no; preferred: no}
";
    assert!(list.ends_with(known), "{list}");
    let mut host = EsxHost::new("plum", Release::Esxi80);
    host.add_lun("naa.1", Array::IbmSvc, &["vmhba1:C0:T3:L80"]);
    let known = "   Runtime Name: vmhba1:C0:T3:L80
   Device: naa.1
   Device Display Name: IBM Fibre Channel Disk (naa.1)
   Group State: active
   Array Priority: 0
   Storage Array Type Path Config: SATP VMW_SATP_SVC does not support path configuration.
   Path Selection Policy Path Config: PSP VMW_PSP_RR does not support path configuration.
";
    let list = told(&mut host, "esxcli storage nmp path list");
    assert!(list.ends_with(known), "{list}");
}

#[test]
fn machines_that_are_registered() {
    let recorded = "\
Vmid          Name                                     File                                     Guest OS          Version   Annotation
10     _solaris11.4cbe.50   [192.168.2.203_nvme_nfs] solaris11.4cbe/solaris11.4cbe.vmx   solaris11_64Guest        vmx-19              
25     test.sbb.47          [nfs2] test/test.vmx                                         solaris11_64Guest        vmx-14              
5      dummy delay          [local_datastore] dummy delay/dummy delay.vmx                otherLinuxGuest          vmx-20              
8      omnisan-203          [local_datastore] omnisan/omnisan.vmx                        solaris11_64Guest        vmx-20              
";
    let mut rows: Vec<[String; 6]> = Vec::new();
    for line in recorded.lines().skip(1) {
        let mut cells = line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned);
        rows.push(std::array::from_fn(|_| cells.next().unwrap_or_default()));
    }
    // Who recorded it left out a machine, or more: the column is wider than what is in it.
    rows.push(["9", "", "", "a guest with 22 letters", "", ""].map(|cell| cell.chars().take(22).collect()));
    let printed = table::vim_cmd(["Vmid", "Name", "File", "Guest OS", "Version", "Annotation"], &rows);
    assert!(printed.starts_with(recorded), "{printed}");
}

#[test]
fn shares_and_parts_of_datastores() {
    let mut host = EsxHost::new("kuiper2", Release::Esxi67);
    host.mount_nfs("nfsbackup", "192.168.1.22", "/volume1/vmnfsbackup");
    let recorded = "\
Volume Name  Host          Share                 Accessible  Mounted  Read-Only   isPE  Hardware Acceleration
-----------  ------------  --------------------  ----------  -------  ---------  -----  ---------------------
nfsbackup    192.168.1.22  /volume1/vmnfsbackup        true     true      false  false  Not Supported";
    assert_eq!(told(&mut host, "esxcli storage nfs list").trim_end(), recorded);
    told(&mut host, "esxcli storage nfs41 add -H 10.1.0.7 -s /backups/isos -v isos");
    host.set_nfs_accessible("isos", false);
    let recorded = "\
Volume Name  Host(s)   Share          Accessible  Mounted  Read-Only  Security   isPE  Hardware Acceleration
-----------  --------  -------------  ----------  -------  ---------  --------  -----  ---------------------
isos         10.1.0.7  /backups/isos       false    false      false  AUTH_SYS  false  Unknown";
    assert_eq!(told(&mut host, "esxcli storage nfs41 list").trim_end(), recorded);
    host.add_datastore("VMs", "naa.600508b1001cf76cb54a0dec4acc6459");
    let recorded = "\
Volume Name  VMFS UUID                            Extent Number  Device Name                           Partition
-----------  -----------------------------------  -------------  ------------------------------------  ---------
VMs          ";
    let list = told(&mut host, "esxcli storage vmfs extent list");
    assert!(list.starts_with(recorded), "{list}");
    assert!(list.ends_with("              0  naa.600508b1001cf76cb54a0dec4acc6459          1\n"), "{list}");
    host.run_vm("gns3_vm", "VMs");
    let list = told(&mut host, "esxcli vm process list");
    let names: Vec<&str> = list.lines().map(|line| line.split(':').next().unwrap()).collect();
    let recorded = [
        "gns3_vm",
        "   World ID",
        "   Process ID",
        "   VMX Cartel ID",
        "   UUID",
        "   Display Name",
        "   Config File",
    ];
    assert_eq!(names, recorded);
    assert!(list.ends_with("/gns3_vm/gns3_vm.vmx\n"));
    assert_eq!(
        told(&mut host, "esxcfg-nas -l"),
        "nfsbackup is /volume1/vmnfsbackup from 192.168.1.22 mounted available\n"
    );
}
