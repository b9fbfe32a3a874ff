//! The cmdlets that are PowerShell's own.

use super::super::super::value::{ErrorRecord, Value, is_name};
use super::super::json;
use super::super::{Arguments, Parameter, Signature, Takes};
use super::{Done, Shell, errors};

const CMDLETS: &[Signature] = &[
    Signature { cmdlet: "ForEach-Object", parameters: &[at(0, "Process", Takes::Any)] },
    Signature { cmdlet: "Where-Object", parameters: &[at(0, "FilterScript", Takes::Any)] },
    Signature { cmdlet: "Out-Null", parameters: &[] },
    Signature { cmdlet: "ConvertFrom-Json", parameters: &[at(0, "InputObject", Takes::Text)] },
    Signature {
        cmdlet: "ConvertTo-Json",
        parameters: &[
            at(0, "InputObject", Takes::Any),
            named("Depth", Takes::Int),
            named("Compress", Takes::Switch),
        ],
    },
    Signature { cmdlet: "Get-Command", parameters: &[at(0, "Name", Takes::Text)] },
    Signature {
        cmdlet: "Start-Sleep",
        parameters: &[at(0, "Seconds", Takes::Int), named("Milliseconds", Takes::Int)],
    },
];

const fn at(position: usize, name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: Some(position), pipeline: false }
}

const fn named(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: None, pipeline: false }
}

/// `ConvertTo-Json` goes so deep where nobody says how deep.
const DEPTH: i64 = 2;

pub(super) fn signature(name: &str) -> Option<&'static Signature> {
    let name = match name {
        "%" => "ForEach-Object",
        "?" => "Where-Object",
        name => name,
    };
    CMDLETS.iter().find(|signature| is_name(signature.cmdlet, name))
}

impl Shell<'_> {
    pub(super) fn builtin(
        &mut self,
        cmdlet: &str,
        arguments: &Arguments,
        input: Vec<Value>,
        out: &mut Vec<Value>,
    ) -> Done {
        match cmdlet {
            "ForEach-Object" => self.each(arguments, input, out),
            "Where-Object" => self.filter(arguments, input, out),
            "Out-Null" => Ok(()),
            "ConvertFrom-Json" => {
                let text = self.input_object(arguments, input)?.to_text();
                out.push(json::parse(&text).map_err(|why| not_json(&why))?);
                Ok(())
            }
            "ConvertTo-Json" => {
                let value = self.input_object(arguments, input)?;
                if !arguments.is_on("Compress") {
                    return Err(self.beyond("ConvertTo-Json without -Compress"));
                }
                let depth = arguments.int("Depth").unwrap_or(DEPTH);
                out.push(Value::Text(json::compressed(&value, depth, self.edition())));
                Ok(())
            }
            "Get-Command" => self.get_command(arguments, out),
            "Start-Sleep" => {
                let milliseconds = arguments.int("Milliseconds").unwrap_or(0);
                let seconds = arguments.int("Seconds").unwrap_or(0) + (milliseconds + 999) / 1000;
                self.world.sleep(seconds);
                Ok(())
            }
            other => Err(self.beyond(format!("the cmdlet {other}"))),
        }
    }

    fn each(&mut self, arguments: &Arguments, input: Vec<Value>, out: &mut Vec<Value>) -> Done {
        let Some(Value::Block(body)) = arguments.get("Process") else {
            return Err(self.beyond("ForEach-Object without a script block"));
        };
        input.into_iter().try_for_each(|item| self.block_for(body, item, out))
    }

    fn filter(&mut self, arguments: &Arguments, input: Vec<Value>, out: &mut Vec<Value>) -> Done {
        let Some(Value::Block(body)) = arguments.get("FilterScript") else {
            return Err(self.beyond("Where-Object without a script block"));
        };
        for item in input {
            let mut said = Vec::new();
            self.block_for(body, item.clone(), &mut said)?;
            if Value::list(said).is_true() {
                out.push(item);
            }
        }
        Ok(())
    }

    /// What was given by name, or the one thing that came down the pipeline.
    fn input_object(&self, arguments: &Arguments, input: Vec<Value>) -> Done<Value> {
        if let Some(value) = arguments.get("InputObject") {
            return Ok(value.clone());
        }
        let mut input = input.into_iter();
        match (input.next(), input.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(self.beyond("ConvertTo-Json or ConvertFrom-Json of anything but one value")),
        }
    }

    fn get_command(&mut self, arguments: &Arguments, out: &mut Vec<Value>) -> Done {
        let name = arguments.text("Name").ok_or_else(|| self.beyond("Get-Command without a name"))?;
        let Some(found) = self.has_command(&name) else {
            return Err(errors::no_command("Get-Command", &name).into());
        };
        out.push(Value::object("System.Management.Automation.CommandInfo", [("Name", Value::Text(found))]));
        Ok(())
    }
}

fn not_json(why: &str) -> ErrorRecord {
    let id = "System.ArgumentException";
    ErrorRecord::of("ConvertFrom-Json", "NotSpecified", "", id, format!("Invalid JSON primitive: {why}."))
}
