//! Import, and answers that went wrong on their way.

use std::cell::Cell;

use evenkeel_core::request::{Reply, Request};
use proptest::prelude::*;

use super::*;

const OF_3: &str = "\
Volume Name  Host           Share                 Accessible  Mounted  Read-Only   isPE  Hardware Acceleration
-----------  -------------  --------------------  ----------  -------  ---------  -----  ---------------------
nfsbackup    192.168.1.22   /volume1/vmnfsbackup        true     true      false  false  Not Supported
ISOs         192.168.0.100  /srv/nfs/ISOs              false     true       true  false  Unknown
";
const OF_41: &str = "\
Volume Name  Host(s)             Share          Accessible  Mounted  Read-Only  Security   isPE  Hardware Acceleration
-----------  ------------------  -------------  ----------  -------  ---------  --------  -----  ---------------------
isos         10.1.0.7, 10.1.0.8  /backups/isos       false    false      false  AUTH_SYS  false  Unknown
[odd]        10.1.0.7            /odd                false    false      false  AUTH_SYS  false  Unknown
";
const VMS: &str = "\
Vmid          Name                        File                                Guest OS          Version   Annotation
25     test.sbb.47               [nfsbackup] test/test.vmx                 solaris11_64Guest        vmx-14              
5      dummy delay               [local_datastore] dummy delay/dummy.vmx   otherLinuxGuest          vmx-20    built by CI
26     win-214 [maintenance]     [nfsbackup] win 214/win-214.vmx           windows9_64Guest         vmx-19    
";

fn reply(exit: i32, stdout: &str, stderr: &str) -> Reply {
    Reply { exit, stdout: stdout.as_bytes().to_vec(), stderr: stderr.as_bytes().to_vec() }
}

/// What a host of 6.x answers.
fn answer(request: &Request) -> Reply {
    match request.display().as_str() {
        "esxcli storage nfs list" => reply(0, OF_3, ""),
        "esxcli storage nfs41 list" => reply(0, OF_41, ""),
        "vim-cmd vmsvc/getallvms" => reply(0, VMS, ""),
        other => panic!("{other}"),
    }
}

fn spec(share: &str) -> EsxiNfsDatastoreSpec {
    EsxiNfsDatastoreSpec {
        esxi_host: None,
        name: "nfsbackup".to_owned(),
        host: Names(vec!["192.168.1.22".to_owned()]),
        share: share.to_owned(),
        read_only: false,
        version: NfsVersion::V3,
    }
}

/// What comes of a survey in which `change` had its hands on the answers.
fn look(
    spec: &EsxiNfsDatastoreSpec,
    change: impl Fn(&Request, &mut Reply),
) -> Result<Observed<EsxiNfsDatastoreState>, ObserveError> {
    let mut replies = Replies::default();
    for _ in 0..4 {
        let open: Vec<Query> = EsxiNfsDatastore
            .queries(spec, &replies)
            .into_iter()
            .filter(|query| !replies.has(query))
            .collect();
        for query in open {
            let mut reply = answer(query.request());
            change(query.request(), &mut reply);
            replies.insert(query, Ok(reply));
        }
    }
    EsxiNfsDatastore.observe(spec, &replies)
}

#[test]
fn an_import_says_what_a_person_would_write() {
    let mut replies = Replies::default();
    for query in EsxiNfsDatastore.inventory_queries(&replies) {
        let reply = answer(query.request());
        replies.insert(query, Ok(reply));
    }
    let found = EsxiNfsDatastore.inventory(&replies).unwrap();
    let specs: Vec<serde_json::Value> =
        found.iter().map(|found| serde_json::to_value(&found.spec).unwrap()).collect();
    assert_eq!(
        specs,
        [
            json!({ "name": "nfsbackup", "host": "192.168.1.22", "share": "/volume1/vmnfsbackup" }),
            json!({ "name": "ISOs", "host": "192.168.0.100", "share": "/srv/nfs/ISOs", "readOnly": true }),
            json!({ "name": "isos", "host": ["10.1.0.7", "10.1.0.8"], "share": "/backups/isos", "version": "4.1" }),
        ]
    );
    assert!(found.iter().all(|found| found.owner.is_none()));
}

#[test]
fn a_host_without_esxcli_has_nothing_to_import() {
    let mut replies = Replies::default();
    for query in EsxiNfsDatastore.inventory_queries(&replies) {
        replies.insert(query, Ok(reply(127, "", "sh: esxcli: not found")));
    }
    assert_eq!(EsxiNfsDatastore.inventory(&replies).unwrap(), []);
    assert!(EsxiNfsDatastore.inventory_queries(&replies).len() == 2, "nothing of 4.x is asked");
}

#[test]
fn who_is_on_it_is_asked_only_where_it_would_be_mounted_anew() {
    let asked = |share: &str| {
        let asked = Cell::new(0);
        let seen = look(&spec(share), |_, _| asked.set(asked.get() + 1));
        (asked.get(), seen.unwrap())
    };
    assert_eq!(asked("/volume1/vmnfsbackup").0, 2);
    let (count, Observed::Present(seen)) = asked("/volume2") else { panic!() };
    assert_eq!(count, 3);
    assert_eq!(seen.registered.unwrap().names, ["test.sbb.47", "win-214 [maintenance]"]);
}

proptest! {
    /// However the list of virtual machines is damaged, the datastore is not taken for free.
    #[test]
    fn a_damaged_list_of_machines_frees_no_datastore(
        at in any::<prop::sample::Index>(),
        with in prop::option::of(any::<u8>()),
    ) {
        let damaged = |request: &Request, reply: &mut Reply| {
            if request.display().starts_with("vim-cmd") {
                let at = at.index(reply.stdout.len());
                match with {
                    Some(byte) => reply.stdout[at] = byte,
                    None => reply.stdout.truncate(at),
                }
            }
        };
        if let Ok(Observed::Present(seen)) = look(&spec("/volume2"), damaged) {
            let registered = seen.registered.unwrap();
            // Two are on it, and a byte spoils one of them. A cut between two lines does not show.
            let cut_between = with.is_none() && VMS[..at.index(VMS.len())].ends_with('\n');
            prop_assert!(registered.holds().is_some() || cut_between, "{registered:?}");
        }
    }

    /// A damaged list of datastores makes no command that the whole one would not make.
    #[test]
    fn a_damaged_list_mounts_nothing_that_is_there(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let damaged = |request: &Request, reply: &mut Reply| {
            if request.display() == "esxcli storage nfs list" {
                let at = at.index(reply.stdout.len());
                reply.stdout[at] = byte;
            }
        };
        let found = look(&spec("/volume1/vmnfsbackup"), damaged);
        let at = at.index(OF_3.len());
        // Only within the name itself can one byte make another datastore of it.
        let name = OF_3.find("nfsbackup").unwrap();
        let within_name = (name - 1..name + "Volume Name".len() + 1).contains(&at);
        let absent = matches!(found, Ok(Observed::Absent { .. }));
        prop_assert!(!absent || within_name, "{at} {byte}");
    }
}
