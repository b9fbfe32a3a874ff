//! IP addresses, routes and DNS servers.
//!
//! A NIC that a virtual switch has is not bound to IP: it has no addresses, and can be given none.

use super::super::machine::{Adapter, Address, Origin, Route, WindowsHost};
use super::super::shell::{Arguments, Parameter, Takes};
use super::super::value::{ErrorRecord, Value, is_name};
use super::found::{fits, has_wildcards, not_found, refused};
use super::{Cmdlet, Given, at, named};

const ALIAS: Parameter = named("InterfaceAlias", Takes::Texts);
const INDEX: Parameter = named("InterfaceIndex", Takes::Ints);
const FAMILY: Parameter = named("AddressFamily", Takes::Word(&["IPv4", "IPv6"]));
const STORE: Parameter = named("PolicyStore", Takes::Text);

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new(
        "Get-NetIPAddress",
        &[at(0, "IPAddress", Takes::Texts), ALIAS, INDEX, FAMILY, STORE, named("PrefixOrigin", Takes::Text)],
        get_addresses,
    ),
    Cmdlet::new(
        "New-NetIPAddress",
        &[
            at(0, "IPAddress", Takes::Text),
            ALIAS,
            INDEX,
            FAMILY,
            STORE,
            named("PrefixLength", Takes::Int),
            named("SkipAsSource", Takes::Bool),
            named("DefaultGateway", Takes::Text),
        ],
        new_address,
    ),
    Cmdlet::new(
        "Remove-NetIPAddress",
        &[
            at(0, "IPAddress", Takes::Texts),
            ALIAS,
            INDEX,
            FAMILY,
            STORE,
            named("DefaultGateway", Takes::Text),
        ],
        remove_addresses,
    ),
    Cmdlet::new(
        "Get-NetRoute",
        &[
            at(0, "DestinationPrefix", Takes::Texts),
            ALIAS,
            INDEX,
            FAMILY,
            STORE,
            named("NextHop", Takes::Texts),
        ],
        get_routes,
    ),
    Cmdlet::new(
        "New-NetRoute",
        &[
            at(0, "DestinationPrefix", Takes::Text),
            ALIAS,
            INDEX,
            FAMILY,
            STORE,
            named("NextHop", Takes::Text),
            named("RouteMetric", Takes::Int),
        ],
        new_route,
    ),
    Cmdlet::new(
        "Get-DnsClientServerAddress",
        &[at(0, "InterfaceAlias", Takes::Texts), INDEX, FAMILY],
        get_servers,
    ),
    Cmdlet::new(
        "Set-DnsClientServerAddress",
        &[
            at(0, "InterfaceAlias", Takes::Texts),
            INDEX,
            named("ServerAddresses", Takes::Texts),
            named("ResetServerAddresses", Takes::Switch),
        ],
        set_servers,
    ),
];

/// What `Get-NetIPAddress` calls the loopback, whose index is 1.
const LOOPBACK: &str = "Loopback Pseudo-Interface 1";

/// The adapters with IP that the arguments mean; all where none is named.
fn interfaces<'a>(
    host: &'a WindowsHost,
    arguments: &Arguments,
    cmdlet: &str,
    class: &str,
) -> Result<Vec<&'a Adapter>, ErrorRecord> {
    let (aliases, indices) = (arguments.texts("InterfaceAlias"), arguments.texts("InterfaceIndex"));
    let all: Vec<&Adapter> = host.seen_adapters().filter(|adapter| !host.in_switch(&adapter.guid)).collect();
    let is_alias = |pattern: &String, adapter: &Adapter| fits(pattern, &adapter.name);
    let is_index = |index: &String, adapter: &Adapter| adapter.index.to_string() == *index;
    for alias in aliases.iter().filter(|alias| !has_wildcards(alias)) {
        if !all.iter().any(|adapter| is_alias(alias, adapter)) {
            return Err(not_found(cmdlet, class, "InterfaceAlias", alias));
        }
    }
    for index in &indices {
        if !all.iter().any(|adapter| is_index(index, adapter)) {
            return Err(not_found(cmdlet, class, "InterfaceIndex", index));
        }
    }
    let is_meant = |adapter: &&Adapter| {
        (aliases.is_empty() || aliases.iter().any(|alias| is_alias(alias, adapter)))
            && (indices.is_empty() || indices.iter().any(|index| is_index(index, adapter)))
    };
    Ok(all.into_iter().filter(is_meant).collect())
}

