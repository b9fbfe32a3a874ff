//! Evenkeel's drivers: one folder per backend, no I/O.
