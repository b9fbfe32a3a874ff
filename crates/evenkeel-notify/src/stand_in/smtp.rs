//! A mail server: it takes mail, in the clear or encrypted, with or without a login, or refuses as a test says.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A mail that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// What a login said, in base64.
    pub(crate) login: Option<String>,
    pub(crate) encrypted: bool,
    pub(crate) data: String,
}

/// How it behaves.
#[derive(Clone, Default)]
pub(crate) struct Manner {
    pub(crate) tls: Option<TlsAcceptor>,
    /// Encrypted from the first byte.
    pub(crate) at_once: bool,
    /// The answer to the recipient, where it is not `250`.
    pub(crate) refuses: Option<&'static str>,
    /// The answer to a login, where it is not `235`.
    pub(crate) login: Option<&'static str>,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Mail>>>,
}

/// A certificate for `localhost` in PEM, and a server's way to show it.
pub(crate) fn certificate() -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, manner.clone(), Arc::clone(&kept)));
            }
        });
        Server { port, taken }
    }

    pub(crate) fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }
}

/// How a conversation goes on.
enum Then {
    Over,
    Encrypt,
}

async fn answer(stream: TcpStream, manner: Manner, kept: Arc<Mutex<Vec<Mail>>>) {
    let tls = manner.tls.clone();
    if manner.at_once {
        if let Ok(stream) = tls.unwrap().accept(stream).await {
            talk(&mut BufReader::new(stream), &manner, &kept, true, true).await;
        }
        return;
    }
    let mut stream = BufReader::new(stream);
    if matches!(talk(&mut stream, &manner, &kept, false, true).await, Then::Encrypt)
        && let Ok(stream) = tls.unwrap().accept(stream.into_inner()).await
    {
        talk(&mut BufReader::new(stream), &manner, &kept, true, false).await;
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    manner: &Manner,
    kept: &Mutex<Vec<Mail>>,
    encrypted: bool,
    greets: bool,
) -> Then {
    let mut mail = Mail { encrypted, ..Mail::default() };
    if greets {
        stream.write_all(b"220 localhost a stand-in\r\n").await.unwrap();
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return Then::Over;
        }
        let line = line.trim_end();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let said = match word.as_str() {
            "EHLO" => {
                let offers = if manner.tls.is_some() && !encrypted { "250-STARTTLS\r\n" } else { "" };
                format!("250-localhost\r\n{offers}250 AUTH PLAIN LOGIN\r\n")
            }
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await.unwrap();
                return Then::Encrypt;
            }
            "AUTH" => {
                mail.login = line.rsplit(' ').next().map(str::to_owned);
                format!("{}\r\n", manner.login.unwrap_or("235 welcome"))
            }
            "MAIL" => {
                mail.from = between(line);
                "250 ok\r\n".to_owned()
            }
            "RCPT" => {
                mail.to.push(between(line));
                format!("{}\r\n", manner.refuses.unwrap_or("250 ok"))
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    if line == ".\r\n" {
                        break;
                    }
                    mail.data.push_str(&line);
                }
                kept.lock().unwrap().push(mail.clone());
                "250 taken\r\n".to_owned()
            }
            "QUIT" => return Then::Over,
            _ => "500 what?\r\n".to_owned(),
        };
        if stream.write_all(said.as_bytes()).await.is_err() {
            return Then::Over;
        }
    }
}

fn between(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
