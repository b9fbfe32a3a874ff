//! Project checks and code generation.
fn main() {}
