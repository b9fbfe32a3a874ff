//! HTTP as the object stores and WebDAV need it: a client that trusts who it is told to, and what its failures mean.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use reqwest::{Client, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::{StoreError, Stored};

/// A server that is silent for this long is given up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What takes a server long takes no longer than so many times its patience.
pub(crate) const LONG: u32 = 10;

/// Connecting takes no longer than this.
const CONNECTING: Duration = Duration::from_secs(15);

/// The slowest line that a piece may go over: it is given the time for that, in bytes per second.
const SLOWEST: usize = 16 << 10;

/// A client for the server at `url`: it trusts the authorities in `ca_file`, else those of the system, and follows no
/// redirects, since the credential would go along.
pub(crate) fn client(url: &Url, ca_file: Option<&str>) -> Stored<Client> {
    let wrong = |why: String| configuration(format!("cannot speak HTTPS: {why}"), None);
    // Named here, so that nothing global is installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?
        .with_root_certificates(authorities(url, ca_file)?)
        .with_no_client_auth();
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("evenkeel/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECTING)
        .tcp_user_timeout(PATIENCE)
        .redirect(redirect::Policy::none());
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| wrong(cause(&e)))
}

fn authorities(url: &Url, ca_file: Option<&str>) -> Stored<RootCertStore> {
    let mut store = RootCertStore::empty();
    let Some(path) = ca_file else {
        if url.scheme() == "http" {
            return Ok(store);
        }
        // Read again each time: the system's are renewed while we run.
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        return Ok(store);
    };
    let wrong = |why: String| {
        let hint = "it must be in PEM form (-----BEGIN CERTIFICATE-----)";
        configuration(format!("the `caFile` {path} {why}"), Some(hint))
    };
    let pem = std::fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added =
            certificate.map_err(|e| e.to_string()).and_then(|c| store.add(c).map_err(|e| e.to_string()));
        added.map_err(|why| wrong(format!("has a certificate that cannot be read: {why}")))?;
    }
    if store.is_empty() { Err(wrong("has no certificate".to_owned())) } else { Ok(store) }
}

/// The address of a server: `https`, or `http` in so many letters; without a login in it, which would be shown.
pub(crate) fn address(field: &str, text: &str) -> Stored<Url> {
    // The text is not shown: it may hold what should not be in it.
    let wrong = |why: &str| configuration(format!("`{field}` {why}"), Some("write `https://HOST/`"));
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither https nor http"));
    }
    if !url.has_host() {
        return Err(wrong("has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has a user name or password in it, which belongs into a credential"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a `?` or `#` in it"));
    }
    Ok(url)
}

/// True where others can read what is sent: plain HTTP to another machine.
pub(crate) fn is_open(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// How long a request with so many bytes of content may take until its answer begins.
pub(crate) fn allowance(patience: Duration, bytes: usize) -> Duration {
    patience + Duration::from_secs((bytes / SLOWEST) as u64)
}

/// The settings do not work.
pub(crate) fn configuration(message: impl Into<String>, hint: Option<&str>) -> StoreError {
    let error = TransportError::new(TransportErrorKind::Configuration, message);
    StoreError::Failed(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// There is no answer, or one that nobody understands.
pub(crate) fn failed(kind: TransportErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::Failed(TransportError::new(kind, message))
}

/// A server that `who` names was silent for too long.
pub(crate) fn silent(who: &str, patience: Duration) -> StoreError {
    let message = format!("{who} was silent for {} s and was given up", patience.as_secs_f32());
    failed(TransportErrorKind::Timeout, message)
}

/// What it means that a request to `who` has no answer.
pub(crate) fn unanswered(who: &str, error: &reqwest::Error) -> StoreError {
    let cause = cause(error);
    if error.is_connect() {
        return unreachable(who, &cause);
    }
    if error.is_timeout() {
        return failed(TransportErrorKind::Timeout, format!("{who} does not answer: {cause}"));
    }
    failed(TransportErrorKind::ConnectionLost, format!("the connection to {who} broke: {cause}"))
}

/// There is no connection to `who`.
pub(crate) fn unreachable(who: &str, cause: &str) -> StoreError {
    let error = TransportError::new(TransportErrorKind::Unreachable, format!("cannot reach {who}: {cause}"));
    StoreError::Failed(if cause.contains("certificate") {
        error.hint("for a certificate of your own authority, give `caFile`")
    } else {
        error
    })
}

/// The innermost cause, which says most; without the URL, which may have a token in it.
pub(crate) fn cause(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_http_and_has_no_login_in_it() {
        for good in ["https://s3.example.org", "http://127.0.0.1:9000/x/", "https://[::1]:1/"] {
            assert!(address("endpoint", good).is_ok(), "{good}");
        }
        for bad in ["", "s3.example.org", "ftp://a/", "https://u:hunter2@a/", "https://a/?sig=hunter2"] {
            let error = address("endpoint", bad).expect_err(bad).to_string();
            assert!(error.contains("endpoint") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn plain_http_to_another_machine_is_open() {
        let open = |text: &str| is_open(&Url::parse(text).unwrap());
        assert!(open("http://nas/") && open("http://10.0.0.1:9000/") && open("http://127.example.org/"));
        assert!(!open("https://nas/") && !open("http://127.0.0.1/") && !open("http://[::1]/"));
        assert!(!open("http://localhost:8080/"));
    }

    #[test]
    fn a_bad_authority_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let url = Url::parse("https://a/").unwrap();
        for content in
            ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            std::fs::write(&file, content).unwrap();
            let error = client(&url, file.to_str()).unwrap_err().to_string();
            assert!(error.contains("ca.pem"), "{error}");
        }
        assert!(client(&url, Some("/nowhere/ca.pem")).unwrap_err().to_string().contains("cannot be read"));
        assert!(client(&url, None).is_ok());
    }
}
