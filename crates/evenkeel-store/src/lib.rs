//! Evenkeel's memory: runs, status, inventory and history in SQLite.
