//! Container templates on a real Incus, from manifests to instances that are started from what was built.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod real_incus {
    mod build;
    mod killed;
    mod peer;
    mod refreshed;
    mod rig;
    mod versions;
    mod ways;
}
