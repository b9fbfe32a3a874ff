//! Hyper-V hosts: switches with embedded teaming, the settings of their NICs, and data center bridging.
//!
//! All kinds look at a host by one script, so that a target is asked once however many resources it has.

mod ground;
mod guard;
mod host;
mod scripts;
mod way;

#[cfg(test)]
mod grammar;
