//! A socket in the file system of a server, such as that of a daemon there.

use std::sync::Arc;

use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::TransportError;

use super::client::SshClient;
use super::or_accept_new;
use super::streams::Streams;

impl SshClient {
    /// Connects to the socket at `path` on the machine that `spec` describes, as the user who logs in there.
    pub(crate) async fn socket(&self, spec: &SshSpec, path: &str) -> Result<Streams, TransportError> {
        let endpoint = self.target(spec)?;
        let goal = Arc::new((path.to_owned(), endpoint.clone()));
        let opened = self.opened(&endpoint, |lease| {
            let goal = Arc::clone(&goal);
            Box::pin(async move { Ok((lease.socket(&goal.0, &goal.1).await?, lease.clone())) })
        });
        let (channel, lease) = opened.await.map_err(or_accept_new)?;
        Ok(Streams::new(channel, lease))
    }
}
