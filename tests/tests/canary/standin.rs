//! Servers that stand in for a forge and for Vault, and repeat what they are sent wherever they can.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server on a free port. It ends with the test.
pub(crate) struct Standin {
    pub(crate) address: String,
    asked: Arc<AtomicUsize>,
}

impl Standin {
    /// `answer` is given the number of the request and its head, and gives the whole answer.
    pub(crate) fn start(answer: impl Fn(usize, &str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some((mut stream, head)) = head(stream) else { continue };
                // Whoever asked may have gone away.
                let _ = stream.write_all(&answer(counted.load(Ordering::SeqCst), &head));
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Standin { address, asked }
    }

    /// How many requests were answered.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn head(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
    Some((stream, String::from_utf8_lossy(&bytes).into_owned()))
}

/// The value of a header, and what it is in base64.
fn said(head: &str, name: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// The ways in which [`forge`] answers.
pub(crate) const WAYS: usize = 6;

/// A git server that never gives a repository, and each time repeats the login in another place.
pub(crate) fn forge(number: usize, head: &str) -> Vec<u8> {
    let login = said(head, "authorization:").unwrap_or_else(|| "nothing".to_owned());
    let git = "Content-Type: application/x-git-upload-pack-advertisement\r\n";
    let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
    match number % WAYS {
        0 => {
            answer(&format!("401 {login}"), &format!("WWW-Authenticate: Basic realm=\"{login}\"\r\n"), &login)
        }
        1 => answer(&format!("500 {login}"), "", &login),
        2 => answer("302 Found", &format!("Location: http://{}.example/{login}\r\n", login.len()), &login),
        3 => answer("200 OK", git, &packet(&format!("ERR no access for {login}\n"))),
        4 => answer("200 OK", git, &format!("{login} is no packet")),
        _ => answer("200 OK", &format!("Content-Type: {login}\r\n"), &login),
    }
}

/// Vault, which refuses at first.
pub(crate) fn vault(number: usize, head: &str, data: &serde_json::Value) -> Vec<u8> {
    let token = said(head, "x-vault-token:").unwrap_or_default();
    let wrong = serde_json::json!({ "errors": [token] }).to_string();
    match number {
        0 => answer(&format!("500 {token}"), "", &wrong),
        _ => answer("200 OK", "", &serde_json::json!({ "data": { "data": data } }).to_string()),
    }
}
