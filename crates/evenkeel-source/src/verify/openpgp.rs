//! OpenPGP signatures, as `git commit -S` makes them with gpg.

use std::fmt::Write as _;
use std::path::Path;

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use jiff::Timestamp;
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails as _, Tag};

use super::{CLOCK_SLACK_SECONDS, Signed};

const ARMOUR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Whose key signed, or why the signature does not count. Keys are judged as of `now`: when a signature says that it
/// was made can be written at will by whoever has the key.
pub(super) fn signer(
    signed: &Signed,
    keyring: &[u8],
    file: &Path,
    now: Timestamp,
) -> Result<Result<String, String>, SourceError> {
    let keys = read(keyring, file)?;
    Ok(signature(signed).and_then(|signature| {
        let mut why = format!("its signer's key {} is not in {}", issuer(&signature), file.display());
        for key in &keys {
            match judge(key, &signature, &signed.payload, now.as_second()) {
                Judged::Good => return Ok(owner(key)),
                Judged::Other => {}
                Judged::Bad(bad) => why = format!("{bad} ({})", owner(key)),
            }
        }
        Err(why)
    }))
}

/// The keys of a file: one export, or several armoured ones after each other.
fn read(keyring: &[u8], file: &Path) -> Result<Vec<SignedPublicKey>, SourceError> {
    let wrong = |why: String| {
        let message = format!("{} holds no OpenPGP keys that can be read: {why}", file.display());
        SourceError::new(SourceErrorKind::Configuration, message)
            .hint("write it with `gpg --export --armor <address>`")
    };
    let text = std::str::from_utf8(keyring).unwrap_or_default();
    let blocks: Vec<String> = match text.split_once(ARMOUR) {
        None => Vec::new(),
        Some((_, rest)) => rest.split(ARMOUR).map(|block| format!("{ARMOUR}{block}")).collect(),
    };
    let binary = [keyring];
    let armoured: Vec<&[u8]> = blocks.iter().map(String::as_bytes).collect();
    let blocks: &[&[u8]] = if armoured.is_empty() { &binary } else { &armoured };
    let mut keys = Vec::new();
    for block in blocks {
        let (found, _) = SignedPublicKey::from_reader_many(*block).map_err(|e| wrong(e.to_string()))?;
        for key in found {
            keys.push(key.map_err(|e| wrong(e.to_string()))?);
        }
    }
    if keys.is_empty() { Err(wrong("it is empty".to_owned())) } else { Ok(keys) }
}

/// The signature, where it is of a kind that can be trusted.
fn signature(signed: &Signed) -> Result<Signature, String> {
    let (found, _) = DetachedSignature::from_armor_single(signed.signature.as_slice())
        .map_err(|e| format!("its OpenPGP signature cannot be read ({e})"))?;
    let signature = found.signature;
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Err("its OpenPGP signature is not one of a document".to_owned());
    }
    match signature.hash_alg() {
        Some(hash) if is_strong(hash) => Ok(signature),
        hash => Err(format!("its signature uses {hash:?}, which is broken")),
    }
}

fn is_strong(hash: HashAlgorithm) -> bool {
    !matches!(hash, HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160)
}

enum Judged {
    Good,
    /// Another key made it.
    Other,
    /// This key made it, and it does not count.
    Bad(String),
}

/// Whether `signature` was made by a key of this owner that may sign now.
fn judge(key: &SignedPublicKey, signature: &Signature, payload: &[u8], now: i64) -> Judged {
    let by_primary = is_issuer(signature, &key.primary_key);
    let subkey = key.public_subkeys.iter().find(|subkey| is_issuer(signature, &subkey.key));
    if !by_primary && subkey.is_none() {
        return Judged::Other;
    }
    let good = match subkey {
        Some(subkey) if !by_primary => signature.verify(&subkey.key, payload),
        _ => signature.verify(&key.primary_key, payload),
    };
    if good.is_err() {
        return Judged::Bad("its signature is not good: it was changed after it was signed".to_owned());
    }
    let may_sign = primary(key, by_primary, now).and_then(|()| match subkey {
        Some(subkey) if !by_primary => signing_subkey(key, subkey, now),
        _ => Ok(()),
    });
    if let Err(why) = may_sign {
        return Judged::Bad(why);
    }
    let made = signature.created().map_or(0, |time| i64::from(time.as_secs()));
    let lasts = signature.signature_expiration_time().map_or(0, |time| i64::from(time.as_secs()));
    if made > now + CLOCK_SLACK_SECONDS {
        return Judged::Bad("its signature says to be of the future".to_owned());
    }
    if lasts > 0 && made + lasts <= now {
        return Judged::Bad("its signature has expired".to_owned());
    }
    Judged::Good
}

