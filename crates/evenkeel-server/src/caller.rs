//! Who asks, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use evenkeel_core::config::Role;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::problem::Problem;
use crate::rate::network;
use crate::routes::{self, Access};

/// The door that a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The Unix socket. Who can open it may do everything: the file's mode lets its owner only.
    Socket {
        /// The user at the other end.
        uid: Option<u32>,
    },
    /// TCP.
    Network {
        /// The address at the other end.
        peer: IpAddr,
    },
}

impl Door {
    /// Who it is, for the log.
    pub(crate) fn name(self) -> String {
        self.address().map_or_else(|| "the socket".to_owned(), |address| address.to_string())
    }

    /// The address, for counting.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Door::Socket { .. } => None,
            Door::Network { peer } => Some(network(peer)),
        }
    }
}

/// Who asks, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The token's name, or the user at the socket.
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// Lets a request through to its route, or not. Puts an `Option<Caller>` into it.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(access) = routes::access(request.method(), path.as_str()) else {
        return Problem::method(&routes::methods(path.as_str())).into_response();
    };
    let door = request.extensions().get::<Door>().copied();
    match admit(&app, access, door, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The bound on the time of an answer, and the headers that all answers have.
pub(crate) async fn frame(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let within = app.settings.bounds.answer;
    let mut response = match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("there was no answer within {} seconds", within.as_secs()),
        )
        .into_response(),
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = as_problem(response);
    }
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What axum refuses by itself says why in plain text: a part of the path that is no UTF-8.
fn as_problem(response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| !kind.starts_with(b"text/plain")) {
        return response;
    }
    Problem::new(response.status(), "the request cannot be read").hint("check its address").into_response()
}

fn admit(
    app: &App,
    access: Access,
    door: Option<Door>,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Problem> {
    let peer = match door {
        Some(Door::Socket { uid }) => {
            let name = uid.map_or_else(|| "local user".to_owned(), |uid| format!("local user {uid}"));
            return Ok(Some(Caller { name, role: Role::Admin }));
        }
        Some(door @ Door::Network { .. }) => door.address(),
        None => None,
    };
    match access {
        Access::Open => Ok(None),
        Access::Role(wanted) => {
            let caller = authenticated(app, peer, headers)?;
            if caller.role < wanted {
                let role = word(wanted);
                let detail = format!("the token \"{}\" has the role {}", caller.name, word(caller.role));
                let hint = format!("this wants a token with the role {role}");
                return Err(Problem::new(StatusCode::FORBIDDEN, detail).hint(hint));
            }
            Ok(Some(caller))
        }
    }
}

/// Who asks at an address that is open to anybody, where a right token says so. A wrong one counts as anywhere else:
/// answers that differ tell who guesses whether it was right.
pub(crate) fn recognized(app: &App, door: Door, headers: &HeaderMap) -> Option<Caller> {
    headers.get(AUTHORIZATION)?;
    authenticated(app, door.address(), headers).ok()
}

fn authenticated(app: &App, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<Caller, Problem> {
    if app.settings.tokens.is_empty() {
        return Err(Problem::unauthorized("there are no tokens, so the API is closed here")
            .hint("add `tokens` to the Controller's configuration, or use the control socket"));
    }
    let token = bearer(headers)?;
    let now = Instant::now();
    let limit = |wait| Problem::too_often("too many wrong tokens came from this address", wait);
    if let Some(peer) = peer {
        // Also a right token has to wait: otherwise guessing would not be slowed down at all.
        app.wrong_tokens.check(peer, now).map_err(limit)?;
    }
    if let Some(caller) = known(app, token) {
        return Ok(caller);
    }
    if let Some(peer) = peer {
        app.wrong_tokens.take(peer, now).map_err(limit)?;
    }
    Err(Problem::unauthorized("the token is not known here")
        .hint("it may have been replaced: look at `tokens` in the Controller's configuration"))
}

/// The one token of a request.
fn bearer(headers: &HeaderMap) -> Result<&[u8], Problem> {
    let hint = "send the header `Authorization: Bearer TOKEN`";
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (value, another) = (all.next(), all.next());
    let value = value.ok_or_else(|| Problem::unauthorized("a token is wanted").hint(hint))?;
    let split = value.as_bytes().split_at_checked(7).filter(|_| another.is_none());
    match split {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Ok(token.trim_ascii()),
        _ => Err(Problem::unauthorized("the header Authorization is not one bearer token").hint(hint)),
    }
}

/// Whose token it is. All are compared, and their hashes only, so that time tells nothing.
fn known(app: &App, token: &[u8]) -> Option<Caller> {
    let hash: [u8; 32] = Sha256::digest(token).into();
    let mut found = None;
    for candidate in &app.settings.tokens {
        if bool::from(candidate.hash.ct_eq(&hash)) {
            found = Some(Caller { name: candidate.name.clone(), role: candidate.role });
        }
    }
    found
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}
