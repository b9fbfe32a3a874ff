//! Data center bridging: `Get-NetQosPolicy` and its like.
//!
//! Properties as in Microsoft's examples for these cmdlets ("Converged NIC configuration", the reference of the modules `NetQos` and
//! `DcbQos`). The error texts for a class or a policy that exists, for shared priorities and for sums over 100 are believed.

use super::super::machine::{Adapter, Policy, Qos, TrafficClass, WindowsHost};
use super::super::shell::{Arguments, Parameter, Takes};
use super::super::value::{ErrorRecord, Value, is_name};
use super::found::{
    DESCRIPTION, HIDDEN, INPUT, NAME, NO_RESTART, adapters, fits, has_wildcards, not_found, refused,
};
use super::{Cmdlet, Given, Needs, at, named, piped};

const POLICY: &str = "MSFT_NetQosPolicySettingData";
const CLASS: &str = "MSFT_NetQosTrafficClassSettingData";
const ADAPTER: &str = "MSFT_NetAdapterQosSettingData";

/// The keyword that `Enable-NetAdapterQos` sets.
const KEYWORD: &str = "*QOS";

const ONE: Parameter = at(0, "Name", Takes::Text);
const STORE: Parameter = named("PolicyStore", Takes::Text);
const PORT: Parameter = named("NetDirectPortMatchCondition", Takes::Int);
const ACTION: Parameter = named("PriorityValue8021Action", Takes::Int);
const PRIORITIES: Parameter = named("Priority", Takes::Ints);
const BANDWIDTH: Parameter = named("BandwidthPercentage", Takes::Int);
const ALGORITHM: Parameter = named("Algorithm", Takes::Word(&["Strict", "ETS"]));

/// The templates, as `-TemplateMatchCondition` takes them. `Get-NetQosPolicy` shows the same words.
const TEMPLATES: &[&str] = &["None", "Default", "iSCSI", "NFS", "SMB", "FCOE", "LiveMigration", "Cluster"];

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Get-NetQosDcbxSetting", &[], |host, _| {
        let willing = Value::Bool(host.qos.willing);
        let rows = [("Willing", willing), ("PolicySet", Value::text("Global"))];
        Ok(vec![Value::object("MSFT_NetQosDcbxSettingData", rows)])
    })
    .needs(Needs::Dcb),
    Cmdlet::new("Set-NetQosDcbxSetting", &[named("Willing", Takes::Bool)], |host, arguments| {
        host.qos.willing = arguments.bool("Willing").unwrap_or(host.qos.willing);
        Ok(Vec::new())
    })
    .needs(Needs::Dcb),
    // The policies are Windows' own; only what is below needs the feature.
    Cmdlet::new("Get-NetQosPolicy", &[NAME, STORE], |host, arguments| {
        let found = policies(&host.qos, arguments, "Get-NetQosPolicy")?;
        Ok(found.into_iter().map(policy_row).collect())
    }),
    Cmdlet::new(
        "New-NetQosPolicy",
        &[
            ONE,
            STORE,
            PORT,
            ACTION,
            named("Default", Takes::Switch),
            named("iSCSI", Takes::Switch),
            named("NFS", Takes::Switch),
            named("SMB", Takes::Switch),
            named("FCOE", Takes::Switch),
            named("LiveMigration", Takes::Switch),
            named("Cluster", Takes::Switch),
        ],
        new_policy,
    ),
    Cmdlet::new(
        "Set-NetQosPolicy",
        &[ONE, STORE, PORT, ACTION, named("TemplateMatchCondition", Takes::Word(TEMPLATES))],
        set_policy,
    ),
    Cmdlet::new("Remove-NetQosPolicy", &[NAME, STORE, piped("InputObject")], |host, arguments| {
        let found = policies(&host.qos, arguments, "Remove-NetQosPolicy")?;
        let names: Vec<String> = found.into_iter().map(|policy| policy.name.clone()).collect();
        host.qos.policies.retain(|policy| !names.contains(&policy.name));
        Ok(Vec::new())
    }),
    Cmdlet::new("Get-NetQosTrafficClass", &[NAME], |host, arguments| {
        let mut all = vec![default_class(&host.qos)];
        all.extend(host.qos.classes.iter().cloned());
        let found = classes(&all, arguments, "Get-NetQosTrafficClass")?;
        Ok(found.into_iter().map(class_row).collect())
    })
    .needs(Needs::Dcb),
    Cmdlet::new("New-NetQosTrafficClass", &[ONE, PRIORITIES, BANDWIDTH, ALGORITHM], new_class)
        .needs(Needs::Dcb),
    Cmdlet::new("Set-NetQosTrafficClass", &[ONE, PRIORITIES, BANDWIDTH, ALGORITHM], set_class)
        .needs(Needs::Dcb),
    Cmdlet::new("Remove-NetQosTrafficClass", &[NAME, piped("InputObject")], |host, arguments| {
        let found = classes(&host.qos.classes, arguments, "Remove-NetQosTrafficClass")?;
        let names: Vec<String> = found.into_iter().map(|class| class.name.clone()).collect();
        host.qos.classes.retain(|class| !names.contains(&class.name));
        Ok(Vec::new())
    })
    .needs(Needs::Dcb),
    Cmdlet::new("Get-NetQosFlowControl", &[at(0, "Priority", Takes::Ints)], get_flow_control)
        .needs(Needs::Dcb),
    Cmdlet::new("Enable-NetQosFlowControl", &[at(0, "Priority", Takes::Ints)], |host, arguments| {
        set_flow_control(host, arguments, "Enable-NetQosFlowControl", true)
    })
    .needs(Needs::Dcb),
    Cmdlet::new("Disable-NetQosFlowControl", &[at(0, "Priority", Takes::Ints)], |host, arguments| {
        set_flow_control(host, arguments, "Disable-NetQosFlowControl", false)
    })
    .needs(Needs::Dcb),
    Cmdlet::new("Get-NetAdapterQos", &[NAME, DESCRIPTION, HIDDEN], get_adapters),
    Cmdlet::new(
        "Set-NetAdapterQos",
        &[NAME, DESCRIPTION, HIDDEN, INPUT, NO_RESTART, named("Enabled", Takes::Bool)],
        |host, arguments| set_adapters(host, arguments, "Set-NetAdapterQos", arguments.bool("Enabled")),
    ),
    Cmdlet::new(
        "Enable-NetAdapterQos",
        &[NAME, DESCRIPTION, HIDDEN, INPUT, NO_RESTART],
        |host, arguments| set_adapters(host, arguments, "Enable-NetAdapterQos", Some(true)),
    ),
    Cmdlet::new(
        "Disable-NetAdapterQos",
        &[NAME, DESCRIPTION, HIDDEN, INPUT, NO_RESTART],
        |host, arguments| set_adapters(host, arguments, "Disable-NetAdapterQos", Some(false)),
    ),
];

