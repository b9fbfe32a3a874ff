//! Ten nights of the six virtual machines of the seed's ESXi host, cloned through the real transport from a vCenter that is
//! govmomi's simulator, and seen by pyvmomi: with nothing in the way, with the controller killed at every step once, in the
//! middle of tasks, and under faults of every kind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod vm_clones {
    mod by_hand;
    mod catalog;
    mod cli;
    mod faults;
    mod hands;
    mod killed;
    mod nights;
    mod points;
    mod rig;
    mod tasks;
}
