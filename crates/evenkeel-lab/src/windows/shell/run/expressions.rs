//! Expressions.

use std::rc::Rc;

use super::super::super::value::{ErrorRecord, PS_CUSTOM_OBJECT, Value};
use super::super::Edition;
use super::super::tree::{Expression, Operator, Statement};
use super::statements::{emit, gathered};
use super::{Done, Shell, dotnet, errors, operators};

impl Shell<'_> {
    pub(super) fn expression(&mut self, expression: &Expression) -> Done<Value> {
        Ok(match expression {
            Expression::Literal(value) => value.clone(),
            Expression::Expanded(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    text.push_str(&self.expression(piece)?.to_text());
                }
                Value::Text(text)
            }
            Expression::Variable(name) => self.variable(name),
            Expression::Environment(name) => self.world.environment(name).map_or(Value::Null, Value::Text),
            Expression::Member { of, name } => {
                let of = self.expression(of)?;
                self.member(&of, name)?
            }
            Expression::Index { of, at } => {
                let of = self.expression(of)?;
                let at = self.expression(at)?;
                self.index(&of, &at)?
            }
            Expression::Call { of, name, arguments } => {
                let of = self.expression(of)?;
                let arguments =
                    arguments.iter().map(|argument| self.expression(argument)).collect::<Done<Vec<_>>>()?;
                self.call_method(&of, name, &arguments)?
            }
            Expression::Array(statements) => Value::list(self.all(statements)?),
            Expression::Sub(statements) => gathered(self.all(statements)?),
            Expression::Grouped(statement) => self.value(statement)?,
            Expression::Comma(items) => {
                Value::list(items.iter().map(|item| self.expression(item)).collect::<Done<_>>()?)
            }
            Expression::Table(entries) => self.table(entries)?,
            Expression::Block(body) => Value::Block(Rc::clone(body)),
            Expression::Cast { to, of } => {
                let of = self.expression(of)?;
                self.cast(to, &of)?
            }
            Expression::Not(of) => Value::Bool(!self.expression(of)?.is_true()),
            Expression::Minus(of) => self.minus(&Value::Int(0), of)?,
            Expression::Increment(of) => {
                let before = self.expression(of)?;
                let number = before.as_int().ok_or_else(|| self.beyond("++ of what is no number"))?;
                self.store(of, Value::Int(number + 1))?;
                before
            }
            Expression::Both(left, right) => {
                Value::Bool(self.expression(left)?.is_true() && self.expression(right)?.is_true())
            }
            Expression::Either(left, right) => {
                Value::Bool(self.expression(left)?.is_true() || self.expression(right)?.is_true())
            }
            Expression::Binary(Operator::Minus, left, right) => {
                let left = self.expression(left)?;
                self.minus(&left, right)?
            }
            Expression::Binary(operator, left, right) => {
                let left = self.expression(left)?;
                let right = self.expression(right)?;
                self.binary(*operator, &left, &right)?
            }
        })
    }

    fn all(&mut self, statements: &[Statement]) -> Done<Vec<Value>> {
        let mut out = Vec::new();
        self.statements(statements, &mut out)?;
        Ok(out)
    }

    fn table(&mut self, entries: &[(Expression, Statement)]) -> Done<Value> {
        let mut given = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.expression(key)?.to_text();
            given.push((key, self.value(value)?));
        }
        Ok(Value::table(given))
    }

    /// `[int]`, `[bool]`, `[string]` and their like.
    fn cast(&self, to: &str, of: &Value) -> Done<Value> {
        match to {
            "int" | "int32" | "long" | "int64" => of.as_int().map(Value::Int).ok_or_else(|| {
                let message = format!(
                    "Cannot convert value \"{}\" to type \"System.Int32\". Error: \"Input string was not in a correct format.\"",
                    of.to_text()
                );
                let id = "InvalidCastFromStringToInteger";
                ErrorRecord::of("", "InvalidArgument", "", id, message).into()
            }),
            "bool" | "boolean" => Ok(Value::Bool(of.is_true())),
            "string" => Ok(Value::Text(of.to_text())),
            other => Err(self.beyond(format!("the cast to [{other}]"))),
        }
    }

    fn minus(&mut self, left: &Value, right: &Expression) -> Done<Value> {
        let right = self.expression(right)?;
        match (left.as_int(), right.as_int()) {
            (Some(left), Some(right)) => Ok(Value::Int(left - right)),
            _ => Err(self.beyond("- of what is no number")),
        }
    }

    fn binary(&self, operator: Operator, left: &Value, right: &Value) -> Done<Value> {
        match operator {
            Operator::Plus => operators::plus(left, right).map_err(|why| self.beyond(why)),
            Operator::Split => operators::split(left, right).map_err(|why| self.beyond(why)),
            Operator::Join => Ok(operators::join(left, right)),
            _ => Ok(operators::compare(operator, left, right)?),
        }
    }

    /// `.name`. A list's own members come first; any other is asked of each of its items (`about_Member-Access_Enumeration`). What has no such
    /// member gives `$null`.
    fn member(&self, of: &Value, name: &str) -> Done<Value> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match of {
            Value::Type(of) => {
                dotnet::member(self.world, of, name).ok_or_else(|| self.beyond(format!("[{of}]::{name}")))
            }
            Value::Table(_) | Value::Object(_) if of.get(name).is_some() => {
                Ok(of.get(name).unwrap_or(Value::Null))
            }
            Value::Table(entries) if is("Count") => Ok(count(entries.borrow().len())),
            Value::Table(entries) if is("Keys") => {
                Ok(Value::texts(entries.borrow().iter().map(|(key, _)| key.clone())))
            }
            Value::Object(_) if is("PSObject") => {
                Ok(Value::object("System.Management.Automation.PSObject", [("Properties", properties(of))]))
            }
            // Only 5.1 has no Count for these: about_Properties.
            Value::Object(object)
                if is("Count")
                    && object.borrow().of == PS_CUSTOM_OBJECT
                    && self.edition() == Edition::Desktop =>
            {
                Ok(Value::Null)
            }
            Value::List(items) if is("Count") || is("Length") => Ok(count(items.borrow().len())),
            Value::Bytes(bytes) if is("Count") || is("Length") => Ok(count(bytes.len())),
            Value::Text(text) if is("Length") => Ok(count(text.encode_utf16().count())),
            Value::List(items) => {
                let mut found = Vec::new();
                for item in items.borrow().iter() {
                    if matches!(item, Value::Object(_) | Value::Table(_)) && item.get(name).is_none() {
                        continue;
                    }
                    match self.member(item, name)? {
                        Value::Null if !matches!(item, Value::Object(_) | Value::Table(_)) => {}
                        value => emit(value, &mut found),
                    }
                }
                Ok(match gathered(found) {
                    Value::Nothing => Value::Null,
                    value => value,
                })
            }
            _ if is("PSObject") => Err(self.beyond("PSObject of what is no object")),
            Value::Null | Value::Nothing if is("Count") || is("Length") => Ok(Value::Int(0)),
            _ if is("Count") => Ok(Value::Int(1)),
            _ => Ok(Value::Null),
        }
    }

    fn index(&self, of: &Value, at: &Value) -> Done<Value> {
        if matches!(at, Value::List(_)) {
            return Err(self.beyond("several indexes at once"));
        }
        let item = |length: usize| {
            let at = at.as_int()?;
            let at = if at < 0 { at + i64::try_from(length).ok()? } else { at };
            usize::try_from(at).ok().filter(|at| *at < length)
        };
        match of {
            Value::Null | Value::Nothing => Err(errors::null_array().into()),
            Value::Table(_) => Ok(of.get(&at.to_text()).unwrap_or(Value::Null)),
            Value::List(items) => {
                let items = items.borrow();
                Ok(item(items.len()).and_then(|at| items.get(at).cloned()).unwrap_or(Value::Null))
            }
            Value::Text(text) => {
                let length = text.chars().count();
                Ok(item(length).and_then(|at| text.chars().nth(at)).map_or(Value::Null, Value::text))
            }
            // A single value is a list of itself.
            other => Ok(if item(1).is_some() { other.clone() } else { Value::Null }),
        }
    }
}

fn count(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

/// `$object.PSObject.Properties`
fn properties(of: &Value) -> Value {
    let Value::Object(object) = of else {
        return Value::Null;
    };
    let of = "System.Management.Automation.PSNoteProperty";
    let property = |(name, value): &(String, Value)| {
        Value::object(of, [("Name", Value::text(name)), ("Value", value.clone())])
    };
    Value::list(object.borrow().properties.iter().map(property).collect())
}