/// What of these the arguments name; all where nothing is named.
fn named_of<'a, T>(
    all: &'a [T],
    name_of: impl Fn(&T) -> &str,
    arguments: &Arguments,
    cmdlet: &str,
    class: &str,
) -> Result<Vec<&'a T>, ErrorRecord> {
    let mut wanted = arguments.texts("Name");
    for input in arguments.get("InputObject").map(Value::items).unwrap_or_default() {
        wanted.push(input.get("Name").unwrap_or(Value::Null).to_text());
    }
    for name in wanted.iter().filter(|name| !has_wildcards(name)) {
        if !all.iter().any(|item| fits(name, name_of(item))) {
            return Err(not_found(cmdlet, class, "Name", name));
        }
    }
    let is_all = wanted.is_empty() && arguments.get("InputObject").is_none();
    let is_wanted = |item: &&T| is_all || wanted.iter().any(|name| fits(name, name_of(item)));
    Ok(all.iter().filter(is_wanted).collect())
}

fn policies<'a>(qos: &'a Qos, arguments: &Arguments, cmdlet: &str) -> Result<Vec<&'a Policy>, ErrorRecord> {
    named_of(&qos.policies, |policy| &policy.name, arguments, cmdlet, POLICY)
}

fn classes<'a>(
    all: &'a [TrafficClass],
    arguments: &Arguments,
    cmdlet: &str,
) -> Result<Vec<&'a TrafficClass>, ErrorRecord> {
    named_of(all, |class| &class.name, arguments, cmdlet, CLASS)
}

