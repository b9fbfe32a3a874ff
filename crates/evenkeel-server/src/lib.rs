//! Evenkeel over HTTP: webhooks, API, metrics.
