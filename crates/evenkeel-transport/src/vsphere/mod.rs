//! The vSphere API of a vCenter or an ESXi host: SOAP over HTTPS.
//!
//! [`line`] speaks HTTPS, [`session`] logs in, [`write`] and [`read`] are the two directions of XML; [`retrieve`] reads
//! properties; [`call`] makes a call of what [`resolve`] and [`conditions`] find, [`together`] several of them, and [`tasks`]
//! waits for what they begin.

mod call;
mod conditions;
mod faults;
mod line;
mod read;
mod resolve;
mod retrieve;
mod session;
mod tasks;
#[cfg(test)]
mod tests;
mod together;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::request::vsphere::VsphereCall;
use evenkeel_core::request::{Reply, Request, SecretRef, VsphereRequest};
use evenkeel_core::target::{Target, VsphereSpec};
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind, Watch};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::credentials::Credentials;
use crate::stamp::Stamp;
use call::{Outcome, told};
use line::{Line, Settings};
pub use read::{Body, read};
use retrieve::{Paths, shown};
use session::{Link, Refused, Server};

/// The keys of a login in its credential.
const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// Reaches targets with `vsphere`.
pub struct VsphereTransport {
    credentials: Arc<dyn Credentials>,
    /// Connections and sessions are kept from one exchange to the next.
    servers: Mutex<HashMap<Settings, Arc<Server>>>,
    refused: Arc<Refused>,
}

impl VsphereTransport {
    /// A transport that takes logins from `credentials`.
    pub fn new(credentials: Arc<dyn Credentials>) -> Self {
        VsphereTransport { credentials, servers: Mutex::default(), refused: Arc::default() }
    }

    async fn answer(&self, target: &Target, requests: &[Request]) -> Vec<Result<Reply, TransportError>> {
        let link = match self.link(target) {
            Ok(link) => link,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers = Vec::with_capacity(requests.len());
        let mut lost: Option<TransportError> = None;
        for request in requests {
            let answer = match (&lost, request) {
                (Some(error), _) => Err(error.clone()),
                (None, Request::Vsphere(request)) => {
                    let answer = Box::pin(one(&link, request, &Unwatched)).await;
                    lost = answer.as_ref().err().filter(|error| error.kind.loses_target()).cloned();
                    answer
                }
                (None, other) => Err(unfit(target, other)),
            };
            answers.push(answer);
        }
        answers
    }

    fn link<'t>(&self, target: &'t Target) -> Result<Link<'t>, TransportError> {
        let spec = target.spec.vsphere.as_ref().ok_or_else(|| {
            let message = format!("target `{}` has no `vsphere`", target.name);
            TransportError::new(TransportErrorKind::Configuration, message)
        })?;
        let settings = Settings::of(spec, self.user(spec)?);
        let password = self.credentials.get(&secret(spec, PASSWORD))?;
        let server = self.server(target, settings)?;
        Ok(Link::new(server, &target.name, &spec.credentials_ref, password))
    }

    fn user(&self, spec: &VsphereSpec) -> Result<String, TransportError> {
        if let Some(user) = &spec.username {
            return Ok(user.clone());
        }
        if let Some(user) = self.credentials.find(&secret(spec, USERNAME))? {
            return Ok(user.expose_secret().trim().to_owned());
        }
        let message = format!(
            "there is no user to log in to {} as: credential `{}` has no `{USERNAME}`",
            spec.host, spec.credentials_ref
        );
        let hint = "or give `username` in the target's `vsphere`: `backup@vsphere.local`";
        Err(TransportError::new(TransportErrorKind::Credentials, message).hint(hint))
    }

    fn server(&self, target: &Target, settings: Settings) -> Result<Arc<Server>, TransportError> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&settings).filter(|server| server.holds()) {
            return Ok(Arc::clone(server));
        }
        let authorities = settings.ca_file.as_ref().map(|file| Stamp::of(Path::new(file)));
        let line = Line::new(target, &settings)?;
        let server = Server::new(settings.clone(), line, authorities, Arc::clone(&self.refused));
        let server = Arc::new(server);
        servers.insert(settings, Arc::clone(&server));
        Ok(server)
    }

    /// Those that are kept, which are kept no longer.
    fn take(&self, wanted: impl Fn(&Settings) -> bool) -> Vec<Arc<Server>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.extract_if(|settings, _| wanted(settings)).map(|(_, server)| server).collect()
    }
}

