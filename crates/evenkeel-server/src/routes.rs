//! The one list of what there is, and who may ask for it.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use evenkeel_core::config::Role;

use crate::api::{act, decide, health, metrics, openapi, read, stream};
use crate::app::App;
use crate::problem::Problem;
use crate::{caller, webhook};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Tokens with this role or a higher one.
    Role(Role),
}

/// One line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteEntry {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with `{…}` for the parts that vary.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
}

const VIEWER: Access = Access::Role(Role::Viewer);
const OPERATOR: Access = Access::Role(Role::Operator);
const ADMIN: Access = Access::Role(Role::Admin);

type Make = fn() -> MethodRouter<Arc<App>>;

const LIST: &[(&str, &str, Access, Make)] = &[
    ("GET", "/healthz", Access::Open, || get(health::live)),
    ("GET", "/readyz", Access::Open, || get(health::ready)),
    ("GET", "/metrics", VIEWER, || get(metrics::metrics)),
    ("POST", "/webhooks/{name}", Access::Open, || post(webhook::receive)),
    ("GET", "/api/v1/openapi.json", VIEWER, || get(openapi::document)),
    ("GET", "/api/v1/sources", VIEWER, || get(read::sources)),
    ("GET", "/api/v1/resources", VIEWER, || get(read::resources)),
    ("GET", "/api/v1/runs", VIEWER, || get(read::runs)),
    ("GET", "/api/v1/runs/{id}", VIEWER, || get(read::run)),
    ("GET", "/api/v1/inventory", VIEWER, || get(read::inventory)),
    ("GET", "/api/v1/events", VIEWER, || get(read::events)),
    ("GET", "/api/v1/events/stream", VIEWER, || get(stream::events)),
    ("GET", "/api/v1/observations", VIEWER, || get(read::observations)),
    ("GET", "/api/v1/audit", VIEWER, || get(read::audit)),
    ("GET", "/api/v1/approvals", VIEWER, || get(decide::approvals)),
    ("POST", "/api/v1/approvals/{plan}/approve", ADMIN, || post(decide::approve)),
    ("POST", "/api/v1/approvals/{plan}/reject", ADMIN, || post(decide::reject)),
    ("POST", "/api/v1/notify", OPERATOR, || post(act::notify)),
    ("POST", "/api/v1/reconcile", OPERATOR, || post(act::reconcile)),
    ("POST", "/api/v1/sources/{name}/accept", ADMIN, || post(act::accept)),
];

/// What there is, and who may ask for it.
pub fn routes() -> impl Iterator<Item = RouteEntry> {
    LIST.iter().map(|(method, path, access, _)| RouteEntry { method, path, access: *access })
}

/// Who may ask for this; `None` where the path does not take the method.
pub(crate) fn access(method: &Method, path: &str) -> Option<Access> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    routes().find(|r| r.method == method && r.path == path).map(|r| r.access)
}

/// The methods that a path takes, for people and for the header `Allow`.
pub(crate) fn methods(path: &str) -> String {
    let all: Vec<_> = routes().filter(|r| r.path == path).map(|r| r.method).collect();
    all.join(", ")
}

/// All routes, behind the guard.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for (_, path, _, make) in LIST {
        router = router.route(path, make());
    }
    router
        .route_layer(from_fn_with_state(Arc::clone(app), caller::guard))
        .fallback(|| async {
            Problem::not_found("there is nothing at this address")
                .hint("/api/v1/openapi.json lists what there is")
        })
        .layer(from_fn_with_state(Arc::clone(app), caller::frame))
        .with_state(Arc::clone(app))
}
