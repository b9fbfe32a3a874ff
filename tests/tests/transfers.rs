//! Requests to stores and transfers over the real transports, against real servers of every kind.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails, and says where"
)]

mod transfers {
    mod every_store;
    mod machines;
    mod rig;
}
