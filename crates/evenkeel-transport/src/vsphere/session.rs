//! Sessions of users on servers: one login at a time, kept from one exchange to the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::faults::{Fault, NOT_AUTHENTICATED};
use super::line::{Failure, Line, Manner, Settings};
use super::read::Body;
use super::write;
use crate::credentials::mask;
use crate::stamp::Stamp;

/// The version that is spoken until the server's own is known. Every server that there is knows it.
const FIRST: HeaderValue = HeaderValue::from_static("\"urn:vim25/5.0\"");

/// So long is waited for the answer to a logout.
const LEAVING: Duration = Duration::from_secs(3);

/// The passwords that servers refused, by server and user. Asked again and again, a server would lock the account.
pub(super) type Refused = Mutex<HashMap<String, SecretString>>;

/// A server with a user's session on it.
pub(super) struct Server {
    pub(super) settings: Settings,
    line: Line,
    /// What `caFile` looked like when it was read.
    authorities: Option<Stamp>,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
    refused: Arc<Refused>,
}

/// A session.
pub(super) struct Session {
    cookie: HeaderValue,
    action: HeaderValue,
    /// What the server says of itself.
    pub(super) content: Content,
}

/// A server's `ServiceContent`.
pub(super) struct Content {
    /// Its `AboutInfo`.
    pub(super) about: Value,
    managers: Map<String, Value>,
}

impl Content {
    /// The object in a field: `rootFolder`.
    pub(super) fn find(&self, field: &str) -> Option<Reference> {
        referred(self.managers.get(field)?)
    }
}

/// The object that a reference refers to.
pub(super) fn referred(value: &Value) -> Option<Reference> {
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    Some(Reference::new(text("type")?, text("id")?))
}

impl Server {
    /// Nothing is said to it yet.
    pub(super) fn new(
        settings: Settings,
        line: Line,
        authorities: Option<Stamp>,
        refused: Arc<Refused>,
    ) -> Self {
        Server { settings, line, authorities, session: tokio::sync::Mutex::default(), refused }
    }

    /// True where the file of its authorities is still the one that was read.
    pub(super) fn holds(&self) -> bool {
        self.authorities.as_ref().is_none_or(Stamp::holds)
    }

    /// Ends the session, if there is one. Where that fails, the server ends it once it was idle for long.
    pub(super) async fn leave(&self) {
        let Some(session) = self.session.lock().await.take() else { return };
        let manager = session.content.find("sessionManager");
        let Some(Ok(body)) = manager.map(|manager| write::method("Logout", &manager, "")) else { return };
        let manner = Manner { action: &session.action, cookie: Some(&session.cookie), patience: LEAVING };
        if let Err(failure) = self.line.post(&self.settings.host, &body, &manner).await {
            tracing::debug!(host = self.settings.host, error = %failure.error, "a session was left to end by itself");
        }
    }
}

/// A target's server, with the secret to log in to it.
pub(super) struct Link<'t> {
    pub(super) server: Arc<Server>,
    pub(super) whose: String,
    /// The credential's name.
    credential: &'t str,
    password: SecretString,
}

/// What a method gives, or why the server does not do it.
pub(super) type Answer = Result<Value, Fault>;

impl<'t> Link<'t> {
    pub(super) fn new(
        server: Arc<Server>,
        target: &str,
        credential: &'t str,
        password: SecretString,
    ) -> Self {
        let whose = server.line.whose(target);
        Link { server, whose, credential, password }
    }

    /// A call may take so long.
    pub(super) fn patience(&self) -> Duration {
        self.server.settings.patience()
    }

    /// Calls a method once. Where the server says that the session has ended, and so did nothing, once more in a new one.
    pub(super) async fn send(&self, body: &str, patience: Duration) -> Result<Answer, Failure> {
        let mut is_second = false;
        loop {
            let session = self.open().await.map_err(|error| Failure { error, sent: false })?;
            match self.over(&session, body, patience).await? {
                Err(fault) if fault.kind == NOT_AUTHENTICATED => {
                    self.forget(&session).await;
                    if is_second {
                        return Err(Failure { error: self.shut_out(), sent: false });
                    }
                    is_second = true;
                }
                answer => return Ok(answer),
            }
        }
    }

    /// Calls a method once, in this session.
    pub(super) async fn over(
        &self,
        session: &Session,
        body: &str,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let manner = Manner { action: &session.action, cookie: Some(&session.cookie), patience };
        let (body, _) = self.server.line.post(&self.whose, body, &manner).await?;
        Ok(answer(body))
    }

    /// The session; where there is none, a new one.
    pub(super) async fn open(&self) -> Result<Arc<Session>, TransportError> {
        // Others wait here for the one that logs in.
        let mut kept = self.server.session.lock().await;
        if let Some(session) = kept.as_ref() {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(self.log_in().await?);
        *kept = Some(Arc::clone(&session));
        Ok(session)
    }

    /// This session has ended.
    pub(super) async fn forget(&self, session: &Arc<Session>) {
        let mut kept = self.server.session.lock().await;
        if kept.as_ref().is_some_and(|known| Arc::ptr_eq(known, session)) {
            *kept = None;
        }
    }

    /// The error for a server that ends sessions at once.
    pub(super) fn shut_out(&self) -> TransportError {
        let message = format!("{} lets us log in and does not know us right afterwards", self.whose);
        let hint = "is there one server behind this name, or several of which each has its own sessions?";
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint)
    }

