//! The peers of vCenter's tests themselves: the simulator and what we add to it, pyvmomi's view of it, and the proxy
//! that injects faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod real_vcsim_peer {
    mod clones;
    mod proxy;
    mod simulator;
}
