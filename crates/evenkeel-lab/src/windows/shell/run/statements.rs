//! Statements.

use super::super::super::value::Value;
use super::super::tree::{Expression, Kind, Stage, Statement};
use super::{Done, Shell, Stop, errors, operators};

/// What comes out of a pipeline, as one value: nothing, the one item, or a list.
pub(super) fn gathered(mut items: Vec<Value>) -> Value {
    match items.len() {
        0 => Value::Nothing,
        1 => items.pop().unwrap_or(Value::Nothing),
        _ => Value::list(items),
    }
}

/// A pipeline takes lists apart, one level deep.
pub(super) fn emit(value: Value, out: &mut Vec<Value>) {
    match value {
        Value::Nothing => {}
        Value::List(items) => out.extend(items.borrow().iter().cloned()),
        Value::Bytes(bytes) => out.extend(bytes.iter().map(|byte| Value::Int(i64::from(*byte)))),
        other => out.push(other),
    }
}

impl Shell<'_> {
    pub(super) fn statements(&mut self, list: &[Statement], out: &mut Vec<Value>) -> Done {
        list.iter().try_for_each(|statement| self.statement(statement, out))
    }

    fn statement(&mut self, statement: &Statement, out: &mut Vec<Value>) -> Done {
        if self.world.is_over() {
            return Err(Stop::Killed);
        }
        self.line = statement.line;
        match &statement.kind {
            Kind::Pipeline(stages) => self.pipeline(stages, out),
            Kind::Assign { to, adds, value } => self.assign(to, *adds, value),
            Kind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.value(condition)?.is_true() {
                        return self.statements(body, out);
                    }
                }
                self.statements(otherwise, out)
            }
            Kind::Foreach { variable, over, body } => {
                // Unlike a pipeline, foreach makes no round for $null.
                for item in self.value(over)?.items() {
                    self.set(variable, item);
                    if !self.round(body, out)? {
                        break;
                    }
                }
                Ok(())
            }
            Kind::For { first, condition, next, body } => {
                self.silently(first.as_deref())?;
                while match condition {
                    Some(condition) => self.value(condition)?.is_true(),
                    None => true,
                } {
                    if !self.round(body, out)? {
                        break;
                    }
                    self.silently(next.as_deref())?;
                }
                Ok(())
            }
            Kind::While { condition, body } => {
                while self.value(condition)?.is_true() && self.round(body, out)? {}
                Ok(())
            }
            Kind::Try { body, catch, finally } => self.try_catch(body, catch.as_deref(), finally, out),
            Kind::Throw(what) => self.throw(what.as_deref()),
            Kind::Return(value) => {
                if let Some(value) = value {
                    self.statement(value, out)?;
                }
                Err(Stop::Return)
            }
            Kind::Exit(status) => {
                let status = match status {
                    Some(status) => self.value(status)?.as_int().unwrap_or(0),
                    None => 0,
                };
                Err(Stop::Exit(i32::try_from(status).unwrap_or(1)))
            }
            Kind::Break => Err(Stop::Break),
            Kind::Continue => Err(Stop::Continue),
            Kind::Function(name, body) => {
                self.define(name, body);
                Ok(())
            }
        }
    }

    /// One round of a loop; false where it was the last.
    fn round(&mut self, body: &[Statement], out: &mut Vec<Value>) -> Done<bool> {
        match self.statements(body, out) {
            Ok(()) | Err(Stop::Continue) => Ok(true),
            Err(Stop::Break) => Ok(false),
            Err(stop) => Err(stop),
        }
    }

    fn silently(&mut self, statement: Option<&Statement>) -> Done {
        statement.map_or(Ok(()), |statement| self.statement(statement, &mut Vec::new()))
    }

    /// A statement's value: an expression's as it is, and what comes out of a pipeline gathered.
    pub(super) fn value(&mut self, statement: &Statement) -> Done<Value> {
        if let Kind::Pipeline(stages) = &statement.kind
            && let [Stage::Expression(expression)] = stages.as_slice()
        {
            self.line = statement.line;
            return self.expression(expression);
        }
        let mut out = Vec::new();
        self.statement(statement, &mut out)?;
        Ok(gathered(out))
    }

    fn pipeline(&mut self, stages: &[Stage], out: &mut Vec<Value>) -> Done {
        let Some((last, earlier)) = stages.split_last() else {
            return Ok(());
        };
        let mut input = None;
        for stage in earlier {
            let mut items = Vec::new();
            self.stage(stage, input.take(), &mut items)?;
            input = Some(items);
        }
        self.stage(last, input, out)
    }

    fn stage(&mut self, stage: &Stage, input: Option<Vec<Value>>, out: &mut Vec<Value>) -> Done {
        match stage {
            // As a statement of its own it yields nothing.
            Stage::Expression(expression @ Expression::Increment(_)) => self.expression(expression).map(drop),
            Stage::Expression(expression) => {
                let value = self.expression(expression)?;
                emit(value, out);
                Ok(())
            }
            Stage::Command(command) => self.command(command, input, out),
        }
    }

    fn assign(&mut self, to: &Expression, adds: bool, value: &Statement) -> Done {
        let mut value = self.value(value)?;
        if adds {
            let before = self.expression(to)?;
            value = operators::plus(&before, &value).map_err(|why| self.beyond(why))?;
        }
        self.store(to, value)
    }

    pub(super) fn store(&mut self, to: &Expression, value: Value) -> Done {
        let (of, name) = match to {
            Expression::Variable(name) => {
                self.set(name, value);
                return Ok(());
            }
            Expression::Member { of, name } => (of, Value::text(name)),
            Expression::Index { of, at } => (of, self.expression(at)?),
            _ => return Err(self.beyond("this cannot be set")),
        };
        match self.expression(of)? {
            table @ Value::Table(_) => {
                table.set(&name.to_text(), value);
                Ok(())
            }
            Value::Null | Value::Nothing => Err(errors::null_array().into()),
            _ => Err(self.beyond("only the entries of a table can be set")),
        }
    }

    fn try_catch(
        &mut self,
        body: &[Statement],
        catch: Option<&[Statement]>,
        finally: &[Statement],
        out: &mut Vec<Value>,
    ) -> Done {
        let mut ended = self.statements(body, out);
        if let (Err(Stop::Error(record)), Some(catch)) = (&ended, catch) {
            let record = errors::to_value(record);
            ended = self.with_variable("_", record, |shell| shell.statements(catch, out));
        }
        self.statements(finally, out)?;
        ended
    }

    fn throw(&mut self, what: Option<&Statement>) -> Done {
        let thrown = match what {
            Some(what) => self.value(what)?,
            // In a catch block it is the same error again.
            None => match self.variable("_") {
                record if record_of_error(&record) => record,
                _ => Value::text("ScriptHalted"),
            },
        };
        Err(errors::thrown(&thrown).into())
    }
}

fn record_of_error(value: &Value) -> bool {
    errors::from_value(value).is_some()
}