/// The one adapter that something new is for.
fn interface<'a>(
    host: &'a WindowsHost,
    arguments: &Arguments,
    cmdlet: &str,
    class: &str,
) -> Result<&'a Adapter, ErrorRecord> {
    let is_named = arguments.get("InterfaceAlias").is_some() || arguments.get("InterfaceIndex").is_some();
    let found = if is_named { interfaces(host, arguments, cmdlet, class) } else { Ok(Vec::new()) };
    if let [one] = found.unwrap_or_default().as_slice() {
        return Ok(one);
    }
    let given = ["InterfaceAlias", "InterfaceIndex"]
        .into_iter()
        .find_map(|parameter| Some(format!("{parameter} {}", arguments.text(parameter)?)));
    let text = format!("Invalid parameter {}", given.unwrap_or_else(|| "InterfaceIndex 0".to_owned()));
    Err(refused(cmdlet, class, "Windows System Error 87", text))
}

/// `-PolicyStore PersistentStore`
fn is_persistent(arguments: &Arguments) -> bool {
    arguments.text("PolicyStore").is_some_and(|store| is_name(&store, "PersistentStore"))
}

/// What is made with `-PolicyStore ActiveStore` does not outlive a restart; without it, it stands in both.
fn is_kept(arguments: &Arguments) -> bool {
    !arguments.text("PolicyStore").is_some_and(|store| is_name(&store, "ActiveStore"))
}

/// A store that is empty. That this is an error, as it is of a query that finds nothing, is believed.
fn nothing_stored(cmdlet: &str, class: &str) -> ErrorRecord {
    let message = format!(
        "No matching {class} objects found by CIM query for enumerating instances of the ROOT/StandardCimv2/{class} class on the CIM server. \
         Verify query parameters and retry."
    );
    ErrorRecord::of(cmdlet, "ObjectNotFound", class, "CmdletizationQuery_NotFound", message)
}

fn is_v6(address: &str) -> bool {
    address.contains(':')
}

/// `-AddressFamily` fits an address.
fn is_family(arguments: &Arguments, address: &str) -> bool {
    arguments.text("AddressFamily").is_none_or(|family| is_name(&family, "IPv6") == is_v6(address))
}

fn get_addresses(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let (cmdlet, class) = ("Get-NetIPAddress", "MSFT_NetIPAddress");
    let mut rows: Vec<(String, Address)> = Vec::new();
    for adapter in interfaces(host, arguments, cmdlet, class)? {
        let of = host.addresses.addresses.iter().filter(|address| address.index == adapter.index);
        rows.extend(of.map(|address| (adapter.name.clone(), address.clone())));
        let local = Address {
            index: adapter.index,
            address: format!("fe80::{:x}:5dff:fe00:{:x}", 0x215, adapter.index),
            prefix: 64,
            origin: Origin::WellKnown,
            is_persistent: false,
        };
        rows.push((adapter.name.clone(), local));
    }
    if arguments.get("InterfaceAlias").is_none() && arguments.get("InterfaceIndex").is_none() {
        for (address, prefix) in [("127.0.0.1", 8), ("::1", 128)] {
            let address = Address {
                index: 1,
                address: address.to_owned(),
                prefix,
                origin: Origin::WellKnown,
                is_persistent: false,
            };
            rows.push((LOOPBACK.to_owned(), address));
        }
    }
    if is_persistent(arguments) {
        rows.retain(|(_, row)| row.is_persistent);
        if rows.is_empty() {
            return Err(nothing_stored(cmdlet, class));
        }
    }
    let wanted = arguments.texts("IPAddress");
    for address in wanted.iter().filter(|address| !has_wildcards(address)) {
        if !rows.iter().any(|(_, row)| row.address == *address) {
            return Err(not_found(cmdlet, class, "IPAddress", address));
        }
    }
    let origin = arguments.text("PrefixOrigin");
    rows.retain(|(_, row)| {
        is_family(arguments, &row.address)
            && (wanted.is_empty() || wanted.iter().any(|wanted| fits(wanted, &row.address)))
            && origin.as_ref().is_none_or(|origin| is_name(origin, &origin_of(row.origin).to_text()))
    });
    Ok(rows.into_iter().map(|(alias, address)| address_row(&alias, &address)).collect())
}

fn origin_of(origin: Origin) -> Value {
    match origin {
        Origin::Manual => Value::Enum { name: "Manual", number: 1 },
        Origin::WellKnown => Value::Enum { name: "WellKnown", number: 2 },
        Origin::Dhcp => Value::Enum { name: "Dhcp", number: 3 },
    }
}

fn family_of(address: &str) -> Value {
    if is_v6(address) {
        Value::Enum { name: "IPv6", number: 23 }
    } else {
        Value::Enum { name: "IPv4", number: 2 }
    }
}

