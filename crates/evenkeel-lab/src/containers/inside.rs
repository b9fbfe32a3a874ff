//! What is run in a container: the drivers' fixed scripts, and a handful of commands of a shell, acted out on its root.

use std::collections::BTreeMap;

use evenkeel_core::request::{Reply, Script};
use evenkeel_drivers::containers::scripts;

use super::provision;
use super::said::{Ended, Exit, Said};
use super::tree::{File, Node, Tree};

/// What a container has from the world around it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Around {
    /// The newest version of each package that there is.
    pub repository: BTreeMap<String, u32>,
    /// Whether it has a network.
    pub network: bool,
    /// What a manager of packages says instead of doing anything.
    pub fail_packages: Option<String>,
    /// Its name.
    pub host_name: String,
}

/// A container's root, and who asks for something in it.
pub(super) struct Inside<'a> {
    pub(super) tree: &'a mut Tree,
    /// Where its root is.
    pub(super) root: &'a str,
    pub(super) around: &'a Around,
}

/// Runs words in the container whose root is at `root`, with `stdin` on standard input.
pub fn run(tree: &mut Tree, root: &str, around: &Around, words: &[&str], stdin: &str) -> Reply {
    let mut inside = Inside { tree, root, around };
    Said::of(|said| inside.run(words, stdin, said))
}

