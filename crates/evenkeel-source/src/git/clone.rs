//! The clone of a repository that is elsewhere: a cache that may be thrown away at any time.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use git2::{
    AutotagOption, Direction, FetchOptions, Oid, Remote, RemoteCallbacks, Repository, RepositoryInitOptions,
};

use super::Stop;
use super::failure::failed;
use super::listing::{Listing, Wanted};

/// Says, within a clone, what it is a clone of.
const ORIGIN: &str = "evenkeel-origin";

/// What was fetched last.
const FETCHED: &str = "refs/evenkeel/fetched";

/// Every fetch leaves a pack and its index, and one that was interrupted leaves a part of one. A clone with more files
/// than this is made anew: that costs one shallow fetch, needs no collection of garbage, and forgets old history.
const MAX_PACK_FILES: usize = 100;

/// A fetch that brings more than this is no repository of manifests.
const MAX_BYTES: usize = 1 << 30;

/// All branches and tags, for a commit that the server does not give by its hash.
const EVERYTHING: [&str; 2] = ["+refs/heads/*:refs/evenkeel/heads/*", "+refs/tags/*:refs/evenkeel/tags/*"];

/// libgit2's word for the whole history, also where the clone was shallow.
const WHOLE_HISTORY: i32 = i32::MAX;

pub(super) struct Clone {
    pub(super) repository: Repository,
    /// It was made just now.
    pub(super) fresh: bool,
    folder: PathBuf,
}

impl Clone {
    /// The clone called `name`, made where there is none that can be used.
    pub(super) fn open(clones: &Path, name: &str, origin: &str) -> Result<Self, SourceError> {
        let folder = clones.join(name);
        if is_ours(&folder, origin)
            && let Ok(repository) = Repository::open_bare(&folder)
        {
            return Ok(Clone { repository, fresh: false, folder });
        }
        remove(&folder)?;
        let make = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(&folder).map_err(|e| unusable(&folder, &e))?;
        let mut options = RepositoryInitOptions::new();
        // The user's templates may hold hooks.
        options.bare(true).external_template(false);
        let repository = Repository::init_opts(&folder, &options)
            .map_err(|e| failed(&format!("cannot make a clone in {}", folder.display()), &e))?;
        keep_urls(&repository).map_err(|e| failed(&format!("cannot write to {}", folder.display()), &e))?;
        fs::write(folder.join(ORIGIN), origin).map_err(|e| unusable(&folder, &e))?;
        Ok(Clone { repository, fresh: true, folder })
    }

    /// Removes it.
    pub(super) fn throw_away(self) -> Result<(), SourceError> {
        drop(self.repository);
        remove(&self.folder)
    }

    /// Asks the server behind `url` what there is, and fetches what `resolve` wants of it unless it is `unchanged`.
    /// `None` where it is; else the object that was fetched (a commit or an annotated tag).
    pub(super) fn bring(
        &self,
        url: &str,
        shown: &str,
        resolve: impl Fn(&Listing) -> Result<Wanted, SourceError>,
        unchanged: impl Fn(&Wanted) -> bool,
        stop: &Stop,
    ) -> Result<Option<(Oid, Wanted)>, SourceError> {
        let about = |e: &git2::Error| failed(&format!("cannot fetch from {shown}"), e);
        let mut remote = self.repository.remote_anonymous(url).map_err(|e| about(&e))?;
        let mut connection = remote.connect_auth(Direction::Fetch, None, None).map_err(|e| about(&e))?;
        let listing = Listing::remote(connection.list().map_err(|e| about(&e))?);
        let wanted = resolve(&listing)?;
        if unchanged(&wanted) {
            return Ok(None);
        }
        let refspec = format!("+{}:{FETCHED}", wanted.name);
        let result = fetch(connection.remote(), &[&refspec], 1, stop);
        drop(connection);
        match result {
            // The connection is not asked for what it does not offer, so the branch cannot have moved meanwhile.
            Ok(()) => {
                let fetched = self.repository.refname_to_id(FETCHED).map_err(|e| about(&e))?;
                Ok(Some((fetched, wanted)))
            }
            Err(Fetching::TooLarge) => Err(too_large(shown)),
            Err(Fetching::Failed(e)) if wanted.name != wanted.commit.to_string() || stop.now() => {
                Err(about(&e))
            }
            Err(Fetching::Failed(_)) => {
                // The server gives no commits by their hash: it may be in the history of a branch.
                fetch(&mut remote, &EVERYTHING, WHOLE_HISTORY, stop).map_err(|failure| match failure {
                    Fetching::TooLarge => too_large(shown),
                    Fetching::Failed(e) => about(&e),
                })?;
                Ok(Some((wanted.commit, wanted)))
            }
        }
    }
}

enum Fetching {
    TooLarge,
    Failed(git2::Error),
}

fn fetch(remote: &mut Remote<'_>, refspecs: &[&str], depth: i32, stop: &Stop) -> Result<(), Fetching> {
    let too_large = Cell::new(false);
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        too_large.set(too_large.get() || progress.received_bytes() > MAX_BYTES);
        !too_large.get() && !stop.now()
    });
    let mut options = FetchOptions::new();
    options.depth(depth).download_tags(AutotagOption::None).update_fetchhead(false);
    options.remote_callbacks(callbacks);
    let result = remote.fetch(refspecs, Some(&mut options), None);
    drop(options);
    result.map_err(|e| if too_large.get() { Fetching::TooLarge } else { Fetching::Failed(e) })
}

/// People let git write `https://` for `git://` (`url.<base>.insteadOf`). The longest match counts, so this one keeps
/// the bridge's URLs as they are. Nothing else of the user's git configuration bears on a fetch.
fn keep_urls(repository: &Repository) -> Result<(), git2::Error> {
    let mut config = repository.config()?;
    for base in ["git://127.0.0.1:", "http://127.0.0.1:"] {
        config.set_str(&format!("url.{base}.insteadof"), base)?;
    }
    Ok(())
}

fn is_ours(folder: &Path, origin: &str) -> bool {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
    let same = fs::read_to_string(folder.join(ORIGIN)).is_ok_and(|text| text == origin);
    let packs = fs::read_dir(folder.join("objects/pack")).map_or(0, Iterator::count);
    is_folder && same && packs <= MAX_PACK_FILES
}

fn remove(folder: &Path) -> Result<(), SourceError> {
    let removed = match fs::symlink_metadata(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(found) if found.is_dir() => fs::remove_dir_all(folder),
        Ok(_) => fs::remove_file(folder),
    };
    removed.map_err(|e| unusable(folder, &e))
}

fn unusable(folder: &Path, error: &io::Error) -> SourceError {
    let message = format!("cannot keep a clone in {}: {error}", folder.display());
    SourceError::new(SourceErrorKind::Failed, message)
        .hint("the controller's state folder must be writable, and have space")
}

fn too_large(shown: &str) -> SourceError {
    let message = format!("{shown} sends more than {} GiB", MAX_BYTES >> 30);
    SourceError::new(SourceErrorKind::TooLarge, message).hint("keep manifests in a repository of their own")
}
