//! Cmdlets to come.

use super::Cmdlet;

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[];
