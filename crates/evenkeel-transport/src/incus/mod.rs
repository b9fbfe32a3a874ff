//! An Incus server's REST interface (LXD 5 has it, too), over its socket here or through SSH, or over HTTPS.
//!
//! [`way`] leads to the server, [`http`] speaks with it, [`line`] makes the connection again where it broke; [`follow`]
//! waits for what the server does in the background, [`exec`] and [`words`] are made of several calls.

mod answer;
mod exec;
mod follow;
mod http;
mod line;
#[cfg(test)]
mod tests;
mod way;
mod words;

use std::fmt;
use std::sync::Arc;

use evenkeel_core::request::{IncusRequest, Method, Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};

use crate::credentials::Credentials;
use crate::ssh::SshClient;
use line::Line;

/// Removing a large instance takes so many seconds.
const DISCARDING: u64 = 300;

/// Stopping an instance takes so many seconds more than it has to end by itself.
const STOPPING: u64 = 90;

/// Reaches targets with `incus`.
pub struct IncusTransport {
    client: Arc<SshClient>,
    credentials: Arc<dyn Credentials>,
}

impl IncusTransport {
    /// A transport that reaches sockets on other machines with `client`, and takes the certificates of HTTPS from
    /// `credentials`.
    pub fn new(client: Arc<SshClient>, credentials: Arc<dyn Credentials>) -> Self {
        IncusTransport { client, credentials }
    }

    async fn answer(&self, target: &Target, requests: &[Request]) -> Vec<Result<Reply, TransportError>> {
        let mut line = match Line::new(target, &self.client, self.credentials.as_ref()) {
            Ok(line) => line,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers = Vec::with_capacity(requests.len());
        let mut lost: Option<TransportError> = None;
        for request in requests {
            let answer = match (&lost, request) {
                (Some(error), _) => Err(error.clone()),
                (None, Request::Incus(request)) => {
                    let answer = Box::pin(one(&mut line, request)).await;
                    lost = answer.as_ref().err().filter(|error| error.kind.loses_target()).cloned();
                    answer
                }
                (None, other) => Err(unfit(target, other)),
            };
            answers.push(answer);
        }
        answers
    }
}

async fn one(line: &mut Line<'_>, request: &IncusRequest) -> Result<Reply, TransportError> {
    match request {
        IncusRequest::Call { method, path, query, body, seconds } => {
            let method = match method {
                Method::Get => hyper::Method::GET,
                Method::Post => hyper::Method::POST,
                Method::Put => hyper::Method::PUT,
                Method::Delete => hyper::Method::DELETE,
            };
            let query = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let call = Line::call(line, method, path, query)?;
            let call = match body {
                Some(body) => call.with(body),
                None => call,
            };
            let until = line.deadline(*seconds);
            Ok(words::reply(line.perform(&call, until).await?))
        }
        IncusRequest::Retarget { alias, like } => {
            let until = line.deadline(None);
            line.retarget(alias, like, until).await
        }
        IncusRequest::Stop { instance, seconds } => {
            let until = line.deadline(Some(seconds.saturating_add(STOPPING)));
            line.stop(instance, *seconds, until).await
        }
        IncusRequest::Discard { instance, marked } => {
            let until = line.deadline(Some(DISCARDING));
            line.discard(instance, marked, until).await
        }
        IncusRequest::Exec { instance, script, arguments, seconds } => {
            let until = line.deadline(*seconds);
            line.exec(instance, script, arguments, until).await
        }
    }
}

fn unfit(target: &Target, request: &Request) -> TransportError {
    let message =
        format!("target `{}` is an Incus server, and not one for `{}`", target.name, request.display());
    let hint = "commands and files need a target with `ssh`; the server's machine can be one";
    TransportError::new(TransportErrorKind::Configuration, message).hint(hint)
}

impl fmt::Debug for IncusTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncusTransport").finish_non_exhaustive()
    }
}

impl Transport for IncusTransport {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(self.answer(target, requests))
    }

    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        // Nothing else is kept.
        if let Some(ssh) = target.spec.incus.as_ref().and_then(|incus| incus.ssh.as_ref()) {
            self.client.renew(ssh);
        }
        Box::pin(std::future::ready(()))
    }
}