fn policy_row(policy: &Policy) -> Value {
    let port = Value::Int(i64::from(policy.port));
    let priority = Value::Int(i64::from(policy.priority));
    let shown = |is_set: bool, value: &Value| if is_set { value.clone() } else { Value::Null };
    let number = TEMPLATES.iter().position(|template| *template == policy.template).unwrap_or(0);
    let template = Value::Enum { name: policy.template, number: i64::try_from(number).unwrap_or(0) };
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#ROOT/StandardCimv2/MSFT_NetQosPolicySettingData",
        [
            ("Name", Value::text(&policy.name)),
            ("Owner", Value::text("Group Policy (Machine)")),
            ("NetworkProfile", Value::Enum { name: "All", number: 0 }),
            ("Precedence", Value::Int(127)),
            ("Template", template.clone()),
            ("TemplateMatchCondition", template),
            ("NetDirectPort", shown(policy.port != 0, &port)),
            ("NetDirectPortMatchCondition", port),
            ("PriorityValue", shown(policy.priority >= 0, &priority)),
            ("PriorityValue8021Action", priority),
        ],
    )
}

/// A number within what `[ValidateRange]` allows, if it was given.
fn within(
    arguments: &Arguments,
    cmdlet: &str,
    parameter: &str,
    least: i64,
    most: i64,
) -> Result<Option<i64>, ErrorRecord> {
    let Some(given) = arguments.int(parameter) else { return Ok(None) };
    let (how, than, limit) = match given {
        _ if given > most => ("greater than the maximum", "less than or equal to", most),
        _ if given < least => ("less than the minimum", "greater than or equal to", least),
        _ => return Ok(Some(given)),
    };
    let message = format!(
        "Cannot validate argument on parameter '{parameter}'. The {given} argument is {how} allowed range of {limit}. \
         Supply an argument that is {than} {limit} and then try the command again."
    );
    Err(ErrorRecord::of(cmdlet, "InvalidData", "", "ParameterArgumentValidationError", message))
}

/// Changes a policy to what is given.
fn fill(policy: &mut Policy, arguments: &Arguments, cmdlet: &str) -> Result<(), ErrorRecord> {
    if let Some(port) = within(arguments, cmdlet, "NetDirectPortMatchCondition", 0, 65_535)? {
        policy.port = u16::try_from(port).unwrap_or_default();
        if port != 0 {
            policy.template = "None";
        }
    }
    if let Some(priority) = within(arguments, cmdlet, "PriorityValue8021Action", -1, 7)? {
        policy.priority = i8::try_from(priority).unwrap_or(-1);
    }
    let of_word = arguments.text("TemplateMatchCondition").unwrap_or_default();
    let template = TEMPLATES.iter().find(|name| arguments.is_on(name) || is_name(name, &of_word));
    if let Some(template) = template {
        policy.template = template;
        if *template != "None" {
            policy.port = 0;
        }
    }
    Ok(())
}

fn new_policy(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "New-NetQosPolicy";
    let name = arguments.text("Name").unwrap_or_default();
    if host.qos.policies.iter().any(|policy| is_name(&policy.name, &name)) {
        let text = format!("The QoS policy '{name}' already exists.");
        return Err(ErrorRecord::of(cmdlet, "ResourceExists", name, "Windows System Error 183", text));
    }
    let mut policy = Policy { name, port: 0, template: "None", priority: -1 };
    fill(&mut policy, arguments, cmdlet)?;
    let row = policy_row(&policy);
    host.qos.policies.push(policy);
    Ok(vec![row])
}

fn set_policy(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Set-NetQosPolicy";
    let name = arguments.text("Name").unwrap_or_default();
    let found = host.qos.policies.iter_mut().find(|policy| is_name(&policy.name, &name));
    let Some(policy) = found else { return Err(not_found(cmdlet, POLICY, "Name", &name)) };
    let mut changed = policy.clone();
    fill(&mut changed, arguments, cmdlet)?;
    *policy = changed;
    Ok(Vec::new())
}

/// `[Default]`: the priorities and the bandwidth that the others leave.
fn default_class(qos: &Qos) -> TrafficClass {
    let is_taken = |priority: &u8| qos.classes.iter().any(|class| class.priorities.contains(priority));
    let taken: u8 = qos.classes.iter().map(|class| class.bandwidth).sum();
    TrafficClass {
        name: "[Default]".to_owned(),
        priorities: (0..8).filter(|priority| !is_taken(priority)).collect(),
        bandwidth: 100_u8.saturating_sub(taken),
        strict: false,
    }
}

