//! Beginning a session: connection, encryption, login, and what the server can do.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::request::SecretRef;
use evenkeel_core::target::{FtpSpec, FtpTls};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;

use super::control::{Control, Reply, handshake};
use super::data::Passive;
use super::tls::{NotEncrypted, Tls, Version};
use super::wire::{self, Wire};
use super::{FtpStore, Hash, Listings};
use crate::credentials::Credentials;
use crate::stores::{StoreError, Stored};

/// The usual port, and the one where encryption begins with the first byte.
const PORT: u16 = 21;
const IMPLICIT_PORT: u16 = 990;

const DEFAULT_PATIENCE_SECONDS: u32 = 60;

/// Who logs in where nothing says otherwise, and with what.
const ANONYMOUS: &str = "anonymous";
const ANONYMOUS_PASSWORD: &str = "evenkeel@";

/// Logs in to the server of a target. Without encryption a password is sent as it is: that is warned of in the log, once
/// for each target.
pub(crate) async fn open(
    target_name: &str,
    spec: &FtpSpec,
    credentials: &dyn Credentials,
) -> Stored<FtpStore> {
    let login = Login::new(spec, credentials).map_err(StoreError::Failed)?;
    let port = spec.port.unwrap_or(if spec.tls == FtpTls::Implicit { IMPLICIT_PORT } else { PORT });
    let server = format!("FTP server {}:{port} (target `{target_name}`)", spec.host);
    let patience = Duration::from_secs(spec.timeout_seconds.unwrap_or(DEFAULT_PATIENCE_SECONDS).into());
    let connect = async |version| {
        let stream =
            wire::connect(&server, &spec.host, port, patience).await.map_err(NotEncrypted::Failed)?;
        encrypted(spec, &server, stream, version, patience).await
    };
    let (mut control, tls) = match connect(Version::V12).await {
        Err(NotEncrypted::Version(_)) => connect(Version::V13).await?,
        outcome => outcome?,
    };
    if tls.is_none() && login.is_secret {
        warn_once(target_name);
    }
    log_in(&mut control, login).await?;
    prepare(control, tls).await
}

/// Who logs in.
struct Login {
    user: String,
    password: SecretString,
    is_secret: bool,
    reference: Option<String>,
}

impl Login {
    fn new(spec: &FtpSpec, credentials: &dyn Credentials) -> Result<Self, TransportError> {
        let secret = |name: &str, key: &str| SecretRef { name: name.to_owned(), key: key.to_owned() };
        let reference = spec.credentials_ref.clone();
        let (mut user, password) = match &reference {
            None => (None, None),
            Some(name) => {
                (credentials.find(&secret(name, "user"))?, Some(credentials.get(&secret(name, "password"))?))
            }
        };
        if let Some(user_of_spec) = &spec.user {
            user = Some(user_of_spec.clone().into());
        }
        let user = user.map_or_else(|| ANONYMOUS.to_owned(), |user| user.expose_secret().to_owned());
        let is_secret = password.is_some();
        let password = password.unwrap_or_else(|| ANONYMOUS_PASSWORD.to_owned().into());
        if [user.as_str(), password.expose_secret()].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
            let message = "FTP can send no user or password that has a line break in it".to_owned();
            return Err(TransportError::new(TransportErrorKind::Credentials, message));
        }
        Ok(Login { user, password, is_secret, reference })
    }
}

/// Passwords in the clear are told of once: a controller connects every few minutes.
fn warn_once(target_name: &str) {
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(target_name.to_owned()) {
        tracing::warn!(
            target = target_name,
            "`tls: none`: the FTP password and all data are sent unencrypted"
        );
    }
}

/// Greets the server, encrypted if the settings say so, data connections too.
async fn encrypted(
    spec: &FtpSpec,
    server: &str,
    stream: TcpStream,
    version: Version,
    patience: Duration,
) -> Result<(Control, Option<Tls>), NotEncrypted> {
    let told = |error: StoreError| match error {
        StoreError::Failed(error) => NotEncrypted::Failed(error),
        other => NotEncrypted::Failed(TransportError::new(TransportErrorKind::Protocol, other.to_string())),
    };
    let greeted = async |wire| Control::greeted(wire, server.to_owned(), patience).await.map_err(told);
    if spec.tls == FtpTls::None {
        return Ok((greeted(Wire::Plain(stream)).await?, None));
    }
    let tls = Tls::new(spec, version).map_err(NotEncrypted::Failed)?;
    let mut control = if spec.tls == FtpTls::Implicit {
        greeted(handshake(server, &tls, stream, patience).await?).await?
    } else {
        let mut plain = greeted(Wire::Plain(stream)).await?;
        let reply = plain.ask("AUTH TLS").await.map_err(told)?;
        if !reply.is_done() {
            return Err(refused(server, "does not encrypt", &reply));
        }
        plain.upgrade(&tls).await?
    };
    // Servers differ in whether they want this first; what counts is the answer to the next one.
    control.ask("PBSZ 0").await.map_err(told)?;
    let reply = control.ask("PROT P").await.map_err(told)?;
    if !reply.is_done() {
        return Err(refused(server, "does not encrypt data connections", &reply));
    }
    Ok((control, Some(tls)))
}

