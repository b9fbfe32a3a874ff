//! The configuration's files in, the specs of the controller, its sources and its secrets out.

use std::collections::BTreeMap;

use super::check::{
    Place, controller, directory_source, git_source, notifier, notifier_sources, take_secret, webhook_sources,
};
use super::{ControllerSpec, NotifierSpec, SecretSpec, SourceSpec};
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::manifest::{Problems, SourceFile, Written, choices, did_you_mean, read_heads, read_spec, short};

/// The kind of the manifest that says how the controller runs.
pub const CONTROLLER: &str = "Controller";

/// The kind of a repository with manifests.
pub const GIT_SOURCE: &str = "GitSource";

/// The kind of a folder with manifests.
pub const DIRECTORY_SOURCE: &str = "DirectorySource";

/// The kind of a credential's source. It stands in the configuration and among manifests.
pub const SECRET: &str = "Secret";

/// The kind of somebody who is told what happens.
pub const NOTIFIER: &str = "Notifier";

/// The kinds of the configuration.
pub const KINDS: [&str; 5] = [CONTROLLER, GIT_SOURCE, DIRECTORY_SOURCE, NOTIFIER, SECRET];

/// What the configuration says. Of use only where no diagnostic is an error.
#[derive(Debug, Clone, Default)]
pub struct LoadedConfig {
    /// The controller's name and how it runs.
    pub controller: Option<(String, ControllerSpec)>,
    /// Where manifests come from, by name.
    pub sources: BTreeMap<String, SourceSpec>,
    /// Who is told what happens, by name.
    pub notifiers: BTreeMap<String, NotifierSpec>,
    /// The secrets by name, each with the place where its document begins: paths in it start there.
    pub secrets: BTreeMap<String, (SecretSpec, Location)>,
    /// All problems of all files, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

impl LoadedConfig {
    /// True where a diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Reads the configuration, with the values files laid over each other in this order.
pub fn load(files: &[SourceFile], values: &[SourceFile]) -> LoadedConfig {
    let mut problems = Problems::default();
    let heads = read_heads(files, values, &mut problems);
    let mut reading = Reading::default();
    for written in &heads {
        reading.document(written, &mut problems);
    }
    if let (Some((_, Some(spec))), Some(head)) = (&reading.controller, reading.controller_head) {
        let sources: Vec<&str> = reading.sources.keys().map(String::as_str).collect();
        webhook_sources(spec, &head.node, &sources, &mut problems);
    }
    for (spec, head) in reading.notifiers.values() {
        if let Some(spec) = spec {
            let sources: Vec<&str> = reading.sources.keys().map(String::as_str).collect();
            notifier_sources(spec, &head.node, &sources, &mut problems);
        }
    }
    reading.check_whole(&mut problems);
    let Reading { controller, sources, notifiers, secrets, .. } = reading;
    LoadedConfig {
        controller: controller.and_then(|(name, spec)| Some((name, spec?))),
        sources: sources.into_iter().filter_map(|(name, (spec, _))| Some((name, spec?))).collect(),
        notifiers: notifiers.into_iter().filter_map(|(name, (spec, _))| Some((name, spec?))).collect(),
        secrets,
        diagnostics: problems.into_diagnostics(),
    }
}

/// The state of reading document after document. What could not be read is known by its name only, so that what
/// names it is not reported too.
#[derive(Debug, Default)]
struct Reading<'a> {
    controller: Option<(String, Option<ControllerSpec>)>,
    controller_head: Option<&'a Written>,
    sources: BTreeMap<String, (Option<SourceSpec>, Location)>,
    notifiers: BTreeMap<String, (Option<NotifierSpec>, &'a Written)>,
    secrets: BTreeMap<String, (SecretSpec, Location)>,
}

impl<'a> Reading<'a> {
    fn document(&mut self, written: &'a Written, problems: &mut Problems) {
        match written.kind.as_str() {
            CONTROLLER => self.controller(written, problems),
            GIT_SOURCE => {
                let spec = read_spec(&written.node, problems);
                if let Some(spec) = &spec {
                    git_source(spec, &written.node, problems);
                }
                self.source(written, spec.map(SourceSpec::Git), problems);
            }
            DIRECTORY_SOURCE => {
                let spec = read_spec(&written.node, problems);
                if let Some(spec) = &spec {
                    directory_source(spec, &written.node, problems);
                }
                self.source(written, spec.map(SourceSpec::Directory), problems);
            }
            NOTIFIER => self.notifier(written, problems),
            SECRET => take_secret(written, Place::Configuration, &mut self.secrets, problems),
            other => unknown_kind(written, other, problems),
        }
    }

    fn controller(&mut self, written: &'a Written, problems: &mut Problems) {
        let spec = read_spec(&written.node, problems);
        if let Some(spec) = &spec {
            controller(spec, &written.node, problems);
        }
        if let Some(first) = self.controller_head {
            let hint = format!("the first one is at {}: take one of them away", first.location());
            written.name_error("there are two controllers".to_owned(), Some(hint), problems);
            return;
        }
        self.controller = Some((written.name.clone(), spec));
        self.controller_head = Some(written);
    }

    fn source(&mut self, written: &Written, spec: Option<SourceSpec>, problems: &mut Problems) {
        if let Some((_, first)) = self.sources.get(&written.name) {
            let message = format!("there are two sources `{}`", short(&written.name));
            let hint = format!("the first one is at {first}: rename one of them");
            written.name_error(message, Some(hint), problems);
            return;
        }
        self.sources.insert(written.name.clone(), (spec, written.location()));
    }

    fn notifier(&mut self, written: &'a Written, problems: &mut Problems) {
        let spec = read_spec(&written.node, problems);
        if let Some(spec) = &spec {
            notifier(spec, &written.node, problems);
        }
        if let Some((_, first)) = self.notifiers.get(&written.name) {
            let message = format!("there are two notifiers `{}`", short(&written.name));
            let hint = format!("the first one is at {}: rename one of them", first.location());
            written.name_error(message, Some(hint), problems);
            return;
        }
        self.notifiers.insert(written.name.clone(), (spec, written));
    }

    /// What must be there. A document that could not be read may be it.
    fn check_whole(&self, problems: &mut Problems) {
        if problems.has_unread() {
            return;
        }
        let whole = |severity, message: &str, hint: &str| Diagnostic {
            severity,
            message: message.to_owned(),
            location: None,
            source_line: String::new(),
            length: 1,
            hint: Some(hint.to_owned()),
        };
        if self.controller.is_none() {
            let hint = "add a document with the lines `apiVersion: evenkeel.dev/v1alpha1`, `kind: Controller`, \
                        `metadata: { name: main }`, `spec: {}`";
            problems.push(whole(Severity::Error, "the configuration has no Controller", hint));
        }
        if self.sources.is_empty() {
            let message = "the configuration has no source, so there is nothing to keep";
            let hint = "add a GitSource or a DirectorySource; `evenkeel explain GitSource` has its fields";
            problems.push(whole(Severity::Warning, message, hint));
        }
    }
}

fn unknown_kind(written: &Written, kind: &str, problems: &mut Problems) {
    let near = did_you_mean(kind, KINDS);
    if near.is_empty() {
        let message = format!("`{}` is no kind of the controller's configuration", short(kind));
        let listed = choices("; the kinds here are", KINDS).unwrap_or_default();
        let hint = format!("manifests belong in the repository or folder of a source{listed}");
        written.kind_error(message, Some(hint), problems);
    } else {
        let message = format!("unknown kind `{}`{near}", short(kind));
        written.kind_error(message, choices("the kinds here are", KINDS), problems);
    }
}
