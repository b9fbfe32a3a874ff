//! Logging in: keys first, then the password.

use std::sync::Arc;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};

use super::connect::{Client, Ending, Goodbye};
use super::endpoint::Endpoint;
use super::identities::{Agent, Candidate, Identities};

/// A keyboard-interactive login may ask this often.
const MOST_QUESTIONS: usize = 8;

/// What one attempt came to.
enum Attempt {
    Accepted,
    /// The methods that the server still takes.
    Refused(MethodSet),
}

/// Logs in. The server's refusal is told with everything that was offered.
pub(super) async fn log_in(
    handle: &mut Handle<Client>,
    endpoint: &Endpoint,
    identities: Identities,
    goodbye: &Goodbye,
) -> Result<(), TransportError> {
    let Identities { candidates, mut agent, password, left_out } = identities;
    if let (Some(agent), Some(binding)) = (&mut agent, handle.agent_session_binding()) {
        // Keys may be limited to certain hosts (`ssh-add -h`); agents that know no such keys refuse, which is fine.
        let _ = agent.bind_session(binding, false).await;
    }
    let mut login = Login {
        handle,
        endpoint,
        goodbye,
        methods: None,
        offered: Vec::new(),
        left_out,
        without_sha1: false,
    };
    for candidate in &candidates {
        if login.takes(MethodKind::PublicKey) && login.key(candidate, agent.as_mut()).await? {
            return Ok(());
        }
    }
    if let Some(password) = &password
        && login.password(password).await?
    {
        return Ok(());
    }
    Err(login.refused())
}

struct Login<'a> {
    handle: &'a mut Handle<Client>,
    endpoint: &'a Endpoint,
    goodbye: &'a Goodbye,
    /// What the server takes, once it has said so.
    methods: Option<MethodSet>,
    offered: Vec<String>,
    /// Keys that could not be offered, and why.
    left_out: Vec<String>,
    /// An RSA key did not sign with SHA-1, which may be all that this server takes; what servers state of it is not to be
    /// relied on.
    without_sha1: bool,
}

