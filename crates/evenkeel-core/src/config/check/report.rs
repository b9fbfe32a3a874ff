//! Problems of one document, and the checks that many fields share.

use crate::manifest::{NAME_RULE, Node, Problems, is_name, short};
use crate::period::Period;

/// Where the problems of one document go.
#[derive(Debug)]
pub(super) struct Report<'a> {
    node: &'a Node,
    problems: &'a mut Problems,
}

impl<'a> Report<'a> {
    pub(super) fn new(node: &'a Node, problems: &'a mut Problems) -> Self {
        Report { node, problems }
    }

    /// A problem with the field at `path` (keys and indexes below `spec`).
    pub(super) fn error(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.problems.at_path(self.node, &owned(path), message.into(), Some(hint.into()), false);
    }

    /// Something that is worth a look.
    pub(super) fn warning(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.problems.at_path(self.node, &owned(path), message.into(), Some(hint.into()), true);
    }

    /// As [`Report::error`], but the line of the field is never shown: a secret stands in it.
    pub(super) fn secret_error(
        &mut self,
        path: &[&str],
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.hide(self.node, &owned(path));
        self.error(path, message, hint);
    }

    /// True where a document could not be read: what is not known may stand there.
    pub(super) fn has_unread(&self) -> bool {
        self.problems.has_unread()
    }

    /// `text` is the name of a credential, a webhook, ….
    pub(super) fn name(&mut self, path: &[&str], text: &str) {
        if !is_name(text) {
            self.error(path, format!("`{}` is not a name", short(text)), format!("use {NAME_RULE}"));
        }
    }

    /// `text` is a path, and nothing else is known of it.
    pub(super) fn path(&mut self, path: &[&str], text: &str) {
        if text.trim().is_empty() {
            self.error(path, format!("`{}` is empty", field(path)), "write a path, or take the field away");
        } else if text.contains('\0') {
            self.error(path, "a path cannot hold a NUL character", "take it away");
        }
    }

    /// As [`Report::path`], where the field may be left out.
    pub(super) fn optional_path(&mut self, path: &[&str], text: Option<&String>) {
        if let Some(text) = text {
            self.path(path, text);
        }
    }

    /// `text` is a path that cannot lead out of its folder.
    pub(super) fn path_inside(&mut self, path: &[&str], text: &str) {
        self.path(path, text);
        if text.starts_with('/') {
            let message = format!("`{}` starts at the root of the file system", short(text));
            self.error(path, message, "write it relative to the repository, without the leading `/`");
        } else if text.split(['/', '\\']).any(|part| part == "..") {
            let message = format!("`{}` leads out of the repository", short(text));
            self.error(path, message, "write it relative to the repository, without `..`");
        }
    }

    pub(super) fn at_least(&mut self, path: &[&str], found: Option<Period>, least: Period, hint: &str) {
        if let Some(found) = found.filter(|found| *found < least) {
            self.error(path, format!("`{}` must be at least {least}, found {found}", field(path)), hint);
        }
    }
}

/// The field's name as messages say it, without indexes.
pub(super) fn field(path: &[&str]) -> String {
    let keys: Vec<&str> = path.iter().copied().filter(|key| key.parse::<usize>().is_err()).collect();
    keys.join(".")
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|key| (*key).to_owned()).collect()
}
