//! The port through which everything reaches a target, and the ways in which that fails.
//!
//! Only the signature lives here; the implementations, and all I/O, are in `evenkeel-transport`.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::request::{Reply, Request, Transfer};
use crate::target::Target;

/// A boxed future, so that `dyn Transport` works.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Reaches targets. One implementation per protocol, and wrappers that record and replay.
pub trait Transport: Send + Sync {
    /// Sends `requests` to `target` in this order, as one exchange where the protocol allows, over a connection
    /// that is kept for the next round. Answers come in the order of the requests and are as many.
    ///
    /// A connection that fails midway gives answers to what was completed and the failure for the rest.
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>>;

    /// Gives up the connections to `target` that are kept: the next exchange makes a new one, and so tells whether that
    /// still can be had.
    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        let _ = target;
        Box::pin(std::future::ready(()))
    }

    /// Carries out one request that may take long, once, as [`Transport::exchange`] does. `watch` hears how far it is. Where
    /// it says stop, what can be ended on the target is ended there, and [`TransportErrorKind::Stopped`] is the answer; what
    /// cannot be ended is waited for.
    fn work<'a>(
        &'a self,
        target: &'a Target,
        request: &'a Request,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        let _ = watch;
        Box::pin(async move {
            let answer = self.exchange(target, std::slice::from_ref(request)).await.pop();
            answer.unwrap_or_else(|| {
                let message = format!("{}: no reply to the request", target.name);
                Err(TransportError::new(TransportErrorKind::Protocol, message))
            })
        })
    }

    /// Ends what is kept on targets beyond a connection, such as a session: nothing is sent to them afterwards. It takes a few
    /// seconds at most, and what fails of it is left to end by itself.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Moves bytes `from` one target `to` another, or within one; see [`Transfer`] for what is promised. Where the
    /// future is dropped or `watch` says stop, the goal has nothing under its final name.
    fn transfer<'a>(
        &'a self,
        from: &'a Target,
        to: &'a Target,
        transfer: &'a Transfer,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        let _ = (transfer, watch);
        let message = format!("nothing can be moved from {} to {}", from.name, to.name);
        let error = TransportError::new(TransportErrorKind::Configuration, message);
        Box::pin(std::future::ready(Err(error)))
    }
}

/// Who watches a transfer, or another request that may take long.
pub trait Watch: Send + Sync {
    /// So many hundredths of it are done, of what is no transfer. Called often; must not block.
    fn advanced(&self, percent: u8) {
        let _ = percent;
    }

    /// So many bytes were moved so far, of so many where that is known. Called often; must not block.
    fn moved(&self, bytes: u64, of: Option<u64>);

    /// True once it shall end before its time. Asked at least once a second.
    fn is_stopped(&self) -> bool;
}

/// Why a request has no reply.
///
/// Clones freely: one failed connection answers every request of its round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct TransportError {
    /// What kind of failure it is.
    pub kind: TransportErrorKind,
    /// One sentence: what failed, and on what.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The kinds of transport failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransportErrorKind {
    /// The name does not resolve, the connection is refused, or nothing answers.
    Unreachable,
    /// A deadline passed: while connecting, or while a command ran.
    Timeout,
    /// The connection ended before the reply was complete. A write may or may not have happened.
    ConnectionLost,
    /// No key, agent or password was accepted.
    AuthenticationFailed,
    /// The host's key is in no `known_hosts` file.
    HostKeyUnknown,
    /// The host's key is not the one in `known_hosts`, or is revoked there.
    HostKeyChanged,
    /// No common algorithm: an old host that needs `legacyAlgorithms: true`.
    NoCommonAlgorithm,
    /// `sudo` or `doas` wants a password that was not given, or refuses this user or command.
    BecomeFailed,
    /// A credential is missing, unreadable or badly protected.
    Credentials,
    /// The reply is larger than the limit.
    OutputTooLarge,
    /// The answer is not what the protocol promises.
    Protocol,
    /// The target's settings do not work: a bad file, an unknown `become`, no such transport.
    Configuration,
    /// A replayed recording has no answer to this request.
    NotRecorded,
    /// The login runs no shell of the kind that is needed: it is no machine of this kind.
    NoShell,
    /// It was ended before its time because somebody asked for that.
    Stopped,
}

