//! Files encrypted with SOPS: keys stand there in the clear, each value is encrypted by itself, and a code over all
//! values shows that none was changed, moved or left out.
//!
//! Only age recipients are understood. Written from the published description and source of SOPS 3; values are
//! `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, bound to their path by the additional data.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_core::transport::TransportError;
use ring::digest;
use zeroize::Zeroizing;

use super::document::{self, Scalar, Value};
use super::problem;

/// SOPS uses AES-GCM with a longer nonce than is usual.
type Cipher = AesGcm<Aes256, U32>;

/// With `mac_only_encrypted` the code begins with these bytes: SHA-256 of `sops`.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b,
    0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// Decrypts a file. `unwrap` opens an armoured file of age; `what` names the file in messages.
pub(super) fn decrypt(
    bytes: &[u8],
    what: &str,
    unwrap: impl Fn(&[u8]) -> Result<Zeroizing<Vec<u8>>, TransportError>,
) -> Result<Value, TransportError> {
    let broken = |why: &str| problem(format!("{what} cannot be decrypted: {why}"));
    let Value::Map(mut entries) = document::parse(bytes).map_err(|why| broken(&why))? else {
        return Err(broken("it is not a mapping"));
    };
    let Some(at) = entries.iter().position(|(name, _)| name == "sops") else {
        let error = broken("it has no `sops` part, so it is not encrypted");
        return Err(error.hint("run `sops encrypt --in-place` on it, and change what was readable"));
    };
    let (_, sops) = entries.remove(at);
    let key = data_key(&sops, what, unwrap)?;
    let cipher = Cipher::new_from_slice(&key).map_err(|_| broken("its data key is not 32 bytes"))?;
    let only_encrypted = sops.get("mac_only_encrypted").and_then(Value::text) == Some("true");
    let mut walk = Walk { cipher, code: digest::Context::new(&digest::SHA512), only_encrypted };
    if only_encrypted {
        walk.code.update(&ONLY_ENCRYPTED);
    }
    let mut path = Vec::new();
    let entries = walk.map(entries, &mut path).map_err(|why| broken(&why))?;
    walk.verify(&sops).map_err(|why| {
        broken(why)
            .hint("somebody changed it without `sops`; take it from the commit before, or encrypt it anew")
    })?;
    Ok(Value::Map(entries))
}

/// The key that all values are encrypted with, which itself is encrypted for each recipient.
fn data_key(
    sops: &Value,
    what: &str,
    unwrap: impl Fn(&[u8]) -> Result<Zeroizing<Vec<u8>>, TransportError>,
) -> Result<Zeroizing<Vec<u8>>, TransportError> {
    let broken = |why: &str| problem(format!("{what} cannot be decrypted: {why}"));
    if sops.get("key_groups").is_some_and(|groups| !groups.items().is_empty()) {
        return Err(broken("it wants several groups of keys, which is not supported"));
    }
    let recipients = sops.get("age").map(Value::items).unwrap_or_default();
    let mut last =
        broken("it is not encrypted for any recipient of age; other kinds of keys are not supported")
            .hint("add the controller's recipient: `sops rotate --add-age RECIPIENT --in-place FILE`");
    for recipient in recipients {
        let wrapped = recipient.get("enc").and_then(Value::text).unwrap_or_default();
        match unwrap(wrapped.as_bytes()) {
            Ok(key) => return Ok(key),
            Err(error) => last = error,
        }
    }
    Err(last)
}

struct Walk {
    cipher: Cipher,
    /// Over all values, in the order of the file.
    code: digest::Context,
    only_encrypted: bool,
}

impl Walk {
    fn map(
        &mut self,
        entries: Vec<(String, Value)>,
        path: &mut Vec<String>,
    ) -> Result<Vec<(String, Value)>, String> {
        let mut plain = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            path.push(name.clone());
            plain.push((name, self.value(value, path)?));
            path.pop();
        }
        Ok(plain)
    }

    fn value(&mut self, value: Value, path: &mut Vec<String>) -> Result<Value, String> {
        match value {
            Value::Map(entries) => self.map(entries, path).map(Value::Map),
            // Places in a list are not part of the path.
            Value::List(items) => items
                .into_iter()
                .map(|item| self.value(item, path))
                .collect::<Result<_, _>>()
                .map(Value::List),
            Value::Scalar(scalar) => self.scalar(scalar, path).map(Value::Scalar),
        }
    }

    fn scalar(&mut self, scalar: Scalar, path: &[String]) -> Result<Scalar, String> {
        let Some(sealed) = Sealed::parse(&scalar.text) else {
            if !self.only_encrypted && !scalar.is_null() {
                self.code.update(as_counted(&scalar).as_bytes());
            }
            return Ok(scalar);
        };
        let bound_to = path.join(":") + ":";
        let text = sealed
            .open(&self.cipher, &bound_to)
            .ok_or_else(|| format!("the value of `{}` was changed or is damaged", path.join(".")))?;
        self.code.update(text.as_bytes());
        Ok(Scalar { text, plain: false })
    }

    /// Compares the code with the one in the file.
    fn verify(self, sops: &Value) -> Result<(), &'static str> {
        let text = |key: &str| sops.get(key).and_then(Value::text);
        let written = text("lastmodified").zip(text("mac"));
        let (when, mac) = written.ok_or("it has no message authentication code")?;
        let stored = Sealed::parse(mac).and_then(|sealed| sealed.open(&self.cipher, when));
        let stored = stored.ok_or("its message authentication code was changed or is damaged")?;
        let computed = hex::encode(self.code.finish());
        if stored.eq_ignore_ascii_case(&computed) {
            Ok(())
        } else {
            Err("its values are not those that were encrypted")
        }
    }
}

/// How SOPS counts a value that stands there in the clear.
fn as_counted(scalar: &Scalar) -> String {
    let text = scalar.text.as_str();
    if !scalar.plain {
        return text.to_owned();
    }
    match text {
        "true" | "True" | "TRUE" => "True".to_owned(),
        "false" | "False" | "FALSE" => "False".to_owned(),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => number.to_string(),
            (_, Ok(number)) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                number.to_string()
            }
            _ => text.to_owned(),
        },
    }
}

/// An encrypted value.
struct Sealed {
    /// What was encrypted, then the tag.
    data: Vec<u8>,
    nonce: Vec<u8>,
}

impl Sealed {
    fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("ENC[AES256_GCM,")?.strip_suffix(']')?;
        let part = |name: &str| {
            let value = inner.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix(':'))?;
            STANDARD.decode(value).ok()
        };
        let mut data = part("data")?;
        data.extend(part("tag")?);
        Some(Sealed { data, nonce: part("iv")? })
    }

    /// The text, where it was encrypted with this key and bound to this place.
    fn open(&self, cipher: &Cipher, bound_to: &str) -> Option<Zeroizing<String>> {
        let nonce = Nonce::<U32>::try_from(self.nonce.as_slice()).ok()?;
        let payload = Payload { msg: &self.data, aad: bound_to.as_bytes() };
        String::from_utf8(cipher.decrypt(&nonce, payload).ok()?).ok().map(Zeroizing::new)
    }
}
