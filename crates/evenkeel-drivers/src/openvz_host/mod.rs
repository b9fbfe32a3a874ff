//! `OpenvzHost`: what containers on an OpenVZ host stumble on: its `vz.conf`, the limits of single containers, and the files
//! that say which distribution a template is of.
//!
//! All of it is lines `KEY="value"` in files that people edit, too, and links. A value is changed in its line; what cannot be
//! understood is never written over. All resources of a host are answered by one reading.

mod check;
mod host;
mod inventory;
pub(crate) mod keys;
pub(crate) mod limits;
mod report;
mod scan;
mod scripts;
mod shell_file;
mod spec;
mod state;
mod steps;

use evenkeel_core::driver::{Delta, Driver, Finding, Found, Marked, ObserveError, Observed, Report, Step};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;

pub use host::cksum;
pub use scripts::{EDIT, READ};
pub use shell_file::{LineEdit, Odd, ShellFile};
pub use spec::{OpenvzHostSpec, Setting};
pub use state::OpenvzHostState;

use host::Host;

/// There is one on each host.
const OBJECT: &str = "openvz";

/// The driver of the kind `OpenvzHost`.
#[derive(Debug, Clone, Copy)]
pub struct OpenvzHost;

impl Driver for OpenvzHost {
    const KIND: &'static str = "OpenvzHost";

    type Spec = OpenvzHostSpec;
    type State = OpenvzHostState;

    fn check(&self, spec: &OpenvzHostSpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, _: &OpenvzHostSpec) -> String {
        OBJECT.to_owned()
    }

    fn queries(&self, spec: &OpenvzHostSpec, _: &Replies) -> Vec<Query> {
        vec![host::query(spec)]
    }

    fn observe(
        &self,
        spec: &OpenvzHostSpec,
        replies: &Replies,
    ) -> Result<Observed<OpenvzHostState>, ObserveError> {
        let host = Host::seen(spec, replies)?;
        Ok(Observed::Present(OpenvzHostState::of(&host, spec)?))
    }

    fn desired(
        &self,
        spec: &OpenvzHostSpec,
        _: Option<&OpenvzHostState>,
        _: Timestamp,
    ) -> Option<OpenvzHostState> {
        Some(OpenvzHostState::wanted(spec))
    }

    fn steps(&self, spec: &OpenvzHostSpec, delta: &Delta<'_, OpenvzHostState>) -> Vec<Step> {
        Host::seen(spec, delta.replies).map_or_else(|_| Vec::new(), |host| steps::steps(&host, delta.changes))
    }

    fn report(&self, spec: &OpenvzHostSpec, seen: Option<&OpenvzHostState>, _: Timestamp) -> Report {
        report::report(spec, seen)
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        inventory::queries()
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        inventory::found(replies)
    }

    /// Settings carry no mark, so nothing is asked.
    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn marked(&self, _: &Replies) -> Result<Vec<Marked>, ObserveError> {
        Ok(Vec::new())
    }
}
