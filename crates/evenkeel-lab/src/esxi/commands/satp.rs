//! Array types: their default policies and their claim rules.

use super::super::defaults::{listed, policies, refuses};
use super::super::options::{Given, Opt, flag, required, value};
use super::super::rules::{Group, Rule};
use super::super::table::{self, Align};
use super::super::{EsxHost, Release};
use super::{Command, FIVE, FOUR, Outcome, read, show, write};

const ONE_SATP: &[Opt] = &[value('s', "satp")];
const DEFAULT_4: &[Opt] = &[required('s', "satp"), required('P', "psp")];
const DEFAULT_5: &[Opt] = &[required('s', "satp"), required('P', "default-psp"), flag('b', "boot")];
const RULE: &[Opt] = &[
    required('s', "satp"),
    value('d', "device"),
    value('V', "vendor"),
    value('M', "model"),
    value('D', "driver"),
    value('R', "transport"),
    value('o', "option"),
    value('c', "claim-option"),
    value('P', "psp"),
    value('O', "psp-option"),
    value('e', "description"),
    value('t', "type"),
    flag('f', "force"),
    flag('b', "boot"),
];

pub(super) const COMMANDS: &[Command] = &[
    show(FOUR, "nmp satp list", satp_list),
    show(FIVE, "storage nmp satp list", satp_list),
    write(FOUR, "nmp satp setdefaultpsp", DEFAULT_4, set_default),
    write(FIVE, "storage nmp satp set", DEFAULT_5, set_default),
    read(FOUR, "nmp satp listrules", ONE_SATP, list_rules),
    read(FIVE, "storage nmp satp rule list", ONE_SATP, list_rules),
    write(FOUR, "nmp satp addrule", RULE, add_rule),
    write(FIVE, "storage nmp satp rule add", RULE, add_rule),
    write(FOUR, "nmp satp deleterule", RULE, remove_rule),
    write(FIVE, "storage nmp satp rule remove", RULE, remove_rule),
];

fn satp_list(host: &EsxHost) -> String {
    let is_loaded = |satp: &str| host.devices().any(|device| device.satp == satp);
    let row = |(name, says): (&str, &str)| {
        let psp = host.default_psp(name).unwrap_or_default().to_owned();
        [name.to_owned(), psp, says.to_owned()]
    };
    let rows: Vec<[String; 3]> = listed(is_loaded).into_iter().map(row).collect();
    let columns = ["Name", "Default PSP", "Description"].map(|name| (name, Align::Left));
    table::esxcli(host.release, columns, &rows)
}

/// The sentence is recorded; what is said of wrong names is believed.
fn set_default(host: &mut EsxHost, given: &Given) -> Outcome {
    let satp = given.text("satp");
    let psp = given.get("default-psp").or(given.get("psp")).unwrap_or_default().to_owned();
    check_satp(host, &satp)?;
    check_psp(host, &psp)?;
    if refuses(&satp, &psp) {
        return Err(format!("Unable to set default PSP for {satp}: PSP {psp} is not compatible with {satp}"));
    }
    let said = format!("Default PSP for {satp} is now {psp}\n");
    host.defaults.insert(satp, psp);
    Ok(said)
}

fn check_satp(host: &EsxHost, satp: &str) -> Result<(), String> {
    match host.default_psp(satp) {
        Some(_) => Ok(()),
        None => Err(format!("Unknown SATP {satp}")),
    }
}

fn check_psp(host: &EsxHost, psp: &str) -> Result<(), String> {
    let is_known = policies(host.release).iter().any(|(name, _)| *name == psp);
    if is_known { Ok(()) } else { Err(format!("Unknown PSP {psp}")) }
}

