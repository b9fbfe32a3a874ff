//! A machine with next to nothing: a registry key, and cmdlets that give what a test wants.

use super::super::super::value::{ErrorRecord, Value};
use super::super::{Arguments, Edition, Parameter, Signature, Takes, World};

#[derive(Default)]
pub(super) struct Toy {
    /// Values of the one registry key; `None` where it is not there.
    pub(super) key: Option<Vec<(String, String)>>,
    pub(super) core: bool,
    pub(super) clock: i64,
    /// What every cmdlet was called with.
    pub(super) calls: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// The task is running.
    pub(super) task_runs: bool,
}

const fn named(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: None, pipeline: false }
}

const fn at(position: usize, name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: Some(position), pipeline: false }
}

const fn piped(name: &'static str) -> Parameter {
    Parameter { name, takes: Takes::Any, position: None, pipeline: true }
}

macro_rules! cmdlets {
    ($($name:literal: $($parameter:expr),*;)*) => {
        &[$(Signature { cmdlet: $name, parameters: &[$($parameter),*] }),*]
    };
}

const PATH: Parameter = at(0, "Path", Takes::Text);
const NAME: Parameter = at(0, "Name", Takes::Texts);
const TASK: [Parameter; 2] = [named("TaskPath", Takes::Text), named("TaskName", Takes::Text)];
const ALIAS: Parameter = named("InterfaceAlias", Takes::Text);

const CMDLETS: &[Signature] = cmdlets! {
    "Test-Path": PATH;
    "New-Item": PATH;
    "Get-ItemProperty": PATH;
    "Set-ItemProperty": PATH, named("Name", Takes::Text), named("Value", Takes::Any);
    "Get-NetAdapter": NAME;
    "Get-NetIPAddress": named("PolicyStore", Takes::Text);
    "Get-NetRoute": named("PolicyStore", Takes::Text);
    "Get-DnsClientServerAddress": ;
    "New-NetIPAddress": ALIAS, named("IPAddress", Takes::Text), named("PrefixLength", Takes::Int);
    "New-NetRoute": ALIAS, named("DestinationPrefix", Takes::Text), named("NextHop", Takes::Text);
    "Set-DnsClientServerAddress": ALIAS, named("ServerAddresses", Takes::Texts);
    "Get-NetAdapterAdvancedProperty": ;
    "Get-NetAdapterRdma": ;
    "Get-SmbClientNetworkInterface": ;
    "Get-SmbClientConfiguration": ;
    "Get-NetOffloadGlobalSetting": ;
    "Get-VMSwitch": NAME;
    "Get-VMSwitchTeam": NAME;
    "Get-VM": NAME;
    "Get-VMNetworkAdapter": piped("VM"), named("ManagementOS", Takes::Switch);
    "Get-VMNetworkAdapterVlan": named("ManagementOS", Takes::Switch);
    "Get-VMNetworkAdapterTeamMapping": named("ManagementOS", Takes::Switch);
    "Set-Thing": named("Name", Takes::Text), named("VlanId", Takes::Int), named("Enabled", Takes::Bool),
        named("Access", Takes::Switch), named("Adapters", Takes::Texts), named("Algorithm", Takes::Word(&["HyperVPort", "Dynamic"])),
        named("NameOther", Takes::Text), named("Priorities", Takes::Ints), at(1, "First", Takes::Text), at(2, "Second", Takes::Any);
    "Get-Thing": at(0, "Name", Takes::Text);
    "Get-Nothing": ;
    "Remove-Thing": piped("InputObject");
    "Start-ScheduledTask": TASK[0], TASK[1];
    "Get-ScheduledTask": TASK[0], TASK[1];
    "Unregister-ScheduledTask": TASK[0], TASK[1], piped("InputObject");
    "New-ScheduledTaskAction": named("Execute", Takes::Text), named("Argument", Takes::Text);
    "New-ScheduledTaskTrigger": named("Once", Takes::Switch), named("At", Takes::Any),
        named("AtStartup", Takes::Switch);
    "New-ScheduledTaskPrincipal": named("UserId", Takes::Text), named("LogonType", Takes::Text), named("RunLevel", Takes::Text);
    "New-ScheduledTaskSettingsSet": named("StartWhenAvailable", Takes::Switch), named("AllowStartIfOnBatteries", Takes::Switch),
        named("DontStopIfGoingOnBatteries", Takes::Switch);
    "Register-ScheduledTask": TASK[0], TASK[1], named("Action", Takes::Any), named("Trigger", Takes::Any),
        named("Principal", Takes::Any), named("Settings", Takes::Any), named("Force", Takes::Switch);
};

