//! The one reconcile path: observe, plan, apply, verify.
//!
//! `plan` and `apply` from a workstation, a git push and the drift loop all come through [`Engine`]. It is
//! generic over [`Transport`](evenkeel_core::transport::Transport) and [`Clock`], and knows no driver and no
//! protocol.

mod apply;
mod blame;
mod brief;
mod clock;
pub mod controller;
mod guard;
mod inventory;
mod journal;
mod observe;
mod perform;
mod progress;
mod prove;
mod reconcile;
mod rollout;
mod run;
mod saved;
mod send;
pub mod source;
mod stop;
pub mod store;
mod verify;

pub use clock::{Clock, SystemClock};
pub use journal::Journal;
pub use perform::Performed;
pub use progress::{Event, Progress, Silent};
pub use reconcile::{Engine, Pruning, Scope};
pub use run::{Outcome, Run, RunSummary, Sent, Verdict};
pub use saved::{InputFile, SavedPlan, SavedPlanError};
pub use stop::Stop;
