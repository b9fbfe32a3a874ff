//! Output as hosts printed it, as others could print it, and cut short.

use proptest::prelude::*;

use super::*;

fn reply(stdout: &str) -> Reply {
    Reply { exit: 0, stdout: stdout.as_bytes().to_vec(), stderr: Vec::new() }
}

fn devices_of(text: &str) -> Result<Vec<NmpDevice>, ObserveError> {
    read_devices(&Dialect::Five.device_list(), &reply(text))
}

fn problem<T: std::fmt::Debug>(result: Result<T, ObserveError>) -> String {
    match result {
        Err(ObserveError::Unparsable { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

/// As facts about a real 4.x say, with the blank line that the command begins with there.
const CLARIION_41: &str = "
naa.600601604670290026cca5f7836fe111
    Device Display Name: DGC Fibre Channel Disk (naa.600601604670290026cca5f7836fe111)
    Storage Array Type: VMW_SATP_ALUA_CX
    Storage Array Type Device Config: {navireg=on, ipfilter=on}{implicit_support=on;explicit_support=on;{TPG_id=1,TPG_state=ANO}{TPG_id=2,TPG_state=AO}}
    Path Selection Policy: VMW_PSP_FIXED
    Path Selection Policy Device Config: {preferred=vmhba2:C0:T1:L1;current=vmhba2:C0:T1:L1}
    Working Paths: vmhba2:C0:T1:L1
";

const NETAPP: &str = "\
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

#[test]
fn devices_of_both_dialects_are_read() {
    let old = devices_of(CLARIION_41).unwrap();
    let [old] = old.as_slice() else { panic!("{old:?}") };
    assert_eq!(
        (old.satp.as_str(), old.psp.as_str(), old.paths_in_use.as_slice()),
        ("VMW_SATP_ALUA_CX", "VMW_PSP_FIXED", ["vmhba2:C0:T1:L1".to_owned()].as_slice())
    );
    assert_eq!(old.preferred_path(), Ok(Some("vmhba2:C0:T1:L1".to_owned())));
    assert!(old.limits().unwrap_err().contains("it does not tell `policy`"));

    let new = devices_of(NETAPP).unwrap();
    let [new] = new.as_slice() else { panic!("{new:?}") };
    assert_eq!(new.display_name, "NETAPP Fibre Channel Disk (naa.600a0980383148693724545244395855)");
    assert_eq!(new.paths_in_use, ["vmhba4:C0:T0:L11", "vmhba3:C0:T0:L11"]);
    assert_eq!(new.limits(), Ok(Limits::Iops(1000)));
}

#[test]
fn odd_devices_are_read_too() {
    let text = "\
mpx.vmhba32:C0:T0:L0
   Device Display Name: ディスク 1: the \"one\" (mpx.vmhba32:C0:T0:L0)
   Storage Array Type: EQL_SATP_X
   Storage Array Type Device Config: SATP EQL_SATP_X does not support device configuration.
   Path Selection Policy: DELL_PSP_EQL_ROUTED
   Path Selection Policy Device Config: {policy=iops iops=1 bytes=0 numIOsSinceLastInq=3285 lastPathIndex=1}
   Path Selection Policy Device Custom Config: {a=b}
   Working Paths:
   Is Local SAS Device: false
   Is Boot USB Device: true

t10.ATA_____ST1000DM003
   Device Display Name:
   Storage Array Type: VMW_SATP_LOCAL
   Storage Array Type Device Config: SATP VMW_SATP_LOCAL does not support device configuration.
   Path Selection Policy: VMW_PSP_MRU
   Path Selection Policy Device Config: Current Path=vmhba37:C0:T1:L6
   Working Paths: vmhba37:C0:T1:L6
";
    let devices = devices_of(text).unwrap();
    let [first, second] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!(first.display_name, "ディスク 1: the \"one\" (mpx.vmhba32:C0:T0:L0)");
    assert!(first.paths_in_use.is_empty());
    assert_eq!(first.limits(), Ok(Limits::Iops(1)));
    assert_eq!((second.id.as_str(), second.display_name.as_str()), ("t10.ATA_____ST1000DM003", ""));
    assert!(second.preferred_path().unwrap_err().contains("it is not in braces"));
}

#[test]
fn what_is_not_whole_is_an_error() {
    let without = |line: &str| {
        let kept = NETAPP.lines().filter(|l| !l.contains(line));
        problem(devices_of(&kept.flat_map(|line| [line, "\n"]).collect::<String>()))
    };
    for line in
        ["Storage Array Type:", "Storage Array Type Device Config:", "Path Selection Policy:", "Working"]
    {
        assert!(without(line).contains("it has no `"), "{line}: {}", without(line));
    }
    let replaced = |from: &str, to: &str| problem(devices_of(&NETAPP.replace(from, to)));
    for (from, to, expected) in [
        (NETAPP, "", "it is empty"),
        ("naa.600a0980383148693724545244395855\n", "", "stands below no heading"),
        ("naa.600a0980383148693724545244395855\n", "Some warning\n", "`Some warning` is no id of a device"),
        ("   Is USB: false", "   Is USB", "`Is USB` is no `Name: value`"),
        ("   Is USB: false", "   Working Paths: vmhba4:C0:T0:L11", "`Working Paths` stands there twice"),
        ("vmhba3:C0:T0:L11", "vmhba3:C0:T0", "`vmhba3:C0:T0` is no path"),
        ("   Path Selection Policy: VMW_PSP_RR", "   Path Selection Policy:", "is not one word"),
        ("Is USB: false\n", "Is USB: fal", "its last line is cut short: `   Is USB: fal`"),
    ] {
        let problem = replaced(from, to);
        assert!(problem.contains(expected), "{to}: {problem}");
    }
    assert!(problem(devices_of(&NETAPP.repeat(2))).contains("in the list twice"));
    let broken = Reply { exit: 0, stdout: b"naa.\xff\n".to_vec(), stderr: Vec::new() };
    assert!(problem(read_devices(&Dialect::Five.device_list(), &broken)).contains("not UTF-8"));
}

#[test]
fn limits_are_read_from_every_form_of_the_line() {
    let limits = |config: &str| {
        let device = devices_of(NETAPP).unwrap().remove(0);
        NmpDevice { config: config.to_owned(), ..device }.limits()
    };
    for (config, expected) in [
        (
            "{policy=iops,iops=1,bytes=10485760,useANO=0;lastPathIndex=0: NumIOsPending=0,numBytesPending=0}",
            "iops=1",
        ),
        ("{policy=rr,iops=1}", "iops=1"),
        ("{policy=bytes,iops=1000,bytes=8192,useANO=1; lastPathIndex=0: NumIOsPending=3}", "bytes=8192"),
        (
            "{policy=latency,latencyEvalTime=180000,samplingCycles=16,curSamplingCycle=16,useANO=0; CurrentPath=vmhba1:C0:T0:L0: NumIOsPending=0}",
            "latency samplingIos=16 intervalMilliseconds=180000",
        ),
    ] {
        assert_eq!(limits(config).unwrap().to_string(), expected, "{config}");
    }
    for (config, expected) in [
        ("", "not in braces"),
        ("{policy=rr,iops=1000", "not in braces"),
        ("{}", "does not tell `policy`"),
        ("{iops=1}", "does not tell `policy`"),
        ("{policy=iops}", "does not tell `iops`"),
        ("{policy=iops,iops=}", "`iops=` is no number"),
        ("{policy=iops,iops=1,iops=2}", "tells `iops` twice"),
        ("{policy=mystery,iops=1}", "`policy=mystery` is not known"),
        ("{policy=iops,iops}", "`iops` is no setting"),
        ("{policy=latency,samplingCycles=16}", "does not tell `latencyEvalTime`"),
    ] {
        let problem = limits(config).unwrap_err();
        assert!(problem.contains(expected) && problem.contains("VMW_PSP_RR"), "{config}: {problem}");
    }
}

#[test]
fn paths_are_read_with_their_states() {
    let text = "\
fc.20000000c96eb647:10000000c96eb647-fc.50060160bea038b6:5006016d3ea038b6-naa.600601604670290026cca5f7836fe111
   Runtime Name: vmhba2:C0:T1:L1
   Device: naa.600601604670290026cca5f7836fe111
   Device Display Name: DGC Fibre Channel Disk (naa.600601604670290026cca5f7836fe111)
   Group State: active
   Array Priority: 0
   Storage Array Type Path Config: {TPG_id=2,TPG_state=AO,RTP_id=14,RTP_health=UP}
   Path Selection Policy Path Config: {current: yes; preferred: yes}

fc.20000000c96eb647:10000000c96eb647-fc.50060160bea038b6:500601643ea038b6-naa.600601604670290026cca5f7836fe111
   Runtime Name: vmhba2:C0:T0:L1
   Device: naa.600601604670290026cca5f7836fe111
   Device Display Name: DGC Fibre Channel Disk (naa.600601604670290026cca5f7836fe111)
   Group State: active unoptimized
   Storage Array Type Path Config: {TPG_id=1,TPG_state=ANO,RTP_id=5,RTP_health=UP}
   Path Selection Policy Path Config: {current: no; preferred: no}
";
    let read = |text: &str| read_paths(&Dialect::Five.path_list(), &reply(text));
    let paths = read(text).unwrap();
    let names: Vec<(&str, bool)> = paths.iter().map(|path| (path.name.as_str(), path.works())).collect();
    assert_eq!(names, [("vmhba2:C0:T1:L1", true), ("vmhba2:C0:T0:L1", true)]);
    let dead = read(&text.replace("active unoptimized", "dead")).unwrap();
    assert!(!dead.last().unwrap().works());
    assert!(problem(read(&text.replace("   Group State: active\n", ""))).contains("no `Group State`"));
    assert!(problem(read(&text.replace("vmhba2:C0:T0:L1", "vmhba2:C0:T1:L1"))).contains("twice"));
    assert!(problem(read("")).contains("empty"));
}

#[test]
fn array_types_are_read_with_and_without_dashes() {
    // The seed article's host.
    let old = "\
Name                 Default PSP       Description
VMW_SATP_SVC         VMW_PSP_FIXED     Supports IBM SVC
VMW_SATP_SYMM        VMW_PSP_FIXED     Placeholder (plugin not loaded)
";
    let new = "\
Name                 Default PSP    Description
-------------------  -------------  ------------------------------------------
VMW_SATP_MSA         VMW_PSP_MRU    Placeholder (plugin not loaded)
VMW_SATP_DEFAULT_AA  VMW_PSP_FIXED  Supports non-specific active/active arrays
";
    let (four, five) = (Dialect::Four.satp_list(), Dialect::Five.satp_list());
    let old = read_satps(&four, &reply(old)).unwrap();
    assert_eq!(old.last().unwrap().name, "VMW_SATP_SYMM");
    assert_eq!(old.last().unwrap().description, "Placeholder (plugin not loaded)");
    let read = |text: &str| read_satps(&five, &reply(text));
    let satps = read(new).unwrap();
    let rows: Vec<_> = satps.iter().map(|s| (s.name.as_str(), s.default_psp.as_str())).collect();
    assert_eq!(rows, [("VMW_SATP_MSA", "VMW_PSP_MRU"), ("VMW_SATP_DEFAULT_AA", "VMW_PSP_FIXED")]);
    for (from, to, expected) in [
        (new, "", "it is empty"),
        ("Default PSP ", "Default XYZ ", "no column `Default PSP`"),
        (
            "-------------------  -------------  ------------------------------------------\n",
            "",
            "does not begin with titles",
        ),
        ("VMW_SATP_MSA         VMW_PSP_MRU ", "VMW_SATP_MSA     VMW_PSP_MRU     ", "is no row of the table"),
        (
            "VMW_SATP_MSA         VMW_PSP_MRU    P",
            "VMW_SATP_MSA                        P",
            "nothing in the column `Default PSP`",
        ),
        ("VMW_SATP_DEFAULT_AA", "VMW_SATP_MSA       ", "in the list twice"),
    ] {
        let problem = problem(read(&new.replacen(from, to, 1)));
        assert!(problem.contains(expected), "{to}: {problem}");
    }
}

#[test]
fn rules_are_read_column_by_column() {
    let new = "\
Name           Device  Vendor    Model        Driver  Transport  Options  Rule Group  Claim Options  Default PSP  PSP Options  Description
-------------  ------  --------  -----------  ------  ---------  -------  ----------  -------------  -----------  -----------  -----------------------------
VMW_SATP_ALUA          NETAPP                                             system      tpgs_on        VMW_PSP_RR                NetApp arrays with ALUA support
VMW_SATP_ALUA          PURE      FlashArray                               user                       VMW_PSP_RR   iops=1       evenkeel/lab/pure: 二 disks
";
    let five = Dialect::Five.rule_list();
    let rules = read_rules(&five, &reply(new)).unwrap();
    let expected = ClaimRule {
        satp: "VMW_SATP_ALUA".into(),
        vendor: "PURE".into(),
        model: "FlashArray".into(),
        group: "user".into(),
        psp: "VMW_PSP_RR".into(),
        psp_options: "iops=1".into(),
        description: "evenkeel/lab/pure: 二 disks".into(),
        ..ClaimRule::default()
    };
    assert_eq!(rules.last(), Some(&expected));
    let odd = problem(read_rules(&five, &reply(&new.replace(" user ", " root "))));
    assert!(odd.contains("`root` is no group of rules"), "{odd}");

    let old = "\
Name           Device  Vendor  Model    Driver  Transport  Options  Claim Options  Default PSP  PSP Options  Description
VMW_SATP_ALUA          IBM     2810XIV                              tpgs_on        VMW_PSP_RR                IBM 2810XIV arrays with ALUA support
";
    let rules = read_rules(&Dialect::Four.rule_list(), &reply(old)).unwrap();
    let [rule] = rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!(
        (rule.model.as_str(), rule.claim_options.as_str(), rule.group.as_str()),
        ("2810XIV", "tpgs_on", "")
    );
    assert_eq!(rule.description, "IBM 2810XIV arrays with ALUA support");
    // The group is not on 4.x, and never missing later.
    let missing = problem(read_rules(&five, &reply(&new.replacen("Rule Group", "          ", 1))));
    assert!(missing.contains("no column `Rule Group`"), "{missing}");
}

#[test]
fn cells_that_are_not_ascii_are_cut_as_the_host_padded_them() {
    let request = Dialect::Five.extent_list();
    let read = |text: &str| read_extents(&request, &reply(text));
    let head = "\
Volume Name   VMFS UUID                            Extent Number  Device Name  Partition
------------  -----------------------------------  -------------  -----------  ---------
";
    let rest = "505427ac-3acc9d52-406d-d027886f3502              0  naa.6001             1";
    // Three characters of nine bytes in a column of twelve.
    for padding in [12 - 3, 12 - 9] {
        let extents = read(&format!("{head}保存先{}  {rest}\n", " ".repeat(padding))).unwrap();
        let [extent] = extents.as_slice() else { panic!("{extents:?}") };
        assert_eq!((extent.datastore.as_str(), extent.device.as_str()), ("保存先", "naa.6001"));
    }
    let problem = problem(read(&format!("{head}保存先{}  {rest}\n", " ".repeat(12 - 6))));
    assert!(problem.contains("is no row of the table"), "{problem}");
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn parts_of_datastores_and_machines_are_read() {
    let old = "mpx.vmhba1:C0:T0:L0:3 /vmfs/devices/disks/mpx.vmhba1:C0:T0:L0:3 501d93eb-1eb86026-0726-005056b007c1  0  data store 1\n";
    let read = |text: &str| read_extents(&Dialect::Four.extent_list(), &reply(text));
    let expected = Extent {
        datastore: "data store 1".into(),
        uuid: "501d93eb-1eb86026-0726-005056b007c1".into(),
        device: "mpx.vmhba1:C0:T0:L0".into(),
    };
    assert_eq!(read(old).unwrap(), [expected]);
    assert!(read(&old.replace(":3 /vmfs", " /vmfs")).is_err());

    let vms = "\
gns3_vm
   World ID: 4455345
   Process ID: 0
   VMX Cartel ID: 4455344
   UUID: 56 4d 12 f0 01 11 99 9e-24 51 75 dc de 5f 4b 10
   Display Name: gns3: vm
   Config File: /vmfs/volumes/5bc7459f-967eeb48-b3f7-20677cd9a16c/gns3_vm/gns3_vm.vmx
";
    let vms = read_running_vms(&Dialect::Five.vm_list(), &reply(vms)).unwrap();
    let [vm] = vms.as_slice() else { panic!("{vms:?}") };
    assert_eq!(vm.name, "gns3: vm");
    assert!(vm.config_file.ends_with("gns3_vm.vmx"));

    let disks = "\
mpx.vmhba0:C0:T0:L0
   Display Name: Local VMware Disk (mpx.vmhba0:C0:T0:L0)
   Vendor: VMware  \n   Model: Virtual disk    \n   Is Local: true
   Is Boot Device: true
";
    let read = |text: &str| read_scsi_devices(&Dialect::Five.scsi_list(), &reply(text));
    let disk = read(disks).unwrap().remove(0);
    assert_eq!((disk.vendor.as_str(), disk.model.as_str()), ("VMware", "Virtual disk"));
    assert_eq!((disk.is_local, disk.is_boot), (Some(true), Some(true)));
    let of_50 = disks.replace("   Is Boot Device: true\n", "");
    assert_eq!(read(&of_50).unwrap().remove(0).is_boot, None);
    let cut = format!("{disks}\n{}", of_50.replace("mpx.vmhba0:", "mpx.vmhba1:"));
    assert!(problem(read(&cut)).contains("no `Is Boot Device`"));
    assert!(read(&disks.replace("Local: true", "Local: yes")).is_err());
}

fn printed(device: &NmpDevice, is_new: bool) -> String {
    let indent = if is_new { "   " } else { "    " };
    let mut lines = vec![
        format!("Device Display Name: {}", device.display_name),
        format!("Storage Array Type: {}", device.satp),
        format!(
            "Storage Array Type Device Config: SATP {} does not support device configuration.",
            device.satp
        ),
        format!("Path Selection Policy: {}", device.psp),
        format!("Path Selection Policy Device Config: {}", device.config),
    ];
    if is_new {
        lines.push("Path Selection Policy Device Custom Config:".to_owned());
    }
    lines.push(format!("Working Paths: {}", device.paths_in_use.join(", ")));
    if is_new {
        lines.push("Is USB: false".to_owned());
    }
    let lines = lines.iter().map(|line| format!("{indent}{}\n", line.trim_end()));
    format!("{}\n{}\n", device.id, lines.collect::<String>())
}

fn device() -> impl Strategy<Value = NmpDevice> {
    let name = "[A-Za-zÀ-ɏ一-十0-9:{}=.\"()-]([A-Za-zÀ-ɏ一-十 0-9:{}=.\"()-]{0,30}[A-Za-z一-十)])?";
    let path = (0_u8..99, 0_u8..16, 0_u16..1024).prop_map(|(a, t, l)| format!("vmhba{a}:C0:T{t}:L{l}"));
    (
        "(naa|eui|t10)\\.[0-9a-fA-F_]{1,32}|mpx\\.vmhba[0-9]{1,2}:C0:T[0-9]:L[0-9]{1,3}",
        name,
        "[A-Z]{2,4}_SATP_[A-Z_]{1,12}",
        "[A-Z]{2,4}_PSP_[A-Z_]{1,12}",
        prop::collection::btree_set(path, 0..6),
    )
        .prop_map(|(id, display_name, satp, psp, paths)| NmpDevice {
            id,
            display_name,
            satp,
            psp,
            config: "{policy=rr,iops=1000; lastPathIndex=1: NumIOsPending=0}".to_owned(),
            paths_in_use: paths.into_iter().collect(),
        })
}

fn fleet() -> impl Strategy<Value = Vec<NmpDevice>> {
    prop::collection::vec(device(), 1..6).prop_map(|mut devices| {
        devices.sort_by(|a, b| a.id.cmp(&b.id));
        devices.dedup_by(|a, b| a.id == b.id);
        devices
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_it_was(devices in fleet(), is_new in any::<bool>()) {
        let text: String = devices.iter().map(|device| printed(device, is_new)).collect();
        prop_assert_eq!(devices_of(&text).unwrap(), devices);
    }

    /// A list that was cut is an error, unless it was cut where no device is lost but whole ones from there on.
    #[test]
    fn a_cut_list_is_never_read_as_a_whole_one(devices in fleet(), is_new in any::<bool>(), at in any::<prop::sample::Index>()) {
        let text: String = devices.iter().map(|device| printed(device, is_new)).collect();
        let at = (0..=at.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        if let Ok(read) = devices_of(&text[..at]) {
            prop_assert!(text[..at].ends_with('\n'));
            prop_assert_eq!(&read[..], &devices[..read.len()]);
            let last: String = devices[..read.len()].iter().map(|device| printed(device, is_new)).collect();
            // Nothing of the next device is there, and of the last one everything that counts.
            prop_assert!(at <= last.len());
            let rest = &last[at..];
            prop_assert!(!rest.contains("Working Paths"), "{rest}");
        }
    }

    #[test]
    fn noise_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), spaced in "[ a-zA-Z:\\-\n]{0,200}") {
        for stdout in [bytes, spaced.into_bytes()] {
            let reply = Reply { exit: 0, stdout, stderr: Vec::new() };
            for dialect in [Dialect::Four, Dialect::Five] {
                prop_assert!(read_devices(&dialect.device_list(), &reply).is_err());
                prop_assert!(read_paths(&dialect.path_list(), &reply).is_err());
                prop_assert!(read_satps(&dialect.satp_list(), &reply).is_err());
                prop_assert!(read_rules(&dialect.rule_list(), &reply).is_err());
                prop_assert!(read_scsi_devices(&dialect.scsi_list(), &reply).is_err());
                let _ = read_extents(&dialect.extent_list(), &reply);
                let _ = read_running_vms(&dialect.vm_list(), &reply);
            }
        }
    }
}
