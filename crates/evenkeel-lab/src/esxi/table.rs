//! Tables as the host prints them.
