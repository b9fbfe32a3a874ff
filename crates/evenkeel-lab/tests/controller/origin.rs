//! A source that says what the test tells it to, and the manifests that tests write.

use std::fmt::Write as _;
use std::sync::Mutex;

use evenkeel_core::manifest::SourceFile;
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::source::{Fetched, Revision, Snapshot, Source, SourceError, SourceErrorKind};

/// What is there to fetch.
#[derive(Default)]
struct Tip {
    commits: usize,
    snapshot: Option<Snapshot>,
    down: bool,
    fetches: usize,
}

#[derive(Default)]
pub(crate) struct Origin(Mutex<Tip>);

impl Origin {
    /// A new commit with these manifests. Gives its hash.
    pub(crate) fn commit(&self, manifests: &str) -> String {
        let mut tip = self.0.lock().unwrap();
        tip.commits += 1;
        let id = format!("{:08x}{}", tip.commits, "0".repeat(32));
        let revision = Revision {
            id: id.clone(),
            reference: Some("main".to_owned()),
            subject: Some(format!("change {}", tip.commits)),
            author: None,
            at: None,
            signer: None,
        };
        let file = SourceFile { path: "site.yaml".to_owned(), bytes: manifests.as_bytes().to_vec() };
        tip.snapshot =
            Some(Snapshot { revision, manifests: vec![file], values: vec![], attachments: vec![] });
        id
    }

    /// The same commit, read with other settings.
    pub(crate) fn rewrite(&self, manifests: &str) {
        let mut tip = self.0.lock().unwrap();
        let snapshot = tip.snapshot.as_mut().expect("a commit");
        snapshot.manifests[0].bytes = manifests.as_bytes().to_vec();
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.0.lock().unwrap().fetches
    }
}

impl Source for Origin {
    fn fetch<'a>(&'a self, known: Option<&'a str>) -> BoxFuture<'a, Result<Fetched, SourceError>> {
        Box::pin(async move {
            let mut tip = self.0.lock().unwrap();
            tip.fetches += 1;
            if tip.down {
                return Err(SourceError::new(
                    SourceErrorKind::Unreachable,
                    "git.example.org does not answer",
                ));
            }
            let Some(snapshot) = tip.snapshot.clone() else {
                return Err(SourceError::new(SourceErrorKind::NotFound, "there is no branch main"));
            };
            if known == Some(snapshot.revision.id.as_str()) {
                return Ok(Fetched::Unchanged);
            }
            Ok(Fetched::New(Box::new(snapshot)))
        })
    }
}

/// A target that is reached under its own name.
pub(crate) fn target(name: &str, more: &str) -> String {
    target_at(name, name, more)
}

/// A target that is reached at `host`.
pub(crate) fn target_at(name: &str, host: &str, more: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ ssh: {{ host: {host} }}, {more} }}\n"
    )
}

/// A dataset; its resource is named after both, as `kiwi-tank-a`.
pub(crate) fn dataset(target: &str, dataset: &str, more: &str) -> String {
    let name = format!("{target}-{}", dataset.replace('/', "-"));
    let mut text = format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: {{ name: {name} }}\nspec:\n  target: {target}\n  dataset: {dataset}\n"
    );
    for line in more.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// Targets `kiwi` and `lime` as they are, and these resources.
pub(crate) fn site(resources: &[String]) -> String {
    format!("{}{}{}", target("kiwi", ""), target("lime", ""), resources.concat())
}
