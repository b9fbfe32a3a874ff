//! Runs a script's [`Body`].

mod bind;
mod builtin;
mod commands;
mod dotnet;
mod errors;
mod expressions;
mod operators;
mod statements;

use std::collections::HashMap;
use std::rc::Rc;

use super::super::value::{ErrorRecord, Value};
use super::parse::{Beyond, parse};
use super::tree::{Body, GLOBAL, Name};
use super::{Edition, World};

/// Real ones end at a depth of some hundred calls, too.
const DEEPEST: usize = 60;

/// Why a statement did not come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    Error(Box<ErrorRecord>),
    Return,
    Exit(i32),
    Break,
    Continue,
    /// The process is gone.
    Killed,
    /// Our simulator is at its end: no script catches that.
    Beyond(Beyond),
}

impl From<ErrorRecord> for Stop {
    fn from(record: ErrorRecord) -> Stop {
        Stop::Error(Box::new(record))
    }
}

pub(super) type Done<T = ()> = Result<T, Stop>;

#[derive(Default)]
struct Scope {
    variables: HashMap<Name, Value>,
    functions: HashMap<Name, Rc<Body>>,
}

/// One PowerShell, while it runs.
pub(super) struct Shell<'w> {
    world: &'w mut dyn World,
    /// What is called sees the variables of its callers: the innermost scope is the last.
    scopes: Vec<Scope>,
    /// Of the statement that runs.
    line: usize,
    pub(super) stdout: Vec<u8>,
    /// What errors that ended nothing left on standard error.
    pub(super) errors: Vec<ErrorRecord>,
}

impl<'w> Shell<'w> {
    pub(super) fn new(world: &'w mut dyn World) -> Self {
        Shell { world, scopes: vec![Scope::default()], line: 0, stdout: Vec::new(), errors: Vec::new() }
    }

    pub(super) fn edition(&self) -> Edition {
        self.world.edition()
    }

    /// Runs a script's text as a block that the global scope calls, with its arguments by position, and gives all that it
    /// yields.
    pub(super) fn called(&mut self, text: &str, arguments: Vec<Value>) -> Done<Vec<Value>> {
        self.scopes.push(Scope::default());
        let ended = self.script(text, arguments, Vec::new());
        self.scopes.pop();
        ended
    }

    /// Runs a script's text, with its arguments by position, and gives all that it yields.
    pub(super) fn script(
        &mut self,
        text: &str,
        arguments: Vec<Value>,
        input: Vec<Value>,
    ) -> Done<Vec<Value>> {
        let body = parse(text).map_err(Stop::Beyond)?;
        let mut out = Vec::new();
        self.set("input", Value::list(input));
        self.bind_by_position(&body, arguments);
        match self.statements(&body.statements, &mut out) {
            Ok(()) | Err(Stop::Return | Stop::Break | Stop::Continue) => Ok(out),
            Err(stop) => Err(stop),
        }
    }

    /// What the simulator does not understand, at the statement that runs.
    fn beyond(&self, what: impl Into<String>) -> Stop {
        Stop::Beyond(Beyond { line: self.line, what: what.into() })
    }

    fn look_up(&self, name: &str) -> Option<&Value> {
        if let Some(name) = name.strip_prefix(GLOBAL) {
            return self.scopes.first().and_then(|scope| scope.variables.get(name));
        }
        self.scopes.iter().rev().find_map(|scope| scope.variables.get(name))
    }

    fn variable(&self, name: &str) -> Value {
        if let Some(value) = self.look_up(name) {
            return value.clone();
        }
        match name {
            "psversiontable" => dotnet::version_table(self.world.edition()),
            _ => Value::Null,
        }
    }

    /// Sets a variable in the innermost scope, or in the one that its name says.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        let (name, scope) = match name.strip_prefix(GLOBAL) {
            Some(name) => (name, self.scopes.first_mut()),
            None => (name, self.scopes.last_mut()),
        };
        if let Some(scope) = scope {
            match scope.variables.get_mut(name) {
                Some(old) => *old = value,
                None => drop(scope.variables.insert(Name::from(name), value)),
            }
        }
    }

    /// Runs something while a variable of the innermost scope has another value.
    fn with_variable<T>(&mut self, name: &str, value: Value, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scopes.last().and_then(|scope| scope.variables.get(name).cloned());
        self.set(name, value);
        let result = run(self);
        match before {
            Some(before) => self.set(name, before),
            None => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.variables.remove(name);
                }
            }
        }
        result
    }

    fn function(&self, name: &str) -> Option<Rc<Body>> {
        let lower = name.to_lowercase();
        self.scopes.iter().rev().find_map(|scope| scope.functions.get(lower.as_str()).cloned())
    }

    fn define(&mut self, name: &Name, body: &Rc<Body>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.functions.insert(Name::clone(name), Rc::clone(body));
        }
    }

    /// Parameters that are given nothing are `$null`; what is left over is `$args`.
    fn bind_by_position(&mut self, body: &Body, arguments: Vec<Value>) {
        let mut arguments = arguments.into_iter();
        for parameter in &body.parameters {
            let value = arguments.next().unwrap_or(Value::Null);
            self.set(parameter, value);
        }
        self.set("args", Value::list(arguments.collect()));
    }
}
