//! What is given to a cmdlet, bound to its parameters (`about_Parameters`, `about_CommonParameters`; messages as 5.1 and 7 have them in
//! English). That of a wrong word is only believed: the real one has the name of the enumeration in it.

use super::super::super::value::{ErrorRecord, Value, is_name};
use super::super::{Arguments, Parameter, Signature, Takes};

/// Something that stands behind a command's name.
#[derive(Debug)]
pub(super) enum Given {
    /// `-Name`, and whether the next one is its value is the parameter's say.
    Name(String),
    /// `-Name:value`, or an entry of a table that is splatted.
    Both(String, Value),
    Value(Value),
}

#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) arguments: Arguments,
    pub(super) error_action: Option<String>,
}

/// Those that every cmdlet has.
const COMMON: &[Parameter] = &[
    common("ErrorAction", Takes::Word(&["Stop", "Continue", "SilentlyContinue", "Ignore", "Inquire"])),
    common("WarningAction", Takes::Text),
    common("InformationAction", Takes::Text),
    common("ErrorVariable", Takes::Text),
    common("WarningVariable", Takes::Text),
    common("OutVariable", Takes::Text),
    common("OutBuffer", Takes::Int),
    common("PipelineVariable", Takes::Text),
    common("Verbose", Takes::Switch),
    common("Debug", Takes::Switch),
    common("Confirm", Takes::Switch),
    common("WhatIf", Takes::Switch),
];

const fn common(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: None, pipeline: false }
}

/// Binds what is given: names first, then the rest by position, then what comes down the pipeline.
pub(super) fn bind(
    signature: &'static Signature,
    given: Vec<Given>,
    input: Option<Vec<Value>>,
) -> Result<Bound, ErrorRecord> {
    let cmdlet = signature.cmdlet;
    let mut bound = Bound::default();
    let mut rest = Vec::new();
    let mut given = given.into_iter().peekable();
    while let Some(one) = given.next() {
        let (parameter, value) = match one {
            Given::Value(value) => {
                rest.push(value);
                continue;
            }
            Given::Both(name, value) => (find(signature, &name)?, value),
            Given::Name(name) => {
                let parameter = find(signature, &name)?;
                let value = match parameter.takes {
                    Takes::Switch => Value::Bool(true),
                    _ => match given.next_if(|next| matches!(next, Given::Value(_))) {
                        Some(Given::Value(value)) => value,
                        _ => return Err(missing_argument(cmdlet, parameter.name)),
                    },
                };
                (parameter, value)
            }
        };
        bound.take(cmdlet, parameter, value)?;
    }
    bound.by_position(signature, rest)?;
    if let Some(input) = input {
        let parameter = signature.parameters.iter().find(|parameter| parameter.pipeline);
        let Some(parameter) = parameter.filter(|parameter| bound.arguments.get(parameter.name).is_none())
        else {
            let message = "The input object cannot be bound to any parameters for the command either because the command does not take \
                           pipeline input or the input and its properties do not match any of the parameters that take pipeline input.";
            return Err(ErrorRecord::of(cmdlet, "InvalidArgument", "", "InputObjectNotBound", message));
        };
        bound.arguments.given.push((parameter.name, Value::list(input)));
    }
    Ok(bound)
}

impl Bound {
    fn take(&mut self, cmdlet: &str, parameter: &'static Parameter, value: Value) -> Result<(), ErrorRecord> {
        let value = converted(cmdlet, parameter, value)?;
        if parameter.name == "ErrorAction" {
            self.error_action = Some(value.to_text());
            return Ok(());
        }
        // The common ones change nothing here.
        if COMMON.iter().any(|common| std::ptr::eq(common, parameter)) {
            return Ok(());
        }
        if self.arguments.get(parameter.name).is_some() {
            let message = format!(
                "Cannot bind parameter because parameter '{}' is specified more than once. To provide multiple values to parameters that \
                 can accept multiple values, use the array syntax. For example, \"-parameter value1,value2,value3\".",
                parameter.name
            );
            return Err(ErrorRecord::of(cmdlet, "InvalidArgument", "", "ParameterAlreadyBound", message));
        }
        self.arguments.given.push((parameter.name, value));
        Ok(())
    }

    fn by_position(&mut self, signature: &'static Signature, rest: Vec<Value>) -> Result<(), ErrorRecord> {
        let cmdlet = signature.cmdlet;
        let mut places: Vec<&'static Parameter> =
            signature.parameters.iter().filter(|parameter| parameter.position.is_some()).collect();
        places.sort_by_key(|parameter| parameter.position);
        places.retain(|parameter| self.arguments.get(parameter.name).is_none());
        let mut places = places.into_iter();
        for value in rest {
            let Some(parameter) = places.next() else {
                let message = format!(
                    "A positional parameter cannot be found that accepts argument '{}'.",
                    value.to_text()
                );
                return Err(ErrorRecord::of(
                    cmdlet,
                    "InvalidArgument",
                    "",
                    "PositionalParameterNotFound",
                    message,
                ));
            };
            self.take(cmdlet, parameter, value)?;
        }
        Ok(())
    }
}

/// A parameter by its name, or by what only its name begins with.
fn find(signature: &'static Signature, name: &str) -> Result<&'static Parameter, ErrorRecord> {
    let all = || signature.parameters.iter().chain(COMMON);
    if let Some(exact) = all().find(|parameter| is_name(parameter.name, name)) {
        return Ok(exact);
    }
    let begins = |parameter: &&Parameter| {
        parameter.name.get(..name.len()).is_some_and(|start| is_name(start, name)) && !name.is_empty()
    };
    let mut found = all().filter(begins);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(unknown_parameter(signature.cmdlet, name)),
        _ => {
            let matches: Vec<String> = all().filter(begins).map(|one| format!("-{}", one.name)).collect();
            let message = format!(
                "Parameter cannot be processed because the parameter name '{name}' is ambiguous. Possible matches include: {}.",
                matches.join(" ")
            );
            Err(ErrorRecord::of(signature.cmdlet, "InvalidArgument", "", "AmbiguousParameter", message))
        }
    }
}