fn class_row(class: &TrafficClass) -> Value {
    let algorithm = if class.strict {
        Value::Enum { name: "Strict", number: 0 }
    } else {
        Value::Enum { name: "ETS", number: 2 }
    };
    let priorities = class.priorities.iter().map(|priority| Value::Int(i64::from(*priority)));
    let bandwidth = if class.strict { Value::Null } else { Value::Int(i64::from(class.bandwidth)) };
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#ROOT/StandardCimv2/MSFT_NetQosTrafficClassSettingData",
        [
            ("Name", Value::text(&class.name)),
            ("Algorithm", algorithm),
            ("BandwidthPercentage", bandwidth),
            ("Priority", Value::list(priorities.collect())),
            ("PolicySet", Value::text("Global")),
            ("InterfaceIndex", Value::Null),
            ("InterfaceAlias", Value::Null),
        ],
    )
}

/// Priorities that were given, 0 to 7.
fn priorities(arguments: &Arguments, cmdlet: &str) -> Result<Option<Vec<u8>>, ErrorRecord> {
    let Some(given) = arguments.get("Priority") else { return Ok(None) };
    let mut priorities = Vec::new();
    for value in given.items() {
        let priority = value.as_int().and_then(|number| u8::try_from(number).ok());
        let Some(priority) = priority.filter(|number| *number < 8) else {
            let message = format!(
                "Cannot validate argument on parameter 'Priority'. The {} argument is greater than the maximum allowed range of 7. \
                 Supply an argument that is less than or equal to 7 and then try the command again.",
                value.to_text()
            );
            let id = "ParameterArgumentValidationError";
            return Err(ErrorRecord::of(cmdlet, "InvalidData", "", id, message));
        };
        priorities.push(priority);
    }
    priorities.sort_unstable();
    priorities.dedup();
    Ok(Some(priorities))
}

/// Changes a class to what is given.
fn fill_class(class: &mut TrafficClass, arguments: &Arguments, cmdlet: &str) -> Result<(), ErrorRecord> {
    if let Some(priorities) = priorities(arguments, cmdlet)? {
        class.priorities = priorities;
    }
    if let Some(algorithm) = arguments.text("Algorithm") {
        class.strict = is_name(&algorithm, "Strict");
    }
    if let Some(bandwidth) = within(arguments, cmdlet, "BandwidthPercentage", 1, 100)? {
        class.bandwidth = u8::try_from(bandwidth).unwrap_or_default();
    }
    if class.strict {
        class.bandwidth = 0;
    }
    Ok(())
}

/// What is said against a class beside the others.
fn objection(class: &TrafficClass, others: &[TrafficClass]) -> Option<String> {
    let others = || others.iter().filter(|other| !is_name(&other.name, &class.name));
    let sum: u32 = others().chain([class]).map(|class| u32::from(class.bandwidth)).sum();
    let shared = |other: &&TrafficClass| other.priorities.iter().any(|one| class.priorities.contains(one));
    if class.priorities.is_empty() {
        return Some("The parameter Priority is missing.".to_owned());
    }
    if let Some(other) = others().find(shared) {
        return Some(format!("A priority is already mapped to the traffic class '{}'.", other.name));
    }
    if !class.strict && class.bandwidth == 0 {
        return Some("BandwidthPercentage must be specified for the ETS algorithm.".to_owned());
    }
    (sum > 100).then(|| "The sum of the bandwidth percentages of all traffic classes exceeds 100.".to_owned())
}

fn new_class(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "New-NetQosTrafficClass";
    let name = arguments.text("Name").unwrap_or_default();
    if is_name(&name, "[Default]") || host.qos.classes.iter().any(|class| is_name(&class.name, &name)) {
        let text = format!("The traffic class '{name}' already exists.");
        return Err(ErrorRecord::of(cmdlet, "ResourceExists", name, "Windows System Error 183", text));
    }
    let mut class = TrafficClass { name, priorities: Vec::new(), bandwidth: 0, strict: false };
    fill_class(&mut class, arguments, cmdlet)?;
    if let Some(text) = objection(&class, &host.qos.classes) {
        return Err(refused(cmdlet, &class.name, "Windows System Error 87", text));
    }
    let row = class_row(&class);
    host.qos.classes.push(class);
    Ok(vec![row])
}

