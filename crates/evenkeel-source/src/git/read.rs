//! One look at a repository, where blocking is allowed: what is offered, whether it is new, and what is in it.

use std::ffi::OsStr;
use std::path::Path;

use evenkeel_engine::source::{Fetched, Revision, Snapshot, SourceError, SourceErrorKind};
use git2::{Commit, Oid, Repository, RepositoryOpenFlags};
use jiff::Timestamp;

use super::clone::Clone;
use super::failure::failed;
use super::listing::{Listing, Wanted};
use super::place::Place;
use super::{Inner, Stop, tree};
use crate::select::Taken;
use crate::verify;

/// Looks what is there. `url` leads to the server.
pub(super) fn look(
    inner: &Inner,
    url: Option<&str>,
    known: Option<&str>,
    stop: &Stop,
) -> Result<Fetched, SourceError> {
    match (&inner.place, url) {
        (Place::Folder(folder), _) => local(inner, folder, known),
        (_, Some(url)) => remote(inner, url, known, stop),
        (_, None) => {
            Err(SourceError::new(SourceErrorKind::Failed, format!("there is no way to {}", inner.shown)))
        }
    }
}

/// A repository on this machine is read where it is: nothing is copied.
fn local(inner: &Inner, folder: &Path, known: Option<&str>) -> Result<Fetched, SourceError> {
    let none: [&OsStr; 0] = [];
    let repository = Repository::open_ext(folder, RepositoryOpenFlags::NO_SEARCH, none).map_err(|e| {
        if e.code() == git2::ErrorCode::NotFound {
            let message = format!("there is no git repository at {}", folder.display());
            SourceError::new(SourceErrorKind::NotFound, message)
                .hint("check the `url` of the source; `git init --bare` makes one")
        } else {
            failed(&format!("cannot open {}", folder.display()), &e)
        }
    })?;
    let listing = Listing::local(&repository)
        .map_err(|e| failed(&format!("cannot list the branches of {}", inner.shown), &e))?;
    let wanted = listing.resolve(&inner.spec.reference, &inner.shown)?;
    if known == Some(wanted.commit.to_string().as_str()) {
        return Ok(Fetched::Unchanged);
    }
    snapshot(inner, &repository, wanted.object, wanted.shown)
}

/// A clone that turns out to be broken is made anew, once.
fn remote(inner: &Inner, url: &str, known: Option<&str>, stop: &Stop) -> Result<Fetched, SourceError> {
    let clone = Clone::open(&inner.options.clones, &inner.name, &inner.shown)?;
    let fresh = clone.fresh;
    match through(inner, &clone, url, known, stop) {
        Err(error) if error.kind == SourceErrorKind::Failed && !fresh && !stop.now() => {
            clone.throw_away()?;
            let clone = Clone::open(&inner.options.clones, &inner.name, &inner.shown)?;
            through(inner, &clone, url, known, stop)
        }
        looked => looked,
    }
}

fn through(
    inner: &Inner,
    clone: &Clone,
    url: &str,
    known: Option<&str>,
    stop: &Stop,
) -> Result<Fetched, SourceError> {
    let unchanged = |wanted: &Wanted| known == Some(wanted.commit.to_string().as_str());
    let resolve = |listing: &Listing| listing.resolve(&inner.spec.reference, &inner.shown);
    match clone.bring(url, &inner.shown, resolve, unchanged, stop)? {
        None => Ok(Fetched::Unchanged),
        Some((object, wanted)) => snapshot(inner, &clone.repository, object, wanted.shown),
    }
}

/// Everything of one commit. `object` is the commit, or an annotated tag of it.
fn snapshot(
    inner: &Inner,
    repository: &Repository,
    object: Oid,
    reference: Option<String>,
) -> Result<Fetched, SourceError> {
    let commit = repository.find_object(object, None).and_then(|found| found.peel_to_commit());
    let commit = commit.map_err(|e| match &inner.spec.reference.commit {
        Some(hash) => {
            SourceError::new(SourceErrorKind::NotFound, format!("{} has no commit {hash}", inner.shown))
                .hint("check the hash, and that it is on a branch or tag")
        }
        None => failed(&format!("cannot read the commit {object} of {}", inner.shown), &e),
    })?;
    let id = commit.id().to_string();
    contents(inner, repository, object, &commit, reference).map_err(|mut error| {
        error.revision = Some(id);
        error
    })
}

fn contents(
    inner: &Inner,
    repository: &Repository,
    object: Oid,
    commit: &Commit<'_>,
    reference: Option<String>,
) -> Result<Fetched, SourceError> {
    let named = reference.as_deref();
    let signer =
        verify::check(repository, object, commit, &inner.spec, named, |path| inner.options.file(path))?;
    let tree =
        commit.tree().map_err(|e| failed(&format!("cannot read the files of commit {}", commit.id()), &e))?;
    let Taken { manifests, values, attachments, .. } = tree::read(repository, &tree, &inner.spec)?;
    let revision = Revision {
        id: commit.id().to_string(),
        reference,
        subject: commit.summary_bytes().map(|text| String::from_utf8_lossy(text).into_owned()),
        author: Some(author(commit)),
        at: Timestamp::from_second(commit.time().seconds()).ok(),
        signer,
    };
    Ok(Fetched::New(Box::new(Snapshot { revision, manifests, values, attachments })))
}

/// `Name <address>`.
pub(crate) fn author(commit: &Commit<'_>) -> String {
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes()))
}
