//! The state directory and the store in it.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use evenkeel_store::{Mode, SqliteStore};

use super::Finding;
use crate::controller::StateDirectory;

const MIB: u64 = 1 << 20;

/// Less than this is soon full.
const LITTLE: u64 = 1024 * MIB;

/// What to do about a store that cannot be opened.
const UNREADABLE: &str = "put a copy in its place, with `evenkeel store restore`; or, where it is only kept from this user, run \
                          this as the one that the controller runs as";

/// Less than this is full.
const NOTHING: u64 = 64 * MIB;

pub(super) async fn look(state: &StateDirectory, runs: bool) -> Vec<Finding> {
    let folder = state.folder();
    let shown = folder.display();
    let about = match std::fs::metadata(folder) {
        Ok(about) => about,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let mend =
                format!("`evenkeel serve` makes it, if it may; the package does too: mkdir -m 700 {shown}");
            return vec![Finding::warning("state directory", format!("{shown} is not there yet"), mend)];
        }
        Err(e) => {
            let mend =
                format!("run this as the user that the controller runs as, or give it rights to {shown}");
            return vec![Finding::problem(
                "state directory",
                format!("{shown} cannot be looked at: {e}"),
                mend,
            )];
        }
    };
    let facts = Facts {
        is_folder: about.is_dir(),
        mode: about.mode() & 0o7777,
        owner: about.uid(),
        user: rustix::process::geteuid().as_raw(),
        free: rustix::fs::statvfs(folder).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize)),
    };
    let mut findings = vec![judge(&shown.to_string(), &facts)];
    if facts.is_folder {
        findings.push(store(&state.store(), runs).await);
    }
    findings
}

/// What was seen of the folder.
#[derive(Debug, Clone, Copy)]
struct Facts {
    is_folder: bool,
    mode: u32,
    owner: u32,
    user: u32,
    /// Bytes, where the system tells.
    free: Option<u64>,
}

fn judge(folder: &str, facts: &Facts) -> Finding {
    let about = "state directory";
    let Facts { is_folder, mode, owner, user, free } = *facts;
    if !is_folder {
        return Finding::problem(about, format!("{folder} is no folder"), "name another `stateDirectory`");
    }
    if mode & 0o022 != 0 {
        let message = format!("other users can write to {folder} (mode {mode:04o}): no controller uses it");
        return Finding::problem(about, message, format!("chmod 700 {folder}"));
    }
    if user != 0 && owner != user {
        let message = format!("{folder} belongs to user {owner}, and this is user {user}");
        let mend = format!("run this as the user that the controller runs as, or: chown -R {user} {folder}");
        return Finding::problem(about, message, mend);
    }
    if let Some(free) = free.filter(|free| *free < NOTHING) {
        let message = format!("{} MiB are free in {folder}: the store soon takes no writes", free / MIB);
        return Finding::problem(about, message, "make room there");
    }
    if owner != user {
        let message =
            format!("{folder} belongs to user {owner}, and root looks: keys and known hosts may be others");
        let mend = "run it as that user too: sudo -u evenkeel evenkeel doctor";
        return Finding::warning(about, message, mend);
    }
    if mode & 0o055 != 0 {
        let message = format!("other users can look into {folder} (mode {mode:04o})");
        return Finding::warning(about, message, format!("chmod 700 {folder}"));
    }
    if let Some(free) = free.filter(|free| *free < LITTLE) {
        let message = format!("{} MiB are free in {folder}", free / MIB);
        return Finding::warning(about, message, "make room there, or shorten `history`");
    }
    let room = free.map(|free| format!(", {} GiB free", free / LITTLE)).unwrap_or_default();
    Finding::ok(about, format!("{folder}, mode {mode:04o}{room}"))
}

async fn store(file: &Path, runs: bool) -> Finding {
    let shown = file.display();
    let Ok(about) = std::fs::metadata(file) else {
        return Finding::ok("store", format!("{shown} is not there yet: the first start makes it"));
    };
    let looked = async { SqliteStore::open(file, Mode::ReadOnly)?.damage().await };
    let size = format!("{} MiB", about.len().div_ceil(MIB));
    match looked.await {
        Ok(damage) if damage.is_empty() => Finding::ok("store", format!("{shown} is whole, {size}")),
        Ok(damage) => {
            let message = format!("{shown} is damaged: {}", damage.join("; "));
            let end = if runs { "stop the controller, and " } else { "" };
            Finding::problem(
                "store",
                message,
                format!("{end}put a copy of `evenkeel store backup` in its place"),
            )
        }
        Err(error) => {
            let mend = error.hint().unwrap_or(UNREADABLE).to_owned();
            Finding::problem("store", error.to_string(), mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    const GOOD: Facts = Facts { is_folder: true, mode: 0o700, owner: 7, user: 7, free: Some(8 << 30) };

    #[test]
    fn what_is_wrong_with_the_folder_is_said_with_what_to_mend() {
        let cases = [
            (GOOD, Verdict::Ok, "/s, mode 0700, 8 GiB free", ""),
            (Facts { is_folder: false, ..GOOD }, Verdict::Problem, "is no folder", "stateDirectory"),
            (Facts { mode: 0o770, ..GOOD }, Verdict::Problem, "can write", "chmod 700 /s"),
            (Facts { owner: 1, ..GOOD }, Verdict::Problem, "user 1, and this is user 7", "chown -R 7 /s"),
            (Facts { free: Some(9 * MIB), ..GOOD }, Verdict::Problem, "9 MiB are free", "make room"),
            (Facts { free: Some(900 * MIB), ..GOOD }, Verdict::Warning, "900 MiB", "history"),
            (Facts { mode: 0o755, ..GOOD }, Verdict::Warning, "look into", "chmod 700 /s"),
            (Facts { user: 0, ..GOOD }, Verdict::Warning, "root looks", "sudo -u"),
        ];
        for (facts, verdict, message, mend) in cases {
            let found = judge("/s", &facts);
            assert_eq!(found.verdict, verdict, "{found:?}");
            assert!(found.message.contains(message), "{found:?}");
            assert!(found.mend.unwrap_or_default().contains(mend), "{message}");
        }
    }
}
