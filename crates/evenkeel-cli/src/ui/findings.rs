//! What the doctor found, a line each, with what to mend.

use std::fmt::Write as _;

use super::print;
use super::style::{Tone, count, paint};
use crate::commands::{Finding, Verdict};

/// Prints all, and a line that counts them.
pub(crate) fn show_findings(findings: &[Finding]) {
    print(&text(findings));
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { about, verdict, message, mend } in findings {
        let word = match verdict {
            Verdict::Ok => paint(Tone::Good, "ok     "),
            Verdict::Warning => paint(Tone::Warn, "warning"),
            Verdict::Problem => paint(Tone::Bad, "problem"),
        };
        let _ = writeln!(text, "{word}  {about}: {message}");
        if let Some(mend) = mend {
            let _ = writeln!(text, "         mend: {mend}");
        }
    }
    let of = |verdict| findings.iter().filter(|found| found.verdict == verdict).count();
    let (warnings, problems) = (of(Verdict::Warning), of(Verdict::Problem));
    let sum = match (problems, warnings) {
        (0, 0) => paint(Tone::Good, "all well"),
        (0, w) => paint(Tone::Warn, count(w, "warning")),
        (p, 0) => paint(Tone::Bad, count(p, "problem")),
        (p, w) => {
            format!("{}, {}", paint(Tone::Bad, count(p, "problem")), paint(Tone::Warn, count(w, "warning")))
        }
    };
    let _ = writeln!(text, "{}: {sum}", count(findings.len(), "check"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_comes_with_what_to_mend() {
        let findings = [
            Finding::ok("time zones", "597 are known"),
            Finding::problem("credential git", "has no `privateKey`", "put one there"),
        ];
        let plain = anstream::adapter::strip_str(&text(&findings)).to_string();
        assert_eq!(
            plain,
            "ok       time zones: 597 are known\nproblem  credential git: has no `privateKey`\n         \
             mend: put one there\n2 checks: 1 problem\n"
        );
    }
}
