//! The routes below `/api/v1`, health and metrics.

pub(crate) mod act;
pub(crate) mod decide;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod read;
pub(crate) mod stream;
