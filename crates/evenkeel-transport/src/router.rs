//! Picks the transport by the target's settings.

use std::sync::Arc;

use evenkeel_core::request::{FileRequest, Reply, Request, Transfer};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind, Watch};
use futures_util::future::join_all;

use crate::credentials::Credentials;
use crate::incus::IncusTransport;
use crate::local::LocalTransport;
use crate::machine::Lane;
use crate::proxmox::{ProxmoxTransport, pvesh};
use crate::ssh::SshTransport;
use crate::stores::{Store, Stores, requests};
use crate::transfer::{Ends, Mover};
use crate::vsphere::VsphereTransport;

/// The outcomes of an exchange.
type Outcomes = Vec<Result<Reply, TransportError>>;

/// Sends each target's requests the way that its settings name, and moves bytes between any two of them.
pub struct Router {
    ssh: Arc<dyn Transport>,
    local: Arc<dyn Transport>,
    api: Arc<dyn Transport>,
    incus: Arc<dyn Transport>,
    vsphere: Arc<dyn Transport>,
    ends: Arc<dyn Ends>,
}

/// What a request needs of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Commands,
    Files,
    Api,
    Incus,
    Vsphere,
    Transfer,
}

impl Router {
    /// A router over one transport for `ssh` and one for `local`. `credentials` gives the passwords and keys of
    /// stores and of the interfaces of Proxmox, Incus and vSphere.
    pub fn new(
        ssh: &Arc<SshTransport>,
        local: Arc<LocalTransport>,
        credentials: Arc<dyn Credentials>,
    ) -> Self {
        let ends = Stores::new(Arc::clone(ssh.client()), Arc::clone(&credentials));
        let incus = Arc::new(IncusTransport::new(Arc::clone(ssh.client()), Arc::clone(&credentials)));
        let vsphere = Arc::new(VsphereTransport::new(Arc::clone(&credentials)));
        let api = Arc::new(ProxmoxTransport::new(credentials));
        Router { ssh: Arc::clone(ssh) as _, local, api, incus, vsphere, ends: Arc::new(ends) }
    }

    /// What runs the target's commands; `None` where it runs none.
    fn shell(&self, target: &Target) -> Result<Option<&dyn Transport>, TransportError> {
        let problem = match ways(&target.spec).as_slice() {
            ["ssh"] => return Ok(Some(self.ssh.as_ref())),
            ["local"] => return Ok(Some(self.local.as_ref())),
            [_] => return Ok(None),
            [] => "no way to be reached".to_owned(),
            several => format!("more than one way to be reached ({})", several.join(", ")),
        };
        let message = format!("target `{}` has {problem}", target.name);
        let error = TransportError::new(TransportErrorKind::Configuration, message);
        Err(error.hint("give exactly one of them in the target's spec"))
    }

    async fn exchange(&self, target: &Target, requests: &[Request]) -> Outcomes {
        let shell = match self.shell(target) {
            Ok(shell) => shell,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut kept = Kept { ends: self.ends.as_ref(), target, store: None };
        let mut outcomes = Outcomes::with_capacity(requests.len());
        for group in requests.chunk_by(|a, b| way(a) == way(b)) {
            let mut lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
            if let Some(error) = lost.rfind(|error| error.kind.loses_target()).cloned() {
                outcomes.extend(group.iter().map(|_| Err(error.clone())));
                continue;
            }
            match (group.first().map(way), shell) {
                (Some(Way::Commands), Some(shell)) => outcomes.extend(shell.exchange(target, group).await),
                (Some(Way::Files), _) => kept.perform(group, &mut outcomes).await,
                (Some(Way::Api), Some(shell)) => outcomes.extend(pvesh::exchange(shell, target, group).await),
                (Some(Way::Api), None) if target.spec.proxmox.is_some() => {
                    outcomes.extend(self.api.exchange(target, group).await);
                }
                (Some(Way::Incus), _) if target.spec.incus.is_some() => {
                    outcomes.extend(self.incus.exchange(target, group).await);
                }
                (Some(Way::Vsphere), _) if target.spec.vsphere.is_some() => {
                    outcomes.extend(self.vsphere.exchange(target, group).await);
                }
                _ => outcomes.extend(group.iter().map(|request| Err(unfit(target, request)))),
            }
        }
        kept.close().await;
        outcomes
    }
}

/// The ways to reach a target that its settings name.
fn ways(spec: &TargetSpec) -> Vec<&'static str> {
    let given = [
        ("ssh", spec.ssh.is_some()),
        ("local", spec.local.is_some()),
        ("ftp", spec.ftp.is_some()),
        ("sftp", spec.sftp.is_some()),
        ("s3", spec.s3.is_some()),
        ("azblob", spec.azblob.is_some()),
        ("webdav", spec.webdav.is_some()),
        ("proxmox", spec.proxmox.is_some()),
        ("incus", spec.incus.is_some()),
        ("vsphere", spec.vsphere.is_some()),
    ];
    given.into_iter().filter_map(|(way, is_given)| is_given.then_some(way)).collect()
}