fn set_class(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Set-NetQosTrafficClass";
    let name = arguments.text("Name").unwrap_or_default();
    let Some(mut class) = host.qos.classes.iter().find(|class| is_name(&class.name, &name)).cloned() else {
        return Err(not_found(cmdlet, CLASS, "Name", &name));
    };
    fill_class(&mut class, arguments, cmdlet)?;
    if let Some(text) = objection(&class, &host.qos.classes) {
        return Err(refused(cmdlet, &class.name, "Windows System Error 87", text));
    }
    if let Some(old) = host.qos.classes.iter_mut().find(|old| is_name(&old.name, &name)) {
        *old = class;
    }
    Ok(Vec::new())
}

fn get_flow_control(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let wanted = priorities(arguments, "Get-NetQosFlowControl")?;
    let rows = (0_u8..8).zip(host.qos.flow_control).map(|(priority, enabled)| {
        let row = [
            ("Priority", Value::Int(i64::from(priority))),
            ("Enabled", Value::Bool(enabled)),
            ("PolicySet", Value::text("Global")),
        ];
        (priority, Value::object("MSFT_NetQosFlowControlSettingData", row))
    });
    let is_wanted = |priority: u8| wanted.as_ref().is_none_or(|wanted| wanted.contains(&priority));
    Ok(rows.filter(|(priority, _)| is_wanted(*priority)).map(|(_, row)| row).collect())
}

fn set_flow_control(host: &mut WindowsHost, arguments: &Arguments, cmdlet: &str, enabled: bool) -> Given {
    for priority in priorities(arguments, cmdlet)?.unwrap_or_else(|| (0..8).collect()) {
        if let Some(there) = host.qos.flow_control.get_mut(usize::from(priority)) {
            *there = enabled;
        }
    }
    Ok(Vec::new())
}

/// The priorities whose flow control works on an adapter: `QoS` is on, what is set here counts, and the physical switch takes part.
pub(super) fn operational_flow_control(host: &WindowsHost, adapter: &Adapter) -> Vec<u8> {
    let Some(hardware) = &adapter.hardware else { return Vec::new() };
    let works = host.dcb && !host.qos.willing && hardware.peer_pfc && adapter.active(KEYWORD) == Some("1");
    if !works || !host.is_up(adapter) {
        return Vec::new();
    }
    (0_u8..8)
        .zip(host.qos.flow_control)
        .filter(|(_, enabled)| *enabled)
        .map(|(priority, _)| priority)
        .collect()
}

/// `Priority 3 Enabled`, `Priorities 3-4,6 Enabled`, `All Priorities Disabled`. The form for several is believed.
fn flow_control_text(priorities: &[u8]) -> String {
    match priorities {
        [] => "All Priorities Disabled".to_owned(),
        [one] => format!("Priority {one} Enabled"),
        all if all.len() == 8 => "All Priorities Enabled".to_owned(),
        several => format!("Priorities {} Enabled", ranges(several)),
    }
}

/// `0-2,4-7` of numbers that ascend.
fn ranges(numbers: &[u8]) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let shown =
        runs.iter().map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") });
    shown.collect::<Vec<_>>().join(",")
}

fn is_capable(adapter: &Adapter) -> bool {
    adapter.property(KEYWORD).is_some()
}

fn get_adapters(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = adapters(host, arguments, "Get-NetAdapterQos", ADAPTER, is_capable)?;
    let rows = found.into_iter().map(|adapter| {
        Value::object(
            "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetAdapterQosSettingData",
            [
                ("Name", Value::text(&adapter.name)),
                ("InterfaceDescription", Value::text(&adapter.description)),
                ("Enabled", Value::Bool(adapter.set_to(KEYWORD) == Some("1"))),
                (
                    "OperationalFlowControl",
                    Value::text(flow_control_text(&operational_flow_control(host, adapter))),
                ),
            ],
        )
    });
    Ok(rows.collect())
}

fn set_adapters(host: &mut WindowsHost, arguments: &Arguments, cmdlet: &str, enabled: Option<bool>) -> Given {
    let found = adapters(host, arguments, cmdlet, ADAPTER, is_capable)?;
    let names: Vec<String> = found.into_iter().map(|adapter| adapter.name.clone()).collect();
    let Some(enabled) = enabled else { return Ok(Vec::new()) };
    for name in names {
        if let Some(property) = host.adapter_mut(&name).and_then(|adapter| adapter.property_mut(KEYWORD)) {
            if enabled { "1" } else { "0" }.clone_into(&mut property.value);
        }
        if !arguments.is_on("NoRestart") {
            host.restart(&name);
        }
    }
    Ok(Vec::new())
}
