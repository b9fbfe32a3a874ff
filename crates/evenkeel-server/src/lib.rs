//! Evenkeel over HTTP: webhooks, API, events, metrics.
//!
//! [`serve`] gives the same routes on a TCP address (http or https) and on a Unix socket. `routes.rs` is the one list of
//! what there is and who may ask for it; `caller.rs` decides who asks. It sees a running controller through
//! [`Handle`](evenkeel_engine::controller::Handle) and decides nothing by itself. [`client`] is the other end.

mod api;
mod app;
mod body;
mod caller;
pub mod client;
mod listen;
mod params;
mod patience;
mod problem;
mod rate;
mod routes;
mod serve;
mod settings;
mod tls;
mod webhook;

pub use listen::{Inherited, ListenError, Listeners};
pub use routes::{Access, RouteEntry, routes};
pub use serve::serve;
pub use settings::{Bounds, Settings, SettingsError};
