//! Signatures of commits and tags: whether the one that is read carries the signature that is wanted.

mod allowed_signers;
mod openpgp;
mod ssh;

use std::path::{Path, PathBuf};

use evenkeel_core::config::{GitSourceSpec, SignatureFormat, Verify};
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use git2::{Commit, ObjectType, Oid, Repository};
use jiff::Timestamp;

const SSH_BEGIN: &[u8] = b"-----BEGIN SSH SIGNATURE-----";
const PGP_BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// The header of a commit that holds its signature.
const HEADER: &[u8] = b"gpgsig";

/// A signer of the future is a wrong clock, at most this much.
const CLOCK_SLACK_SECONDS: i64 = 600;

/// What was signed, and how.
struct Signed {
    payload: Vec<u8>,
    signature: Vec<u8>,
    /// When it says that it was made.
    made: Timestamp,
    /// Who says to have made it: an address.
    maker: String,
}

/// Settings that would verify nothing are refused: they look as if they did.
pub(crate) fn check_settings(spec: &GitSourceSpec) -> Result<(), SourceError> {
    let Some(verify) = &spec.verify else { return Ok(()) };
    let wrong =
        |message: &str, hint: &str| Err(SourceError::new(SourceErrorKind::Configuration, message).hint(hint));
    let wants = |format| verify.commits.contains(&format) || verify.tags.contains(&format);
    if verify.commits.is_empty() && verify.tags.is_empty() {
        return wrong(
            "`verify` asks for no signature",
            "write `commits: [ssh]` or `commits: [openpgp]`, or the same for `tags`",
        );
    }
    if wants(SignatureFormat::Ssh) && verify.allowed_signers.is_none() {
        return wrong(
            "`verify` wants SSH signatures, and `allowedSigners` is missing",
            "name a file in the form of ssh-keygen's ALLOWED SIGNERS",
        );
    }
    if wants(SignatureFormat::OpenPgp) && verify.keyring.is_none() {
        return wrong(
            "`verify` wants OpenPGP signatures, and `keyring` is missing",
            "name a file that `gpg --export` wrote",
        );
    }
    if !verify.tags.is_empty() && spec.reference.tag.is_none() && spec.reference.semver.is_none() {
        return wrong(
            "`verify.tags` is for `ref.tag` and `ref.semver`; a branch or commit has no tag",
            "use `verify.commits`",
        );
    }
    Ok(())
}

/// Checks the signatures that `spec` wants, of the commit and of `object` where that is a tag named `reference`. Who
/// signed, where any is wanted.
pub(crate) fn check(
    repository: &Repository,
    object: Oid,
    commit: &Commit<'_>,
    spec: &GitSourceSpec,
    reference: Option<&str>,
    file: impl Fn(&str) -> PathBuf,
) -> Result<Option<String>, SourceError> {
    let Some(verify) = &spec.verify else { return Ok(None) };
    let keys = Keys {
        allowed_signers: verify.allowed_signers.as_deref().map(&file),
        keyring: verify.keyring.as_deref().map(&file),
    };
    let mut who = None;
    if !verify.tags.is_empty() {
        let name = reference.unwrap_or_default();
        let about = format!("tag {name}");
        let signed = tag(repository, object, commit, name).map_err(|why| refused(&about, &why, verify))?;
        who = Some(keys.check(&signed, &verify.tags, &about, verify)?);
    }
    if !verify.commits.is_empty() {
        let about = format!("commit {:.12} by {}", commit.id().to_string(), crate::git::author(commit));
        let signed = signed_commit(repository, commit).map_err(|why| refused(&about, &why, verify))?;
        who = Some(keys.check(&signed, &verify.commits, &about, verify)?);
    }
    Ok(who)
}

/// The files with the keys that are trusted.
struct Keys {
    allowed_signers: Option<PathBuf>,
    keyring: Option<PathBuf>,
}

