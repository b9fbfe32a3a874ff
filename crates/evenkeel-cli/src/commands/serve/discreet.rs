//! Sources whose failures do not repeat secrets.

use std::sync::Arc;

use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::source::{Fetched, Source, SourceError};
use evenkeel_transport::credentials::CredentialChain;

/// A source whose errors go through the chain of credentials: a server can repeat a login in whatever it answers, and its
/// words stand in errors.
pub(super) struct Discreet {
    pub(super) source: Arc<dyn Source>,
    pub(super) chain: Arc<CredentialChain>,
}

impl Source for Discreet {
    fn fetch<'a>(&'a self, known: Option<&'a str>) -> BoxFuture<'a, Result<Fetched, SourceError>> {
        Box::pin(async move {
            let clean = |text: &str| self.chain.redact_text(text).into_owned();
            self.source.fetch(known).await.map_err(|error| SourceError {
                message: clean(&error.message),
                hint: error.hint.as_deref().map(clean),
                ..error
            })
        })
    }
}
