//! A server of SOAP over HTTPS that does what it is told: answers, refuses, is silent, or cuts the connection.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certificates::provider;

/// A call that arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Which one it is, from 0, over all connections.
    pub(super) nth: usize,
    /// How many of this method came before.
    pub(super) before: usize,
    /// Which connection, from 0.
    pub(super) connection: usize,
    /// `CloneVM_Task`
    pub(super) method: String,
    /// Everything before the body, without a change of case.
    pub(super) head: String,
    pub(super) body: String,
}

impl Asked {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers with this status, these headers and this body.
    Answer(u16, String, String),
    /// Answers so after a while.
    Late(Duration, Box<Act>),
    /// The beginning of an answer, and no more.
    Torn(Box<Act>),
    /// Closes the connection.
    Cut,
    /// Says nothing for ever.
    Silence,
}

/// An answer with this in its body.
pub(super) fn soap(method: &str, inside: &str) -> Act {
    Act::Answer(
        200,
        String::new(),
        envelope(&format!("<{method}Response xmlns=\"urn:vim25\">{inside}</{method}Response>")),
    )
}

/// A fault with these fields.
pub(super) fn fault(kind: &str, words: &str, fields: &str) -> Act {
    let fault = format!(
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{words}</faultstring><detail>\
         <{kind}Fault xmlns=\"urn:vim25\" xsi:type=\"{kind}\">{fields}</{kind}Fault></detail></soapenv:Fault>"
    );
    Act::Answer(500, String::new(), envelope(&fault))
}

/// An answer that is no SOAP.
pub(super) fn page(status: u16, body: &str) -> Act {
    Act::Answer(status, "Content-Type: text/html\r\n".to_owned(), body.to_owned())
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<soapenv:Body>\n{body}\n</soapenv:Body>\n</soapenv:Envelope>"
    )
}

type Script = Arc<dyn Fn(&Asked) -> Option<Act> + Send + Sync>;

/// A certificate that signs itself.
pub(super) struct Own {
    pub(super) pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

pub(super) fn own(name: &str) -> Own {
    let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    Own { pem: own.cert.pem(), der: own.cert.der().clone(), key }
}

impl Own {
    pub(super) fn fingerprint(&self) -> String {
        hex::encode(ring::digest::digest(&ring::digest::SHA256, &self.der))
    }
}

/// A running server. It ends with this.
pub(super) struct Server {
    pub(super) certificate: Own,
    pub(super) port: u16,
    log: Arc<Mutex<Vec<Asked>>>,
    sessions: Sessions,
    task: JoinHandle<()>,
}

/// The cookies of those who are logged in.
type Sessions = Arc<Mutex<BTreeSet<String>>>;

impl Server {
    /// One that does what `script` says, and what a vCenter does where that says nothing.
    pub(super) async fn start(script: impl Fn(&Asked) -> Option<Act> + Send + Sync + 'static) -> Self {
        let certificate = own("127.0.0.1");
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der.clone()], certificate.key.clone_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (log, sessions): (Arc<Mutex<Vec<Asked>>>, Sessions) = Default::default();
        let known = Arc::clone(&sessions);
        let script: Script = Arc::new(move |asked: &Asked| script(asked).or_else(|| usual(asked, &known)));
        let noted = Arc::clone(&log);
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (acceptor, noted, script) = (acceptor.clone(), Arc::clone(&noted), Arc::clone(&script));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    attend(stream, connection, script, noted).await;
                });
            }
        });
        Server { certificate, port, log, sessions, task }
    }

    /// What arrived so far.
    pub(super) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// The methods of what arrived so far.
    pub(super) fn methods(&self) -> Vec<String> {
        self.log().into_iter().map(|asked| asked.method).collect()
    }

    /// How many calls of a method arrived so far.
    pub(super) fn count(&self, method: &str) -> usize {
        self.methods().iter().filter(|known| *known == method).count()
    }

    /// Ends all sessions.
    pub(super) fn expire(&self) {
        self.sessions.lock().unwrap().clear();
    }

    /// The number of those who are logged in.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The user's name and password.
