//! Reading and running one case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Blueprint, Policy, build};
use evenkeel_core::request::{Query, Replies, Reply, join_queries};
use evenkeel_core::target::Way;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use jiff::Timestamp;

use crate::host::Recorded;
use crate::render;

/// The target of every case that names no other.
pub(crate) const HOST: &str = "host";

const TARGET: &str =
    "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: host }\nspec: { local: {} }\n";

/// The same as a vCenter, or as a host that is reached over the vSphere API.
const VSPHERE: &str = "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: host }\nspec: { vsphere: { host: olive, credentialsRef: olive } }\n";

/// One case.
pub(crate) struct Case {
    /// Everything before the expectation, as it is written.
    pub(crate) given: String,
    pub(crate) expected: String,
    manifest: String,
    recorded: Option<Recorded>,
    /// By command, with its target before it where that is not [`HOST`].
    replies: BTreeMap<String, Reply>,
    unreachable: BTreeSet<String>,
    now: Timestamp,
    way: Way,
}

impl Case {
    pub(crate) fn read(text: &str) -> Self {
        let (given, expected) = text.split_once("== expect\n").unwrap_or((text, ""));
        let mut case = Case {
            given: given.to_owned(),
            expected: expected.to_owned(),
            manifest: TARGET.to_owned(),
            recorded: None,
            replies: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            way: Way::default(),
        };
        let mut last = String::new();
        for section in given.split("\n== ").skip(1) {
            let (title, body) = section.split_once('\n').unwrap_or((section, ""));
            // The line break before the next title ends the section's last line.
            let body =
                if body.is_empty() || body.ends_with('\n') { body.to_owned() } else { format!("{body}\n") };
            last = case.section(title, &body, last);
        }
        case
    }

    /// Returns the command whose standard error may follow.
    fn section(&mut self, title: &str, body: &str, last: String) -> String {
        let (word, rest) = title.split_once(' ').unwrap_or((title, ""));
        match word {
            "manifest" => {
                let _ = write!(self.manifest, "---\napiVersion: evenkeel.dev/v1alpha1\n{body}");
            }
            "vsphere" => {
                self.manifest = self.manifest.replacen(TARGET, VSPHERE, 1);
                self.way = Way::Vsphere;
            }
            "recorded" => self.recorded = Some(Recorded::of(rest)),
            "now" => self.now = rest.trim().parse().unwrap(),
            "unreachable" => drop(self.unreachable.insert(rest.trim().to_owned())),
            "reply" => {
                let exit = rest.strip_prefix("exit=").and_then(|r| r.split_once(' '));
                let (exit, command) =
                    exit.map_or((0, rest), |(exit, command)| (exit.parse().unwrap(), command));
                let reply = Reply { exit, stdout: body.as_bytes().to_vec(), stderr: Vec::new() };
                self.replies.insert(command.to_owned(), reply);
                return command.to_owned();
            }
            "stderr" => self.replies.get_mut(&last).unwrap().stderr = body.as_bytes().to_vec(),
            other => panic!("unknown section `{other}`"),
        }
        last
    }

    pub(crate) fn run(&self) -> String {
        let now = self.now;
        let registry = evenkeel_drivers::registry();
        let file = SourceFile { path: "case.yaml".to_owned(), bytes: self.manifest.clone().into_bytes() };
        let loaded = load(&registry, &[file], &[], now);
        let mut out = render::diagnostics(&loaded.diagnostics);
        if loaded.has_errors() {
            return out;
        }
        let mut replies = Replies::of(self.way);
        for round in 1..=4 {
            let queries = loaded.instances.iter().flat_map(|i| i.driver.queries(&i.spec, &replies));
            let open: Vec<_> = queries.filter(|query| !replies.has(query)).collect();
            for query in join_queries(open) {
                let command = addressed(&query);
                let _ = writeln!(out, "round {round}: {command}");
                let reply = self.answer(&query, &command);
                replies.insert(query, reply);
            }
        }
        let replies = BTreeMap::from([(HOST.to_owned(), replies)]);
        let plan = build(
            &loaded.instances,
            &Blueprint {
                replies: &replies,
                policy: Policy::default(),
                now,
                keep: evenkeel_core::driver::Keep { seen: false, table: true },
                context: &[],
            },
        );
        out + &render::plan(&plan)
    }

    fn answer(&self, query: &Query, command: &str) -> Result<Reply, TransportError> {
        let target = query.target().unwrap_or(HOST);
        if self.unreachable.contains(target) {
            let message = format!("{target} does not answer");
            return Err(TransportError::new(TransportErrorKind::Unreachable, message));
        }
        let own = self.replies.get(command).cloned();
        let recorded = || self.recorded.as_ref().filter(|_| target == HOST)?.answer(query.request());
        Ok(own.or_else(recorded).unwrap_or_else(|| panic!("the case has no reply to: {command}")))
    }
}

/// A query as cases write it.
fn addressed(query: &Query) -> String {
    let at = query.target().map(|name| format!("{name}: ")).unwrap_or_default();
    format!("{at}{}", query.request().display())
}
