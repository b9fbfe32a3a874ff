//! Files that a manifest names: read within a bound, and only where they are files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// A key or a list of host keys is no larger than this, in bytes.
const LARGEST: u64 = 16 << 20;

/// The content. Whoever writes a manifest could name a device or a pipe, which have no end, or none that comes.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let odd = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why);
    if path == Path::new("/dev/null") {
        // What people write for no file at all.
        return Ok(Vec::new());
    }
    if !std::fs::metadata(path)?.is_file() {
        return Err(odd("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(odd("it has more than 16 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        for (path, why) in
            [(Path::new("/dev/zero"), "not a file"), (&large, "16 MiB"), (folder.path(), "not a file")]
        {
            assert!(read(path).unwrap_err().to_string().contains(why), "{}", path.display());
        }
        let missing = read(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