impl Keys {
    /// Who signed it.
    fn check(
        &self,
        signed: &Signed,
        formats: &[SignatureFormat],
        about: &str,
        verify: &Verify,
    ) -> Result<String, SourceError> {
        let format = if signed.signature.starts_with(SSH_BEGIN) {
            SignatureFormat::Ssh
        } else if signed.signature.starts_with(PGP_BEGIN) {
            SignatureFormat::OpenPgp
        } else {
            return Err(refused(about, "its signature is neither of SSH nor of OpenPGP", verify));
        };
        if !formats.contains(&format) {
            let why = format!("it is signed with {}", name(format));
            return Err(refused(about, &why, verify));
        }
        let now = Timestamp::now();
        if signed.made.as_second() > now.as_second() + CLOCK_SLACK_SECONDS {
            return Err(refused(about, &format!("it says to be of the future ({})", signed.made), verify));
        }
        let result = match (format, &self.allowed_signers, &self.keyring) {
            (SignatureFormat::Ssh, Some(file), _) => ssh::signer(signed, &read(file)?, file, now)?,
            (SignatureFormat::OpenPgp, _, Some(file)) => openpgp::signer(signed, &read(file)?, file, now)?,
            _ => Err("there are no keys to check it with".to_owned()),
        };
        result.map_err(|why| refused(about, &why, verify))
    }
}

fn read(file: &Path) -> Result<Vec<u8>, SourceError> {
    std::fs::read(file).map_err(|e| {
        let message = format!("cannot read the keys in {}: {e}", file.display());
        SourceError::new(SourceErrorKind::Configuration, message)
            .hint("`verify.allowedSigners` and `verify.keyring` name files on the controller's machine")
    })
}

fn name(format: SignatureFormat) -> &'static str {
    match format {
        SignatureFormat::Ssh => "SSH",
        SignatureFormat::OpenPgp => "OpenPGP",
    }
}

fn refused(about: &str, why: &str, verify: &Verify) -> SourceError {
    let list = |what: &str, formats: &[SignatureFormat]| {
        let names: Vec<&str> = formats.iter().map(|format| name(*format)).collect();
        (!names.is_empty()).then(|| format!("{what} signed with {}", names.join(" or ")))
    };
    let wanted = [list("tags", &verify.tags), list("commits", &verify.commits)];
    let wanted: Vec<String> = wanted.into_iter().flatten().collect();
    let message = format!("{about} is not taken: {why}; the source wants {}", wanted.join(" and "));
    SourceError::new(SourceErrorKind::Unverified, message).hint(
        "sign it (`git commit -S --amend`, `git tag -s`), and see that the signer's key is among those that `verify` \
         names",
    )
}

/// The signature of a commit, and what it is about: all of the commit but the signature.
fn signed_commit(repository: &Repository, commit: &Commit<'_>) -> Result<Signed, String> {
    let raw = raw(repository, commit.id(), ObjectType::Commit)?;
    let (payload, signature) = split_commit(&raw)?;
    let committer = commit.committer();
    Ok(Signed {
        payload,
        signature,
        made: moment(committer.when()),
        maker: String::from_utf8_lossy(committer.email_bytes()).into_owned(),
    })
}

/// The annotated tag at `object`: it must be named `name`, or a good tag could stand in for another one, and point
/// at the commit.
fn tag(repository: &Repository, object: Oid, commit: &Commit<'_>, name: &str) -> Result<Signed, String> {
    let tag = repository
        .find_tag(object)
        .map_err(|_| "it is not annotated, and so carries no signature (`git tag -s`)".to_owned())?;
    if tag.target_id() != commit.id() || tag.target_type() != Some(ObjectType::Commit) {
        return Err("it does not point at the commit itself".to_owned());
    }
    if tag.name_bytes() != name.as_bytes() {
        return Err(format!("it was made as {}", String::from_utf8_lossy(tag.name_bytes())));
    }
    let raw = raw(repository, object, ObjectType::Tag)?;
    let at = last_signature(&raw).ok_or("it carries no signature")?;
    let (payload, signature) = raw.split_at(at);
    let tagger = tag.tagger();
    Ok(Signed {
        payload: payload.to_vec(),
        signature: signature.to_vec(),
        made: tagger.as_ref().map_or(Timestamp::UNIX_EPOCH, |tagger| moment(tagger.when())),
        maker: tagger.map(|t| String::from_utf8_lossy(t.email_bytes()).into_owned()).unwrap_or_default(),
    })
}