impl Inside<'_> {
    fn run(&mut self, words: &[&str], stdin: &str, said: &mut Said) -> Ended {
        match words {
            ["sh" | "/bin/sh", "-s", arguments @ ..] => self.script(stdin, arguments, said),
            ["sh" | "/bin/sh", "-c", text, _name, arguments @ ..] if is_known(text) => {
                self.script(text, arguments, said)
            }
            ["sh" | "/bin/sh", "-c", text, ..] => self.lines(text, said),
            words => self.command(words, said),
        }
    }

    fn script(&mut self, text: &str, arguments: &[&str], said: &mut Said) -> Ended {
        let is = |script: &Script| scripts::is(text, script);
        match arguments {
            arguments if is(&scripts::READY) => self.ready(arguments, said),
            [action, names @ ..] if is(&scripts::PACKAGES) => self.packages(action, names, said),
            [zone] if is(&scripts::TIME_ZONE) => self.time_zone(zone, said),
            [locale] if is(&scripts::LOCALE) => self.locale(locale, said),
            arguments if is(&scripts::FILE) => {
                self.file(arguments, scripts::data_of(text, &scripts::FILE), said)
            }
            [path, leads] if is(&scripts::LINK) => self.link(path, leads, said),
            [name] if is(&scripts::RUN) => {
                let ended = self.lines(scripts::data_of(text, &scripts::RUN).unwrap_or_default(), said);
                if let Err(Exit(status)) = ended {
                    said.err(format!("the script \"{name}\" ended with status {status}"));
                }
                ended
            }
            [] if is(&scripts::RELEASE) => self.release(said),
            [] if is(&scripts::CLEANUP) => self.cleanup(said),
            _ => said.fail(127, format!("the lab does not know this script, with {arguments:?}")),
        }
    }

    fn ready(&mut self, arguments: &[&str], said: &mut Said) -> Ended {
        if arguments == ["network"] && !self.around.network {
            return said.fail(
                1,
                "no network came up in the container: there is no route; look at build.address and the bridge",
            );
        }
        Ok(())
    }

    fn release(&mut self, said: &mut Said) -> Ended {
        let files = ["/etc/os-release", "/etc/debian_version", "/etc/redhat-release", "/etc/gentoo-release"];
        let told = files.iter().filter_map(|path| self.text(path)).find(|text| !text.is_empty());
        match told {
            Some(text) => {
                said.out(text.trim_end_matches('\n'));
                Ok(())
            }
            None => said.fail(1, "no file in the container tells which system it is"),
        }
    }

    /// A script, line by line, to the first that fails.
    fn lines(&mut self, text: &str, said: &mut Said) -> Ended {
        let lines = text.lines().flat_map(|line| line.split(';')).map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words = words(line);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["exit"] | ["exit", "0"] => return Ok(()),
                words => self.command(words, said)?,
            }
        }
        Ok(())
    }

    /// A command of those that scripts in tests have.
    fn command(&mut self, words: &[&str], said: &mut Said) -> Ended {
        match words {
            [] | ["true" | ":"] => Ok(()),
            ["false"] => Err(Exit(1)),
            ["exit", status] => match status.parse() {
                Ok(0) => Ok(()),
                Ok(status) => Err(Exit(status)),
                Err(_) => said.fail(2, format!("exit: Illegal number: {status}")),
            },
            ["hostname"] => {
                said.out(&self.around.host_name);
                Ok(())
            }
            ["echo", words @ .., ">", path] => self.put(path, &format!("{}\n", words.join(" ")), said),
            ["echo", words @ .., ">>", path] => {
                let at = self.find(path, said)?;
                let done = self.tree.append(&at, &format!("{}\n", words.join(" ")));
                said.expect(done, 1, path)
            }
            ["echo", words @ ..] => {
                said.out(words.join(" "));
                Ok(())
            }
            ["touch", path] => self.put(path, "", said),
            ["cat", path] => match self.tree.file_in(self.root, path) {
                Some(file) => {
                    said.out(file.text().trim_end_matches('\n'));
                    Ok(())
                }
                None => said.fail(1, format!("cat: {path}: No such file or directory")),
            },
            ["mkdir", "-p", path] => {
                let at = format!("{}{path}", self.root);
                let done = self.tree.make_folder(&at);
                said.expect(done, 1, path)
            }
            ["rm", "-f", path] => {
                let at = self.tree.resolve(self.root, path, false);
                let done = at.and_then(|at| self.tree.remove(&at));
                said.expect(done, 1, path)
            }
            [program, ..] => said.fail(127, format!("sh: 1: {program}: not found")),
        }
    }

    /// Where a path leads to, whose folder is made where it is missing.
    pub(super) fn find(&mut self, path: &str, said: &mut Said) -> Ended<String> {
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            let at = self.tree.resolve(self.root, folder, true);
            if !at.is_ok_and(|at| at == self.root || self.tree.node(&at).is_some()) {
                let done = self.tree.make_folder(&format!("{}{folder}", self.root));
                said.expect(done, 1, folder)?;
            }
        }
        said.expect(self.tree.resolve(self.root, path, true), 1, path)
    }

    /// Writes a file, whose folder is made where it is missing.
    pub(super) fn put(&mut self, path: &str, text: &str, said: &mut Said) -> Ended {
        let at = self.find(path, said)?;
        let done = self.tree.write_text(&at, text);
        said.expect(done, 1, path)
    }

    /// The text of a file; `None` where there is none.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.tree.file_in(self.root, path).map(File::text)
    }

    /// The file that a path is itself, links not followed.
    pub(super) fn is_plain_file(&self, path: &str) -> bool {
        matches!(self.tree.node(&format!("{}{path}", self.root)), Some(Node::File(_)))
    }

    fn cleanup(&mut self, said: &mut Said) -> Ended {
        provision::cleanup(self, said)
    }
}

fn is_known(text: &str) -> bool {
    let all = [&scripts::READY, &scripts::PACKAGES, &scripts::TIME_ZONE, &scripts::LOCALE, &scripts::FILE];
    let more = [&scripts::LINK, &scripts::RUN, &scripts::RELEASE, &scripts::CLEANUP];
    all.into_iter().chain(more).any(|script| scripts::is(text, script))
}

/// A command line's words, as a POSIX shell takes it apart; nothing is expanded.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                if let Some(escaped) = characters.next() {
                    word.get_or_insert_default().push(escaped);
                }
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use evenkeel_core::request::shell_quote;

    use super::*;

    #[test]
    fn words_are_taken_apart_as_they_were_quoted() {
        for given in [vec!["sh", "-s", "it's a *", "", "a\nb"], vec!["echo", "x=1", "\"", "\\"]] {
            let line: Vec<String> = given.iter().map(|word| shell_quote(word)).collect();
            assert_eq!(words(&line.join(" ")), given);
        }
    }
}
