//! The transport to vSphere against govmomi's simulator: alone (`-bare`), and with what tests/vcsim adds to it, behind a
//! proxy that loses, delays and changes what it passes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod real_vcsim_transport {
    mod answers;
    mod calls;
    mod cost;
    mod losses;
    mod losses_of_calls;
    mod reading;
    mod sessions;
    mod tasks;
    mod way;
}
