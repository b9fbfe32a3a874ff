//! A web server in front of the real `git http-backend`, with the faults that a test wants.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What a request was: method, path with query, and headers in lower case.
#[derive(Debug, Clone)]
pub struct Asked {
    pub line: String,
    pub headers: HashMap<String, String>,
}

/// How the server answers.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The value of `Authorization` that it wants.
    pub authorization: Option<String>,
    /// Where requests for `/moved/…` are sent.
    pub moved_to: Option<String>,
    /// What everything is answered with.
    pub answer: Option<String>,
}

/// It takes requests for as long as the process lives.
pub struct HttpServer {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl HttpServer {
    /// Serves the repositories below `root`.
    pub fn start(root: PathBuf, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, manner, log) = (root.clone(), manner.clone(), Arc::clone(&log));
                // A client may go away in the middle.
                std::thread::spawn(move || serve(stream, &root, &manner, &log));
            }
        });
        HttpServer { port, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, root: &std::path::Path, manner: &Manner, log: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    log.lock().unwrap().push(Asked { line: line.trim().to_owned(), headers: headers.clone() });
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let answer = if let Some(answer) = &manner.answer {
        format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
    } else if manner.authorization.is_some() && manner.authorization.as_ref() != headers.get("authorization")
    {
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .to_vec()
    } else if let (Some(rest), Some(to)) = (target.strip_prefix("/moved/"), &manner.moved_to) {
        format!(
            "HTTP/1.1 301 Moved\r\nLocation: {to}{rest}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .into_bytes()
    } else {
        backend(root, method, path, query, &headers, &body)
    };
    writer.write_all(&answer).ok()
}

fn backend(
    root: &std::path::Path,
    method: &str,
    path: &str,
    query: &str,
    headers: &HashMap<String, String>,
    body: &[u8],
) -> Vec<u8> {
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*");
    if let Some(kind) = headers.get("content-type") {
        command.env("CONTENT_TYPE", kind);
    }
    command.env("CONTENT_LENGTH", body.len().to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.stderr(Stdio::null()).spawn().expect("git is missing: apt-get install git");
    process.stdin.take().unwrap().write_all(body).unwrap();
    let output = process.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the headers");
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let rest = &output[end + 4..];
    let mut answer = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        answer.extend_from_slice(format!("{line}\r\n").as_bytes());
    }
    answer
        .extend_from_slice(format!("Content-Length: {}\r\nConnection: close\r\n\r\n", rest.len()).as_bytes());
    answer.extend_from_slice(rest);
    answer
}
