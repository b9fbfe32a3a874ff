//! Command line options, read as getopt reads them.

/// Options and operands of one command.
#[derive(Debug, Default)]
pub(super) struct Options {
    given: Vec<(char, String)>,
    pub(super) operands: Vec<String>,
}

impl Options {
    /// Reads `args`; `flags` take no value, `valued` take one. The error is what the program says about it.
    pub(super) fn parse(args: &[&str], flags: &str, valued: &str) -> Result<Self, String> {
        let mut options = Options::default();
        let mut args = args.iter();
        while let Some(&arg) = args.next() {
            if arg == "--" {
                options.operands.extend(args.map(|&a| a.to_owned()));
                break;
            }
            let Some(cluster) = arg.strip_prefix('-').filter(|c| !c.is_empty()) else {
                options.operands.push(arg.to_owned());
                continue;
            };
            for (at, letter) in cluster.char_indices() {
                if flags.contains(letter) {
                    options.given.push((letter, String::new()));
                } else if valued.contains(letter) {
                    let rest = cluster.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty());
                    let value = rest.or_else(|| args.next().copied());
                    let value = value.ok_or_else(|| format!("missing argument for '{letter}' option"))?;
                    options.given.push((letter, value.to_owned()));
                    break;
                } else {
                    return Err(format!("invalid option '{letter}'"));
                }
            }
        }
        Ok(options)
    }

    pub(super) fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The last value given.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }

    /// All values given, in order.
    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_getopt_does() {
        let options = Options::parse(&["-Hp", "-oname", "sync", "-d", "1", "tank"], "Hp", "od").unwrap();
        assert!(options.has('H') && options.has('p'));
        assert_eq!(options.value('o'), Some("name"));
        assert_eq!(options.value('d'), Some("1"));
        assert_eq!(options.operands, ["sync", "tank"]);
        assert_eq!(Options::parse(&["-x"], "H", "").unwrap_err(), "invalid option 'x'");
        assert_eq!(Options::parse(&["-o"], "", "o").unwrap_err(), "missing argument for 'o' option");
    }
}
