//! Joining requests: what a host is asked costs per host, not per resource.

use std::collections::{BTreeSet, HashMap};

use super::{Arg, Exec, Query, Request};

/// A joined command's arguments stay below this many bytes, well under Linux's 2 MiB for argv and environment.
pub const MAX_COMMAND_BYTES: usize = 1_500_000;

/// The request with everything emptied that joining may unite. Requests of one shape can be joined.
///
/// A command without operands means something else than one with some (often "all"), so it keeps apart.
pub(super) fn shape(request: &Request) -> Request {
    let Request::Exec(exec) = request;
    let argv = exec.argv.iter().map(|arg| match arg {
        Arg::Set(_) => Arg::Set(BTreeSet::new()),
        text @ Arg::Text(_) => text.clone(),
    });
    let mark = (!exec.operands.is_empty()).then(String::new);
    Request::Exec(Exec {
        argv: argv.collect(),
        operands: mark.into_iter().collect(),
        stdin: exec.stdin.clone(),
    })
}

/// Joins the queries of all instances of one target into as few requests as possible, in order of first
/// appearance. Equal queries share one request; those that differ only in operands or sets become one,
/// split where it would grow past [`MAX_COMMAND_BYTES`].
pub fn join_queries(queries: impl IntoIterator<Item = Query>) -> Vec<Request> {
    let mut order: Vec<(Exec, usize)> = Vec::new();
    let mut open: HashMap<Request, usize> = HashMap::new();
    for query in queries {
        let key = shape(query.request());
        let Request::Exec(exec) = query.0;
        match open.get(&key).and_then(|&at| order.get_mut(at)) {
            Some((joined, bytes)) if *bytes + size(&exec) <= MAX_COMMAND_BYTES => {
                *bytes += unite(joined, exec);
            }
            _ => {
                open.insert(key, order.len());
                let bytes = size(&exec);
                order.push((exec, bytes));
            }
        }
    }
    order.into_iter().map(|(exec, _)| Request::Exec(exec)).collect()
}

/// Joins `more` into `step` where they differ in operands only. Returns false, `step` untouched, where they
/// cannot be joined. Sets are not united: a step says exactly what it writes.
pub fn join_steps(step: &mut Request, more: &Request) -> bool {
    let (Request::Exec(step), Request::Exec(more)) = (step, more);
    let alike = step.argv == more.argv
        && step.stdin == more.stdin
        && !step.operands.is_empty()
        && !more.operands.is_empty()
        && size(step) + size(more) <= MAX_COMMAND_BYTES;
    if alike {
        step.operands.extend(more.operands.iter().cloned());
    }
    alike
}

/// Returns by how many bytes `joined` grew.
fn unite(joined: &mut Exec, more: Exec) -> usize {
    let mut grown = add_all(&mut joined.operands, more.operands);
    for (into, from) in joined.argv.iter_mut().zip(more.argv) {
        if let (Arg::Set(into), Arg::Set(from)) = (into, from) {
            grown += add_all(into, from);
        }
    }
    grown
}

fn add_all(into: &mut BTreeSet<String>, from: BTreeSet<String>) -> usize {
    let mut grown = 0;
    for item in from {
        let bytes = item.len() + 1;
        if into.insert(item) {
            grown += bytes;
        }
    }
    grown
}

fn size(exec: &Exec) -> usize {
    let args: usize = exec
        .argv
        .iter()
        .map(|arg| match arg {
            Arg::Text(text) => text.len() + 1,
            Arg::Set(items) => items.iter().map(|i| i.len() + 1).sum(),
        })
        .sum();
    args + exec.operands.iter().map(|o| o.len() + 1).sum::<usize>()
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
        assert_eq!(joined.len(), 3);
        for Request::Exec(exec) in &joined {
            assert!(size(exec) <= MAX_COMMAND_BYTES);
        }
    }

    #[test]
    fn steps_join_only_where_they_write_the_same() {
        let set = |v: &str, on: &str| Request::Exec(Exec::new(["zfs", "set", v]).on([on]));
        let mut step = set("atime=off", "a");
        assert!(join_steps(&mut step, &set("atime=off", "b")));
        assert!(!join_steps(&mut step, &set("atime=on", "c")));
        assert_eq!(step.display(), "zfs set atime=off a b");
    }
}
