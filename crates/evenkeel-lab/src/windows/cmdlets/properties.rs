//! Advanced properties of adapters.
//!
//! `-RegistryKeyword` and `-DisplayName` take wildcards, so that the asterisk of `*JumboPacket` is one, too. The error texts for values are
//! as administrators report them; the one for numbers is believed.

use super::super::machine::{Adapter, Property, PropertyTakes, WindowsHost};
use super::super::shell::{Arguments, Takes};
use super::super::value::{ErrorRecord, Value};
use super::found::{DESCRIPTION, HIDDEN, INPUT, NAME, NO_RESTART, adapters, fits, refused};
use super::{Cmdlet, Given, named};

/// The class.
const CLASS: &str = "MSFT_NetAdapterAdvancedPropertySettingData";

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new(
        "Get-NetAdapterAdvancedProperty",
        &[
            NAME,
            DESCRIPTION,
            HIDDEN,
            named("RegistryKeyword", Takes::Texts),
            named("DisplayName", Takes::Texts),
            named("AllProperties", Takes::Switch),
        ],
        get,
    ),
    Cmdlet::new(
        "Set-NetAdapterAdvancedProperty",
        &[
            NAME,
            DESCRIPTION,
            HIDDEN,
            INPUT,
            named("RegistryKeyword", Takes::Texts),
            named("RegistryValue", Takes::Texts),
            named("DisplayName", Takes::Texts),
            named("DisplayValue", Takes::Text),
            named("AllProperties", Takes::Switch),
            NO_RESTART,
        ],
        set,
    ),
];

/// The adapters and properties that are meant, by their places.
fn find<'a>(
    host: &'a WindowsHost,
    arguments: &Arguments,
    cmdlet: &str,
) -> Result<Vec<(&'a Adapter, &'a Property)>, ErrorRecord> {
    let of = adapters(host, arguments, cmdlet, CLASS, |adapter| !adapter.properties.is_empty())?;
    let keywords = arguments.texts("RegistryKeyword");
    let displays = arguments.texts("DisplayName");
    let is_meant = |property: &Property| {
        let fits_any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, text))
        };
        fits_any(&keywords, &property.keyword) && fits_any(&displays, &property.display)
    };
    let all =
        of.iter().flat_map(|adapter| adapter.properties.iter().map(move |property| (*adapter, property)));
    let found: Vec<_> = all.filter(|(_, property)| is_meant(property)).collect();
    if found.is_empty() && !(keywords.is_empty() && displays.is_empty()) {
        return Err(no_match(cmdlet, arguments));
    }
    Ok(found)
}

fn no_match(cmdlet: &str, arguments: &Arguments) -> ErrorRecord {
    let clause = |parameter: &str| {
        let likes: Vec<String> =
            arguments.texts(parameter).iter().map(|value| format!("({parameter} LIKE '{value}')")).collect();
        (!likes.is_empty()).then(|| format!("({})", likes.join(" OR ")))
    };
    let clauses: Vec<String> =
        ["Name", "DisplayName", "RegistryKeyword"].into_iter().filter_map(clause).collect();
    let message = format!(
        "No matching {CLASS} objects found by CIM query for instances of the ROOT/StandardCimv2/{CLASS} class on the  CIM server: \
         SELECT * FROM {CLASS}  WHERE {}. Verify query parameters and retry.",
        clauses.join(" AND ")
    );
    ErrorRecord::of(cmdlet, "ObjectNotFound", CLASS, "CmdletizationQuery_NotFound", message)
}

fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = find(host, arguments, "Get-NetAdapterAdvancedProperty")?;
    Ok(found.into_iter().map(|(adapter, property)| row(adapter, property)).collect())
}

fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Set-NetAdapterAdvancedProperty";
    let mut changes = Vec::new();
    for (adapter, property) in find(host, arguments, cmdlet)? {
        let value = wanted(property, arguments)
            .map_err(|text| refused(cmdlet, &property.keyword, "Windows System Error 87", text))?;
        changes.push((adapter.name.clone(), property.keyword.clone(), value));
    }
    for (name, keyword, value) in changes {
        if let Some(property) = host.adapter_mut(&name).and_then(|adapter| adapter.property_mut(&keyword)) {
            property.value = value;
        }
        if !arguments.is_on("NoRestart") {
            host.restart(&name);
        }
    }
    Ok(Vec::new())
}

/// The value that a property is to get, or what is said against it.
fn wanted(property: &Property, arguments: &Arguments) -> Result<String, String> {
    let display = arguments.text("DisplayValue");
    let value = arguments.texts("RegistryValue").join(",");
    match (&property.takes, display) {
        (PropertyTakes::Words(words), Some(display)) => {
            let found = words.iter().find(|(_, name)| fits(&display, name));
            found.map(|(value, _)| value.clone()).ok_or_else(|| {
                let names: Vec<&str> = words.iter().map(|(_, name)| name.as_str()).collect();
                format!(
                    "No matching display value found.  The following are valid display values: {}",
                    names.join(", ")
                )
            })
        }
        (PropertyTakes::Words(words), None) => {
            if words.iter().any(|(valid, _)| *valid == value) {
                return Ok(value);
            }
            let valid: Vec<&str> = words.iter().map(|(valid, _)| valid.as_str()).collect();
            Err(format!(
                "No matching keyword value found.  The following are valid keyword values: {}",
                valid.join(", ")
            ))
        }
        (PropertyTakes::Number(least, most), display) => {
            let value = display.unwrap_or(value);
            match value.parse::<u64>() {
                Ok(number) if (*least..=*most).contains(&number) => Ok(value),
                _ => Err(format!("Value {value} is out of range.  Valid values are {least} to {most}.")),
            }
        }
    }
}

fn row(adapter: &Adapter, property: &Property) -> Value {
    let text = |text: &str| Value::text(text);
    let one = |value: &str| Value::texts([value]);
    let (shown, valid, names, least, most) = match &property.takes {
        PropertyTakes::Words(words) => (
            words.iter().find(|(value, _)| *value == property.value).map_or("", |(_, name)| name),
            Value::texts(words.iter().map(|(value, _)| value.clone())),
            Value::texts(words.iter().map(|(_, name)| name.clone())),
            Value::Null,
            Value::Null,
        ),
        PropertyTakes::Number(least, most) => (
            property.value.as_str(),
            Value::Null,
            Value::Null,
            text(&least.to_string()),
            text(&most.to_string()),
        ),
    };
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetAdapterAdvancedPropertySettingData",
        [
            ("Name", text(&adapter.name)),
            ("InterfaceDescription", text(&adapter.description)),
            ("DisplayName", text(&property.display)),
            ("DisplayValue", text(shown)),
            ("RegistryKeyword", text(&property.keyword)),
            ("RegistryValue", one(&property.value)),
            ("DefaultRegistryValue", text(&property.default)),
            ("ValidRegistryValues", valid),
            ("ValidDisplayValues", names),
            ("NumericParameterMinValue", least),
            ("NumericParameterMaxValue", most),
        ],
    )
}
