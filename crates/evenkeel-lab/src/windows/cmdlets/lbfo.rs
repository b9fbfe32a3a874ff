//! Teams of the old kind (LBFO): only that there are some.

use super::super::shell::Takes;
use super::super::value::Value;
use super::found::{fits, has_wildcards, not_found};
use super::{Cmdlet, Given, Needs, at, named};
use crate::windows::machine::WindowsHost;
use crate::windows::shell::Arguments;

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Get-NetLbfoTeam", &[at(0, "Name", Takes::Texts)], teams).needs(Needs::Lbfo),
    Cmdlet::new(
        "Get-NetLbfoTeamMember",
        &[at(0, "Name", Takes::Texts), named("Team", Takes::Texts)],
        members,
    )
    .needs(Needs::Lbfo),
];

/// What is meant of these names; an error where a name without wildcards fits none.
fn chosen(
    all: impl Iterator<Item = String>,
    wanted: &[String],
    class: &str,
) -> Result<Vec<String>, super::ErrorRecord> {
    let all: Vec<String> = all.collect();
    for pattern in wanted.iter().filter(|pattern| !has_wildcards(pattern)) {
        if !all.iter().any(|name| fits(pattern, name)) {
            let cmdlet = class.replace("MSFT_", "Get-");
            return Err(not_found(&cmdlet, class, "Name", pattern));
        }
    }
    let is_meant = |name: &String| wanted.is_empty() || wanted.iter().any(|pattern| fits(pattern, name));
    Ok(all.into_iter().filter(is_meant).collect())
}

fn teams(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let names = chosen(host.lbfo.keys().cloned(), &arguments.texts("Name"), "MSFT_NetLbfoTeam")?;
    let row = |name: String| {
        let members = host.lbfo.get(&name).cloned().unwrap_or_default();
        Value::object(
            "Microsoft.Management.Infrastructure.CimInstance#root/StandardCimv2/MSFT_NetLbfoTeam",
            [("Name", Value::text(name)), ("Members", Value::texts(members))],
        )
    };
    Ok(names.into_iter().map(row).collect())
}

fn members(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let all = host.lbfo.values().flatten().cloned();
    let names = chosen(all, &arguments.texts("Name"), "MSFT_NetLbfoTeamMember")?;
    let teams = arguments.texts("Team");
    let row = |name: String| {
        let team = host.lbfo.iter().find(|(_, nics)| nics.contains(&name))?.0;
        let is_meant = teams.is_empty() || teams.iter().any(|pattern| fits(pattern, team));
        let description = host.adapter(&name).map(|nic| nic.description.clone()).unwrap_or_default();
        is_meant.then(|| {
            Value::object(
                "Microsoft.Management.Infrastructure.CimInstance#root/StandardCimv2/MSFT_NetLbfoTeamMember",
                [
                    ("Name", Value::text(name.clone())),
                    ("InterfaceDescription", Value::text(description)),
                    ("Team", Value::text(team)),
                    ("OperationalStatus", Value::Enum { name: "Active", number: 0 }),
                ],
            )
        })
    };
    Ok(names.into_iter().filter_map(row).collect())
}