    async fn log_in(&self) -> Result<Session, TransportError> {
        self.check_refused()?;
        let mut cookies = Vec::new();
        let content = self.content(&mut cookies).await?;
        let action = content.about.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let action = HeaderValue::from_str(&format!("\"urn:vim25/{action}\"")).unwrap_or(FIRST);
        let manager = content.find("sessionManager").ok_or_else(|| self.no_server("no session manager"))?;
        let mut inside = Zeroizing::new(String::new());
        let written = write::text(&mut inside, "userName", &self.server.settings.user)
            .and_then(|()| write::text(&mut inside, "password", self.password.expose_secret()))
            .and_then(|()| write::method("Login", &manager, &inside));
        let body = Zeroizing::new(written.map_err(|why| self.cannot_log_in(&why))?);
        let cookie = header(&cookies);
        let manner = Manner { action: &action, cookie: cookie.as_ref(), patience: self.patience() };
        let sent = self.server.line.post(&self.whose, &body, &manner).await;
        let (body, headers) = sent.map_err(|failure| failure.error)?;
        if let Err(fault) = answer(body) {
            return Err(self.refused(&fault));
        }
        gather(&mut cookies, &headers);
        let cookie = header(&cookies).ok_or_else(|| self.no_server("no session after a login"))?;
        Ok(Session { cookie, action, content })
    }

    /// What the server says of itself, to anybody. Asked once more where the answer is lost.
    async fn content(&self, cookies: &mut Vec<(String, String)>) -> Result<Content, TransportError> {
        let instance = Reference::new("ServiceInstance", "ServiceInstance");
        let body =
            write::method("RetrieveServiceContent", &instance, "").map_err(|why| self.no_server(&why))?;
        let manner = Manner { action: &FIRST, cookie: None, patience: self.patience() };
        let post = || self.server.line.post(&self.whose, &body, &manner);
        let answered = match post().await {
            Err(failure) if failure.is_loss() => post().await,
            answered => answered,
        };
        let (body, headers) = answered.map_err(|failure| failure.error)?;
        gather(cookies, &headers);
        let content = answer(body).map_err(|fault| self.no_server(&fault.message()))?;
        let Value::Object(managers) = content else { return Err(self.no_server("no ServiceContent")) };
        let about = managers.get("about").cloned().unwrap_or_default();
        Ok(Content { about, managers })
    }

    fn check_refused(&self) -> Result<(), TransportError> {
        let all = self.server.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&self.account()) {
            Some(known) if known.expose_secret() == self.password.expose_secret() => {
                Err(self.wrong_password("it was refused before, and is not tried again"))
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, fault: &Fault) -> TransportError {
        let said = mask(fault.message().as_bytes(), &[&self.password]);
        let said = String::from_utf8_lossy(&said).into_owned();
        if !matches!(fault.kind.as_str(), "InvalidLogin" | "PasswordExpired") {
            let message =
                format!("{} does not let the user {} in: {said}", self.whose, self.server.settings.user);
            let hint = "does the user have a role on the root folder, at least `Read-only`?";
            return TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint);
        }
        let mut all = self.server.refused.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(self.account(), self.password.clone());
        self.wrong_password(&said)
    }

    fn wrong_password(&self, said: &str) -> TransportError {
        let user = &self.server.settings.user;
        let message = format!("{} does not take the password of the user {user}: {said}", self.whose);
        let hint = format!(
            "the credential `{}` holds its `password`; the user's name is whole with its domain \
             (`backup@vsphere.local`). The same password is tried again after a restart of evenkeel only, lest the \
             server lock the account",
            self.credential
        );
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint)
    }

    fn cannot_log_in(&self, why: &str) -> TransportError {
        let message = format!("the login in the credential `{}` cannot be sent: {why}", self.credential);
        TransportError::new(TransportErrorKind::Credentials, message)
    }

    fn no_server(&self, why: &str) -> TransportError {
        let message = format!("{} does not answer as a vCenter or an ESXi host does: {why}", self.whose);
        let hint = "is there a vCenter or an ESXi host, or something in between that answers instead?";
        TransportError::new(TransportErrorKind::Protocol, message).hint(hint)
    }

    /// Several targets may be one server: what that refused is tried for none of them.
    fn account(&self) -> String {
        let settings = &self.server.settings;
        format!("{} {}:{}", settings.user, settings.host, settings.port)
    }
}

/// What a method gives; nothing is `null`.
fn answer(body: Body) -> Answer {
    if body.name == "Fault" {
        return Err(Fault::of_answer(&body.value));
    }
    match body.value {
        Value::Object(mut fields) => Ok(fields.remove("returnval").unwrap_or_default()),
        _ => Ok(Value::Null),
    }
}

/// Takes the cookies of an answer, byte for byte: their values may have quotes.
fn gather(cookies: &mut Vec<(String, String)>, headers: &HeaderMap) {
    let given = headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    for cookie in given {
        let pair = cookie.split(';').next().unwrap_or_default().trim();
        let Some((name, value)) = pair.split_once('=') else { continue };
        cookies.retain(|(known, _)| known != name);
        cookies.push((name.to_owned(), value.to_owned()));
    }
}

/// The header that sends cookies back.
fn header(cookies: &[(String, String)]) -> Option<HeaderValue> {
    let all: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut header = HeaderValue::from_str(&all.join("; ")).ok().filter(|header| !header.is_empty())?;
    header.set_sensitive(true);
    Some(header)
}
