//! The server over real sockets: doors, roles, webhooks, events, bounds, and the client at the other end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "http/bounds.rs"]
mod bounds;
#[path = "http/client.rs"]
mod client;
#[path = "http/description.rs"]
mod description;
#[path = "http/documentation.rs"]
mod documentation;
#[path = "http/doors.rs"]
mod doors;
#[path = "http/events.rs"]
mod events;
#[path = "http/fake.rs"]
mod fake;
#[path = "http/reading.rs"]
mod reading;
#[path = "http/roles.rs"]
mod roles;
#[path = "http/running.rs"]
mod running;
#[path = "http/webhooks.rs"]
mod webhooks;
