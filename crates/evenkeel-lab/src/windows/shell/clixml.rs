//! What PowerShell writes to standard error where nobody sits before it: `#< CLIXML` and a document whose texts have `_x000D_` for what XML has
//! no place for.

use std::fmt::Write as _;

use super::super::value::ErrorRecord;

const START: &str =
    "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">";

/// Errors, each as its text and the lines that follow it in every error that PowerShell shows; nothing where there are none.
pub(super) fn errors(records: &[ErrorRecord]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let mut document = START.to_owned();
    for record in records {
        let before = if record.cmdlet.is_empty() { String::new() } else { format!("{} : ", record.cmdlet) };
        let category = format!(
            "    + CategoryInfo          : {}: ({}) [{}]",
            record.category, record.target, record.cmdlet
        );
        let id = format!("    + FullyQualifiedErrorId : {}", record.id);
        for line in [format!("{before}{}", record.message), category, id, " ".to_owned()] {
            let _ = write!(document, "<S S=\"Error\">{}_x000D__x000A_</S>", escaped(&line));
        }
    }
    document + "</Objs>"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if u32::from(c) < 0x20 => drop(write!(out, "_x{:04X}_", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