fn address_row(alias: &str, address: &Address) -> Value {
    let index = Value::Int(i64::from(address.index));
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#ROOT/StandardCimv2/MSFT_NetIPAddress",
        [
            ("IPAddress", Value::text(&address.address)),
            ("InterfaceIndex", index.clone()),
            ("ifIndex", index),
            ("InterfaceAlias", Value::text(alias)),
            ("AddressFamily", family_of(&address.address)),
            ("PrefixLength", Value::Int(i64::from(address.prefix))),
            ("PrefixOrigin", origin_of(address.origin)),
            ("SuffixOrigin", origin_of(address.origin)),
            ("AddressState", Value::Enum { name: "Preferred", number: 4 }),
            ("SkipAsSource", Value::Bool(false)),
            ("Store", Value::Enum { name: "ActiveStore", number: 1 }),
        ],
    )
}

fn new_address(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let (cmdlet, class) = ("New-NetIPAddress", "MSFT_NetIPAddress");
    let adapter = interface(host, arguments, cmdlet, class)?;
    let (index, alias) = (adapter.index, adapter.name.clone());
    let given = arguments.text("IPAddress").unwrap_or_default();
    let Ok(parsed) = given.parse::<std::net::IpAddr>() else {
        let text = format!("Invalid parameter IPAddress {given}");
        return Err(refused(cmdlet, class, "Windows System Error 87", text));
    };
    if host.addresses.addresses.iter().any(|address| address.address == given) {
        let text = "Instance MSFT_NetIPAddress already exists";
        return Err(refused(cmdlet, class, "Windows System Error 5010", text));
    }
    let widest = if parsed.is_ipv6() { 128 } else { 32 };
    let prefix = arguments.int("PrefixLength").unwrap_or(widest);
    let Some(prefix) = u8::try_from(prefix).ok().filter(|prefix| i64::from(*prefix) <= widest) else {
        let text = format!("Invalid parameter PrefixLength {prefix}");
        return Err(refused(cmdlet, class, "Windows System Error 87", text));
    };
    let address =
        Address { index, address: given, prefix, origin: Origin::Manual, is_persistent: is_kept(arguments) };
    let row = address_row(&alias, &address);
    host.addresses.addresses.push(address);
    if let Some(hop) = arguments.text("DefaultGateway") {
        let destination = if parsed.is_ipv6() { "::/0" } else { "0.0.0.0/0" }.to_owned();
        host.addresses.routes.push(Route {
            index,
            destination,
            hop,
            metric: 256,
            is_persistent: is_kept(arguments),
        });
    }
    Ok(vec![row])
}

fn remove_addresses(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let (cmdlet, class) = ("Remove-NetIPAddress", "MSFT_NetIPAddress");
    let of: Vec<u32> =
        interfaces(host, arguments, cmdlet, class)?.into_iter().map(|adapter| adapter.index).collect();
    let wanted = arguments.texts("IPAddress");
    let is_meant = |address: &Address| {
        of.contains(&address.index)
            && is_family(arguments, &address.address)
            && (wanted.is_empty() || wanted.iter().any(|wanted| fits(wanted, &address.address)))
    };
    for address in wanted.iter().filter(|address| !has_wildcards(address)) {
        if !host.addresses.addresses.iter().any(|there| there.address == *address && is_meant(there)) {
            return Err(not_found(cmdlet, class, "IPAddress", address));
        }
    }
    host.addresses.addresses.retain(|address| !is_meant(address));
    Ok(Vec::new())
}

/// The routes over gateways, and what each address has on its link.
fn all_routes(host: &WindowsHost) -> Vec<Route> {
    let on_link = host.addresses.addresses.iter().filter_map(|address| {
        Some(Route {
            index: address.index,
            destination: network(&address.address, address.prefix)?,
            hop: if is_v6(&address.address) { "::" } else { "0.0.0.0" }.to_owned(),
            metric: 256,
            is_persistent: false,
        })
    });
    host.addresses.routes.iter().cloned().chain(on_link).collect()
}

/// `192.168.1.0/24` of `192.168.1.10` and 24.
fn network(address: &str, prefix: u8) -> Option<String> {
    match address.parse().ok()? {
        std::net::IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
            Some(format!("{}/{prefix}", std::net::Ipv4Addr::from_bits(address.to_bits() & mask)))
        }
        std::net::IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
            Some(format!("{}/{prefix}", std::net::Ipv6Addr::from_bits(address.to_bits() & mask)))
        }
    }
}

