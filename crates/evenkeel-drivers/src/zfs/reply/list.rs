//! `zfs list -Hp -o name`: one name per line.

use std::collections::BTreeSet;
use std::ops::Bound;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

use super::failure::{failed, quote, unparsable};

/// The names of filesystems, volumes and snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::zfs) struct Names(BTreeSet<String>);

impl Names {
    /// Reads the list; one that is cut short or fails in part is an error, since what is missing might count.
    pub(in crate::zfs) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        if reply.exit != 0 {
            return Err(failed(request, reply));
        }
        let text = str::from_utf8(&reply.stdout)
            .map_err(|_| unparsable(request, format!("it is not UTF-8: {}", quote(&reply.stdout))))?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(unparsable(request, "the last line is cut short"));
        }
        let names: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        match names.iter().find(|name| name.is_empty() || name.contains('\t')) {
            Some(odd) => Err(unparsable(request, format!("`{}` is no name", quote(odd.as_bytes())))),
            None => Ok(Names(names)),
        }
    }

    pub(in crate::zfs) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The snapshots of `dataset` itself.
    pub(in crate::zfs) fn snapshots(&self, dataset: &str) -> impl Iterator<Item = &str> {
        self.starting(format!("{dataset}@"))
    }

    /// Everything below `dataset`: datasets and their snapshots.
    pub(in crate::zfs) fn below(&self, dataset: &str) -> impl Iterator<Item = &str> {
        self.starting(format!("{dataset}/"))
    }

    fn starting(&self, prefix: String) -> impl Iterator<Item = &str> {
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        self.0.range(from).map(String::as_str).take_while(move |name| name.starts_with(&prefix))
    }
}
