//! Operators (`about_Comparison_Operators`, `about_Arithmetic_Operators`, `about_Split`, `about_Join`).

use std::cmp::Ordering;
use std::rc::Rc;

use super::super::super::value::{ErrorRecord, Value, is_name};
use super::super::tree::Operator;
use super::errors;

/// What the simulator does not understand.
type Understood<T> = Result<T, String>;

/// The left side decides: a list grows, a text gets longer, a number gets bigger.
pub(super) fn plus(left: &Value, right: &Value) -> Understood<Value> {
    let no_number = || format!("+ of {} and {}", left.to_text(), right.to_text());
    match left {
        Value::List(items) => {
            let mut items = items.borrow().clone();
            match right {
                Value::List(more) => items.extend(more.borrow().iter().cloned()),
                Value::Nothing => {}
                one => items.push(one.clone()),
            }
            Ok(Value::list(items))
        }
        Value::Text(text) => Ok(Value::Text(text.clone() + &right.to_text())),
        Value::Null | Value::Nothing => Ok(right.clone()),
        Value::Int(number) => {
            let other = right.as_int().ok_or_else(no_number)?;
            number.checked_add(other).map(Value::Int).ok_or_else(no_number)
        }
        _ => Err(no_number()),
    }
}

/// `-split` by what stands literally between: of regular expressions we understand none.
pub(super) fn split(left: &Value, right: &Value) -> Understood<Value> {
    let by = right.to_text();
    if by.is_empty() || by.contains(|c: char| r"\.^$|?*+()[]{}".contains(c)) {
        return Err(format!("-split by the pattern `{by}`"));
    }
    let parts = left.items();
    Ok(Value::texts(
        parts.iter().flat_map(|one| one.to_text().split(&by).map(str::to_owned).collect::<Vec<_>>()),
    ))
}

pub(super) fn join(left: &Value, right: &Value) -> Value {
    let texts: Vec<String> = left.items().iter().map(Value::to_text).collect();
    Value::Text(texts.join(&right.to_text()))
}

/// A comparison. With a list on the left it gives the items for which it holds.
pub(super) fn compare(operator: Operator, left: &Value, right: &Value) -> Result<Value, ErrorRecord> {
    match operator {
        Operator::Contains => return Ok(Value::Bool(contains(left, right))),
        Operator::NotContains => return Ok(Value::Bool(!contains(left, right))),
        Operator::In => return Ok(Value::Bool(contains(right, left))),
        Operator::NotIn => return Ok(Value::Bool(!contains(right, left))),
        _ => {}
    }
    let Value::List(items) = left else {
        return holds(operator, left, right).map(Value::Bool);
    };
    let mut found = Vec::new();
    for item in items.borrow().iter() {
        if holds(operator, item, right)? {
            found.push(item.clone());
        }
    }
    Ok(Value::list(found))
}

/// Some item of a list is equal to a value; what is no list is a list of itself.
fn contains(list: &Value, wanted: &Value) -> bool {
    match list {
        Value::List(items) => items.borrow().iter().any(|item| is_equal(item, wanted)),
        one => is_equal(one, wanted),
    }
}

fn holds(operator: Operator, left: &Value, right: &Value) -> Result<bool, ErrorRecord> {
    Ok(match operator {
        Operator::Equal => is_equal(left, right),
        Operator::NotEqual => !is_equal(left, right),
        Operator::Greater => order(left, right)?.is_gt(),
        Operator::GreaterOrEqual => order(left, right)?.is_ge(),
        Operator::Less => order(left, right)?.is_lt(),
        Operator::LessOrEqual => order(left, right)?.is_le(),
        Operator::Like => is_like(&left.to_text(), &right.to_text()),
        Operator::NotLike => !is_like(&left.to_text(), &right.to_text()),
        Operator::Contains
        | Operator::NotContains
        | Operator::In
        | Operator::NotIn
        | Operator::Split
        | Operator::Join
        | Operator::Plus
        | Operator::Minus => false,
    })
}

/// The right side is made into what the left one is. `$null` is equal to nothing but itself.
fn is_equal(left: &Value, right: &Value) -> bool {
    if left.is_null() || right.is_null() {
        return left.is_null() && right.is_null();
    }
    match (left, right) {
        (Value::Text(left), right) => is_name(left, &right.to_text()),
        (Value::Int(left), right) => right.as_int() == Some(*left),
        (Value::Bool(left), right) => right.is_true() == *left,
        (Value::Enum { name, .. }, Value::Text(right)) => is_name(name, right),
        (Value::Enum { number, .. }, right) => right.as_int() == Some(*number),
        (Value::Table(left), Value::Table(right)) => Rc::ptr_eq(left, right),
        (Value::Object(left), Value::Object(right)) => Rc::ptr_eq(left, right),
        _ => false,
    }
}

/// `$null` comes before every number that is not negative.
fn order(left: &Value, right: &Value) -> Result<Ordering, ErrorRecord> {
    match (left, right) {
        (left, right) if left.is_null() && right.is_null() => Ok(Ordering::Equal),
        (left, right) if left.is_null() => {
            Ok(if right.as_int().is_some_and(i64::is_negative) { Ordering::Greater } else { Ordering::Less })
        }
        (left, right) if right.is_null() => {
            Ok(if left.as_int().is_some_and(i64::is_negative) { Ordering::Less } else { Ordering::Greater })
        }
        (Value::Text(left), right) => Ok(left.to_lowercase().cmp(&right.to_text().to_lowercase())),
        (left, right) => match (left.as_int(), right.as_int()) {
            (Some(left), Some(right)) => Ok(left.cmp(&right)),
            _ => Err(errors::invalid(
                "ComparisonFailure",
                format!("Could not compare \"{}\" to \"{}\".", left.to_text(), right.to_text()),
            )),
        },
    }
}

/// `*` and `?` (`about_Wildcards`), whatever the case of letters. Sets in brackets stand for themselves here.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    // reached[i]: what was read of the pattern fits the first i characters.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for wanted in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut before = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let here = reached.get(at).copied().unwrap_or(false);
            *slot = if wanted == '*' {
                before |= here;
                before
            } else {
                let fits = at > 0 && text.get(at - 1).is_some_and(|c| wanted == '?' || *c == wanted);
                fits && reached.get(at - 1).copied().unwrap_or(false)
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}
