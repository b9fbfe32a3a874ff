//! Which algorithms are offered: modern ones, and those of old servers by opt-in.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, cipher, kex, mac};

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
];

const LEGACY_KEX: &[kex::Name] = &[kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];

/// Not algorithms but announcements, which must be last.
const KEX_EXTENSIONS: &[kex::Name] =
    &[kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

const CIPHERS: &[cipher::Name] = &[
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const LEGACY_CIPHERS: &[cipher::Name] =
    &[cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC, cipher::TRIPLE_DES_CBC];

const MACS: &[mac::Name] = &[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM, mac::HMAC_SHA512, mac::HMAC_SHA256];

const LEGACY_MACS: &[mac::Name] = &[mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

const LEGACY_HOST_KEYS: &[Algorithm] = &[Algorithm::Rsa { hash: None }, Algorithm::Dsa];

/// What to offer a server, the modern always before the legacy. Host keys of the `known` types come first: the
/// server then shows the key that can be checked, not another one that it also has.
pub(super) fn offered(legacy: bool, known: &[Algorithm]) -> Preferred {
    let mut host_keys = with_legacy(HOST_KEYS, LEGACY_HOST_KEYS, legacy);
    host_keys.sort_by_key(|algorithm| !known.iter().any(|k| same_key_type(k, algorithm)));
    let mut kex = with_legacy(KEX, LEGACY_KEX, legacy);
    kex.extend_from_slice(KEX_EXTENSIONS);
    Preferred {
        kex: Cow::Owned(kex),
        key: Cow::Owned(host_keys),
        cipher: Cow::Owned(with_legacy(CIPHERS, LEGACY_CIPHERS, legacy)),
        mac: Cow::Owned(with_legacy(MACS, LEGACY_MACS, legacy)),
        ..Preferred::DEFAULT
    }
}

fn with_legacy<T: Clone>(modern: &[T], legacy: &[T], both: bool) -> Vec<T> {
    modern.iter().chain(legacy.iter().filter(|_| both)).cloned().collect()
}

/// RSA keys are one type, whatever hash their signatures use.
fn same_key_type(a: &Algorithm, b: &Algorithm) -> bool {
    matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_algorithms_are_offered_by_opt_in_only() {
        let modern = offered(false, &[]);
        assert!(!modern.kex.iter().any(|k| k.as_ref().ends_with("sha1")));
        assert!(!modern.cipher.iter().any(|c| c.as_ref().ends_with("cbc")));
        assert!(!modern.key.contains(&Algorithm::Dsa));
        assert!(!modern.key.contains(&Algorithm::Rsa { hash: None }));
        let legacy = offered(true, &[]);
        assert!(legacy.kex.contains(&kex::DH_G1_SHA1));
        assert!(legacy.cipher.contains(&cipher::TRIPLE_DES_CBC));
        assert!(legacy.key.contains(&Algorithm::Dsa));
        assert_eq!(legacy.kex.first(), modern.kex.first(), "the modern come first");
    }

    #[test]
    fn no_list_is_longer_than_old_servers_read() {
        // Dropbear until 2017, which was the server of ESXi 4, reads 20 names of a list and no more.
        let offered = offered(true, &[]);
        let longest = [offered.kex.len(), offered.key.len(), offered.cipher.len(), offered.mac.len()];
        assert!(longest.iter().all(|&length| length <= 20), "{longest:?}");
    }

    #[test]
    fn known_key_types_come_first() {
        let rsa = offered(false, &[Algorithm::Rsa { hash: None }]);
        assert_eq!(rsa.key.first(), Some(&Algorithm::Rsa { hash: Some(HashAlg::Sha512) }));
        assert_eq!(rsa.key.get(2), Some(&Algorithm::Ed25519));
    }
}
