//! Logging in: keys first, then the password.

use std::sync::Arc;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};

use super::connect::Client;
use super::endpoint::Endpoint;
use super::identities::{Candidate, Identities};

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
) -> Result<(), TransportError> {
    let mut login = Login { handle, endpoint, methods: None, offered: Vec::new() };
    let Identities { candidates, mut agent, password, mut left_out } = identities;
    for candidate in candidates {
        if !login.takes(MethodKind::PublicKey) {
            break;
        }
        login.offered.push(format!("key {}", candidate.label()));
        let attempt = match candidate {
            Candidate::Key { key, .. } => login.offer_key(key).await,
            Candidate::Agent { identity, label } => match &mut agent {
                Some(agent) => match login.offer_agent_key(*identity, agent).await {
                    Ok(attempt) => Ok(attempt),
                    Err(e) => {
                        left_out.push(format!("{label}: {e}"));
                        continue;
                    }
                },
                None => continue,
            },
        };
        if login.settle(attempt)? {
            return Ok(());
        }
    }
    if let Some(password) = &password
        && login.password(password).await?
    {
        return Ok(());
    }
    Err(login.refused(&left_out))
}

struct Login<'a> {
    handle: &'a mut Handle<Client>,
    endpoint: &'a Endpoint,
    /// What the server takes, once it has said so.
    methods: Option<MethodSet>,
    offered: Vec<String>,
}

impl Login<'_> {
    fn takes(&self, method: MethodKind) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    /// True where the attempt got in.
    fn settle(&mut self, attempt: Result<Attempt, russh::Error>) -> Result<bool, TransportError> {
        match attempt {
            Ok(Attempt::Accepted) => Ok(true),
            Ok(Attempt::Refused(methods)) if methods.is_empty() && self.handle.is_closed() => {
                Err(self.closed())
            }
            Ok(Attempt::Refused(methods)) => {
                self.methods = Some(methods);
                Ok(false)
            }
            Err(_) => Err(self.closed()),
        }
    }

    async fn offer_key(&mut self, key: Arc<russh::keys::PrivateKey>) -> Result<Attempt, russh::Error> {
        let hash = if key.algorithm().is_rsa() { self.rsa_hash().await? } else { None };
        let key = PrivateKeyWithHashAlg::new(key, hash);
        self.handle.authenticate_publickey(&self.endpoint.user, key).await.map(Attempt::from)
    }

    async fn offer_agent_key(
        &mut self,
        identity: AgentIdentity,
        agent: &mut super::identities::Agent,
    ) -> Result<Attempt, russh::AgentAuthError> {
        let rsa = identity.public_key().algorithm().is_rsa();
        let hash = if rsa { self.rsa_hash().await.ok().flatten() } else { None };
        let user = &self.endpoint.user;
        let result = match identity {
            AgentIdentity::PublicKey { key, .. } => {
                self.handle.authenticate_publickey_with(user, key, hash, agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                self.handle.authenticate_certificate_with(user, certificate, hash, agent).await
            }
        };
        result.map(Attempt::from)
    }

    /// The hash of RSA signatures. A server that does not say what it takes gets SHA-1 only where that is opted into.
    async fn rsa_hash(&self) -> Result<Option<HashAlg>, russh::Error> {
        Ok(match self.handle.best_supported_rsa_hash().await? {
            Some(Some(hash)) => Some(hash),
            _ if self.endpoint.legacy_algorithms => None,
            _ => Some(HashAlg::Sha256),
        })
    }

    /// Offers the password in both ways that servers ask for one.
    async fn password(&mut self, password: &SecretString) -> Result<bool, TransportError> {
        if self.takes(MethodKind::Password) {
            self.offered.push("the password".to_owned());
            let result =
                self.handle.authenticate_password(&self.endpoint.user, password.expose_secret()).await;
            if self.settle(result.map(Attempt::from))? {
                return Ok(true);
            }
        }
        if self.takes(MethodKind::KeyboardInteractive) {
            self.offered.push("the password (keyboard-interactive)".to_owned());
            let attempt = self.keyboard_interactive(password).await;
            return self.settle(attempt);
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

    fn refused(&self, left_out: &[String]) -> TransportError {
        let endpoint = self.endpoint;
        let list = |items: &[String]| items.join("; ");
        let mut message = match self.offered.as_slice() {
            [] => format!("there is nothing to log in with as {endpoint}: no key, no agent, no password"),
            offered => format!("{endpoint} accepted none of: {}", list(offered)),
        };
        if !left_out.is_empty() {
            message = format!("{message}. Not offered: {}", list(left_out));
        }
        if let Some(methods) = self.methods.as_ref().filter(|methods| !methods.is_empty()) {
            let names: Vec<&str> = methods.iter().map(<&str>::from).collect();
            message = format!("{message}. The host takes {}", names.join(", "));
        }
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(format!(
            "add the public key to ~{}/.ssh/authorized_keys on the host, or give the target another `identity` or a \
             `credentialsRef`",
            endpoint.user
        ))
    }

    /// The server ended the connection, as it does after too many attempts.
    fn closed(&self) -> TransportError {
        let message = format!(
            "{} ended the connection during the login, having been offered: {}",
            self.endpoint,
            self.offered.join("; ")
        );
        let hint = "give the target its `identity`, so that the right key is offered first";
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint)
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