fn get_routes(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let (cmdlet, class) = ("Get-NetRoute", "MSFT_NetRoute");
    let of = interfaces(host, arguments, cmdlet, class)?;
    let mut rows = all_routes(host);
    if is_persistent(arguments) {
        rows.retain(|route| route.is_persistent);
        if rows.is_empty() {
            return Err(nothing_stored(cmdlet, class));
        }
    }
    for (parameter, text) in [
        ("DestinationPrefix", (|route| &route.destination) as fn(&Route) -> &String),
        ("NextHop", |route| &route.hop),
    ] {
        let wanted = arguments.texts(parameter);
        for pattern in wanted.iter().filter(|pattern| !has_wildcards(pattern)) {
            if !rows.iter().any(|route| fits(pattern, text(route))) {
                return Err(not_found(cmdlet, class, parameter, pattern));
            }
        }
        rows.retain(|route| wanted.is_empty() || wanted.iter().any(|pattern| fits(pattern, text(route))));
    }
    let rows = rows.iter().filter(|route| is_family(arguments, &route.destination)).filter_map(|route| {
        let adapter = of.iter().find(|adapter| adapter.index == route.index)?;
        Some(route_row(&adapter.name, route))
    });
    Ok(rows.collect())
}

fn route_row(alias: &str, route: &Route) -> Value {
    let index = Value::Int(i64::from(route.index));
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#ROOT/StandardCimv2/MSFT_NetRoute",
        [
            ("DestinationPrefix", Value::text(&route.destination)),
            ("InterfaceIndex", index.clone()),
            ("ifIndex", index),
            ("InterfaceAlias", Value::text(alias)),
            ("NextHop", Value::text(&route.hop)),
            ("RouteMetric", Value::Int(i64::from(route.metric))),
            ("AddressFamily", family_of(&route.destination)),
            ("Store", Value::text("ActiveStore")),
        ],
    )
}

fn new_route(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let (cmdlet, class) = ("New-NetRoute", "MSFT_NetRoute");
    let adapter = interface(host, arguments, cmdlet, class)?;
    let (index, alias) = (adapter.index, adapter.name.clone());
    let destination = arguments.text("DestinationPrefix").unwrap_or_default();
    let on_link = if is_v6(&destination) { "::" } else { "0.0.0.0" };
    let hop = arguments.text("NextHop").unwrap_or_else(|| on_link.to_owned());
    let is_there =
        |route: &Route| route.index == index && route.destination == destination && route.hop == hop;
    if all_routes(host).iter().any(is_there) {
        let text = "Instance MSFT_NetRoute already exists";
        return Err(refused(cmdlet, class, "Windows System Error 87", text));
    }
    let metric = arguments.int("RouteMetric").and_then(|metric| u32::try_from(metric).ok()).unwrap_or(256);
    let route = Route { index, destination, hop, metric, is_persistent: is_kept(arguments) };
    let row = route_row(&alias, &route);
    host.addresses.routes.push(route);
    Ok(vec![row])
}

fn get_servers(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let of = interfaces(host, arguments, "Get-DnsClientServerAddress", "MSFT_DNSClientServerAddress")?;
    let rows = of.into_iter().flat_map(|adapter| {
        let servers = host.addresses.servers_of(adapter.index).to_vec();
        let (v6, v4): (Vec<String>, Vec<String>) = servers.into_iter().partition(|server| is_v6(server));
        [(Value::Enum { name: "IPv4", number: 2 }, v4), (Value::Enum { name: "IPv6", number: 23 }, v6)].map(
            |(family, servers)| {
                Value::object(
                    "Microsoft.Management.Infrastructure.CimInstance#root/StandardCimv2/MSFT_DNSClientServerAddress",
                    [
                        ("InterfaceAlias", Value::text(&adapter.name)),
                        ("InterfaceIndex", Value::Int(i64::from(adapter.index))),
                        ("AddressFamily", family),
                        ("ServerAddresses", Value::texts(servers)),
                    ],
                )
            },
        )
    });
    let wanted = arguments.text("AddressFamily");
    let is_wanted = |row: &Value| {
        let family = row.get("AddressFamily").unwrap_or(Value::Null).to_text();
        wanted.as_ref().is_none_or(|wanted| is_name(wanted, &family))
    };
    Ok(rows.filter(is_wanted).collect())
}

fn set_servers(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let (cmdlet, class) = ("Set-DnsClientServerAddress", "MSFT_DNSClientServerAddress");
    let of: Vec<u32> =
        interfaces(host, arguments, cmdlet, class)?.into_iter().map(|adapter| adapter.index).collect();
    let servers = arguments.texts("ServerAddresses");
    for index in of {
        if arguments.is_on("ResetServerAddresses") {
            host.addresses.servers.remove(&index);
        } else if !servers.is_empty() {
            // Those of the other family stay.
            let all = host.addresses.servers.entry(index).or_default();
            all.retain(|old| servers.iter().all(|new| is_v6(new) != is_v6(old)));
            all.extend(servers.clone());
        }
    }
    Ok(Vec::new())
}
