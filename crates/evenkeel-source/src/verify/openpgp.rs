//! OpenPGP signatures, as `git commit -S` makes them with gpg.

use std::path::Path;

use evenkeel_engine::source::SourceError;
use jiff::Timestamp;

use super::Signed;

pub(super) fn signer(
    _signed: &Signed,
    _keyring: &[u8],
    _file: &Path,
    _now: Timestamp,
) -> Result<Result<String, String>, SourceError> {
    Ok(Err("OpenPGP signatures are not supported yet".to_owned()))
}