/// 4.x does not tell the group.
fn list_rules(host: &EsxHost, given: &Given) -> Outcome {
    if let Some(satp) = given.get("satp") {
        check_satp(host, satp)?;
    }
    // Rules stand with their array type, in the order in which the array types first appear.
    let mut satps: Vec<&str> = Vec::new();
    for rule in &host.rules {
        if !satps.contains(&rule.satp.as_str()) {
            satps.push(&rule.satp);
        }
    }
    let asked = |satp: &&str| given.get("satp").is_none_or(|asked| asked == *satp);
    let mut rows = Vec::new();
    for satp in satps.into_iter().filter(asked) {
        rows.extend(host.rules.iter().filter(|rule| rule.satp == satp).map(row));
    }
    let left = |name| (name, Align::Left);
    if host.release == Release::Esx41 {
        let columns = [
            "Name",
            "Device",
            "Vendor",
            "Model",
            "Driver",
            "Transport",
            "Options",
            "Claim Options",
            "Default PSP",
            "PSP Options",
            "Description",
        ];
        let without_group = |row: [String; 12]| {
            let [name, device, vendor, model, driver, transport, options, _, claim, psp, psp_options, says] =
                row;
            [name, device, vendor, model, driver, transport, options, claim, psp, psp_options, says]
        };
        let rows: Vec<[String; 11]> = rows.into_iter().map(without_group).collect();
        return Ok(table::esxcli(host.release, columns.map(left), &rows));
    }
    let columns = [
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
    Ok(table::esxcli(host.release, columns.map(left), &rows))
}

fn row(rule: &Rule) -> [String; 12] {
    let group = match rule.group {
        Group::System => "system",
        Group::User => "user",
    };
    [
        rule.satp.clone(),
        rule.device.clone(),
        rule.vendor.clone(),
        rule.model.clone(),
        rule.driver.clone(),
        rule.transport.clone(),
        rule.options.clone(),
        group.to_owned(),
        rule.claim_options.clone(),
        rule.psp.clone(),
        rule.psp_options.clone(),
        rule.description.clone(),
    ]
}

fn rule_of(given: &Given) -> Rule {
    Rule {
        satp: given.text("satp"),
        device: given.text("device"),
        vendor: given.text("vendor"),
        model: given.text("model"),
        driver: given.text("driver"),
        transport: given.text("transport"),
        options: given.text("option"),
        group: Group::User,
        claim_options: given.text("claim-option"),
        psp: given.text("psp"),
        psp_options: given.text("psp-option"),
        description: given.text("description"),
    }
}

/// What is said of a duplicate is as remembered from hosts; the rest is believed.
fn add_rule(host: &mut EsxHost, given: &Given) -> Outcome {
    let rule = rule_of(given);
    let failed = |problem: &str| format!("Error adding SATP user rule: {problem}");
    check_satp(host, &rule.satp).map_err(|problem| failed(&problem))?;
    if !rule.psp.is_empty() {
        check_psp(host, &rule.psp).map_err(|problem| failed(&problem))?;
        if refuses(&rule.satp, &rule.psp) {
            return Err(failed(&format!("PSP {} is not compatible with {}", rule.psp, rule.satp)));
        }
    }
    let by_model = !rule.vendor.is_empty() || !rule.model.is_empty();
    let ways = [!rule.device.is_empty(), !rule.driver.is_empty(), !rule.transport.is_empty(), by_model];
    if ways.iter().filter(|given| **given).count() > 1 {
        return Err(failed("device, driver, transport and vendor/model rules are mutually exclusive"));
    }
    if ways.iter().all(|given| !given) && rule.claim_options.is_empty() {
        return Err(failed("nothing to match was given"));
    }
    if host.rules.iter().any(|known| known.group == Group::User && known.gives_the_same(&rule)) {
        return Err(failed(&format!(
            "Duplicate user rule found for SATP {} matching vendor {} model {} claim Options {} PSP {} and PSP \
             Options {}",
            rule.satp, rule.vendor, rule.model, rule.claim_options, rule.psp, rule.psp_options
        )));
    }
    host.rules.push(rule);
    Ok(String::new())
}

/// The same options as it was added with; a description counts where one is given. The text is believed.
fn remove_rule(host: &mut EsxHost, given: &Given) -> Outcome {
    let rule = rule_of(given);
    let is_it = |known: &Rule| {
        known.group == Group::User
            && known.gives_the_same(&rule)
            && (rule.description.is_empty() || rule.description == known.description)
    };
    let Some(at) = host.rules.iter().position(is_it) else {
        return Err(format!(
            "Error removing SATP user rule: No matching user rule found for SATP {} vendor {} model {}",
            rule.satp, rule.vendor, rule.model
        ));
    };
    host.rules.remove(at);
    Ok(String::new())
}
