//! The cmdlets by lines of PowerShell, as a person would type them.

mod adapters;
mod addresses;
mod guard;
mod host;
mod qos;
mod tasks;

use serde_json::{Value, json};

use super::super::machine::{Model, Port, Release, WindowsHost};
use super::super::shell::Edition;

/// The network that we come from.
const VLAN: u16 = 10;

/// Two `ConnectX`, one of the board that has the management address, one NIC with a name in Japanese and no cable.
fn host() -> WindowsHost {
    let trunk = || Port::new(Some(VLAN), [100, 200]);
    WindowsHost::new("hv01", Release::Ws2022, Edition::Desktop)
        .with_dcb()
        .add_nic("NIC1", Model::ConnectX5, trunk())
        .add_nic("NIC2", Model::ConnectX5, trunk())
        .add_nic("Onboard", Model::Onboard, trunk())
        .add_nic("イーサネット 2", Model::EmulexSkyhawk, Port::unplugged())
        .manage("Onboard", "192.168.1.10/24", VLAN)
}

/// What a line gives, all of it.
fn all(host: &mut WindowsHost, line: &str) -> Value {
    let given = host.by_hand(&format!("@{{ all = @({line}) }}"));
    given.unwrap_or_else(|error| panic!("{line}: {error:?}"))["all"].clone()
}

/// A property of what a line gives.
fn one(host: &mut WindowsHost, line: &str) -> Value {
    match all(host, line) {
        Value::Array(items) if items.len() == 1 => items[0].clone(),
        other => other,
    }
}

/// A line that gives nothing worth looking at.
fn does(host: &mut WindowsHost, line: &str) {
    host.by_hand(line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
}

/// The message of the error that a line runs into.
fn fails(host: &mut WindowsHost, line: &str) -> String {
    match host.by_hand(line) {
        Ok(given) => panic!("{line} gave {given}"),
        Err(error) => error.message,
    }
}

#[test]
fn every_cmdlet_is_there_once_and_has_sane_parameters() {
    for cmdlet in super::ALL.values() {
        let name = cmdlet.signature.cmdlet;
        assert!(name.contains('-'), "{name}");
        let mut names: Vec<&str> = cmdlet.signature.parameters.iter().map(|one| one.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{name} has a parameter twice");
        let positions = cmdlet.signature.parameters.iter().filter_map(|one| one.position);
        let mut positions: Vec<usize> = positions.collect();
        let count = positions.len();
        positions.sort_unstable();
        positions.dedup();
        assert_eq!(positions.len(), count, "{name} has two parameters at one place");
    }
}

#[test]
fn what_is_not_installed_has_no_cmdlets() {
    let mut host = WindowsHost::new("hv02", Release::Ws2019, Edition::Core);
    assert!(fails(&mut host, "Get-NetQosTrafficClass").contains("is not recognized"));
    assert!(fails(&mut host, "Get-NetIntent").contains("is not recognized"));
    let done = one(&mut host, "Install-WindowsFeature -Name Data-Center-Bridging");
    assert_eq!((&done["Success"], &done["ExitCode"]), (&json!(true), &json!("Success")));
    assert_eq!(one(&mut host, "(Get-NetQosTrafficClass).Name"), json!("[Default]"));
    let again = one(&mut host, "Install-WindowsFeature -Name Data-Center-Bridging");
    assert_eq!(again["ExitCode"], json!("NoChangeNeeded"));
    assert_eq!(
        fails(&mut host, "Install-WindowsFeature -Name Bridging"),
        "ArgumentNotValid: The role, role service, or feature name is not valid: 'Bridging'. The name was not found."
    );
    host.set_intent("compute", &["NIC1"]);
    assert_eq!(one(&mut host, "(Get-NetIntent).IntentName"), json!("compute"));
}
