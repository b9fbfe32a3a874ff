//! What serde says went wrong, kept as data until its place is known.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::super::suggest::{choices, did_you_mean};

/// One reason why a value could not be read.
#[derive(Debug)]
pub(super) struct ReadError {
    pub(super) what: What,
    /// The value it is about, as [`super::reader::identity`]; filled in by the innermost reader that knows.
    pub(super) at: Option<usize>,
}

#[derive(Debug)]
pub(super) enum What {
    Problem {
        message: String,
        hint: Option<String>,
    },
    Missing(&'static str),
    /// A part of it was left out before, and reported then.
    LeftOut,
}

impl ReadError {
    pub(super) fn new(message: String, hint: Option<&str>) -> Self {
        ReadError { what: What::Problem { message, hint: hint.map(str::to_owned) }, at: None }
    }

    /// The error, at `identity` unless a place further inside is known.
    pub(super) fn or_at(mut self, identity: usize) -> Self {
        self.at.get_or_insert(identity);
        self
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Problem { message, .. } => f.write_str(message),
            What::Missing(field) => write!(f, "the field `{field}` is missing"),
            What::LeftOut => f.write_str("left out"),
        }
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        ReadError::new(message.to_string(), None)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        ReadError::new(format!("expected {expected}, found {}", friendly(found)), None)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        ReadError::new(format!("expected {expected}, found {}", friendly(found)), None)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        ReadError::new(format!("expected {expected}, found {length} values"), None)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = did_you_mean(variant, expected.iter().copied());
        ReadError::new(
            format!("unknown value `{}`{near}", short(variant)),
            choices("it can be one of", expected.iter().copied()).as_deref(),
        )
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = did_you_mean(field, expected.iter().copied());
        ReadError::new(
            format!("unknown field `{}`{near}", short(field)),
            choices("the fields here are", expected.iter().copied()).as_deref(),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        ReadError { what: What::Missing(field), at: None }
    }
}

fn friendly(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => found_text(text),
        Unexpected::Unit | Unexpected::Option => "nothing (null)".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn found_text(text: &str) -> String {
    format!("the text \"{}\"", short(text))
}

/// A text as it is quoted in messages: one line of bounded length.
pub(crate) fn short(text: &str) -> String {
    const SHOWN: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let mut cut: String = line.chars().take(SHOWN).collect();
    cut.push('…');
    cut
}
