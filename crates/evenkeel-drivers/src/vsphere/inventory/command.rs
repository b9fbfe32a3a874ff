//! An ESXi host that is asked by commands: which release it is. `vmware -v` is there from 3.5 on.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Request};

use super::{Host, Inventory, Server, Software, Told};
use crate::vsphere::releases::Product;

/// Messages quote at most so many characters of what a command prints.
const LONGEST: usize = 200;

pub(super) fn version() -> Query {
    Query::reading(Request::Exec(Exec::new(["vmware", "-v"])))
}

pub(super) fn inventory(replies: &Replies) -> Result<Inventory, ObserveError> {
    let query = version();
    let command = || query.request().display();
    let reply = replies.get(&query)?;
    if reply.exit != 0 {
        let said = reply.stderr_text().chars().take(LONGEST).collect();
        return Err(ObserveError::Command {
            command: command(),
            exit: reply.exit,
            stderr: said,
            hint: Some("an inventory is read of a vCenter or an ESXi host: is this one?".to_owned()),
        });
    }
    let text = String::from_utf8_lossy(&reply.stdout);
    let server = text.lines().find_map(server).ok_or_else(|| {
        let told: String = text.trim().chars().take(LONGEST).collect();
        ObserveError::Unparsable { command: command(), problem: format!("`{told}` names no release of ESXi") }
    })?;
    let host = Host {
        id: None,
        name: Told::Unset,
        software: Told::Is(server.software.clone()),
        connection: Told::Unset,
        maintenance: Told::Unset,
    };
    Ok(Inventory { server, hosts: vec![host], contents: None })
}

/// `VMware ESXi 7.0.3 build-20036589`; of others, such as VMware Workstation, nothing.
fn server(line: &str) -> Option<Server> {
    let (product, rest) = ["VMware ESXi", "VMware ESX Server", "VMware ESX"]
        .into_iter()
        .find_map(|product| Some((product, line.trim().strip_prefix(product)?.strip_prefix(' ')?)))?;
    let (version, build) = rest.split_once(" build-")?;
    let software = Software::of(Product::Host, version.trim(), build.trim());
    Some(Server { product: product.to_owned(), software })
}
