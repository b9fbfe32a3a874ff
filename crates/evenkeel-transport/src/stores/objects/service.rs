//! The HTTP below the object stores: each request has its time, and what was answered last is remembered.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::Method;
use tokio::time::timeout;

use crate::stores::http::{LONG, allowance};

/// The status of the last answer; 0 where there was none.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered(Arc<AtomicU16>);

impl Answered {
    pub(super) fn status(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client that waits only so long for an answer.
#[derive(Debug, Clone)]
pub(super) struct Patient {
    client: reqwest::Client,
    patience: Duration,
    answered: Answered,
}

impl Patient {
    pub(super) fn new(client: reqwest::Client, patience: Duration, answered: &Answered) -> Self {
        Patient { client, patience, answered: answered.clone() }
    }
}

impl HttpConnector for Patient {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Patient {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            self.answered.0.store(0, Ordering::Relaxed);
            // Putting thousands of parts together takes some servers long.
            let patience =
                if request.method() == Method::POST { self.patience * LONG } else { self.patience };
            let allowance = allowance(patience, request.body().content_length());
            let answer = timeout(allowance, self.client.call(request))
                .await
                .unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Timeout, elapsed)))?;
            self.answered.0.store(answer.status().as_u16(), Ordering::Relaxed);
            Ok(answer)
        })
    }
}
