//! Commands: functions, script blocks and cmdlets, and what comes down a pipeline to them (`about_Functions`, `about_Scopes`,
//! `about_Splatting`, `about_Pipelines`).

use std::rc::Rc;

use super::super::super::value::{ErrorRecord, Value, is_name};
use super::super::tree::{Body, Command, Element};
use super::bind::{Given, bind};
use super::{DEEPEST, Done, Scope, Shell, Stop, builtin, errors};

impl Shell<'_> {
    pub(super) fn command(
        &mut self,
        command: &Command,
        input: Option<Vec<Value>>,
        out: &mut Vec<Value>,
    ) -> Done {
        let name = self.expression(&command.name)?;
        let given = self.given(&command.elements)?;
        match &name {
            Value::Block(body) => return self.invoke(body, given, input, out),
            Value::Null | Value::Nothing => {
                let message = "The expression after '&' in a pipeline element produced an object that was not valid. It must result in a \
                               command name, a script block, or a CommandInfo object.";
                return Err(errors::invalid("BadExpression", message).into());
            }
            _ => {}
        }
        let name = name.to_text();
        if let Some(body) = self.function(&name) {
            return self.invoke(&body, given, input, out);
        }
        self.cmdlet(&name, given, input, out)
    }

    fn given(&mut self, elements: &[Element]) -> Done<Vec<Given>> {
        let mut given = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Element::Parameter(name, None) => given.push(Given::Name(name.clone())),
                Element::Parameter(name, Some(value)) => {
                    given.push(Given::Both(name.clone(), self.expression(value)?));
                }
                Element::Value(value) => given.push(Given::Value(self.expression(value)?)),
                Element::Splat(name) => match self.variable(name) {
                    Value::Table(entries) => {
                        let entries = entries.borrow();
                        given.extend(
                            entries.iter().map(|(name, value)| Given::Both(name.clone(), value.clone())),
                        );
                    }
                    other => given.extend(other.items().into_iter().map(Given::Value)),
                },
            }
        }
        Ok(given)
    }

    /// Calls a function or a script block, in a scope of its own.
    fn invoke(
        &mut self,
        body: &Rc<Body>,
        given: Vec<Given>,
        input: Option<Vec<Value>>,
        out: &mut Vec<Value>,
    ) -> Done {
        if self.scopes.len() >= DEEPEST {
            return Err(errors::invalid(
                "CallDepthOverflow",
                "The script failed due to call depth overflow.",
            )
            .into());
        }
        self.scopes.push(Scope::default());
        let ended = match self.bind_parameters(body, given) {
            Ok(()) => {
                if let Some(input) = input {
                    self.set("input", Value::list(input));
                }
                self.statements(&body.statements, out)
            }
            Err(record) => Err(record.into()),
        };
        self.scopes.pop();
        match ended {
            Err(Stop::Return) => Ok(()),
            ended => ended,
        }
    }

    fn bind_parameters(&mut self, body: &Body, given: Vec<Given>) -> Result<(), ErrorRecord> {
        let mut bound: Vec<Option<Value>> = vec![None; body.parameters.len()];
        let mut rest = Vec::new();
        let mut given = given.into_iter();
        while let Some(one) = given.next() {
            let (name, value) = match one {
                Given::Value(value) => {
                    rest.push(value);
                    continue;
                }
                Given::Both(name, value) => (name, value),
                Given::Name(name) => match given.next() {
                    Some(Given::Value(value)) => (name, value),
                    _ => return Err(super::bind::missing_argument("", &name)),
                },
            };
            let at = body.parameters.iter().position(|parameter| is_name(parameter, &name));
            match at.and_then(|at| bound.get_mut(at)) {
                Some(slot) => *slot = Some(value),
                None => return Err(super::bind::unknown_parameter("", &name)),
            }
        }
        let mut rest = rest.into_iter();
        for (parameter, value) in body.parameters.iter().zip(bound) {
            let value = value.or_else(|| rest.next()).unwrap_or(Value::Null);
            self.set(parameter, value);
        }
        self.set("args", Value::list(rest.collect()));
        Ok(())
    }

    fn cmdlet(
        &mut self,
        name: &str,
        given: Vec<Given>,
        input: Option<Vec<Value>>,
        out: &mut Vec<Value>,
    ) -> Done {
        if let Some(signature) = builtin::signature(name) {
            let bound = bind(signature, given, None)?;
            let input = input.unwrap_or_default();
            let ended = self.builtin(signature.cmdlet, &bound.arguments, input, out);
            return self.tolerated(ended, bound.error_action.as_deref(), false);
        }
        let Some(signature) = self.world.signature(name) else {
            return Err(errors::no_command("", name).into());
        };
        // Nothing comes down the pipeline: the cmdlet has nothing to do.
        if input.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let bound = bind(signature, given, input)?;
        let ended = self.world.call(signature.cmdlet, &bound.arguments);
        let ended = ended.map(|items| out.extend(items)).map_err(Stop::from);
        let is_function = self.world.is_function(signature.cmdlet);
        self.tolerated(ended, bound.error_action.as_deref(), is_function)
    }

    /// An error of a cmdlet ends the statement only where `-ErrorAction`, or else `$ErrorActionPreference`, says so: for a function
    /// of a module that of the global scope.
    fn tolerated(&mut self, ended: Done, action: Option<&str>, is_function: bool) -> Done {
        let record = match ended {
            Err(Stop::Error(record)) => record,
            ended => return ended,
        };
        let action = match action {
            Some(action) => action.to_owned(),
            None if is_function => self.variable("global:erroractionpreference").to_text(),
            None => self.variable("erroractionpreference").to_text(),
        };
        match action.to_lowercase().as_str() {
            "stop" => Err(Stop::Error(record)),
            "silentlycontinue" | "ignore" => Ok(()),
            "" | "continue" => {
                self.errors.push(*record);
                Ok(())
            }
            other => Err(self.beyond(format!("ErrorAction `{other}`"))),
        }
    }

    /// Runs a block for an item that is in `$_`, in the scope that it stands in.
    pub(super) fn block_for(&mut self, body: &Rc<Body>, item: Value, out: &mut Vec<Value>) -> Done {
        let body = Rc::clone(body);
        let ended = self.with_variable("_", item, |shell| shell.statements(&body.statements, out));
        match ended {
            Err(Stop::Return) => Ok(()),
            ended => ended,
        }
    }

    /// What `Get-Command` knows: functions, our own cmdlets, and those of the machine.
    pub(super) fn has_command(&self, name: &str) -> Option<String> {
        if self.function(name).is_some() {
            return Some(name.to_owned());
        }
        let signature = builtin::signature(name).or_else(|| self.world.signature(name))?;
        Some(signature.cmdlet.to_owned())
    }
}
