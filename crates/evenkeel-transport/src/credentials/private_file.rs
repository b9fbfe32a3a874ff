//! Files with a secret inside: only their owner may be able to read them.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// A secret is no larger than this, in bytes.
const LARGEST: u64 = 1 << 20;

/// The content of a file without its last line break, or `None` where there is no such file. A link counts as what it
/// leads to. A file that the group or others may read is refused. `what` names it in messages, for instance
/// "credential file".
pub(super) fn read(path: &Path, what: &str) -> Result<Option<SecretString>, TransportError> {
    let unusable = |why: &str| {
        let message = format!("the {what} {} is not used: {why}", path.display());
        TransportError::new(TransportErrorKind::Credentials, message)
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(unusable(&e.to_string())),
    };
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        let error = unusable(&format!("its mode is {:04o}: other users may read it", mode & 0o7777));
        return Err(error.hint(format!("run `chmod 600 {}`", path.display())));
    }
    if !metadata.is_file() {
        return Err(unusable("it is not a file"));
    }
    if metadata.len() > LARGEST {
        return Err(unusable(&format!("it has more than {LARGEST} bytes")));
    }
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|e| unusable(&e.to_string()))?;
    Ok(Some(SecretString::from(without_line_break(&text))))
}

/// `text` without its last line break, of either kind.
pub(super) fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
