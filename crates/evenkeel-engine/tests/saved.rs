//! Files that are not plans end in one clear message.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use evenkeel_engine::SavedPlan;

#[test]
fn what_is_not_a_plan_is_said_so() {
    for (text, says) in [
        ("", "not a saved plan"),
        ("kind: Target", "not a saved plan"),
        ("{}", "no formatVersion"),
        (r#"{"formatVersion": 99}"#, "format version 99"),
        (r#"{"formatVersion": 1}"#, "missing field"),
    ] {
        let message = SavedPlan::parse(text).unwrap_err().to_string();
        assert!(message.contains(says), "{text:?} gave {message:?}");
    }
}