fn secret(spec: &VsphereSpec, key: &str) -> SecretRef {
    SecretRef { name: spec.credentials_ref.clone(), key: key.to_owned() }
}

fn unfit(target: &Target, request: &Request) -> TransportError {
    let message = format!(
        "target `{}` is a vCenter or an ESXi host, and not one for `{}`",
        target.name,
        request.display()
    );
    let hint = "commands and files need a target with `ssh`; an ESXi host can be one, too";
    TransportError::new(TransportErrorKind::Configuration, message).hint(hint)
}

/// Nobody looks, and nobody says stop.
struct Unwatched;

impl Watch for Unwatched {
    fn moved(&self, _: u64, _: Option<u64>) {}

    fn is_stopped(&self) -> bool {
        false
    }
}

async fn one(link: &Link<'_>, request: &VsphereRequest, watch: &dyn Watch) -> Result<Reply, TransportError> {
    match request {
        VsphereRequest::RetrieveAll { what } => retrieved(link, link.retrieve_all(what).await?).await,
        VsphereRequest::Retrieve { objects, paths } => {
            let kinds = objects.iter().map(|object| (object.kind.clone(), paths.clone()));
            let outcome = link.retrieve(objects, &kinds.collect::<Paths>()).await?;
            retrieved(link, outcome).await
        }
        VsphereRequest::Call(call) => {
            let mut outcomes = link.perform(std::slice::from_ref(call), 1, watch).await?;
            Ok(match outcomes.pop() {
                Some(Err(refusal)) => refusal.reply(),
                Some(Ok(result)) => success(&json!({ "result": result })),
                None => success(&json!({ "result": null })),
            })
        }
        VsphereRequest::Together { at_once, calls } => {
            Ok(reply(calls, &link.perform(calls, *at_once, watch).await?))
        }
    }
}

async fn retrieved(link: &Link<'_>, outcome: retrieve::Outcome) -> Result<Reply, TransportError> {
    match outcome {
        Ok(found) => Ok(success(&shown(&link.open().await?.content, found))),
        Err(fault) => Ok(faults::Refusal::from(fault).reply()),
    }
}

fn success(stdout: &Value) -> Reply {
    Reply { exit: 0, stdout: stdout.to_string().into_bytes(), stderr: Vec::new() }
}

/// What became of several calls.
fn reply(calls: &[VsphereCall], outcomes: &[Outcome]) -> Reply {
    let (mut first, mut words, mut all) = (0, Vec::new(), Vec::new());
    for (call, outcome) in calls.iter().zip(outcomes) {
        let (exit, mut shown) = match outcome {
            Ok(result) => (0, Map::from_iter([("result".to_owned(), result.clone())])),
            Err(refusal) => {
                words.push(format!("{}: {}", told(call), refusal.message()));
                (refusal.exit(), refusal.json())
            }
        };
        first = if first == 0 { exit } else { first };
        shown.insert("exit".to_owned(), json!(exit));
        all.push(Value::Object(shown));
    }
    let stdout = Value::Array(all).to_string().into_bytes();
    Reply { exit: first, stdout, stderr: words.join("\n").into_bytes() }
}

impl fmt::Debug for VsphereTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VsphereTransport").finish_non_exhaustive()
    }
}

impl Transport for VsphereTransport {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(self.answer(target, requests))
    }

    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        let Some(spec) = &target.spec.vsphere else { return Box::pin(std::future::ready(())) };
        let gone = self.take(|settings| *settings == Settings::of(spec, settings.user.clone()));
        Box::pin(async move {
            join_all(gone.iter().map(|server| server.leave())).await;
        })
    }

    fn work<'a>(
        &'a self,
        target: &'a Target,
        request: &'a Request,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        Box::pin(async move {
            let Request::Vsphere(request) = request else { return Err(unfit(target, request)) };
            one(&self.link(target)?, request, watch).await
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let gone = self.take(|_| true);
        Box::pin(async move {
            join_all(gone.iter().map(|server| server.leave())).await;
        })
    }
}
