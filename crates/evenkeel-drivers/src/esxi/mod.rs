//! ESX and ESXi over their own `esxcli`, in the dialects of 4.x and of 5.x to 8.x, or over the vSphere API: path policies and
//! NFS datastores.

mod api;
mod dialect;
mod names;
mod nfs;
mod paths;
mod reply;

pub use names::Names;
pub use nfs::{EsxiNfsDatastore, EsxiNfsDatastoreSpec, EsxiNfsDatastoreState, NfsVersion};
pub use paths::{
    Devices, EsxiPathPolicy, EsxiPathPolicySpec, Exclude, Latency, PathPolicyState, RoundRobin, Rule,
};