impl TransportErrorKind {
    /// One word for scripts.
    pub fn word(self) -> &'static str {
        match self {
            TransportErrorKind::Unreachable => "Unreachable",
            TransportErrorKind::Timeout => "Timeout",
            TransportErrorKind::ConnectionLost => "ConnectionLost",
            TransportErrorKind::AuthenticationFailed => "AuthenticationFailed",
            TransportErrorKind::HostKeyUnknown => "HostKeyUnknown",
            TransportErrorKind::HostKeyChanged => "HostKeyChanged",
            TransportErrorKind::NoCommonAlgorithm => "NoCommonAlgorithm",
            TransportErrorKind::BecomeFailed => "BecomeFailed",
            TransportErrorKind::Credentials => "Credentials",
            TransportErrorKind::OutputTooLarge => "OutputTooLarge",
            TransportErrorKind::Protocol => "Protocol",
            TransportErrorKind::Configuration => "Configuration",
            TransportErrorKind::NotRecorded => "NotRecorded",
            TransportErrorKind::NoShell => "NoShell",
            TransportErrorKind::Stopped => "Stopped",
        }
    }

    /// True where the trouble is with the target, not with one command.
    pub fn loses_target(self) -> bool {
        !matches!(
            self,
            TransportErrorKind::OutputTooLarge
                | TransportErrorKind::Protocol
                | TransportErrorKind::NotRecorded
                | TransportErrorKind::NoShell
                | TransportErrorKind::Stopped
        )
    }
}

impl TransportError {
    /// An error without a hint.
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        TransportError { kind, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// True where the same request may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            TransportErrorKind::Unreachable
            | TransportErrorKind::Timeout
            | TransportErrorKind::ConnectionLost
            | TransportErrorKind::Stopped => true,
            TransportErrorKind::AuthenticationFailed
            | TransportErrorKind::HostKeyUnknown
            | TransportErrorKind::HostKeyChanged
            | TransportErrorKind::NoCommonAlgorithm
            | TransportErrorKind::BecomeFailed
            | TransportErrorKind::Credentials
            | TransportErrorKind::OutputTooLarge
            | TransportErrorKind::Protocol
            | TransportErrorKind::Configuration
            | TransportErrorKind::NotRecorded
            | TransportErrorKind::NoShell => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::request::Exec;
    use crate::target::TargetSpec;

    /// Answers as often as it says.
    struct Line(usize, Mutex<Vec<Request>>);

    impl Transport for Line {
        fn exchange<'a>(
            &'a self,
            _: &'a Target,
            requests: &'a [Request],
        ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
            self.1.lock().unwrap().extend_from_slice(requests);
            let reply = Reply { exit: 7, stdout: Vec::new(), stderr: Vec::new() };
            Box::pin(std::future::ready(vec![Ok(reply); self.0]))
        }
    }

    struct Nobody;

    impl Watch for Nobody {
        fn moved(&self, _: u64, _: Option<u64>) {}

        fn is_stopped(&self) -> bool {
            true
        }
    }

    fn ready<T>(mut future: BoxFuture<'_, T>) -> T {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("nothing is waited for here"),
        }
    }

    #[test]
    fn what_has_no_way_of_its_own_is_exchanged_once() {
        let target = Target { name: "a".into(), labels: BTreeMap::new(), spec: TargetSpec::default() };
        let request = Request::Exec(Exec::new(["true"]));
        let line = Line(1, Mutex::default());
        assert_eq!(ready(line.work(&target, &request, &Nobody)).unwrap().exit, 7);
        ready(line.close());
        assert_eq!(*line.1.lock().unwrap(), std::slice::from_ref(&request));
        let silent = ready(Line(0, Mutex::default()).work(&target, &request, &Nobody)).unwrap_err();
        assert_eq!(
            (silent.kind, silent.message.as_str()),
            (TransportErrorKind::Protocol, "a: no reply to the request")
        );
    }
}
