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
pub(super) fn shape_hash(request: &Request) -> u64 {
    let Request::Exec(exec) = request;
    let mut hasher = DefaultHasher::new();
    for arg in &exec.argv {
        match arg {
            Arg::Set(_) => None,
            Arg::Text(text) => Some(text),
        }
        .hash(&mut hasher);
    }
    (exec.operands.is_empty(), &exec.stdin).hash(&mut hasher);
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
        && a.stdin == b.stdin
}

/// Joins the queries of all instances of one target into as few requests as possible, in order of first
/// appearance. Equal queries share one request; those that differ only in operands or sets become one,
/// split where it would grow past [`MAX_COMMAND_BYTES`].
pub fn join_queries(queries: impl IntoIterator<Item = Query>) -> Vec<Request> {
    let mut joining = Joining::default();
    for query in queries {
        let Request::Exec(exec) = query.request();
        joining.add(shape_hash(query.request()), exec, same_shape);
    }
    joining.requests()
}

/// Steps joined.
#[derive(Debug)]
pub struct JoinedSteps {
    /// What is sent, in order of first appearance.
    pub requests: Vec<Request>,
    /// For each step, the index of the request that it became part of.
    pub places: Vec<usize>,
}

/// Joins the steps that differ in their operands only; one without operands stands alone. Sets are not united: a
/// step says exactly what it writes.
pub fn join_steps<'a>(steps: impl IntoIterator<Item = &'a Request>) -> JoinedSteps {
    let mut joining = Joining::default();
    let alike = |a: &Exec, b: &Exec| {
        a.argv == b.argv && a.stdin == b.stdin && !a.operands.is_empty() && !b.operands.is_empty()
    };
    let add = |Request::Exec(exec): &Request| {
        let mut hasher = DefaultHasher::new();
        (&exec.argv, &exec.stdin, exec.operands.is_empty()).hash(&mut hasher);
        joining.add(hasher.finish(), exec, alike)
    };
    let places = steps.into_iter().map(add).collect();
    JoinedSteps { requests: joining.requests(), places }
}

/// Commands in order of first appearance, each with its size.
#[derive(Default)]
struct Joining {
    order: Vec<(Exec, usize)>,
    /// The last command of each hash, which takes more.
    open: HashMap<u64, usize>,
}

impl Joining {
    /// Adds a command to the open one that it is alike, or opens it. Returns where it is now.
    fn add(&mut self, hash: u64, exec: &Exec, alike: impl Fn(&Exec, &Exec) -> bool) -> usize {
        let more = size(exec);
        if let Some(&at) = self.open.get(&hash)
            && let Some((joined, bytes)) = self.order.get_mut(at)
            && *bytes + more <= MAX_COMMAND_BYTES
            && alike(joined, exec)
        {
            *bytes += unite(joined, exec);
            return at;
        }
        let at = self.order.len();
        self.open.insert(hash, at);
        self.order.push((exec.clone(), more));
        at
    }

    fn requests(self) -> Vec<Request> {
        self.order.into_iter().map(|(exec, _)| Request::Exec(exec)).collect()
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
        assert_eq!(joined.iter().map(Request::display).collect::<Vec<_>>(), ["zfs get atime,sync a b"]);
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
        for Request::Exec(exec) in &joined {
            assert!(size(exec) <= MAX_COMMAND_BYTES);
        }
    }

    #[test]
    fn short_arguments_count_with_their_pointers() {
        let names: Vec<String> = (0..100_000).map(|i| format!("tank/{i:0>9}")).collect();
        for Request::Exec(exec) in join_queries(names.iter().map(|n| get(&["sync"], &[n]))) {
            let words = exec.words();
            let taken: usize = words.iter().map(|word| word.len() + 1 + size_of::<usize>()).sum();
            assert!(taken <= MAX_COMMAND_BYTES, "{} arguments take {taken} bytes", words.len());
        }
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
        let joined = join_steps(&steps);
        let shown: Vec<String> = joined.requests.iter().map(Request::display).collect();
        assert_eq!(
            shown,
            ["zfs set atime=off a b", "zfs set atime=on c", "zfs set atime=off", "zfs set atime=off"]
        );
        assert_eq!(joined.places, [0, 1, 2, 3, 0]);
    }
}
