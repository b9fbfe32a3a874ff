//! A proxy between a client and a vCenter that loses, delays and changes what it is told to, call by call.

mod answers;
mod rules;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

pub use rules::{Act, Call, Fault, Moment, Then};
use rules::{Hook, Rules};

use crate::soap::fingerprint;
use crate::vcsim::{Vcsim, settings};

/// A port that is to be closed or opened is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running proxy, which has a certificate of its own. It ends when it is dropped. It runs on a thread of its own,
/// so that a test may block.
pub struct SoapProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    certificate: String,
    fingerprint: String,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nobody can connect, and nobody is connected.
    Closed,
    Stopped,
}

struct Shared {
    /// Where the vCenter is, and the fingerprint of its certificate.
    server: SocketAddr,
    fingerprint: String,
    state: watch::Sender<State>,
    /// What became of the state.
    listening: watch::Sender<bool>,
    rules: Mutex<Rules>,
    hook: Mutex<Option<Hook>>,
    calls: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        locked(&self.rules)
    }

    fn hook(&self) -> MutexGuard<'_, Option<Hook>> {
        locked(&self.hook)
    }

    fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        locked(&self.calls)
    }
}

impl fmt::Debug for SoapProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoapProxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl SoapProxy {
    /// In front of this simulator, on a free port of 127.0.0.1. It passes everything on.
    ///
    /// # Panics
    /// Where there is no free port.
    pub fn start(vcsim: &Vcsim) -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("a key for the certificate");
        let shared = Arc::new(Shared {
            server: vcsim.address(),
            fingerprint: vcsim.fingerprint().to_owned(),
            state: watch::Sender::new(State::Open),
            listening: watch::Sender::new(true),
            rules: Mutex::default(),
            hook: Mutex::default(),
            calls: Mutex::default(),
        });
        let (started, wait) = mpsc::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || run(served, TlsAcceptor::from(Arc::new(config)), &started));
        let address = wait.recv().expect("the proxy's thread").expect("a free port");
        let (certificate, fingerprint) = (own.cert.pem(), fingerprint(own.cert.der()));
        SoapProxy { shared, address, certificate, fingerprint, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://127.0.0.1:PORT/sdk`
    pub fn url(&self) -> String {
        format!("https://{}/sdk", self.address)
    }

    /// Its certificate, PEM, which it signed itself for 127.0.0.1.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The SHA-256 of its certificate: 64 hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The `vsphere` settings of a target that reaches the vCenter through it, as [`Vcsim::spec`].
    pub fn spec(&self, credentials: &str) -> Value {
        settings(self.address, &self.fingerprint, credentials)
    }

    /// From now on, this happens to the `nth` call of a method (from 1; `*`: of any method), once.
    pub fn on(&self, method: &str, nth: usize, act: Act) {
        self.shared.rules().add(method, Some(nth), act);
    }

    /// From now on, this happens to each call of a method (`*`: of any method) to which nothing else does.
    pub fn each(&self, method: &str, act: Act) {
        self.shared.rules().add(method, None, act);
    }

    /// From now on, nothing happens to any call.
    pub fn clear(&self) {
        self.shared.rules().clear();
    }

    /// From now on, this is asked at every call when it has arrived, and when the server has done it. Nothing goes on
    /// while it thinks.
    pub fn hook(&self, hook: impl Fn(&Call, Moment) -> Then + Send + Sync + 'static) {
        *self.shared.hook() = Some(Arc::new(hook));
    }

    /// From now on, nobody is asked.
    pub fn unhook(&self) {
        *self.shared.hook() = None;
    }

    /// From now on, nobody can connect, and those who are connected are no more.
    ///
    /// # Panics
    /// Where it does not come to that.
    pub fn go_down(&self) {
        self.shared.state.send_replace(State::Closed);
        self.await_listening(false);
    }

    /// From now on, clients can connect, on the same port as before.
    ///
    /// # Panics
    /// Where somebody else keeps the port.
    pub fn come_back(&self) {
        self.shared.state.send_replace(State::Open);
        self.await_listening(true);
    }

    fn await_listening(&self, wanted: bool) {
        let deadline = Instant::now() + PATIENCE;
        while *self.shared.listening.borrow() != wanted {
            assert!(Instant::now() < deadline, "the proxy at {} is not listening: {wanted}", self.address);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The methods that were called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.shared.calls().clone()
    }

    /// How often each method was called so far.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for method in self.calls() {
            *counts.entry(method).or_default() += 1;
        }
        counts
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.shared.calls().clear();
    }
}

impl Drop for SoapProxy {
    fn drop(&mut self) {
        self.shared.state.send_replace(State::Stopped);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

fn run(shared: Arc<Shared>, tls: TlsAcceptor, started: &mpsc::Sender<io::Result<SocketAddr>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(error))),
    };
    runtime.block_on(async {
        let bound = async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Ok((listener.local_addr()?, listener))
        };
        match bound.await {
            Ok((address, listener)) => {
                drop(started.send(Ok(address)));
                serve::serve(shared, tls, listener, address).await;
            }
            Err(error) => drop(started.send(Err(error))),
        }
    });
    runtime.shutdown_background();
}
