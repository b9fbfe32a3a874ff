//! Lists of blocks: a heading at the beginning of a line, and indented below it `Name: value`, a line each.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

use super::failure::{quote, text, unparsable};

/// One block.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// The command, for errors.
    request: &'a Request,
    /// The line that it begins with.
    pub(super) heading: &'a str,
    /// Few enough to look through.
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Block<'a> {
    /// Every block that was printed. A cut that falls between two blocks does not show in the text: the transport
    /// tells the end of output from its length.
    pub(super) fn all(request: &'a Request, reply: &'a Reply) -> Result<Vec<Block<'a>>, ObserveError> {
        let mut blocks: Vec<Block<'a>> = Vec::new();
        // A blank line ends a block: what is indented below it belongs to nothing.
        let mut open = false;
        for line in text(request, reply)?.lines() {
            if line.trim().is_empty() {
                open = false;
            } else if !line.starts_with([' ', '\t']) {
                blocks.push(Block { request, heading: line.trim_end(), fields: Vec::new() });
                open = true;
            } else {
                let block = blocks.last_mut().filter(|_| open).ok_or_else(|| {
                    unparsable(request, format!("`{}` stands below no heading", quote(line.trim())))
                })?;
                block.add(line)?;
            }
        }
        Ok(blocks)
    }

    fn add(&mut self, line: &'a str) -> Result<(), ObserveError> {
        let (name, value) =
            line.trim().split_once(':').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                unparsable(self.request, format!("`{}` is no `Name: value`", quote(line.trim())))
            })?;
        if self.get(name).is_some() {
            return Err(self.wrong(&format!("`{name}` stands there twice")));
        }
        self.fields.push((name, value.trim()));
        Ok(())
    }

    /// A field that every block has.
    pub(super) fn need(&self, name: &str) -> Result<&'a str, ObserveError> {
        self.get(name).ok_or_else(|| self.wrong(&format!("it has no `{name}`")))
    }

    /// A field of one word that every block has.
    pub(super) fn word(&self, name: &str) -> Result<&'a str, ObserveError> {
        let value = self.need(name)?;
        if value.is_empty() || value.contains(char::is_whitespace) {
            return Err(self.wrong(&format!("`{name}: {}` is not one word", quote(value))));
        }
        Ok(value)
    }

    /// A field that not every release prints.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A field that is `true` or `false`; `None` where it is not printed.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ObserveError> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.wrong(&format!("`{name}: {}` is neither true nor false", quote(other)))),
        }
    }

    /// The heading, where it is the id of a device.
    pub(super) fn device(&self) -> Result<&'a str, ObserveError> {
        let is_id = self.heading.chars().all(|c| c.is_ascii_graphic());
        is_id.then_some(self.heading).ok_or_else(|| {
            unparsable(self.request, format!("`{}` is no id of a device", quote(self.heading)))
        })
    }

    /// The error for something in this block.
    pub(super) fn wrong(&self, problem: &str) -> ObserveError {
        unparsable(self.request, format!("in `{}`: {problem}", quote(self.heading)))
    }
}
