//! The drivers against what real hosts printed.
//!
//! First of all: every `.case` file beside a driver: manifests and what a host answered, and the plan that must come of it.
//!
//! A case has sections, each begun by a line `== name`:
//!
//! - `== manifest`: one document without `apiVersion`; the target is `host`. May come several times; a store or another
//!   host is a document of kind `Target`.
//! - `== now TIME`: when it is; noon of 2026-11-20 (UTC) where it is not said.
//! - `== vsphere`: the target is reached over the vSphere API, and not by commands.
//! - `== unreachable NAME`: this target does not answer.
//! - `== recorded 2.3.2`: the host answers what the real one of that version printed, see `host.rs`.
//! - `== reply [exit=N] COMMAND`: the host answers this command with the text that follows. `COMMAND` is as the runner
//!   prints it after `round N: `, so that what another target is asked begins with its name: `nas: ls dump (depth 2)`.
//! - `== stderr`: what the command of the section above printed to standard error.
//! - `== expect`: what the runner prints: the commands asked, round by round, then problems or the plan.
//!
//! With `EVENKEEL_BLESS=1` the last section is written anew; look at the difference before you commit it.
//! `EVENKEEL_CASES=hyperv/switch` looks only at cases whose paths have this in them.
#![expect(clippy::disallowed_methods, reason = "the cases are files")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod case;
mod cost;
mod host;
mod inventory;
mod noise;
mod render;

use std::fs;
use std::path::{Path, PathBuf};

use case::Case;

#[test]
fn every_case_comes_out_as_expected() {
    let bless = std::env::var("EVENKEEL_BLESS").is_ok_and(|v| v == "1");
    let mut wrong = Vec::new();
    let files = case_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 20, "only {} case files were found", files.len());
    let only = std::env::var("EVENKEEL_CASES").unwrap_or_default();
    for file in files.into_iter().filter(|file| file.to_string_lossy().contains(&only)) {
        let text = fs::read_to_string(&file).unwrap();
        let case = Case::read(&text);
        let got = case.run();
        if got.trim() == case.expected.trim() {
            continue;
        }
        if bless {
            fs::write(&file, format!("{}== expect\n{got}", case.given)).unwrap();
        }
        wrong.push(format!("{}\n--- expected\n{}\n--- got\n{got}", file.display(), case.expected.trim_end()));
    }
    assert!(wrong.is_empty(), "{} cases differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

fn case_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(case_files(&path));
        } else if path.extension().is_some_and(|e| e == "case") {
            files.push(path);
        }
    }
    files.sort();
    files
}
