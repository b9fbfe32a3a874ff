//! A simulated Windows Server with Hyper-V: it runs the very command lines and scripts that Evenkeel sends.
//!
//! [`shell`] understands the part of PowerShell that these scripts use, [`cmdlets`] are the cmdlets that they call, over the [`machine`]
//! in memory. It is ours, after Microsoft's documentation; nobody has held it against a real Windows yet.

pub mod cmdlets;
pub mod machine;
pub mod shell;
mod value;

pub use machine::{Model, Port, Release, WindowsHost};
pub use shell::Edition;
pub use value::{ErrorRecord, Object, PS_CUSTOM_OBJECT, Value};
