//! Joining requests: what a host is asked costs per host, not per resource.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Arg, Exec, Query, Request};

/// A joined command's arguments stay below this many bytes, pointers included. FreeBSD takes 512 KiB of arguments
/// and environment together, Linux 2 MiB.
pub const MAX_COMMAND_BYTES: usize = 450_000;

/// What each argument takes besides its text: the byte that ends it, and a pointer to it, which Linux counts too.
const PER_ARGUMENT: usize = 9;

/// The same number for requests of one shape: those that differ in nothing but what joining may unite. Others may
/// have the same number by chance: [`same_shape`] tells.
pub(super) fn shape_hash(target: Option<&str>, request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    let Request::Exec(exec) = request else {
        request.hash(&mut hasher);
        return hasher.finish();
    };
    for arg in &exec.argv {
        match arg {
            Arg::Set(_) => None,
            Arg::Text(text) => Some(text),
        }
        .hash(&mut hasher);
    }
    (exec.operands.is_empty(), &exec.stdin, &exec.input, &exec.log, exec.seconds).hash(&mut hasher);
    hasher.finish()
}

/// True where two requests can be joined, or one can be part of the other.
///
/// A command without operands means something else than one with some (often "all"), so it keeps apart.
pub(super) fn same_shape(a: &Exec, b: &Exec) -> bool {
    let alike = |(a, b): (&Arg, &Arg)| match (a, b) {
        (Arg::Set(_), Arg::Set(_)) => true,
        (a, b) => a == b,
    };
    a.argv.len() == b.argv.len()
        && a.argv.iter().zip(&b.argv).all(alike)
        && a.operands.is_empty() == b.operands.is_empty()
        && (&a.stdin, &a.input, &a.log, a.seconds) == (&b.stdin, &b.input, &b.log, b.seconds)
}

/// Joins the queries of all instances of one target into as few as possible, in order of first appearance. Equal
/// queries are one; commands for one target that differ only in operands or sets become one, split where it would grow
/// past [`MAX_COMMAND_BYTES`].
pub fn join_queries(queries: impl IntoIterator<Item = Query>) -> Vec<Query> {
    let mut joining = Joining::default();
    for query in queries {
        let hash = shape_hash(query.target(), query.request());
        joining.add(hash, query.target(), query.request(), same_shape);
    }
    joining.order.into_iter().map(Joined::into_query).collect()
}

/// Steps joined.
#[derive(Debug)]
pub struct JoinedSteps {
    /// What is sent, in order of first appearance.
    pub requests: Vec<Request>,
    /// For each step, the index of the request that it became part of.
    pub places: Vec<usize>,
}

/// Joins the steps, each with its target, that differ in their operands only; one without operands stands alone. Sets
/// are not united: a step says exactly what it writes.
pub fn join_steps<'a>(steps: impl IntoIterator<Item = (Option<&'a str>, &'a Request)>) -> JoinedSteps {
    let mut joining = Joining::default();
    let alike = |a: &Exec, b: &Exec| {
        let equal = (&a.argv, &a.stdin, &a.input, &a.log, a.seconds)
            == (&b.argv, &b.stdin, &b.input, &b.log, b.seconds);
        equal && !a.operands.is_empty() && !b.operands.is_empty()
    };
    let mut places = Vec::new();
    for (target, request) in steps {
        places.push(match request {
            Request::Exec(exec) => {
                let mut hasher = DefaultHasher::new();
                (target, &exec.argv, &exec.stdin, exec.operands.is_empty()).hash(&mut hasher);
                joining.add(hasher.finish(), target, request, alike)
            }
            _ => joining.alone(target, request),
        });
    }
    let requests = joining.order.into_iter().map(|joined| joined.request).collect();
    JoinedSteps { requests, places }
}

/// Requests in order of first appearance.
#[derive(Default)]
struct Joining {
    order: Vec<Joined>,
    /// The last request of each hash, which takes more.
    open: HashMap<u64, usize>,
}

struct Joined {
    target: Option<String>,
    request: Request,
    bytes: usize,
}

impl Joined {
    fn into_query(self) -> Query {
        let query = Query::reading(self.request);
        match &self.target {
            Some(target) => query.at(target),
            None => query,
        }
    }
}

impl Joining {
    /// Adds a request to the open one that it is alike, or opens it. Returns where it is now.
    fn add(
        &mut self,
        hash: u64,
        target: Option<&str>,
        request: &Request,
        alike: impl Fn(&Exec, &Exec) -> bool,
    ) -> usize {
        if let Some(&at) = self.open.get(&hash)
            && let Some(known) = self.order.get_mut(at).filter(|known| known.target.as_deref() == target)
        {
            match (&mut known.request, request) {
                (Request::Exec(joined), Request::Exec(exec))
                    if known.bytes + size(exec) <= MAX_COMMAND_BYTES && alike(joined, exec) =>
                {
                    known.bytes += unite(joined, exec);
                    return at;
                }
                (Request::Exec(_), _) => {}
                (joined, request) if joined == request => return at,
                _ => {}
            }
        }
        let at = self.alone(target, request);
        self.open.insert(hash, at);
        at
    }

