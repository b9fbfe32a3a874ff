//! `ssh_config` files: reading, and looking a host up.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_core::transport::{TransportError, TransportErrorKind};

use super::patterns;
use crate::stamp::Stamp;

/// `Include` may nest this deep.
const DEEPEST_INCLUDE: usize = 16;

/// The settings of all configuration files, in the order in which the first one wins.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    settings: Vec<Setting>,
    /// Where `Match` blocks stand, which are not evaluated.
    matches: Vec<String>,
    /// What was looked at, to find out later whether it has changed.
    seen: Vec<Stamp>,
}

/// One line of a file.
#[derive(Debug)]
struct Setting {
    /// In lower case.
    keyword: String,
    arguments: Vec<String>,
    at: String,
    conditions: Vec<Condition>,
}

/// When a line holds.
#[derive(Debug, Clone)]
enum Condition {
    Host(Arc<[String]>),
    /// Within a `Match` block.
    Never,
}

/// A value and where it stands, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    pub(super) at: &'a str,
}

/// What the files say about one host.
#[derive(Debug)]
pub(super) struct HostConfig<'a> {
    settings: Vec<&'a Setting>,
}

impl ConfigFile {
    /// Reads `files`, the most important first. One that does not exist is empty. `home` is for `~`.
    pub(super) fn read(files: &[PathBuf], home: &Path) -> Result<Self, TransportError> {
        let mut config = ConfigFile::default();
        for file in files {
            config.read_file(file, &[], 0, home)?;
        }
        Ok(config)
    }

    /// True where the files, and those that they include, are still those that were read.
    pub(super) fn holds(&self) -> bool {
        self.seen.iter().all(Stamp::holds)
    }

    /// Where `Match` blocks stand: `file:line` each.
    pub(super) fn unevaluated(&self) -> &[String] {
        &self.matches
    }

    /// The lines that hold for `host`, named as the user named it.
    pub(super) fn of(&self, host: &str) -> HostConfig<'_> {
        let holds = |condition: &Condition| match condition {
            Condition::Host(list) => patterns::match_host(list.iter().map(String::as_str), host),
            Condition::Never => false,
        };
        HostConfig { settings: self.settings.iter().filter(|s| s.conditions.iter().all(holds)).collect() }
    }

    fn read_file(
        &mut self,
        file: &Path,
        outer: &[Condition],
        depth: usize,
        home: &Path,
    ) -> Result<(), TransportError> {
        // First, so that a change while it is read is noticed.
        self.seen.push(Stamp::of(file));
        let text = match fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            Err(e) => return Err(problem(format!("cannot read {}: {e}", file.display()))),
        };
        let mut conditions = outer.to_vec();
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", file.display(), number + 1);
            let Some((keyword, arguments)) = split(line).map_err(|why| problem(format!("{at}: {why}")))?
            else {
                continue;
            };
            match keyword.as_str() {
                "host" => {
                    conditions = outer.to_vec();
                    conditions.push(Condition::Host(arguments.into()));
                }
                "match" => {
                    conditions = outer.to_vec();
                    if arguments.len() != 1 || !arguments.iter().all(|a| a.eq_ignore_ascii_case("all")) {
                        conditions.push(Condition::Never);
                        self.matches.push(at);
                    }
                }
                "include" => self.include(file, &arguments, &conditions, (depth, &at), home)?,
                _ => self.settings.push(Setting { keyword, arguments, at, conditions: conditions.clone() }),
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        from: &Path,
        names: &[String],
        conditions: &[Condition],
        (depth, at): (usize, &str),
        home: &Path,
    ) -> Result<(), TransportError> {
        if depth >= DEEPEST_INCLUDE {
            return Err(problem(format!("{at}: Include nests too deeply")));
        }
        for name in names {
            let path = match name.strip_prefix("~/") {
                Some(rest) => home.join(rest),
                None => from.parent().unwrap_or(Path::new("/")).join(name),
            };
            // A file that is added to the folder may be included, too.
            self.seen.extend(path.parent().filter(|_| is_pattern(&path)).map(Stamp::of));
            for file in expand(&path) {
                self.read_file(&file, conditions, depth + 1, home)?;
            }
        }
        Ok(())
    }
}

impl HostConfig<'_> {
    /// The first value of a keyword (in lower case).
    pub(super) fn first<'s>(&'s self, keyword: &'s str) -> Option<Value<'s>> {
        self.all(keyword).next()
    }

    /// The values of all lines of a keyword, the first argument of each.
    pub(super) fn all<'s>(&'s self, keyword: &'s str) -> impl Iterator<Item = Value<'s>> {
        let lines = self.settings.iter().filter(move |s| s.keyword == keyword);
        lines.filter_map(|s| Some(Value { text: s.arguments.first()?, at: &s.at }))
    }

    /// All arguments of the first line of a keyword.
    pub(super) fn list(&self, keyword: &str) -> Option<Vec<Value<'_>>> {
        let line = self.settings.iter().find(|s| s.keyword == keyword)?;
        Some(line.arguments.iter().map(|text| Value { text, at: &line.at }).collect())
    }

    /// Of two keywords, the one whose line comes first.
    pub(super) fn first_of(&self, a: &str, b: &str) -> Option<(&str, Value<'_>)> {
        let line = self.settings.iter().find(|s| s.keyword == a || s.keyword == b)?;
        Some((&line.keyword, Value { text: line.arguments.first()?, at: &line.at }))
    }
}