fn refused(server: &str, what: &str, reply: &Reply) -> NotEncrypted {
    let error = TransportError::new(TransportErrorKind::Configuration, format!("{server} {what}: {reply}"));
    NotEncrypted::Failed(error.hint(
        "switch TLS on in the server; or, where everybody on the way may read the password and change the data, set \
         `tls: none`",
    ))
}

async fn log_in(control: &mut Control, login: Login) -> Stored<()> {
    let mut reply = control.ask(&format!("USER {}", login.user)).await?;
    if reply.code == 331 {
        reply = control.ask_secretly("PASS", login.password).await?;
    }
    if reply.is_done() {
        return Ok(());
    }
    let message = format!("{} does not let `{}` in: {reply}", control.server(), login.user);
    let error = TransportError::new(TransportErrorKind::AuthenticationFailed, message);
    Err(StoreError::Failed(match login.reference {
        Some(name) => error.hint(format!("check `user`, and `password` in the credential `{name}`")),
        None => error.hint("name the credential with the `password` in `credentialsRef`"),
    }))
}

/// Finds out what the server can do, where a login begins, and has files sent as they are.
async fn prepare(mut control: Control, tls: Option<Tls>) -> Stored<FtpStore> {
    let features = control.ask("FEAT").await?;
    let offers = |name: &str| {
        let words = features.lines.iter().filter_map(|line| line.split_whitespace().next());
        features.is_done() && words.into_iter().any(|word| word.eq_ignore_ascii_case(name))
    };
    let exact = offers("MLST") || offers("MLSD");
    let hash = features.lines.iter().filter(|_| features.is_done()).find_map(|line| hash(line));
    if let Some(Hash { usual }) = &hash {
        control.ask(&format!("OPTS HASH {usual}")).await?;
    }
    if offers("UTF8") {
        // Some are never told and do it anyway; some refuse because they always do it.
        control.ask("OPTS UTF8 ON").await?;
    }
    let binary = control.ask("TYPE I").await?;
    if !binary.is_done() {
        return Err(control.nonsense(&format!("it cannot keep files as they are (TYPE I: {binary})")));
    }
    let place = control.ask("PWD").await?;
    let Some(home) = quoted(&place) else {
        return Err(control.nonsense(&format!("it does not say where a login begins (PWD: {place})")));
    };
    let listings = if exact { Listings::Exact } else { Listings::ForPeople { shows_all: None } };
    Ok(FtpStore { control, passive: Passive::new(tls), home, listings, hash })
}

/// What ` HASH MD5;SHA-1*;SHA-256` offers, if it has SHA-256. The one with the star is chosen at first.
fn hash(line: &str) -> Option<Hash> {
    let (name, offered) = line.trim().split_once(' ')?;
    let offered: Vec<&str> = offered.split(';').map(str::trim).filter(|word| !word.is_empty()).collect();
    let is_sha256 = |word: &&str| word.trim_end_matches('*').eq_ignore_ascii_case("SHA-256");
    if !name.eq_ignore_ascii_case("HASH") || !offered.iter().any(is_sha256) {
        return None;
    }
    let mut others = offered.iter().copied().filter(|word| !is_sha256(word));
    // proftpd computes it all the time, so the one that it is set up with is best.
    let first = others.clone().find(|word| word.ends_with('*'));
    let usual = first.or_else(|| others.next()).unwrap_or("SHA-256");
    Some(Hash { usual: usual.trim_end_matches('*').to_owned() })
}

/// The path in `257 "/home/x" is the current folder`; a quote in it is written twice.
fn quoted(reply: &Reply) -> Option<String> {
    let text = reply.lines.first().filter(|_| reply.code == 257)?;
    let (_, rest) = text.split_once('"')?;
    let mut path = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '"' && chars.next_if_eq(&'"').is_none() {
            return path.starts_with('/').then_some(path);
        }
        path.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_login_begins() {
        let place = |code, text: &str| quoted(&Reply { code, lines: vec![text.to_owned()] });
        assert_eq!(place(257, "\"/\" is the current directory"), Some("/".into()));
        assert_eq!(place(257, "\"/a \"\"b\"\"\""), Some("/a \"b\"".into()));
        assert_eq!(place(257, "\"C:\\x\" is"), None);
        assert_eq!(place(257, "/home"), None);
        assert_eq!(place(550, "\"/home\""), None);
    }

    #[test]
    fn what_else_is_computed() {
        let usual = |line| hash(line).map(|hash| hash.usual);
        assert_eq!(usual(" HASH SHA-256*;SHA-512;MD5"), Some("SHA-512".into()));
        assert_eq!(usual(" HASH CRC32;SHA-1*;SHA-256;"), Some("SHA-1".into()));
        assert_eq!(usual(" HASH SHA-256*"), Some("SHA-256".into()));
        assert_eq!(usual(" HASH SHA-1;MD5"), None);
        assert_eq!(usual(" XSHA256"), None);
    }
}
