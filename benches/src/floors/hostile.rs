//! Manifests that ask for too much.

use evenkeel_core::manifest::{MAX_FILE_BYTES, SourceFile};

use super::{evenkeel, folder_of};
use crate::child::{best_of, run};
use crate::report::{Report, megabytes};

pub(super) fn measure(report: &mut Report) {
    for (name, text) in texts() {
        let file = SourceFile { path: "hostile.yaml".to_owned(), bytes: text.into_bytes() };
        let (home, folder) = folder_of(&[file]);
        let folder = folder.display().to_string();
        let ran = best_of(2, || run(&mut evenkeel(home.path(), &["validate", &folder])).expect(1));
        let what = format!("hostile manifest: {name}");
        report.ran(what.clone(), &ran);
        report.floor(what.clone(), "s CPU", ran.cpu.as_secs_f64(), 1.0);
        report.floor(what, "MB", megabytes(ran.peak), 200.0);
    }
}

fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("billion laughs", billion_laughs()),
        ("a large anchor with many aliases", large_anchor()),
        ("nested deeply", "- ".repeat(4_000_000)),
        ("documents of values", fill(&long(" [", "a,", "]"))),
        ("broken documents", fill("--- [\n")),
        ("documents with nothing right", fill("---\nkind: ZfsDataset\nspec: { a: 1, b: 2 }\n")),
    ]
}

fn billion_laughs() -> String {
    let first = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let more = (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    first + &more.collect::<String>()
}

fn large_anchor() -> String {
    let (items, aliases) = (vec!["x"; 20_000].join(", "), vec!["*a"; 20_000].join(", "));
    format!("a: &a [{items}]\nb: [{aliases}]\n")
}

/// As many copies of `document` as one file may hold.
fn fill(document: &str) -> String {
    document.repeat(MAX_FILE_BYTES / document.len())
}

/// A document that is as long as one may be, but for a little.
fn long(start: &str, middle: &str, end: &str) -> String {
    format!("---{start}{}{end}\n", middle.repeat(((1 << 20) - 100) / middle.len()))
}
