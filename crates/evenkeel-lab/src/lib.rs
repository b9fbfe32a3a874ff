//! Simulated targets behind a real SSH server, for tests and the demo.