    /// Adds a request that takes no other.
    fn alone(&mut self, target: Option<&str>, request: &Request) -> usize {
        let bytes = request.as_exec().map_or(0, size);
        self.order.push(Joined { target: target.map(str::to_owned), request: request.clone(), bytes });
        self.order.len() - 1
    }
}

/// Returns by how many bytes `joined` grew.
fn unite(joined: &mut Exec, more: &Exec) -> usize {
    let mut grown = add_all(&mut joined.operands, &more.operands, PER_ARGUMENT);
    for (into, from) in joined.argv.iter_mut().zip(&more.argv) {
        if let (Arg::Set(into), Arg::Set(from)) = (into, from) {
            grown += add_all(into, from, 1);
        }
    }
    grown
}

/// Returns the bytes of what is new, with so many `beside` each.
fn add_all(into: &mut BTreeSet<String>, from: &BTreeSet<String>, beside: usize) -> usize {
    let mut grown = 0;
    for item in from {
        if !into.contains(item) {
            grown += item.len() + beside;
            into.insert(item.clone());
        }
    }
    grown
}

fn size(exec: &Exec) -> usize {
    let args: usize = exec
        .argv
        .iter()
        .map(|arg| match arg {
            Arg::Text(text) => text.len() + PER_ARGUMENT,
            Arg::Set(items) => items.iter().map(|i| i.len() + 1).sum::<usize>() + PER_ARGUMENT,
        })
        .sum();
    args + exec.operands.iter().map(|o| o.len() + PER_ARGUMENT).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(props: &[&str], datasets: &[&str]) -> Query {
        let set = Arg::Set(props.iter().map(|p| (*p).to_owned()).collect());
        Query::reading(Request::Exec(Exec::new([Arg::from("zfs"), "get".into(), set]).on(datasets.to_vec())))
    }

    #[test]
    fn queries_of_one_shape_become_one_command() {
        let joined = join_queries([get(&["sync"], &["b"]), get(&["atime"], &["a"]), get(&["sync"], &["b"])]);
        assert_eq!(
            joined.iter().map(|query| query.request().display()).collect::<Vec<_>>(),
            ["zfs get atime,sync a b"]
        );
    }

    #[test]
    fn asking_for_all_keeps_apart_from_asking_for_some() {
        assert_eq!(join_queries([get(&["sync"], &[]), get(&["sync"], &["a"])]).len(), 2);
    }

    #[test]
    fn a_joined_command_is_split_before_it_outgrows_the_hosts_limit() {
        let names: Vec<String> = (0..20_000).map(|i| format!("tank/{i:0>150}")).collect();
        let joined = join_queries(names.iter().map(|n| get(&["sync"], &[n])));
        assert_eq!(joined.len(), 8);
        for exec in joined.iter().filter_map(|query| query.request().as_exec()) {
            assert!(size(exec) <= MAX_COMMAND_BYTES);
        }
    }

    #[test]
    fn short_arguments_count_with_their_pointers() {
        let names: Vec<String> = (0..100_000).map(|i| format!("tank/{i:0>9}")).collect();
        for query in join_queries(names.iter().map(|n| get(&["sync"], &[n]))) {
            let words = query.request().as_exec().unwrap().words();
            let taken: usize = words.iter().map(|word| word.len() + 1 + size_of::<usize>()).sum();
            assert!(taken <= MAX_COMMAND_BYTES, "{} arguments take {taken} bytes", words.len());
        }
    }

    #[test]
    fn what_is_asked_of_two_targets_is_two_queries() {
        let listing = || {
            Query::reading(Request::Files(super::super::FileRequest::List { folder: "d".into(), depth: 1 }))
        };
        let queries = [listing().at("nas"), get(&["sync"], &["a"]), get(&["sync"], &["b"]).at("nas")];
        let again = [listing().at("nas"), listing().at("offsite"), listing()];
        let joined = join_queries(queries.into_iter().chain(again));
        let shown: Vec<_> = joined.iter().map(|q| (q.target(), q.request().display())).collect();
        let ls = "ls d (depth 1)".to_owned();
        let expected = [
            (Some("nas"), ls.clone()),
            (None, "zfs get sync a".to_owned()),
            (Some("nas"), "zfs get sync b".to_owned()),
            (Some("offsite"), ls.clone()),
            (None, ls),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn steps_join_only_where_they_write_the_same() {
        let set = |v: &str, on: &[&str]| Request::Exec(Exec::new(["zfs", "set", v]).on(on.to_vec()));
        let steps = [
            set("atime=off", &["a"]),
            set("atime=on", &["c"]),
            set("atime=off", &[]),
            set("atime=off", &[]),
            set("atime=off", &["b"]),
        ];
        let joined = join_steps(steps.iter().map(|step| (None, step)));
        let shown: Vec<String> = joined.requests.iter().map(Request::display).collect();
        assert_eq!(
            shown,
            ["zfs set atime=off a b", "zfs set atime=on c", "zfs set atime=off", "zfs set atime=off"]
        );
        assert_eq!(joined.places, [0, 1, 2, 3, 0]);
    }
}
