//! The part of an address after the question mark.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;
use evenkeel_engine::store::ResourceFilter;

use crate::problem::Problem;

/// The parameters of a request. Each is taken once; what is left over at the end is an error.
#[derive(Debug)]
pub(crate) struct Params {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Params {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|e| Problem::bad_request(format!("the parameters cannot be read: {e}")))?;
        Ok(Params { given, known: Vec::new() })
    }

    /// A parameter as text. An empty one is as none.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.known.push(name);
        let Some(at) = self.given.iter().position(|(n, _)| n == name) else { return Ok(None) };
        let (_, value) = self.given.swap_remove(at);
        if self.given.iter().any(|(n, _)| n == name) {
            return Err(Problem::bad_request(format!("the parameter {name} is given twice")));
        }
        Ok(Some(value).filter(|v| !v.is_empty()))
    }

    /// A parameter that is not text; `such as` is an example of it.
    pub(crate) fn parsed<T>(&mut self, name: &'static str, example: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: Display>,
    {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|e| {
            let shown: String = text.chars().take(40).collect();
            Problem::bad_request(format!("the parameter {name} cannot be \"{shown}\": {e}"))
                .hint(format!("write it like {name}={example}"))
        })
    }

    /// A count between 1 and `most`.
    pub(crate) fn count(&mut self, name: &'static str, most: usize) -> Result<Option<usize>, Problem> {
        match self.parsed::<usize>(name, "50")? {
            Some(n) if n == 0 || n > most => {
                Err(Problem::bad_request(format!("the parameter {name} is a number from 1 to {most}")))
            }
            other => Ok(other),
        }
    }

    /// `source`, `target`, `kind` and `name`.
    pub(crate) fn resources(&mut self) -> Result<ResourceFilter, Problem> {
        Ok(ResourceFilter {
            source: self.text("source")?,
            target: self.text("target")?,
            kind: self.text("kind")?,
            name: self.text("name")?,
        })
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Problem> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let shown: String = name.chars().take(40).collect();
        let problem = Problem::bad_request(format!("there is no parameter \"{shown}\" here"));
        Err(match self.known.as_slice() {
            [] => problem.hint("this takes none"),
            known => problem.hint(format!("known are: {}", known.join(", "))),
        })
    }
}
