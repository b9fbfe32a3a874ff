//! What a repository offers, and which commit of it is wanted.

use evenkeel_core::config::{GitRef, version_range};
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use git2::{Oid, RemoteHead, Repository};
use semver::Version;

const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// So many names are told where one was not found.
const SHOWN_NAMES: usize = 8;

/// The references of a repository.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The branch that HEAD names.
    head: Option<String>,
    /// The commit of HEAD, where it names no branch.
    detached: Option<Oid>,
    /// In the order of their names.
    refs: Vec<Ref>,
}

#[derive(Debug)]
struct Ref {
    name: String,
    /// What it points at: a commit, or an annotated tag.
    id: Oid,
    /// The commit behind an annotated tag.
    peeled: Option<Oid>,
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The full name of a reference, or a hash.
    pub(super) name: String,
    /// The branch or tag, for people.
    pub(super) shown: Option<String>,
    /// The object that the reference points at: for an annotated tag, the tag.
    pub(super) object: Oid,
    /// The commit.
    pub(super) commit: Oid,
}

impl Listing {
    /// What a server said.
    pub(super) fn remote(heads: &[RemoteHead<'_>]) -> Self {
        let mut listing = Listing::default();
        for head in heads {
            let name = head.name();
            if name == "HEAD" {
                listing.head = head.symref_target().map(str::to_owned);
                listing.detached = Some(head.oid());
            } else if let Some(tag) = name.strip_suffix("^{}") {
                if let Some(known) = listing.refs.iter_mut().rev().find(|r| r.name == tag) {
                    known.peeled = Some(head.oid());
                }
            } else {
                listing.refs.push(Ref { name: name.to_owned(), id: head.oid(), peeled: None });
            }
        }
        listing
    }

    /// What a repository on this machine has.
    pub(super) fn local(repository: &Repository) -> Result<Self, git2::Error> {
        let mut listing = Listing::default();
        if let Ok(head) = repository.find_reference("HEAD") {
            listing.head = head.symbolic_target().ok().flatten().map(str::to_owned);
            listing.detached = head.target();
        }
        for reference in repository.references()? {
            let reference = reference?;
            // A name that is no UTF-8 cannot stand in a manifest.
            let (Ok(name), Some(id)) = (reference.name(), reference.target()) else { continue };
            let peeled = if name.starts_with(TAGS) {
                reference.peel_to_commit().ok().map(|commit| commit.id()).filter(|commit| *commit != id)
            } else {
                None
            };
            listing.refs.push(Ref { name: name.to_owned(), id, peeled });
        }
        listing.refs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    /// The commit that `reference` means now. A branch that was rewound or pushed by force is simply at its new
    /// commit.
    pub(super) fn resolve(&self, reference: &GitRef, place: &str) -> Result<Wanted, SourceError> {
        match reference {
            GitRef { commit: Some(hash), .. } => self.commit(hash),
            GitRef { tag: Some(tag), .. } => self
                .find(&format!("{TAGS}{tag}"))
                .map(|found| found.wanted(TAGS))
                .ok_or_else(|| self.missing(&format!("no tag `{tag}`"), TAGS, place)),
            GitRef { semver: Some(range), .. } => self.highest(range, place),
            GitRef { branch: Some(branch), .. } => self
                .find(&format!("{BRANCHES}{branch}"))
                .map(|found| found.wanted(BRANCHES))
                .ok_or_else(|| self.missing(&format!("no branch `{branch}`"), BRANCHES, place)),
            _ => self.default_branch(place),
        }
    }

    fn find(&self, name: &str) -> Option<&Ref> {
        self.refs.iter().find(|r| r.name == name)
    }

    fn default_branch(&self, place: &str) -> Result<Wanted, SourceError> {
        if let Some(head) = &self.head {
            return self.find(head).map(|found| found.wanted(BRANCHES)).ok_or_else(|| {
                let name = head.strip_prefix(BRANCHES).unwrap_or(head);
                self.missing(&format!("no branch `{name}`, which its HEAD names"), BRANCHES, place)
            });
        }
        // Old servers do not say what HEAD names.
        let tip = self.detached.ok_or_else(|| self.missing("no commit", BRANCHES, place))?;
        let at_tip = |name: &str| self.find(&format!("{BRANCHES}{name}")).filter(|r| r.id == tip);
        let branch = at_tip("main").or_else(|| at_tip("master"));
        Ok(branch.map_or_else(
            || Wanted { name: "HEAD".to_owned(), shown: None, object: tip, commit: tip },
            |found| found.wanted(BRANCHES),
        ))
    }

    fn highest(&self, range: &str, place: &str) -> Result<Wanted, SourceError> {
        let wanted = version_range(range).map_err(|why| {
            SourceError::new(SourceErrorKind::Configuration, format!("`ref.semver: {range}`: {why}"))
                .hint("write it like `>=1.2.0 <2.0.0`, `~1.2` or `1.x`")
        })?;
        let versions = self.refs.iter().filter_map(|r| {
            let name = r.name.strip_prefix(TAGS)?;
            let version = Version::parse(name.strip_prefix(['v', 'V']).unwrap_or(name)).ok()?;
            wanted.matches(&version).then_some((version, r))
        });
        let highest = versions.max_by(|(a, _), (b, _)| a.cmp(b));
        highest
            .map(|(_, found)| found.wanted(TAGS))
            .ok_or_else(|| self.missing(&format!("no tag in the range `{range}`"), TAGS, place))
    }

    fn commit(&self, hash: &str) -> Result<Wanted, SourceError> {
        let id = full_hash(hash)?;
        // Servers give what a reference names more readily than a bare hash.
        let found = self.refs.iter().find(|r| r.id == id);
        let name = found.map_or_else(|| id.to_string(), |r| r.name.clone());
        Ok(Wanted { name, shown: None, object: id, commit: id })
    }

    fn missing(&self, what: &str, prefix: &str, place: &str) -> SourceError {
        let mut names: Vec<&str> = self.refs.iter().filter_map(|r| r.name.strip_prefix(prefix)).collect();
        let kind = if prefix == TAGS { "tags" } else { "branches" };
        let more = names.len().saturating_sub(SHOWN_NAMES);
        names.truncate(SHOWN_NAMES);
        let hint = match (names.as_slice(), more) {
            ([], _) => format!("the repository has no {kind}; push one first"),
            (names, 0) => format!("its {kind} are: {}", names.join(", ")),
            (names, more) => format!("its {kind} are: {} and {more} more", names.join(", ")),
        };
        SourceError::new(SourceErrorKind::NotFound, format!("{place} has {what}")).hint(hint)
    }
}

impl Ref {
    fn wanted(&self, prefix: &str) -> Wanted {
        Wanted {
            name: self.name.clone(),
            shown: Some(self.name.strip_prefix(prefix).unwrap_or(&self.name).to_owned()),
            object: self.id,
            commit: self.peeled.unwrap_or(self.id),
        }
    }
}

/// A full hash of a commit.
pub(super) fn full_hash(text: &str) -> Result<Oid, SourceError> {
    let full = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    full.then(|| Oid::from_str(text).ok()).flatten().ok_or_else(|| {
        SourceError::new(SourceErrorKind::Configuration, format!("`ref.commit: {text}` is not a full hash"))
            .hint("write all 40 digits, as `git rev-parse` prints them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(refs: &[&str]) -> Listing {
        let id = |at: usize| Oid::from_str(&format!("{:040x}", at + 1)).unwrap();
        let refs = refs.iter().enumerate().map(|(at, name)| Ref {
            name: (*name).to_owned(),
            id: id(at),
            peeled: None,
        });
        Listing { head: Some("refs/heads/main".to_owned()), detached: None, refs: refs.collect() }
    }

    fn resolve(refs: &[&str], reference: &GitRef) -> Result<String, SourceError> {
        listing(refs).resolve(reference, "here").map(|wanted| wanted.name)
    }

    #[test]
    fn the_highest_tag_of_a_range_is_wanted() {
        let tags = ["refs/tags/v1.9.0", "refs/tags/1.10.0", "refs/tags/v2.0.0-rc.1", "refs/tags/nightly"];
        let semver =
            |range: &str| resolve(&tags, &GitRef { semver: Some(range.to_owned()), ..GitRef::default() });
        assert_eq!(semver(">=1.2.0 <2.0.0").unwrap(), "refs/tags/1.10.0");
        assert_eq!(semver("~1.9").unwrap(), "refs/tags/v1.9.0");
        assert_eq!(semver("*").unwrap(), "refs/tags/1.10.0");
        assert_eq!(semver(">=2.0.0-0").unwrap(), "refs/tags/v2.0.0-rc.1");
        let error = semver(">=3").unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::NotFound);
        assert!(error.hint.unwrap().contains("nightly"));
        assert_eq!(semver("what").unwrap_err().kind, SourceErrorKind::Configuration);
    }

    #[test]
    fn a_missing_branch_is_told_with_those_that_there_are() {
        let branch = GitRef { branch: Some("prod".to_owned()), ..GitRef::default() };
        let error = resolve(&["refs/heads/main", "refs/heads/test"], &branch).unwrap_err();
        assert_eq!(error.to_string(), "here has no branch `prod`");
        assert_eq!(error.hint.as_deref(), Some("its branches are: main, test"));
        let error = resolve(&[], &GitRef::default()).unwrap_err();
        assert!(error.hint.unwrap().contains("push one first"));
    }

    #[test]
    fn a_commit_is_named_in_full() {
        let commit = |hash: &str| {
            resolve(&["refs/heads/main"], &GitRef { commit: Some(hash.to_owned()), ..GitRef::default() })
        };
        assert_eq!(commit(&format!("{:040x}", 1)).unwrap(), "refs/heads/main");
        assert_eq!(commit(&format!("{:040x}", 9)).unwrap(), format!("{:040x}", 9));
        assert_eq!(commit("abc123").unwrap_err().kind, SourceErrorKind::Configuration);
    }
}