fn way(request: &Request) -> Way {
    match request {
        Request::Exec(_) | Request::PowerShell(_) => Way::Commands,
        Request::Files(_) => Way::Files,
        Request::Api(_) => Way::Api,
        Request::Incus(_) => Way::Incus,
        Request::Vsphere(_) => Way::Vsphere,
        Request::Transfer(_) => Way::Transfer,
    }
}

fn unfit(target: &Target, request: &Request) -> TransportError {
    let message = format!("target `{}` is not one for `{}`", target.name, request.display());
    let hint = "commands need a target with `ssh` or `local`, Proxmox's interface one with `proxmox` or `ssh`, that of \
                Incus one with `incus`, the vSphere API one with `vsphere`";
    TransportError::new(TransportErrorKind::Configuration, message).hint(hint)
}

/// A target's store, kept for the requests of one exchange.
struct Kept<'a> {
    ends: &'a dyn Ends,
    target: &'a Target,
    store: Option<Box<dyn Store>>,
}

impl Kept<'_> {
    /// Does one after the other. Once one has no answer, the rest have none either.
    async fn perform(&mut self, group: &[Request], outcomes: &mut Outcomes) {
        let mut broken = None;
        for request in group {
            let Request::Files(request) = request else { continue };
            let outcome = match &broken {
                Some(error) => Err(TransportError::clone(error)),
                None => self.one(request).await,
            };
            if let Err(error) = &outcome {
                self.store = None;
                broken = Some(error.clone());
            }
            outcomes.push(outcome);
        }
    }

    async fn one(&mut self, request: &FileRequest) -> Result<Reply, TransportError> {
        let whose = &self.target.name;
        let store = match &mut self.store {
            Some(store) => store,
            none => match self.ends.store(self.target, Lane::Shared).await {
                Ok(store) => none.insert(store),
                Err(error) => return requests::refusal(error, whose),
            },
        };
        requests::perform(store.as_mut(), request, whose).await
    }

    async fn close(self) {
        if let Some(mut store) = self.store {
            store.close().await;
        }
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl Transport for Router {
    fn exchange<'a>(&'a self, target: &'a Target, requests: &'a [Request]) -> BoxFuture<'a, Outcomes> {
        Box::pin(self.exchange(target, requests))
    }

    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        match self.shell(target) {
            Ok(Some(shell)) => shell.renew(target),
            Ok(None) if target.spec.incus.is_some() => self.incus.renew(target),
            Ok(None) if target.spec.vsphere.is_some() => self.vsphere.renew(target),
            // Nothing is kept of the others.
            Ok(None) | Err(_) => Box::pin(std::future::ready(())),
        }
    }

    fn work<'a>(
        &'a self,
        target: &'a Target,
        request: &'a Request,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        Box::pin(async move {
            self.shell(target)?;
            if way(request) == Way::Vsphere && target.spec.vsphere.is_some() {
                return self.vsphere.work(target, request, watch).await;
            }
            let answer = self.exchange(target, std::slice::from_ref(request)).await.pop();
            answer.unwrap_or_else(|| Err(unfit(target, request)))
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let all = [&self.ssh, &self.local, &self.api, &self.incus, &self.vsphere];
        Box::pin(async move {
            join_all(all.map(|transport| transport.close())).await;
        })
    }

    fn transfer<'a>(
        &'a self,
        from: &'a Target,
        to: &'a Target,
        transfer: &'a Transfer,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        let mover = Mover { ends: self.ends.as_ref(), from, to, transfer, watch };
        Box::pin(async move {
            for target in [from, to] {
                self.shell(target)?;
            }
            mover.run().await
        })
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