/// The object as it is stored; libgit2 has compared it with its hash.
fn raw(repository: &Repository, id: Oid, kind: ObjectType) -> Result<Vec<u8>, String> {
    let object = repository.odb().and_then(|objects| Ok(objects.read(id)?.data().to_vec()));
    let object = object.map_err(|e| format!("it cannot be read: {}", e.message()))?;
    match repository.odb().and_then(|objects| objects.read_header(id)) {
        Ok((_, found)) if found == kind => Ok(object),
        _ => Err("it is not what it seems to be".to_owned()),
    }
}

/// Takes the signature out of a commit. Git leaves out of what is signed the headers of all signatures.
fn split_commit(raw: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (mut payload, mut signature) = (Vec::with_capacity(raw.len()), Vec::new());
    let (mut rest, mut inside, mut other) = (raw, false, false);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        if line == b"\n" {
            break;
        }
        rest = after;
        match line.strip_prefix(b" ") {
            Some(more) if inside => signature.extend_from_slice(more),
            Some(_) if other => {}
            Some(_) => payload.extend_from_slice(line),
            None => {
                let value = line.strip_prefix(HEADER).and_then(|line| line.strip_prefix(b" "));
                inside = value.is_some();
                other = !inside && line.starts_with(HEADER);
                match value {
                    Some(_) if !signature.is_empty() => return Err("it carries two signatures".to_owned()),
                    Some(value) => signature.extend_from_slice(value),
                    None if other => {}
                    None => payload.extend_from_slice(line),
                }
            }
        }
    }
    payload.extend_from_slice(rest);
    if signature.is_empty() { Err("it is not signed".to_owned()) } else { Ok((payload, signature)) }
}

/// Where the signature at the end of a tag begins.
fn last_signature(raw: &[u8]) -> Option<usize> {
    let (mut at, mut found) = (0, None);
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(SSH_BEGIN) || line.starts_with(PGP_BEGIN) {
            found = Some(at);
        }
        at += line.len();
    }
    found
}

fn moment(time: git2::Time) -> Timestamp {
    Timestamp::from_second(time.seconds()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "tree 1\nparent 2\nauthor a\ngpgsig -----BEGIN SSH SIGNATURE-----\n abc\n -----END\n\
                          mergetag x\n y\n\nmessage\ngpgsig no\n";

    #[test]
    fn a_signature_is_taken_out_of_a_commit() {
        let (payload, signature) = split_commit(COMMIT.as_bytes()).unwrap();
        let payload = String::from_utf8(payload).unwrap();
        assert_eq!(payload, "tree 1\nparent 2\nauthor a\nmergetag x\n y\n\nmessage\ngpgsig no\n");
        assert_eq!(signature, b"-----BEGIN SSH SIGNATURE-----\nabc\n-----END\n");
    }

    #[test]
    fn a_commit_with_no_or_two_signatures_is_none() {
        assert!(split_commit(b"tree 1\n\nmessage\n").unwrap_err().contains("not signed"));
        assert!(split_commit(b"tree 1").unwrap_err().contains("not signed"));
        let twice = COMMIT.replace("mergetag", "gpgsig");
        assert!(split_commit(twice.as_bytes()).unwrap_err().contains("two signatures"));
    }

    #[test]
    fn the_last_signature_of_a_tag_is_the_one() {
        let tag = "object 1\n\nsee\n-----BEGIN SSH SIGNATURE-----\nx\n-----BEGIN PGP SIGNATURE-----\ny\n";
        assert!(tag.get(last_signature(tag.as_bytes()).unwrap()..).unwrap().starts_with("-----BEGIN PGP"));
        assert_eq!(last_signature(b"object 1\n\nsee\n"), None);
    }
}