/// Adapters as there are many of.
fn adapters(count: i64) -> Vec<Value> {
    (1..=count)
        .map(|number| {
            Value::object(
                "MSFT_NetAdapter",
                [
                    ("Name", Value::text(format!("イーサネット {number}"))),
                    ("Status", Value::Enum { name: "Up", number: 2 }),
                    ("InterfaceIndex", Value::Int(number)),
                    ("RegistryKeyword", Value::text("*JumboPacket")),
                    ("RegistryValue", Value::texts(["9014"])),
                    ("ValidRegistryValues", Value::texts(["1514", "4088", "9014"])),
                ],
            )
        })
        .collect()
}

impl Toy {
    fn key(&self) -> Value {
        let values = self.key.iter().flatten();
        Value::object(
            "System.Management.Automation.PSCustomObject",
            values.map(|(name, value)| (name.clone(), Value::text(value))),
        )
    }

    /// A value of the registry key.
    pub(super) fn value(&self, name: &str) -> &str {
        let mut values = self.key.iter().flatten();
        values.find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl World for Toy {
    fn signature(&self, cmdlet: &str) -> Option<&'static Signature> {
        CMDLETS.iter().find(|signature| signature.cmdlet.eq_ignore_ascii_case(cmdlet))
    }

    fn call(&mut self, cmdlet: &'static str, arguments: &Arguments) -> Result<Vec<Value>, ErrorRecord> {
        let given: Vec<String> = arguments
            .given
            .iter()
            .map(|(name, value)| {
                format!(" -{name} {}", super::super::json::compressed(value, 9, Edition::Core))
            })
            .collect();
        self.calls.push(format!("{cmdlet}{}", given.concat()));
        let name = || arguments.text("Name").unwrap_or_default();
        match cmdlet {
            "Test-Path" => Ok(vec![Value::Bool(self.key.is_some())]),
            "New-Item" => {
                self.key = Some(Vec::new());
                Ok(vec![self.key()])
            }
            "Get-ItemProperty" => Ok(vec![self.key()]),
            "Set-ItemProperty" => {
                let values = self.key.as_mut().expect("the key is there");
                values.retain(|(known, _)| *known != name());
                values.push((name(), arguments.text("Value").unwrap_or_default()));
                Ok(Vec::new())
            }
            "Get-NetAdapter" | "Get-NetAdapterAdvancedProperty" => Ok(adapters(6)),
            "Get-Thing" => {
                let message = format!("there is no thing {}", name());
                Err(ErrorRecord::of("Get-Thing", "ObjectNotFound", name(), "NoThing,Get", message))
            }
            "Get-VM" => Ok(adapters(2)),
            "Get-VMNetworkAdapter" => Ok(arguments.get("VM").map(Value::items).unwrap_or_default()),
            "Get-ScheduledTask" => {
                let state = if self.task_runs { "Running" } else { "Ready" };
                Ok(vec![Value::object("Task", [("State", Value::Enum { name: state, number: 3 })])])
            }
            "Get-NetIPAddress" => Ok(vec![Value::object(
                "Address",
                [
                    ("PrefixOrigin", Value::Enum { name: "Manual", number: 1 }),
                    ("InterfaceAlias", Value::text("NIC1")),
                    ("IPAddress", Value::text("192.0.2.1")),
                    ("PrefixLength", Value::Int(24)),
                ],
            )]),
            _ if cmdlet.starts_with("New-") => Ok(vec![Value::object("Part", arguments.given.clone())]),
            _ => Ok(Vec::new()),
        }
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn now(&self) -> i64 {
        self.clock
    }

    fn sleep(&mut self, seconds: i64) {
        self.clock += seconds;
    }

    fn edition(&self) -> Edition {
        if self.core { Edition::Core } else { Edition::Desktop }
    }
}
