//! Files of lines `KEY="value"` that a shell reads, such as `/etc/vz/vz.conf`.
//!
//! Whoever wrote such a file has its order, its comments and its way to quote in it. So a value is changed in its line, and
//! every other byte stays. What cannot be understood as a shell would understand it is never changed.

use std::fmt;
use std::ops::Range;

use super::scan::{Entry, Quoting, Scan, Word};

/// A file of assignments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellFile {
    bytes: Vec<u8>,
    scan: Scan,
}

/// A line that is to be another, or a new one at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEdit {
    /// Its number, from 1; 0 for a new one.
    pub number: usize,
    /// What it says; for a new one the key that it sets.
    pub old: String,
    /// What it shall say.
    pub new: String,
}

/// Why a key's value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is odd about it, after `line 7`.
    pub problem: String,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} {}", self.line, self.problem)
    }
}

impl ShellFile {
    /// Reads a file.
    pub fn read(bytes: &[u8]) -> Self {
        ShellFile { bytes: bytes.to_vec(), scan: Scan::of(bytes) }
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True where some line sets `key`, to whatever it be.
    pub fn sets(&self, key: &str) -> bool {
        self.scan.entries.iter().any(|entry| entry.key == key)
    }

    /// The value that a shell gives `key`: that of its last line. `None` where no line sets it.
    pub fn get(&self, key: &str) -> Result<Option<&str>, Odd> {
        Ok(self.last(key)?.map(|(_, value)| value))
    }

    fn last(&self, key: &str) -> Result<Option<(&Entry, &str)>, Odd> {
        if let Some(odd) = &self.scan.odd {
            return Err(odd.clone());
        }
        let Some(entry) = self.scan.entries.iter().rfind(|entry| entry.key == key) else { return Ok(None) };
        let odd = |problem: &str| Odd { line: entry.line, problem: problem.to_owned() };
        if entry.is_exported {
            return Err(odd("exports it, which `vzctl` does not understand"));
        }
        match &entry.word {
            Word::Plain(value) => Ok(Some((entry, value))),
            Word::Unknown(why) => Err(odd(why)),
        }
    }

    /// What gives `key` this value; `None` where it has it. The line that counts is changed, in its own way to quote and
    /// with its comment; where there is none, one is added.
    pub fn edit(&self, key: &str, value: &str) -> Result<Option<LineEdit>, Odd> {
        let edit = match self.last(key)? {
            Some((_, now)) if now == value => return Ok(None),
            Some((entry, _)) => self.changed(entry, value)?,
            None => LineEdit {
                number: 0,
                old: key.to_owned(),
                new: format!("{key}={}", Quoting::Double.write(value)),
            },
        };
        // A line that ends in `\` takes the next one in.
        let odd = || Odd { line: self.scan.lines, problem: "would swallow a line below it".to_owned() };
        let edited = self.edited(std::slice::from_ref(&edit)).ok_or_else(odd)?;
        match ShellFile::read(&edited).get(key) {
            Ok(Some(now)) if now == value => Ok(Some(edit)),
            _ => Err(odd()),
        }
    }

    fn changed(&self, entry: &Entry, value: &str) -> Result<LineEdit, Odd> {
        let line = self.line_around(entry.value.start);
        let part = |range: Range<usize>| {
            let bytes = self.bytes.get(range).unwrap_or_default();
            str::from_utf8(bytes).map_err(|_| Odd {
                line: entry.line,
                problem: "is not UTF-8: write it anew by hand".to_owned(),
            })
        };
        let old = part(line.clone())?;
        let before = part(line.start..entry.value.start)?;
        let behind = part(entry.value.end..line.end)?;
        let new = format!("{before}{}{behind}", entry.quoting.write(value));
        Ok(LineEdit { number: entry.line, old: old.to_owned(), new })
    }

    /// Where the line begins and ends, without its line break.
    fn line_around(&self, at: usize) -> Range<usize> {
        let (before, behind) = self.bytes.split_at(at.min(self.bytes.len()));
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = behind.iter().position(|byte| *byte == b'\n').unwrap_or(behind.len());
        start..before.len() + rest
    }

    /// The file with these lines changed, as `edit.sh` writes it; `None` where a line is not what an edit says.
    pub fn edited(&self, edits: &[LineEdit]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.bytes.len() + 64);
        let mut met = 0;
        for (at, whole) in self.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let (line, end) = match whole.split_last() {
                Some((b'\n', line)) => (line, &b"\n"[..]),
                _ => (whole, &b""[..]),
            };
            match edits.iter().find(|edit| edit.number == at + 1) {
                Some(edit) if edit.old.as_bytes() == line => {
                    out.extend_from_slice(edit.new.as_bytes());
                    met += 1;
                }
                Some(_) => return None,
                None => out.extend_from_slice(line),
            }
            out.extend_from_slice(end);
        }
        let (added, changed): (Vec<_>, Vec<_>) = edits.iter().partition(|edit| edit.number == 0);
        if met != changed.len() || added.iter().any(|edit| self.sets_in_the_open(&edit.old)) {
            return None;
        }
        for edit in added {
            if out.last().is_some_and(|last| *last != b'\n') {
                out.push(b'\n');
            }
            out.extend_from_slice(edit.new.as_bytes());
            out.push(b'\n');
        }
        Some(out)
    }

    /// True where a line begins with `KEY=`, blanks before it not counted.
    fn sets_in_the_open(&self, key: &str) -> bool {
        let begins = |line: &[u8]| {
            line.trim_ascii_start().strip_prefix(key.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        };
        self.bytes.split(|byte| *byte == b'\n').any(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ShellFile {
        ShellFile::read(text.as_bytes())
    }

    /// What becomes of a text where keys are given values, one after the other.
    fn set(text: &str, values: &[(&str, &str)]) -> String {
        let mut now = file(text);
        for (key, value) in values {
            if let Some(edit) = now.edit(key, value).unwrap() {
                now = ShellFile::read(&now.edited(&[edit]).unwrap());
            }
        }
        String::from_utf8(now.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_value_is_changed_in_its_line_and_in_its_way() {
        let text = "## Disk quota\nDISK_QUOTA=yes\n  DISKSPACE='1G:1.1G'\t# as in 2009\nNAME=a\"b\"\n";
        let values = [("DISK_QUOTA", "no"), ("DISKSPACE", "20G:22G"), ("NAME", "c d")];
        assert_eq!(
            set(text, &values),
            "## Disk quota\nDISK_QUOTA=no\n  DISKSPACE='20G:22G'\t# as in 2009\nNAME=\"c d\"\n"
        );
        assert_eq!(set("A=1\n", &[("A", "it's")]), "A=\"it's\"\n");
        assert_eq!(set("A='1'\n", &[("A", "it's")]), "A=\"it's\"\n");
    }

    #[test]
    fn what_is_missing_is_added_at_the_end() {
        let values = [("DISKSPACE", "20G:22G"), ("DISKINODES", "4000000:4400000")];
        let added = "DISKSPACE=\"20G:22G\"\nDISKINODES=\"4000000:4400000\"\n";
        assert_eq!(set("", &values), added);
        assert_eq!(set("VIRTUOZZO=yes\n", &values), format!("VIRTUOZZO=yes\n{added}"));
        assert_eq!(set("#DISKSPACE=\"1:1\"\nA=1", &values), format!("#DISKSPACE=\"1:1\"\nA=1\n{added}"));
        assert_eq!(set("# a comment \\\n", &values), format!("# a comment \\\n{added}"));
    }

    #[test]
    fn the_last_line_counts() {
        assert_eq!(file("A=1\nB=2\nA=3\n").get("A"), Ok(Some("3")));
        assert_eq!(set("A=1\nB=2\nA=3\n", &[("A", "1")]), "A=1\nB=2\nA=1\n");
    }

    #[test]
    fn what_a_shell_would_work_out_is_not_known() {
        let odd = |text: &str| file(text).get("A").unwrap_err().to_string();
        assert_eq!(odd("\nA=$B\n"), "line 2 has something in it that a shell works out");
        assert_eq!(odd("export A=1"), "line 1 exports it, which `vzctl` does not understand");
        assert_eq!(odd("A=1\\\n2\n"), "line 1 goes on with the next line");
        assert_eq!(odd("A=\"1\n2\"\n"), "line 1 goes on with the next line");
        for foreign in ["[ -f x ] && A=2", "if true; then", ". /etc/x", "A=1 B=2", "A=1;", "A=(1 2)", "B='1"]
        {
            let said = odd(&format!("A=1\n{foreign}\n"));
            assert!(
                said.starts_with("line 2 (`") && said.ends_with("`) is no plain `KEY=\"value\"`"),
                "{said}"
            );
        }
        // Of others, only what the key is not about.
        let others = "VE_ROOT=/vz/root/$VEID\nexport PATH=/bin\nI=\"a \\\n b\"\nA=1\n";
        assert_eq!(file(others).get("A"), Ok(Some("1")));
    }

    #[test]
    fn a_line_that_swallows_the_next_is_not_added_to() {
        for text in ["B=1\\\n", "B=1\\"] {
            let said = file(text).edit("A", "2").unwrap_err().to_string();
            assert_eq!(said, "line 1 would swallow a line below it");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_and_are_not_read() {
        let text = b"# \xc6\xfc\xcb\xdc\nA=1\nB=\xc6\nC=2 # \xc6\n";
        let now = ShellFile::read(text);
        let edit = now.edit("A", "2").unwrap().unwrap();
        assert_eq!(now.edited(&[edit]).unwrap(), b"# \xc6\xfc\xcb\xdc\nA=2\nB=\xc6\nC=2 # \xc6\n");
        assert_eq!(now.get("B").unwrap_err().to_string(), "line 3 is not UTF-8");
        assert_eq!(now.edit("C", "3").unwrap_err().to_string(), "line 4 is not UTF-8: write it anew by hand");
    }

    #[test]
    fn a_file_that_is_another_is_not_edited() {
        let edit = file("A=1\n").edit("A", "2").unwrap().unwrap();
        assert_eq!(file("#\nA=1\n").edited(std::slice::from_ref(&edit)), None);
        assert_eq!(file("").edited(&[edit]), None);
        let added = file("").edit("A", "2").unwrap().unwrap();
        assert_eq!(file(" A=1\n").edited(&[added]), None);
    }
}
