//! Whole manifests in, diagnostics and instances out.
