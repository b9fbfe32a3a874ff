//! A stand-in for Vault: it answers as the HTTP API of its key-value store is documented to, over http or https, and
//! writes down what it was asked. It is not Vault.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) struct VaultServer {
    pub(crate) address: String,
    /// Path and token of each request.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

/// What to answer: status and body, by the path and token of a request.
type Answers = fn(&str, &str) -> (u16, String);

impl VaultServer {
    pub(crate) fn start(answers: Answers) -> Self {
        Self::serving("http", answers, |stream, answer| answer(&mut { stream }))
    }

    /// Over https, with a certificate for 127.0.0.1 by an authority of its own, which is written to `folder/ca.pem`.
    pub(crate) fn with_tls(folder: &Path, answers: Answers) -> Self {
        certify(folder);
        let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        Self::serving("https", answers, move |stream, answer| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(&mut rustls::StreamOwned::new(connection, stream));
        })
    }

    fn serving(
        scheme: &str,
        answers: Answers,
        with: impl Fn(TcpStream, &dyn Fn(&mut dyn ReadWrite)) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                with(stream, &|stream| {
                    let _ = answer(stream, answers, &log);
                });
            }
        });
        VaultServer { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

pub(crate) trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

fn answer(
    mut stream: &mut dyn ReadWrite,
    answers: Answers,
    log: &Mutex<Vec<(String, String)>>,
) -> std::io::Result<()> {
    let (mut path, mut token) = (String::new(), String::new());
    let mut reader = BufReader::new(&mut stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            rest.split(' ').next().unwrap_or_default().clone_into(&mut path);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("x-vault-token")
        {
            value.trim().clone_into(&mut token);
        }
    }
    if path.is_empty() {
        return Ok(());
    }
    log.lock().unwrap().push((path.clone(), token.clone()));
    let (status, body) = answers(&path, &token);
    let location = if status == 307 { "Location: http://127.0.0.1:1/elsewhere\r\n" } else { "" };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\n{location}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}

/// Makes an authority (`ca.pem`) and a certificate of it for 127.0.0.1 (`server.pem`, `server.key`).
fn certify(folder: &Path) {
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(folder, &format!("req -x509 {new_key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
    openssl(folder, &format!("req {new_key} -subj /CN=stand-in -keyout server.key -out server.csr"));
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names";
    openssl(folder, &format!("{sign} -out server.pem"));
}

fn openssl(folder: &Path, arguments: &str) {
    let arguments = arguments.split(' ');
    let run = Command::new("openssl").args(arguments).current_dir(folder).stderr(Stdio::piped()).output();
    let run = run.expect("openssl is missing: apt-get install openssl");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
