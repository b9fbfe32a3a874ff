//! Secrets that are planted in order to be looked for: wherever one turns up that is not its place, something leaks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use evenkeel_lab::server::shim_binary;
use memchr::memmem;
use ring::rand::{SecureRandom, SystemRandom};

/// Lines of a key that are shorter say nothing.
const SHORTEST_LINE: usize = 16;

/// Secrets that stand nowhere else in the world.
#[derive(Debug, Default)]
pub struct Canaries {
    /// Where each is planted, and every way in which it may be written.
    planted: Vec<(String, Vec<Vec<u8>>)>,
}

impl Canaries {
    /// None yet.
    pub fn new() -> Self {
        Canaries::default()
    }

    /// A secret for `place`, which names it where it is found.
    ///
    /// # Panics
    /// Where the system gives no random numbers.
    pub fn plant(&mut self, place: &str) -> String {
        let mut random = [0; 12];
        SystemRandom::new().fill(&mut random).expect("random numbers");
        let value = format!("canary-{}", hex::encode(random));
        self.watch(place, &value);
        value
    }

    /// Looks for `secret`, too: as it is, and each long line of it, as in a key, by itself.
    pub fn watch(&mut self, place: &str, secret: &str) {
        let long = |line: &&str| line.len() >= SHORTEST_LINE && !line.starts_with("-----");
        let lines = secret.lines().filter(long);
        self.planted.extend(lines.map(|line| (place.to_owned(), forms(line))));
    }

    /// Where the secrets that stand in `bytes` were planted.
    pub fn in_bytes(&self, bytes: &[u8]) -> Vec<&str> {
        let stands = |forms: &[Vec<u8>]| forms.iter().any(|form| memmem::find(bytes, form).is_some());
        self.planted.iter().filter(|(_, forms)| stands(forms)).map(|(place, _)| place.as_str()).collect()
    }

    /// Expects none of them in `bytes`. `what` says what these are.
    ///
    /// # Panics
    /// Where there is one.
    pub fn absent_from(&self, what: &str, bytes: &[u8]) {
        let found = self.in_bytes(bytes);
        assert!(found.is_empty(), "{what} leaks {found:?}:\n{}", String::from_utf8_lossy(bytes));
    }

    /// Expects none of them in any file below `folder`, nor in a file's name. How many files there are.
    ///
    /// # Panics
    /// Where there is one, or something cannot be read.
    pub fn absent_from_folder(&self, folder: &Path) -> usize {
        let mut files = 0;
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            self.absent_from("a file's name", path.as_os_str().as_encoded_bytes());
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                files += self.absent_from_folder(&path);
            } else if kind.is_file() {
                files += 1;
                self.absent_from(&path.display().to_string(), &fs::read(&path).expect("a file"));
            }
        }
        files
    }
}

/// A shim for the lab that writes every process's command line into `seen` before it does its part: what anybody who is
/// logged in to the host can see while it is managed.
///
/// # Panics
/// Where it cannot be written, or the lab's own is not built.
pub fn watching_shim(folder: &Path, seen: &Path) -> PathBuf {
    let shim = shim_binary().expect("the lab's shim is built");
    let script = format!(
        "#!/bin/bash\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>'{}'\nexec -a \"$0\" '{}' \"$@\"\n",
        seen.display(),
        shim.display()
    );
    let path = folder.join("watching-shim");
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}

/// A text as it is, in base16, and in base64 at whatever offset it stands in what was encoded.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let lower = hex::encode(text);
    let mut forms = vec![text.to_owned(), lower.to_uppercase(), lower];
    for before in ["", ".", ".."] {
        let padded = format!("{before}{text}");
        for engine in [STANDARD, URL_SAFE] {
            let encoded = engine.encode(&padded);
            // The first and the last characters depend on what stands beside it.
            let whole = encoded.get(4..encoded.len() - 4).expect("a long text");
            forms.push(whole.to_owned());
        }
    }
    forms.into_iter().map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_however_it_is_written() {
        let mut canaries = Canaries::new();
        let value = canaries.plant("here");
        canaries.plant("there");
        let written = [
            format!("say {value}!"),
            hex::encode(&value),
            hex::encode_upper(format!("x{value}")),
            STANDARD.encode(&value),
            STANDARD.encode(format!("user:{value}")),
            STANDARD.encode(format!("me:{value}\n")),
        ];
        for text in written {
            assert_eq!(canaries.in_bytes(text.as_bytes()), ["here"], "{text}");
        }
        assert_eq!(canaries.in_bytes(b"canary-"), [] as [&str; 0]);
    }
}
