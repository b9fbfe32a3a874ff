//! What the hosts of the fleet are asked, and what they print.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::plan::Instance;
use evenkeel_core::request::{Arg, Exec, Query, Replies, Reply, Request, join_queries};

/// Which datasets have another `atime` than the manifests say.
#[derive(Debug, Clone, Copy)]
pub enum Drift {
    /// None: nothing to do.
    None,
    /// Every tenth.
    Tenth,
    /// All.
    All,
}

impl Drift {
    fn has(self, dataset: &str) -> bool {
        match self {
            Drift::None => false,
            Drift::Tenth => dataset.ends_with('7'),
            Drift::All => true,
        }
    }
}

/// What the instances of each target want to be read, joined: the first round, which is the only one here.
pub fn ask(instances: &[Instance]) -> BTreeMap<String, Vec<Request>> {
    let mut by_target: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for instance in instances {
        by_target.entry(&instance.id.target).or_default().push(instance);
    }
    let nothing = Replies::default();
    let ask = |those: Vec<&Instance>| {
        let queries = join_queries(those.into_iter().flat_map(|i| i.driver.queries(&i.spec, &nothing)));
        queries.iter().map(|query| query.request().clone()).collect()
    };
    by_target.into_iter().map(|(name, those)| (name.to_owned(), ask(those))).collect()
}

/// The answers of all targets.
pub fn answer(asked: &BTreeMap<String, Vec<Request>>, drift: Drift) -> BTreeMap<String, Replies> {
    let of_target = |requests: &Vec<Request>| {
        let mut replies = Replies::default();
        for request in requests {
            replies.insert(Query::reading(request.clone()), Ok(reply(request, drift)));
        }
        replies
    };
    asked.iter().map(|(name, requests)| (name.clone(), of_target(requests))).collect()
}

/// What `zfs get -Hp -o name,property,value,source P1,P2,… DS…` prints.
pub fn reply(request: &Request, drift: Drift) -> Reply {
    let nothing = BTreeSet::new();
    let Request::Exec(exec) = request else { return Reply { exit: 127, stdout: vec![], stderr: vec![] } };
    let properties = set(exec).unwrap_or(&nothing);
    let mut stdout = Vec::with_capacity(exec.operands.len() * properties.len() * 40);
    for dataset in &exec.operands {
        let drifted = drift.has(dataset);
        for property in properties {
            let (value, source) = row(property, drifted);
            for (part, end) in [(dataset.as_str(), b'\t'), (property, b'\t'), (value, b'\t'), (source, b'\n')]
            {
                stdout.extend_from_slice(part.as_bytes());
                stdout.push(end);
            }
        }
    }
    Reply { exit: 0, stdout, stderr: Vec::new() }
}

fn set(exec: &Exec) -> Option<&BTreeSet<String>> {
    exec.argv.iter().find_map(|arg| match arg {
        Arg::Set(items) => Some(items),
        Arg::Text(_) => None,
    })
}

fn row(property: &str, drifted: bool) -> (&'static str, &'static str) {
    match property {
        "type" => ("filesystem", "-"),
        "atime" if drifted => ("on", "default"),
        "atime" => ("off", "local"),
        "compression" => ("lz4", "local"),
        "logbias" => ("latency", "local"),
        "quota" => ("10737418240", "local"),
        "recordsize" => ("131072", "local"),
        "sync" => ("standard", "local"),
        _ => ("-", "-"),
    }
}
