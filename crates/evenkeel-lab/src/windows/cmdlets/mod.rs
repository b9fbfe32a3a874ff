//! The cmdlets of a simulated Windows Server.
