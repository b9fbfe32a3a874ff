//! SOAP by hand: a client that knows nothing, to try peers with, and to do what persons and other programs do to a
//! vCenter.

mod line;

use std::io;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{COOKIE, HOST, SET_COOKIE};

pub use line::{Line, fingerprint};

use crate::vcsim::{PASSWORD, USER};

const OPEN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
    xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>";
const CLOSE: &str = "</soapenv:Body></soapenv:Envelope>";

/// An object of the server: its type and its identifier there, `("VirtualMachine", "vm-42")`.
pub type Object = (String, String);

/// A session of a client.
#[derive(Debug)]
pub struct Soap {
    line: Line,
    host: String,
    cookie: Option<String>,
    content: String,
}

/// What a call was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Heard {
    /// The type of the fault that was answered, or that a task says it ended with: `InvalidLogin`.
    pub fn fault(&self) -> Option<&str> {
        let (_, rest) = ["<detail><", "<error><"].iter().find_map(|tag| self.body.split_once(tag))?;
        rest.split_once("type=\"")?.1.split('"').next()
    }

    /// The text of the first element of this name.
    pub fn text(&self, name: &str) -> Option<String> {
        self.texts(name).next()
    }

    /// The texts of all elements of this name that hold nothing but text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = String> {
        let (plain, with) = (format!("<{name}>"), format!("<{name} "));
        self.body.match_indices('<').filter_map(move |(at, _)| {
            let tag = self.body.get(at..)?;
            let text = match tag.strip_prefix(&plain) {
                Some(text) => text,
                None => tag.strip_prefix(&with)?.split_once('>')?.1,
            };
            Some(unescaped(text.split_once('<')?.0))
        })
    }

    /// The object that it returned.
    pub fn object(&self) -> Option<Object> {
        let (_, rest) = self.body.split_once("<returnval")?;
        let (head, rest) = rest.split_once('>')?;
        let kind = head.split_once("type=\"")?.1.split('"').next()?;
        Some((kind.to_owned(), unescaped(rest.split_once('<')?.0)))
    }
}

impl Soap {
    /// A client of the server there that has the certificate with this fingerprint. It is not logged in.
    ///
    /// # Errors
    /// Where the server does not say what it is.
    pub async fn new(address: SocketAddr, fingerprint: &str) -> io::Result<Self> {
        let line = Line::new(address, fingerprint);
        let mut soap = Soap { line, host: address.to_string(), cookie: None, content: String::new() };
        let instance = ("ServiceInstance".to_owned(), "ServiceInstance".to_owned());
        soap.content = soap.call("RetrieveServiceContent", &instance, "").await?.body;
        Ok(soap)
    }

    /// As [`Soap::new`], logged in.
    ///
    /// # Errors
    /// As [`Soap::new`].
    ///
    /// # Panics
    /// Where the server refuses its administrator.
    pub async fn log_in(address: SocketAddr, fingerprint: &str) -> io::Result<Self> {
        let mut soap = Soap::new(address, fingerprint).await?;
        let heard = soap.login(PASSWORD).await?;
        assert_eq!(heard.status, 200, "{heard:?}");
        Ok(soap)
    }

    /// Logs in with this password.
    ///
    /// # Errors
    /// As [`Soap::call`].
    pub async fn login(&mut self, password: &str) -> io::Result<Heard> {
        let who = format!("<userName>{}</userName><password>{}</password>", escaped(USER), escaped(password));
        self.call("Login", &self.of("sessionManager"), &who).await
    }

    /// A part of the server, by its name in the service content: `propertyCollector`.
    ///
    /// # Panics
    /// Where there is no such part.
    pub fn of(&self, part: &str) -> Object {
        let (_, rest) = self.content.split_once(&format!("<{part} type=\"")).expect(part);
        let (kind, rest) = rest.split_once("\">").expect(part);
        (kind.to_owned(), unescaped(rest.split('<').next().unwrap_or_default()))
    }

