//! E-mail, over SMTP.

use std::path::PathBuf;
use std::time::SystemTime;

use evenkeel_core::config::{EmailSpec, MailTls};
use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::Receiver;
use crate::credential::Credential;
use crate::escape;
use crate::failure::Failure;
use crate::http::Way;
use crate::message::Message;

/// Answers that are about who we are, not about the message: not logged in, may not, relaying denied.
const ABOUT_US: [u16; 5] = [530, 534, 535, 538, 554];

pub(crate) struct Email {
    pub(crate) spec: EmailSpec,
    pub(crate) from: Address,
    pub(crate) to: Vec<Address>,
    pub(crate) credential: Option<Credential>,
    pub(crate) way: Way,
}

impl Email {
    /// `Err` says which address is none.
    pub(crate) fn new(spec: EmailSpec, credential: Option<Credential>, way: Way) -> Result<Self, String> {
        let address = |text: &String| {
            text.parse::<Address>().map_err(|e| format!("`{text}` is not an e-mail address: {e}"))
        };
        let from = address(&spec.from)?;
        let to = spec.to.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Email { spec, from, to, credential, way })
    }

    fn port(&self) -> u16 {
        self.spec.port.unwrap_or(match self.spec.tls {
            MailTls::StartTls => 587,
            MailTls::Tls => 465,
            MailTls::None => 25,
        })
    }

    /// A way to the server, with whoever we log in as.
    async fn transport(
        &self,
        login: Option<(SecretString, SecretString)>,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
        let (server, ca_file, tls) = (self.spec.server.clone(), self.way.ca_file.clone(), self.spec.tls);
        // It reads files.
        let made = tokio::task::spawn_blocking(move || encryption(server, ca_file, tls)).await;
        let tls =
            made.map_err(|_| Failure::passing("making a connection ended by a mistake in the program"))??;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.spec.server)
            .port(self.port())
            .tls(tls)
            .timeout(Some(self.way.timeout));
        if let Some((user, password)) = login {
            let (user, password) = (user.expose_secret().to_owned(), password.expose_secret().to_owned());
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(builder.build())
    }

    async fn login(&self) -> Result<Option<(SecretString, SecretString)>, Failure> {
        let Some(credential) = &self.credential else { return Ok(None) };
        Ok(Some((credential.get("username").await?, credential.get("password").await?)))
    }

    fn mail(&self, message: &Message, now: Timestamp) -> Result<Mail, Failure> {
        let subject = escape::line(&format!("[evenkeel {}] {}", message.controller, message.title), 180);
        let mailbox = |address: &Address| Mailbox::new(None, address.clone());
        let (automatic, own) = (
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            HeaderName::new_from_ascii_str("X-Evenkeel-Message"),
        );
        let mut builder = Mail::builder()
            .from(mailbox(&self.from))
            .subject(subject)
            .date(SystemTime::from(now))
            .message_id(Some(format!("<{}@{}>", message.id, self.from.domain())))
            // So that no machine answers.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .raw_header(HeaderValue::new(own, message.id.clone()));
        for address in &self.to {
            builder = builder.to(mailbox(address));
        }
        builder
            .body(text(message))
            .map_err(|e| Failure::refused(format!("the message cannot be written as an e-mail: {e}")))
    }
}

fn text(message: &Message) -> String {
    format!("{}\n\n-- \nevenkeel {}\n", message.text(), message.controller)
}

fn encryption(server: String, ca_file: Option<PathBuf>, tls: MailTls) -> Result<Tls, Failure> {
    if tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(server);
    if let Some(file) = ca_file {
        let wrong = |why: String| Failure::passing(format!("the `caFile` {} {why}", file.display()));
        let pem = std::fs::read(&file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let authority = Certificate::from_pem(&pem).map_err(|e| wrong(format!("is not understood: {e}")))?;
        parameters = parameters
            .certificate_store(lettre::transport::smtp::client::CertificateStore::None)
            .add_root_certificate(authority);
    }
    let parameters = parameters
        .build()
        .map_err(|e| Failure::passing(format!("cannot speak TLS with the mail server: {e}")))?;
    Ok(if tls == MailTls::Tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

impl Receiver for Email {
    fn deliver<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mail = self.mail(message, now)?;
            let login = self.login().await?;
            let password = login.as_ref().map(|(_, password)| password.clone());
            let transport = self.transport(login).await?;
            let sent = transport.send(mail).await;
            sent.map(drop).map_err(|error| failure(&self.spec.server, &error, password.as_ref()))
        })
    }
}

fn failure(server: &str, error: &lettre::transport::smtp::Error, password: Option<&SecretString>) -> Failure {
    use std::error::Error as _;
    let mut said = error.to_string();
    if let Some(cause) =
        error.source().map(ToString::to_string).filter(|cause| !said.contains(cause.as_str()))
    {
        said = format!("{said}: {cause}");
    }
    if let Some(password) = password {
        said = said.replace(password.expose_secret(), "***");
    }
    let message = escape::line(&format!("the mail server {server}: {said}"), 400);
    let code = error.status().map(u16::from);
    if error.is_permanent() && !code.is_some_and(|code| ABOUT_US.contains(&code)) {
        return Failure::refused(message)
            .hint("look whether the addresses exist and the server takes mail for them");
    }
    if error.is_tls() {
        return Failure::passing(message)
            .hint("look whether `tls` and `port` fit, and name its authority as `caFile`");
    }
    Failure::passing(message)
}
