//! Reading and running one case.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Blueprint, Policy, build};
use evenkeel_core::request::{Replies, Reply, Request, join_queries};

use crate::host::Recorded;
use crate::render;

const TARGET: &str =
    "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: host }\nspec: { local: {} }\n";

/// One case.
pub(crate) struct Case {
    /// Everything before the expectation, as it is written.
    pub(crate) given: String,
    pub(crate) expected: String,
    manifest: String,
    recorded: Option<Recorded>,
    replies: BTreeMap<String, Reply>,
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
            "recorded" => self.recorded = Some(Recorded::of(rest)),
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
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let registry = evenkeel_drivers::registry();
        let file = SourceFile { path: "case.yaml".to_owned(), bytes: self.manifest.clone().into_bytes() };
        let loaded = load(&registry, &[file], &[], now);
        let mut out = render::diagnostics(&loaded.diagnostics);
        if loaded.has_errors() {
            return out;
        }
        let mut replies = Replies::default();
        for round in 1..=4 {
            let queries = loaded.instances.iter().flat_map(|i| i.driver.queries(&i.spec, &replies));
            let open: Vec<_> = queries.filter(|query| !replies.has(query)).collect();
            for query in join_queries(open) {
                let at = query.target().map(|name| format!("{name}: ")).unwrap_or_default();
                let _ = writeln!(out, "round {round}: {at}{}", query.request().display());
                let reply = self.answer(query.request());
                replies.insert(query, Ok(reply));
            }
        }
        let replies = BTreeMap::from([("host".to_owned(), replies)]);
        let plan = build(
            &loaded.instances,
            &Blueprint { replies: &replies, policy: Policy::default(), now, keep_seen: false },
        );
        out + &render::plan(&plan)
    }

    fn answer(&self, request: &Request) -> Reply {
        let command = request.display();
        let own = self.replies.get(&command).cloned();
        own.or_else(|| self.recorded.as_ref()?.answer(request))
            .unwrap_or_else(|| panic!("the case has no reply to: {command}"))
    }
}
