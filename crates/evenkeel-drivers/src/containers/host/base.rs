//! What a template is made of. As git's index does it: a file with equal size and time has the same content, so that it is
//! read only where no record knows it.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Request};

use super::Look;
use crate::containers::record::Base;

/// How long the checksum of a base may take.
const SECONDS: u64 = 600;

fn sum_query(look: &Look, name: &str) -> Query {
    let path = format!("{}/{name}", look.folder);
    Query::reading(Request::Exec(Exec::new(["sha256sum", "--"]).on([path]).within(SECONDS)))
}

/// The checksum that some record tells of the file as it is.
fn known(look: &Look, name: &str) -> Option<Base> {
    let file = look.files.get(name)?;
    let bases = look.records.values().map(|record| &record.base);
    let mut same = bases
        .filter(|base| base.name == name && (base.bytes, base.mtime) == (file.bytes, file.mtime))
        .filter(|base| is_sum(&base.sha256));
    same.next().cloned()
}

/// What to ask of the file `name` before [`base`] can tell: nothing where a record knows it, or there is no such file.
pub(in crate::containers) fn base_query(look: &Look, name: &str) -> Option<Query> {
    let is_open = look.files.contains_key(name) && known(look, name).is_none();
    is_open.then(|| sum_query(look, name))
}

/// The file `name` as something that templates are made of; `None` where it is not there.
pub(in crate::containers) fn base(
    look: &Look,
    name: &str,
    replies: &Replies,
) -> Result<Option<Base>, ObserveError> {
    let Some(file) = look.files.get(name) else { return Ok(None) };
    if let Some(known) = known(look, name) {
        return Ok(Some(known));
    }
    let query = sum_query(look, name);
    let reply = replies.get(&query)?;
    let path = format!("{}/{name}", look.folder);
    let text = String::from_utf8_lossy(&reply.stdout);
    // It may have been asked for other files in the same breath, and have failed for one of those.
    let sum = text.lines().find_map(|line| {
        let (sum, named) = line.split_once(' ')?;
        (named.trim_start_matches([' ', '*']) == path && is_sum(sum)).then(|| sum.to_owned())
    });
    let Some(sha256) = sum else {
        let stderr = reply.stderr_text().chars().take(300).collect();
        let (command, exit) = (query.request().display(), reply.exit);
        return Err(ObserveError::Command { command, exit, stderr, hint: None });
    };
    Ok(Some(Base { name: name.to_owned(), bytes: file.bytes, mtime: file.mtime, sha256 }))
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
