//! A script to run in PowerShell: fixed text, and data that is never part of it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Script;

/// Run a script in PowerShell on the target.
///
/// The transport passes script and input on standard input, sets UTF-8 and `$ErrorActionPreference = 'Stop'`, and gives the script
/// its input as the one argument: an object with the fields of `input`. What the script's last statement yields, as
/// JSON, is the reply's standard output, with exit status 0. A statement that fails ends it: exit status 1, the error on standard error in one
/// line (`Set-VMSwitchTeam: ObjectNotFound (NIC9): …`), and as JSON on standard output. A machine without PowerShell says 127.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PowerShell {
    /// What is run.
    pub script: Script,
    /// What it is given: a JSON object.
    pub input: Value,
    /// What a person would type for the same; `None` where the script's name tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// It may take so many seconds, where that is more than the target gives a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// One cmdlet with its parameters, for scripts that call what they are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    cmdlet: &'static str,
    parameters: Vec<(&'static str, Parameter)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parameter {
    /// `-ManagementOS`
    Switch,
    /// `-VlanId 100`
    Value(Value),
}

impl Call {
    /// A cmdlet without parameters.
    pub fn new(cmdlet: &'static str) -> Self {
        Call { cmdlet, parameters: Vec::new() }
    }

    /// Adds a parameter that has no value.
    #[must_use]
    pub fn switch(mut self, name: &'static str) -> Self {
        self.parameters.push((name, Parameter::Switch));
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.parameters.push((name, Parameter::Value(value.into())));
        self
    }

    /// The cmdlet's name.
    pub fn cmdlet(&self) -> &'static str {
        self.cmdlet
    }

    /// As a person would type it.
    pub fn display(&self) -> String {
        let mut line = self.cmdlet.to_owned();
        for (name, parameter) in &self.parameters {
            let _ = match parameter {
                Parameter::Switch => write!(line, " -{name}"),
                Parameter::Value(value @ Value::Bool(_)) if is_switch(name) => {
                    write!(line, " -{name}:{}", shown(value))
                }
                Parameter::Value(value) => write!(line, " -{name} {}", shown(value)),
            };
        }
        line
    }

    /// As scripts are given it: `{"cmdlet": …, "parameters": {…}}`.
    pub fn to_json(&self) -> Value {
        let value = |parameter: &Parameter| match parameter {
            Parameter::Switch => Value::Bool(true),
            Parameter::Value(value) => value.clone(),
        };
        let parameters: Map<String, Value> =
            self.parameters.iter().map(|(name, given)| ((*name).to_owned(), value(given))).collect();
        serde_json::json!({ "cmdlet": self.cmdlet, "parameters": parameters })
    }
}

/// A switch takes its value only behind a colon.
fn is_switch(name: &str) -> bool {
    name == "Confirm"
}

impl PowerShell {
    /// A script with its input, a JSON object.
    pub fn new(script: Script, input: Value) -> Self {
        PowerShell { script, input, shown: None, seconds: None }
    }

    /// What a person would type for the same.
    #[must_use]
    pub fn shown(mut self, shown: impl Into<String>) -> Self {
        self.shown = Some(shown.into());
        self
    }

    /// It may take so many seconds, where that is more than the target gives a command.
    #[must_use]
    pub fn within(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// The command as a person would type it, or the script and what it is given.
    pub fn display(&self) -> String {
        if let Some(shown) = &self.shown {
            return shown.clone();
        }
        match self.input.as_object() {
            Some(input) if input.is_empty() => self.script.name.to_string(),
            _ => format!("{} {}", self.script.name, self.input),
        }
    }
}

/// A value as it is written in PowerShell.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "$null".to_owned(),
        Value::Bool(true) => "$true".to_owned(),
        Value::Bool(false) => "$false".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Object(_) => value.to_string(),
    }
}

/// A text in single quotes, where it needs any. PowerShell takes each of these five for one.
fn quoted(text: &str) -> String {
    const QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];
    let is_plain = |c: char| c.is_alphanumeric() || "_.:\\/".contains(c);
    let is_word = text.starts_with(|c: char| c.is_alphabetic()) && text.chars().all(is_plain);
    if is_word {
        return text.to_owned();
    }
    let mut all = String::from("'");
    for c in text.chars() {
        all.extend(std::iter::repeat_n(c, if QUOTES.contains(&c) { 2 } else { 1 }));
    }
    all.push('\'');
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_shown_as_it_would_be_typed_and_given_as_data() {
        let call = Call::new("Set-VMNetworkAdapterVlan")
            .switch("ManagementOS")
            .with("VMNetworkAdapterName", "it's 管理")
            .switch("Access")
            .with("VlanId", 100);
        assert_eq!(
            call.display(),
            "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName 'it''s 管理' -Access -VlanId 100"
        );
        let team = Call::new("Set-VMSwitchTeam").with("NetAdapterName", vec!["NIC1", "NIC 2"]);
        assert_eq!(team.display(), "Set-VMSwitchTeam -NetAdapterName NIC1,'NIC 2'");
        let odd = Call::new("Remove-VMSwitch").with("Name", "x\u{2019}; Get-Date; \u{2018}");
        assert_eq!(odd.display(), "Remove-VMSwitch -Name 'x\u{2019}\u{2019}; Get-Date; \u{2018}\u{2018}'");
        let restart = Call::new("Restart-NetAdapter").with("Name", "vEthernet (S2D1)").with("Confirm", false);
        assert_eq!(restart.display(), "Restart-NetAdapter -Name 'vEthernet (S2D1)' -Confirm:$false");
        assert_eq!(
            call.to_json().to_string(),
            r#"{"cmdlet":"Set-VMNetworkAdapterVlan","parameters":{"Access":true,"ManagementOS":true,"VMNetworkAdapterName":"it's 管理","VlanId":100}}"#
        );
    }
}