    /// Calls a method; `arguments` are what follows `_this`, XML.
    ///
    /// # Errors
    /// Where there is no connection, or no answer.
    pub async fn call(&mut self, method: &str, this: &Object, arguments: &str) -> io::Result<Heard> {
        let this = reference("_this", this);
        let body = format!("{OPEN}<{method} xmlns=\"urn:vim25\">{this}{arguments}</{method}>{CLOSE}");
        let request = Request::post("/sdk").header(HOST, self.host.as_str());
        let mut request = request.header("SOAPAction", "\"urn:vim25/6.5\"");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(io::Error::other)?;
        let answer = self.line.send(request).await?;
        if let Some(cookie) = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()) {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        Ok(Heard { status: answer.status().as_u16(), body })
    }

    /// Calls a method that begins a task, and waits for the task; what `info` says of it then.
    ///
    /// # Errors
    /// As [`Soap::call`].
    ///
    /// # Panics
    /// Where it begins no task.
    pub async fn task(&mut self, method: &str, this: &Object, arguments: &str) -> io::Result<Heard> {
        let begun = self.call(method, this, arguments).await?;
        let task = begun.object().unwrap_or_else(|| panic!("{method}: {begun:?}"));
        loop {
            let info = self.retrieve(&task, "info").await?;
            if !matches!(info.text("state").as_deref(), Some("queued" | "running")) {
                return Ok(info);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// One property of an object.
    ///
    /// # Errors
    /// As [`Soap::call`].
    pub async fn retrieve(&mut self, of: &Object, path: &str) -> io::Result<Heard> {
        let what = format!(
            "<specSet><propSet><type>{}</type><pathSet>{path}</pathSet></propSet><objectSet>{}</objectSet></specSet>\
             <options/>",
            of.0,
            reference("obj", of)
        );
        self.call("RetrievePropertiesEx", &self.of("propertyCollector"), &what).await
    }

    /// The names of all objects of a type; at most so many in this answer, where that is said.
    ///
    /// # Errors
    /// As [`Soap::call`].
    pub async fn names(&mut self, kind: &str, at_most: Option<u32>) -> io::Result<Heard> {
        let whole = reference("container", &self.of("rootFolder"));
        let view = format!("{whole}<type>{kind}</type><recursive>true</recursive>");
        let view = self.call("CreateContainerView", &self.of("viewManager"), &view).await?;
        let view = view.object().ok_or(io::ErrorKind::InvalidData)?;
        let most = at_most.map(|most| format!("<maxObjects>{most}</maxObjects>")).unwrap_or_default();
        let what = format!(
            "<specSet><propSet><type>{kind}</type><pathSet>name</pathSet></propSet><objectSet>{}<skip>true</skip>\
             <selectSet xsi:type=\"TraversalSpec\"><type>ContainerView</type><path>view</path><skip>false</skip>\
             </selectSet></objectSet></specSet><options>{most}</options>",
            reference("obj", &view)
        );
        self.call("RetrievePropertiesEx", &self.of("propertyCollector"), &what).await
    }

    /// The first object of a type that has this name.
    ///
    /// # Errors
    /// As [`Soap::call`].
    ///
    /// # Panics
    /// Where there is none.
    pub async fn find(&mut self, kind: &str, name: &str) -> io::Result<Object> {
        let heard = self.names(kind, None).await?;
        let found = heard.texts("obj").zip(heard.texts("val")).find(|(_, known)| known == name);
        let (identifier, _) = found.unwrap_or_else(|| panic!("no {kind} {name}: {}", heard.body));
        Ok((kind.to_owned(), identifier))
    }
}

/// `<vm type="VirtualMachine">vm-42</vm>`
pub fn reference(name: &str, (kind, identifier): &Object) -> String {
    format!("<{name} type=\"{kind}\">{}</{name}>", escaped(identifier))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("&#34;", "\"");
    text.replace("&amp;", "&")
}