pub(super) fn unknown_parameter(cmdlet: &str, name: &str) -> ErrorRecord {
    let message = format!("A parameter cannot be found that matches parameter name '{name}'.");
    ErrorRecord::of(cmdlet, "InvalidArgument", "", "NamedParameterNotFound", message)
}

pub(super) fn missing_argument(cmdlet: &str, name: &str) -> ErrorRecord {
    let message = format!("Missing an argument for parameter '{name}'. Specify a parameter and try again.");
    ErrorRecord::of(cmdlet, "InvalidArgument", "", "MissingArgument", message)
}

fn converted(cmdlet: &str, parameter: &Parameter, value: Value) -> Result<Value, ErrorRecord> {
    let name = parameter.name;
    if value.is_null() && !matches!(parameter.takes, Takes::Any | Takes::Switch | Takes::Bool) {
        let message = format!("Cannot bind argument to parameter '{name}' because it is null.");
        let id = "ParameterArgumentValidationErrorNullNotAllowed";
        return Err(ErrorRecord::of(cmdlet, "InvalidData", "", id, message));
    }
    match parameter.takes {
        Takes::Any => Ok(value),
        Takes::Switch | Takes::Bool => truth(cmdlet, parameter, &value),
        Takes::Int => int(cmdlet, name, &value),
        Takes::Ints => value
            .items()
            .iter()
            .map(|item| int(cmdlet, name, item))
            .collect::<Result<_, _>>()
            .map(Value::list),
        Takes::Text => text(cmdlet, name, &value),
        Takes::Texts => Ok(Value::texts(value.items().iter().map(Value::to_text))),
        Takes::Word(words) => word(cmdlet, name, words, &value),
    }
}

fn truth(cmdlet: &str, parameter: &Parameter, value: &Value) -> Result<Value, ErrorRecord> {
    let name = parameter.name;
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::Int(number) => Ok(Value::Bool(*number != 0)),
        _ if matches!(parameter.takes, Takes::Switch) => Err(cannot_convert(
            cmdlet,
            format!(
                "Cannot convert '{}' to the type 'System.Management.Automation.SwitchParameter' required by parameter '{name}'. ",
                type_of(value)
            ),
        )),
        _ => {
            let message = format!(
                "Cannot process argument transformation on parameter '{name}'. Cannot convert value \"{}\" to type \"System.Boolean\". \
                 Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.",
                type_of(value)
            );
            Err(ErrorRecord::of(cmdlet, "InvalidData", "", "ParameterArgumentTransformationError", message))
        }
    }
}

fn int(cmdlet: &str, name: &str, value: &Value) -> Result<Value, ErrorRecord> {
    if matches!(value, Value::List(_) | Value::Table(_) | Value::Object(_) | Value::Block(_)) {
        let message = format!(
            "Cannot convert '{}' to the type 'System.Int32' required by parameter '{name}'. ",
            type_of(value)
        );
        return Err(cannot_convert(cmdlet, message));
    }
    value.as_int().map(Value::Int).ok_or_else(|| {
        let message = format!(
            "Cannot bind parameter '{name}'. Cannot convert value \"{}\" to type \"System.Int32\". Error: \"Input string was not in a \
             correct format.\"",
            value.to_text()
        );
        ErrorRecord::of(cmdlet, "InvalidArgument", "", "CannotConvertArgumentNoMessage", message)
    })
}

fn text(cmdlet: &str, name: &str, value: &Value) -> Result<Value, ErrorRecord> {
    match value {
        Value::List(_) => {
            let message = format!(
                "Cannot convert 'System.Object[]' to the type 'System.String' required by parameter '{name}'. Specified method is not \
                 supported."
            );
            Err(cannot_convert(cmdlet, message))
        }
        value => Ok(Value::Text(value.to_text())),
    }
}

fn word(
    cmdlet: &str,
    name: &str,
    words: &'static [&'static str],
    value: &Value,
) -> Result<Value, ErrorRecord> {
    let given = value.to_text();
    if let Some(word) = words.iter().find(|word| is_name(word, &given)) {
        return Ok(Value::text(*word));
    }
    let message = format!(
        "Cannot bind parameter '{name}'. Cannot convert value \"{given}\" to type \"{name}\". Error: \"Unable to match the identifier name \
         {given} to a valid enumerator name. Specify one of the following enumerator names and try again: {}\"",
        words.join(", ")
    );
    Err(ErrorRecord::of(cmdlet, "InvalidArgument", "", "CannotConvertArgumentNoMessage", message))
}

fn cannot_convert(cmdlet: &str, message: String) -> ErrorRecord {
    ErrorRecord::of(cmdlet, "InvalidArgument", "", "CannotConvertArgument", message)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null | Value::Nothing => "$null",
        Value::Bool(_) => "System.Boolean",
        Value::Int(_) => "System.Int32",
        Value::Text(_) => "System.String",
        Value::Enum { .. } => "System.Enum",
        Value::Bytes(_) => "System.Byte[]",
        Value::List(_) => "System.Object[]",
        Value::Table(_) => "System.Collections.Hashtable",
        Value::Object(object) => object.borrow().of,
        Value::Block(_) => "System.Management.Automation.ScriptBlock",
        Value::Type(_) => "System.RuntimeType",
    }
}
