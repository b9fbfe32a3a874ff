//! Evenkeel's reconcile path: observe, plan, apply, verify.
