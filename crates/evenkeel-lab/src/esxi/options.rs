//! Options of a command, as `esxcli` reads them, and what it says where they are wrong.

use std::fmt::Write as _;

/// An option.
#[derive(Debug)]
pub(super) struct Opt {
    short: char,
    pub(super) long: &'static str,
    takes_value: bool,
    is_required: bool,
}

/// An option with a value.
pub(super) const fn value(short: char, long: &'static str) -> Opt {
    Opt { short, long, takes_value: true, is_required: false }
}

/// An option with a value that must be given.
pub(super) const fn required(short: char, long: &'static str) -> Opt {
    Opt { short, long, takes_value: true, is_required: true }
}

/// An option without a value.
pub(super) const fn flag(short: char, long: &'static str) -> Opt {
    Opt { short, long, takes_value: false, is_required: false }
}

/// The options that were given.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<(&'static str, String)>);

impl Given {
    /// Reads the words behind a command. The error is what `esxcli` says about it.
    pub(super) fn read(options: &'static [Opt], words: &[&str]) -> Result<Self, String> {
        let mut given = Given::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (word, None),
            };
            let Some((option, glued)) = find(options, name) else {
                return Err(if word.starts_with('-') {
                    format!("Error: Invalid option {name}")
                } else {
                    format!("Error: Unexpected argument {word}")
                });
            };
            let mut text = String::new();
            if option.takes_value {
                let found = inline.or(glued).or_else(|| words.next().copied());
                let missing = || format!("Error: Missing value for option {name}");
                found.ok_or_else(missing)?.clone_into(&mut text);
            }
            given.0.push((option.long, text));
        }
        for option in options.iter().filter(|option| option.is_required) {
            if given.get(option.long).is_none() {
                return Err(format!(
                    "Error: Missing required parameter -{}|--{}\n                       \n",
                    option.short, option.long
                ));
            }
        }
        Ok(given)
    }

    /// The last value of an option; `None` where it was not given.
    pub(super) fn get(&self, long: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| *name == long).map(|(_, value)| value.as_str())
    }

    /// The last value of an option; empty where it was not given.
    pub(super) fn text(&self, long: &str) -> String {
        self.get(long).unwrap_or_default().to_owned()
    }

    pub(super) fn has(&self, long: &str) -> bool {
        self.get(long).is_some()
    }

    /// A number; the error is what the program says where it is none.
    pub(super) fn number(&self, long: &str) -> Result<Option<u64>, String> {
        let parsed = |text: &str| {
            text.parse::<u64>().map_err(|_| format!("Error: Invalid value for option --{long}: {text}"))
        };
        self.get(long).map(parsed).transpose()
    }
}

/// The option that a word names, and a value that hangs on it: `-sVMW_SATP_ALUA`.
fn find<'a>(options: &'static [Opt], word: &'a str) -> Option<(&'static Opt, Option<&'a str>)> {
    if let Some(long) = word.strip_prefix("--") {
        return options.iter().find(|option| option.long == long).map(|option| (option, None));
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let short = letters.next()?;
    let rest = letters.as_str();
    let option = options.iter().find(|option| option.short == short)?;
    match rest {
        "" => Some((option, None)),
        rest if option.takes_value => Some((option, Some(rest))),
        _ => None,
    }
}

/// How the options of a command are listed in its usage.
pub(super) fn listed(options: &[Opt]) -> String {
    let mut text = String::new();
    for option in options {
        let mut name = format!("-{}|--{}", option.short, option.long);
        if option.takes_value {
            name.push_str("=<str>");
        }
        let is_required = if option.is_required { " (required)" } else { "" };
        let _ = writeln!(text, "  {name}{is_required}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [Opt; 3] = [required('d', "device"), value('P', "psp"), flag('E', "default")];

    #[test]
    fn values_stand_behind_a_blank_an_equals_sign_or_nothing() {
        for words in [["--device", "naa.1"], ["--device=naa.1", "-E"], ["-d", "naa.1"], ["-dnaa.1", "-E"]] {
            assert_eq!(Given::read(&OPTIONS, &words).unwrap().get("device"), Some("naa.1"), "{words:?}");
        }
        let given = Given::read(&OPTIONS, &["-d", "naa.1", "--default", "--psp=a=b"]).unwrap();
        assert!(given.has("default"));
        assert_eq!(given.get("psp"), Some("a=b"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |words: &[&str]| Given::read(&OPTIONS, words).unwrap_err();
        assert!(said(&[]).starts_with("Error: Missing required parameter -d|--device\n"));
        assert_eq!(said(&["-d", "naa.1", "--pps=x"]), "Error: Invalid option --pps");
        assert_eq!(said(&["-d"]), "Error: Missing value for option -d");
        assert_eq!(said(&["naa.1"]), "Error: Unexpected argument naa.1");
        assert_eq!(said(&["-d", "naa.1", "-Ex"]), "Error: Invalid option -Ex");
    }
}