/// True where the last part of a path stands for several names.
fn is_pattern(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?']))
}

/// The files that a path with wildcards in its last part stands for, in order of their names.
fn expand(path: &Path) -> Vec<PathBuf> {
    if !is_pattern(path) {
        return vec![path.to_owned()];
    }
    let pattern = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && !pattern.starts_with('.');
            !hidden && patterns::wildcard(pattern.as_bytes(), name.as_bytes())
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Splits a line into its keyword, in lower case, and its arguments. `None` for blanks and comments.
fn split(line: &str) -> Result<Option<(String, Vec<String>)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let arguments = arguments(rest)?;
    if arguments.is_empty() {
        return Err("a keyword without a value");
    }
    Ok(Some((keyword.to_ascii_lowercase(), arguments)))
}

fn arguments(text: &str) -> Result<Vec<String>, &'static str> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                current.get_or_insert_default();
            }
            ('\\', _) if chars.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                current.get_or_insert_default().extend(chars.next());
            }
            ('#', None) if current.is_none() => break,
            (c, None) if c.is_whitespace() => arguments.extend(current.take()),
            (c, _) => current.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    arguments.extend(current);
    Ok(arguments)
}

fn problem(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            lines in prop::collection::vec(
                prop_oneof![
                    "\\PC{0,40}",
                    "(?i)(host|match|include|user|port)[ =\t]{0,3}[a-z*?! \"'#\\\\/~.]{0,30}",
                ],
                0..20,
            ),
        ) {
            let home = tempfile::tempdir().unwrap();
            let file = home.path().join("config");
            fs::write(&file, lines.join("\n")).unwrap();
            if let Ok(config) = ConfigFile::read(&[file], home.path()) {
                let _ = config.of("web").first("user");
            }
        }

        #[test]
        fn a_quoted_argument_is_read_back(text in "[^\"\\\\\\p{Cc}]{1,40}") {
            let line = format!("User \"{text}\" # comment");
            prop_assert_eq!(split(&line), Ok(Some(("user".to_owned(), vec![text]))));
        }
    }

    fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, ConfigFile) {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let config = ConfigFile::read(&[home.path().join("config")], home.path()).unwrap();
        (home, config)
    }

    fn first(config: &ConfigFile, host: &str, keyword: &str) -> Option<String> {
        config.of(host).first(keyword).map(|v| v.text.to_owned())
    }

    #[test]
    fn changes_of_the_files_and_of_what_they_include_are_noticed() {
        let included =
            [("config", "Include d/*.conf\nInclude missing\nHost a\n"), ("d/one.conf", "Port 1\n")];
        let change = |name: &str, text: &str| {
            let (home, config) = read(&included);
            assert!(config.holds());
            fs::write(home.path().join(name), text).unwrap();
            config.holds()
        };
        assert!(!change("config", "Host b\n"), "the file");
        assert!(!change("d/one.conf", "Port 22\n"), "a file that is included");
        assert!(!change("d/two.conf", "Port 2\n"), "one that came into the folder");
        assert!(!change("missing", "Port 3\n"), "one that was missing");
        assert!(change("other", "Port 4\n"), "something else");
    }

    #[test]
    fn the_first_value_that_holds_wins() {
        let text =
            "Port 2222\nHost web* !web9\n  User \"web user\"\n  Port 1\nHost *\n  User=other # comment\n";
        let (_home, config) = read(&[("config", text)]);
        assert_eq!(first(&config, "web1", "user").as_deref(), Some("web user"));
        assert_eq!(first(&config, "web1", "port").as_deref(), Some("2222"));
        assert_eq!(first(&config, "web9", "user").as_deref(), Some("other"));
    }

    #[test]
    fn includes_hold_where_they_stand() {
        let (_home, config) = read(&[
            ("config", "Host db*\n  Include conf.d/*.conf\nHost *\n  User last\n"),
            ("conf.d/10.conf", "User ten\nHost db1\n  Port 10\n"),
            ("conf.d/20.conf", "Port 20\n"),
            ("conf.d/.hidden.conf", "Port 99\n"),
        ]);
        assert_eq!(first(&config, "db1", "port").as_deref(), Some("10"));
        assert_eq!(first(&config, "db2", "port").as_deref(), Some("20"));
        assert_eq!(first(&config, "db2", "user").as_deref(), Some("ten"));
        assert_eq!(first(&config, "web", "user").as_deref(), Some("last"));
        assert_eq!(first(&config, "web", "port"), None);
    }

    #[test]
    fn match_blocks_are_reported_and_do_not_hold() {
        let text = "Match host web1\n  User matched\nMatch all\n  Port 7\nHost *\n  User all\n";
        let (home, config) = read(&[("config", text)]);
        assert_eq!(first(&config, "web1", "user").as_deref(), Some("all"));
        assert_eq!(first(&config, "web1", "port").as_deref(), Some("7"));
        assert_eq!(config.unevaluated(), [format!("{}:1", home.path().join("config").display())]);
    }

    #[test]
    fn an_include_of_itself_ends() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        fs::write(&file, "Include config\n").unwrap();
        let error = ConfigFile::read(&[file], home.path()).unwrap_err();
        assert!(error.message.contains("config:1"), "{error}");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        for text in ["\nUser\n", "\nUser \"open\n"] {
            fs::write(&file, text).unwrap();
            let error = ConfigFile::read(std::slice::from_ref(&file), home.path()).unwrap_err();
            assert!(error.message.contains("config:2"), "{error}");
        }
    }
}