impl Login<'_> {
    fn takes(&self, method: MethodKind) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    /// True where the attempt got in.
    async fn settle(&mut self, attempt: Result<Attempt, russh::Error>) -> Result<bool, TransportError> {
        match attempt {
            Ok(Attempt::Accepted) => Ok(true),
            Ok(Attempt::Refused(methods)) if methods.is_empty() && self.handle.is_closed() => {
                Err(self.closed().await)
            }
            Ok(Attempt::Refused(methods)) => {
                self.methods = Some(methods);
                Ok(false)
            }
            Err(_) => Err(self.closed().await),
        }
    }

    /// Offers a key. True where it got in.
    async fn key(
        &mut self,
        candidate: &Candidate,
        mut agent: Option<&mut Agent>,
    ) -> Result<bool, TransportError> {
        self.offered.push(format!("key {}", candidate.label()));
        for hash in self.hashes(candidate).await? {
            let attempt = match candidate {
                Candidate::Key { key, .. } => {
                    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                    self.handle
                        .authenticate_publickey(&self.endpoint.user, key)
                        .await
                        .map_err(|e| e.to_string())
                }
                Candidate::Agent { identity, .. } => self.sign_by(agent.as_deref_mut(), identity, hash).await,
            };
            match attempt {
                Ok(result) => {
                    if self.settle(Ok(result.into())).await? {
                        return Ok(true);
                    }
                }
                Err(_) if self.handle.is_closed() => return Err(self.closed().await),
                Err(why) => self.left_out.push(format!("{}: {why}", candidate.label())),
            }
        }
        Ok(false)
    }

    async fn sign_by(
        &mut self,
        agent: Option<&mut Agent>,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
    ) -> Result<AuthResult, String> {
        let agent = agent.ok_or("the agent is gone")?;
        let user = &self.endpoint.user;
        let result = match identity.clone() {
            AgentIdentity::PublicKey { key, .. } => {
                self.handle.authenticate_publickey_with(user, key, hash, agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                self.handle.authenticate_certificate_with(user, certificate, hash, agent).await
            }
        };
        result.map_err(|e| e.to_string())
    }

    /// The hashes to sign with, for RSA keys; other keys have no choice. SHA-1 (`None`) is tried last and only where
    /// it is opted into: a server of old takes nothing else, and some claim more than they take.
    async fn hashes(&mut self, candidate: &Candidate) -> Result<Vec<Option<HashAlg>>, TransportError> {
        let rsa = match candidate {
            Candidate::Key { key, .. } => key.algorithm().is_rsa(),
            Candidate::Agent { identity, .. } => identity.public_key().algorithm().is_rsa(),
        };
        if !rsa {
            return Ok(vec![None]);
        }
        let legacy = self.endpoint.legacy_algorithms;
        let stated = match self.handle.best_supported_rsa_hash().await {
            Ok(stated) => stated.flatten(),
            Err(_) => return Err(self.closed().await),
        };
        self.without_sha1 |= !legacy;
        let modern = stated.or_else(|| (!legacy).then_some(HashAlg::Sha256)).map(Some);
        Ok(modern.into_iter().chain(legacy.then_some(None)).collect())
    }

    /// Offers the password in both ways that servers ask for one.
    async fn password(&mut self, password: &SecretString) -> Result<bool, TransportError> {
        if self.takes(MethodKind::Password) {
            self.offered.push("the password".to_owned());
            let result =
                self.handle.authenticate_password(&self.endpoint.user, password.expose_secret()).await;
            if self.settle(result.map(Attempt::from)).await? {
                return Ok(true);
            }
        }
        if self.takes(MethodKind::KeyboardInteractive) {
            self.offered.push("the password (keyboard-interactive)".to_owned());
            let attempt = self.keyboard_interactive(password).await;
            return self.settle(attempt).await;
        }
        Ok(false)
    }

    async fn keyboard_interactive(&mut self, password: &SecretString) -> Result<Attempt, russh::Error> {
        let user = &self.endpoint.user;
        let mut response = self.handle.authenticate_keyboard_interactive_start(user, None).await?;
        for _ in 0..MOST_QUESTIONS {
            let prompts = match response {
                KeyboardInteractiveAuthResponse::Success => return Ok(Attempt::Accepted),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, .. } => {
                    return Ok(Attempt::Refused(remaining_methods));
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            // What is not echoed is a password; anything else has no answer here.
            let answer = |echo: bool| if echo { String::new() } else { password.expose_secret().to_owned() };
            let answers = prompts.iter().map(|prompt| answer(prompt.echo)).collect();
            response = self.handle.authenticate_keyboard_interactive_respond(answers).await?;
        }
        Ok(Attempt::Refused(MethodSet::empty()))
    }

    fn refused(&self) -> TransportError {
        let endpoint = self.endpoint;
        let list = |items: &[String]| items.join("; ");
        let mut message = match self.offered.as_slice() {
            [] => format!("there is nothing to log in with as {endpoint}: no key, no agent, no password"),
            offered => format!("{endpoint} accepted none of: {}", list(offered)),
        };
        if !self.left_out.is_empty() {
            message = format!("{message}. Not offered: {}", list(&self.left_out));
        }
        if let Some(methods) = self.methods.as_ref().filter(|methods| !methods.is_empty()) {
            let names: Vec<&str> = methods.iter().map(<&str>::from).collect();
            message = format!("{message}. The host takes {}", names.join(", "));
        }
        let old = if self.without_sha1 {
            "; an old host takes RSA keys by SHA-1 signatures only, which the target's `ssh` setting \
             `legacyAlgorithms: true` allows"
        } else {
            ""
        };
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(format!(
            "add the public key to ~{}/.ssh/authorized_keys on the host, or give the target another `identity` or a \
             `credentialsRef`{old}",
            endpoint.user
        ))
    }

    /// The connection ended: because the server had enough of our attempts, or it broke.
    async fn closed(&mut self) -> TransportError {
        // Why is known once the connection's task has come to its end.
        let _ = (&mut *self.handle).await;
        let (endpoint, offered) = (self.endpoint, self.offered.join("; "));
        match self.goodbye.ending() {
            Some(Ending::Said(why)) => {
                let message = format!("{endpoint} ended the login ({why}), having been offered: {offered}");
                let hint = "give the target its `identity`, so that the right key is offered first";
                TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint)
            }
            ending => {
                let why = match ending {
                    Some(Ending::Broke(why)) => why,
                    _ => "no reason given".to_owned(),
                };
                let message = format!("the connection to {endpoint} broke during the login: {why}");
                TransportError::new(TransportErrorKind::ConnectionLost, message)
            }
        }
    }
}

impl From<AuthResult> for Attempt {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Attempt::Accepted,
            AuthResult::Failure { remaining_methods, .. } => Attempt::Refused(remaining_methods),
        }
    }
}
