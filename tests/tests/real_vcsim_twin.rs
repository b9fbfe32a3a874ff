//! The lab's vCenter and govmomi's simulator behind the real transport are asked the same, and say the same: what is tested
//! with the one holds for the other. Ids, times and servers' own words are their own; what the simulator lacks
//! (tests/vcsim/main.go) is not asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod real_vcsim_twin {
    mod alike;
    mod sides;
}
