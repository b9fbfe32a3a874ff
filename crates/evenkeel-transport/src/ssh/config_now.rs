//! The `ssh_config` files as they are now: read again once they have changed, since a controller runs for months.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_core::transport::TransportError;

use super::config_file::ConfigFile;

/// The files are looked at again after this long. A fleet asks for them a thousand times in a second.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The settings that were read last.
#[derive(Default)]
pub(super) struct ConfigNow(Mutex<Option<Seen>>);

struct Seen {
    config: Arc<ConfigFile>,
    looked: Instant,
}

impl ConfigNow {
    /// The settings in `files`; see [`ConfigFile::read`]. Files that cannot be understood are an error until they can.
    pub(super) fn get(&self, files: &[PathBuf], home: &Path) -> Result<Arc<ConfigFile>, TransportError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = last.as_mut()
            && (seen.looked.elapsed() < LOOK_AGAIN || seen.config.holds())
        {
            if seen.looked.elapsed() >= LOOK_AGAIN {
                seen.looked = Instant::now();
            }
            return Ok(Arc::clone(&seen.config));
        }
        *last = None;
        let config = Arc::new(ConfigFile::read(files, home)?);
        *last = Some(Seen { config: Arc::clone(&config), looked: Instant::now() });
        Ok(config)
    }
}
