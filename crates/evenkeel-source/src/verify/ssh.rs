//! SSH signatures, as `ssh-keygen -Y` and `git commit -S` with `gpg.format = ssh` make them.

use std::path::Path;

use evenkeel_engine::source::SourceError;
use jiff::Timestamp;
use russh::keys::ssh_key::{Algorithm, SshSig};
use russh::keys::{HashAlg, PublicKey};

use super::Signed;
use super::allowed_signers::AllowedSigners;

/// What git signs for. A signature for anything else (files, mail) does not count.
const NAMESPACE: &str = "git";

/// The principal whose key signed, or why the signature does not count.
///
/// A key with `valid-after` or `valid-before` must be valid at the time that the commit gives and now: the former can
/// be written at will.
pub(super) fn signer(
    signed: &Signed,
    text: &[u8],
    file: &Path,
    now: Timestamp,
) -> Result<Result<String, String>, SourceError> {
    let signers = AllowedSigners::read(text, file)?;
    Ok(good_key(signed)
        .and_then(|key| signers.principal(&key, NAMESPACE, &[signed.made, now], &signed.maker)))
}

/// The key that made the signature, which is good.
fn good_key(signed: &Signed) -> Result<PublicKey, String> {
    let signature = SshSig::from_pem(&signed.signature)
        .map_err(|e| format!("its SSH signature cannot be read ({e}); certificates are not supported"))?;
    if signature.namespace() != NAMESPACE {
        return Err(format!("its signature is for `{}`, not for git", signature.namespace()));
    }
    if matches!(signature.algorithm(), Algorithm::Rsa { hash: None } | Algorithm::Dsa) {
        return Err("its signature uses SHA-1, which is broken".to_owned());
    }
    let key = PublicKey::from(signature.public_key().clone());
    key.verify(NAMESPACE, &signed.payload, &signature).map_err(|_| {
        let shown = key.fingerprint(HashAlg::Sha256);
        format!("its signature by {shown} is not good: it was changed after it was signed")
    })?;
    Ok(key)
}