/// The signature names this key. One that names none is nobody's.
fn is_issuer(signature: &Signature, key: &impl pgp::types::KeyDetails) -> bool {
    signature.issuer_fingerprint().into_iter().any(|fingerprint| *fingerprint == key.fingerprint())
        || signature.issuer_key_id().into_iter().any(|id| *id == key.legacy_key_id())
}

/// The primary key vouches for itself, is neither revoked nor expired, and may sign where it did.
fn primary(key: &SignedPublicKey, signs: bool, now: i64) -> Result<(), String> {
    let primary = &key.primary_key;
    if key.details.revocation_signatures.iter().any(|revocation| revocation.verify_key(primary).is_ok()) {
        return Err("its signer's key is revoked".to_owned());
    }
    let direct = key.details.direct_signatures.iter().filter(|own| own.verify_key(primary).is_ok());
    let users = key.details.users.iter().filter_map(|user| {
        let own =
            user.signatures.iter().filter(|s| s.verify_certification(primary, Tag::UserId, &user.id).is_ok());
        // The newest says what holds: also that the name was revoked.
        newest(own).filter(|own| own.typ() != Some(SignatureType::CertRevocation))
    });
    let Some(own) = newest(direct.chain(users)) else {
        return Err("its signer's key does not vouch for itself".to_owned());
    };
    if expired(primary.created_at().as_secs(), own, now) {
        return Err("its signer's key has expired".to_owned());
    }
    if signs && !own.key_flags().sign() {
        return Err("its signer's key is not one that signs".to_owned());
    }
    Ok(())
}

/// The subkey is bound to the primary key, in both directions, and is neither revoked nor expired.
fn signing_subkey(key: &SignedPublicKey, subkey: &SignedPublicSubKey, now: i64) -> Result<(), String> {
    let primary = &key.primary_key;
    let bound = |binding: &&Signature| binding.verify_subkey_binding(primary, &subkey.key).is_ok();
    let bindings: Vec<&Signature> = subkey.signatures.iter().filter(bound).collect();
    if bindings.iter().any(|binding| binding.typ() == Some(SignatureType::SubkeyRevocation)) {
        return Err("its signer's subkey is revoked".to_owned());
    }
    let Some(binding) = newest(bindings.into_iter()) else {
        return Err("its signer's subkey does not belong to the key".to_owned());
    };
    if expired(subkey.key.created_at().as_secs(), binding, now) {
        return Err("its signer's subkey has expired".to_owned());
    }
    let agreed = binding.embedded_signature();
    let agreed = agreed.is_some_and(|back| back.verify_primary_key_binding(&subkey.key, primary).is_ok());
    if !binding.key_flags().sign() || !agreed {
        return Err("its signer's subkey is not one that signs".to_owned());
    }
    Ok(())
}

/// Made with a hash that is not broken. Keys of before 2014 that were never renewed have none.
fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures
        .filter(|signature| signature.hash_alg().is_some_and(is_strong))
        .max_by_key(|signature| signature.created().map_or(0, pgp::types::Timestamp::as_secs))
}

fn expired(created: u32, own: &Signature, now: i64) -> bool {
    let lasts = own.key_expiration_time().map_or(0, |time| i64::from(time.as_secs()));
    lasts > 0 && i64::from(created) + lasts <= now
}

/// `Name <address> (fingerprint)`.
fn owner(key: &SignedPublicKey) -> String {
    let user = key.details.users.iter().find(|user| user.is_primary()).or(key.details.users.first());
    let name = user.map(|user| String::from_utf8_lossy(user.id.id()).into_owned()).unwrap_or_default();
    let mut text = name;
    // Writing to a string cannot fail.
    let _ = write!(text, " ({:X})", key.fingerprint());
    text.trim_start().to_owned()
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| format!("{fingerprint:X}"));
    let id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    fingerprint.or_else(id).unwrap_or_else(|| "without a name".to_owned())
}