pub(super) const USER: &str = "backup@vsphere.local";
pub(super) const SECRET: &str = "s3cret-<&>-word";

/// What a vCenter does with what has to do with sessions.
fn usual(asked: &Asked, sessions: &Sessions) -> Option<Act> {
    let mut sessions = sessions.lock().unwrap();
    let cookie = asked.header("cookie").unwrap_or_default();
    match asked.method.as_str() {
        "RetrieveServiceContent" => {
            Some(soap("RetrieveServiceContent", &format!("<returnval>{CONTENT}</returnval>")))
        }
        "Login" => {
            let good = asked.body.contains(&format!("<userName>{USER}</userName>"))
                && asked.body.contains("<password>s3cret-&lt;&amp;&gt;-word</password>");
            if !good || sessions.contains(&cookie) {
                return Some(fault(
                    "InvalidLogin",
                    "Cannot complete login due to an incorrect user name or password.",
                    "",
                ));
            }
            let cookie = format!("vmware_soap_session=\"{:04}\"", asked.nth);
            sessions.insert(cookie.clone());
            let head = format!("Set-Cookie: {cookie}; Path=/; HttpOnly; Secure; \r\n");
            match soap("Login", "<returnval><key>k</key></returnval>") {
                Act::Answer(status, _, body) => Some(Act::Answer(status, head, body)),
                other => Some(other),
            }
        }
        _ if !sessions.contains(&cookie) => {
            Some(fault("NotAuthenticated", "The session is not authenticated.", ""))
        }
        "Logout" => {
            sessions.remove(&cookie);
            Some(soap("Logout", ""))
        }
        "CancelTask" => Some(soap("CancelTask", "")),
        _ => None,
    }
}

const CONTENT: &str = "<rootFolder type=\"Folder\">group-d1</rootFolder>\
    <propertyCollector type=\"PropertyCollector\">propertyCollector</propertyCollector>\
    <about><name>VMware vCenter Server</name><version>8.0.2</version><build>22617221</build>\
    <apiType>VirtualCenter</apiType><apiVersion>8.0.2.0</apiVersion></about>\
    <sessionManager type=\"SessionManager\">SessionManager</sessionManager>\
    <taskManager type=\"TaskManager\">TaskManager</taskManager>";

/// Does what the script says to each call of a connection.
async fn attend(
    mut stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    connection: usize,
    script: Script,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    while let Some((head, body)) = request(&mut stream).await {
        let method = body.split_once("<soapenv:Body><").map_or("", |(_, rest)| rest);
        let method = method.split([' ', '>', '/']).next().unwrap_or_default().to_owned();
        let asked = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|known| known.method == method).count();
            let asked = Asked { nth: log.len(), before, connection, method, head, body };
            log.push(asked.clone());
            asked
        };
        let act = script(&asked).unwrap_or_else(|| panic!("not told what to do: {}", asked.body));
        if !perform(&mut stream, act).await {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

/// False where the connection ends with it.
async fn perform(stream: &mut (impl AsyncWrite + Unpin), act: Act) -> bool {
    let bytes = |act: &Act| match act {
        Act::Answer(status, headers, body) => {
            let length = body.len();
            format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
                .into_bytes()
        }
        other => panic!("no answer: {other:?}"),
    };
    match act {
        Act::Answer(..) => say(stream, &bytes(&act)).await,
        Act::Late(time, act) => {
            tokio::time::sleep(time).await;
            say(stream, &bytes(act.as_ref())).await
        }
        Act::Torn(act) => {
            let bytes = bytes(act.as_ref());
            let _ = say(stream, &bytes[..bytes.len() - 20]).await;
            false
        }
        Act::Cut => false,
        Act::Silence => std::future::pending().await,
    }
}

/// Writes all of it, to the last byte: some of a long answer stays with TLS until it is told to go.
async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// The next call of a connection: head, body.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8(read).unwrap();
    let (_, length) =
        head.to_lowercase().split_once("content-length: ").map(|(a, b)| (a.len(), b.to_owned()))?;
    let length: usize = length.split("\r\n").next()?.parse().unwrap();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, String::from_utf8(body).unwrap()))
}
