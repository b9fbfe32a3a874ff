//! Evenkeel's transports: SSH, local, record and replay.
