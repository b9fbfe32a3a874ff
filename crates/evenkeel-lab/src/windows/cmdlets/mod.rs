//! The cmdlets: what each takes and does, file by file.
//!
//! A cmdlet is an entry of its file's `CMDLETS`: its [`Signature`] and a function over the machine and the bound arguments.

mod atc;
mod feature;
mod found;
mod ip;
mod lbfo;
mod nic;
mod offload;
mod properties;
mod qos;
mod rdma;
mod registry;
mod smb;
mod switch;
mod tasks;
#[cfg(test)]
mod tests;
mod vm;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::machine::WindowsHost;
use super::shell::{Arguments, Parameter, Signature, Takes};
use super::value::{ErrorRecord, Value};

/// What a cmdlet gives.
pub(super) type Given = Result<Vec<Value>, ErrorRecord>;

/// A cmdlet.
#[derive(Debug)]
pub(super) struct Cmdlet {
    pub(super) signature: Signature,
    /// What must be installed for it to be there.
    pub(super) needs: Needs,
    pub(super) run: fn(&mut WindowsHost, &Arguments) -> Given,
}

/// What must be installed for a cmdlet to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    HyperV,
    Dcb,
    NetworkAtc,
    /// A team of the old kind.
    Lbfo,
}

impl Cmdlet {
    /// A cmdlet that is always there.
    const fn new(
        cmdlet: &'static str,
        parameters: &'static [Parameter],
        run: fn(&mut WindowsHost, &Arguments) -> Given,
    ) -> Self {
        Cmdlet { signature: Signature { cmdlet, parameters }, needs: Needs::Nothing, run }
    }

    /// It comes with a role or a feature.
    const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }
}

/// A parameter that is said by name only.
const fn named(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: None, pipeline: false }
}

/// A parameter that may be said without its name, at this place.
const fn at(position: usize, name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, position: Some(position), pipeline: false }
}

/// A parameter that takes what comes down the pipeline.
const fn piped(name: &'static str) -> Parameter {
    Parameter { name, takes: Takes::Any, position: None, pipeline: true }
}

/// Every cmdlet, by its name in lower case.
static ALL: LazyLock<HashMap<String, &'static Cmdlet>> = LazyLock::new(|| {
    let files = [
        atc::CMDLETS,
        feature::CMDLETS,
        ip::CMDLETS,
        lbfo::CMDLETS,
        nic::CMDLETS,
        offload::CMDLETS,
        properties::CMDLETS,
        qos::CMDLETS,
        rdma::CMDLETS,
        registry::CMDLETS,
        smb::CMDLETS,
        switch::CMDLETS,
        tasks::CMDLETS,
        vm::CMDLETS,
    ];
    files.into_iter().flatten().map(|cmdlet| (cmdlet.signature.cmdlet.to_lowercase(), cmdlet)).collect()
});

/// The cmdlet of this name, installed or not.
pub(super) fn find(cmdlet: &str) -> Option<&'static Cmdlet> {
    ALL.get(&cmdlet.to_lowercase()).copied()
}
