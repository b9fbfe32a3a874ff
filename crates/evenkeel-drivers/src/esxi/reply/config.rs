//! What a policy says of a device in the line `Path Selection Policy Device Config`.
//!
//! Beside the settings there are counters and the path in use, which change all the time. Third-party policies print
//! counters of their own.

use std::fmt;

use super::NmpDevice;

/// When round robin takes the next path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Limits {
    /// After so many commands.
    Iops(u64),
    /// After so many bytes.
    Bytes(u64),
    /// The path with the least latency, found by sampling.
    Latency {
        /// So many commands on each path.
        sampling_ios: u64,
        /// So often, in milliseconds.
        interval_milliseconds: u64,
    },
}

/// As a State has it: `iops=1`, `latency samplingIos=16 intervalMilliseconds=180000`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limits::Iops(iops) => write!(f, "iops={iops}"),
            Limits::Bytes(bytes) => write!(f, "bytes={bytes}"),
            Limits::Latency { sampling_ios, interval_milliseconds } => {
                write!(f, "latency samplingIos={sampling_ios} intervalMilliseconds={interval_milliseconds}")
            }
        }
    }
}

impl NmpDevice {
    /// The limits of a device whose policy is round robin; or what is wrong with its line, in one sentence.
    pub(crate) fn limits(&self) -> Result<Limits, String> {
        let settings = self.settings()?;
        let number = |name: &str| {
            let text = get(&settings, name).ok_or_else(|| self.odd(&format!("it does not tell `{name}`")))?;
            text.parse::<u64>().map_err(|_| self.odd(&format!("`{name}={text}` is no number")))
        };
        match get(&settings, "policy") {
            // Where nobody set a limit, the policy is `rr` and the number of commands counts.
            Some("iops" | "rr") => number("iops").map(Limits::Iops),
            Some("bytes") => number("bytes").map(Limits::Bytes),
            Some("latency") => Ok(Limits::Latency {
                sampling_ios: number("samplingCycles")?,
                interval_milliseconds: number("latencyEvalTime")?,
            }),
            Some(other) => Err(self.odd(&format!("`policy={other}` is not known"))),
            None => Err(self.odd("it does not tell `policy`")),
        }
    }

    /// The preferred path of a device whose policy is fixed (`None`: it has none); or what is wrong with its line.
    pub(crate) fn preferred_path(&self) -> Result<Option<String>, String> {
        let settings = self.settings()?;
        let path = get(&settings, "preferred").ok_or_else(|| self.odd("it does not tell `preferred`"))?;
        Ok((!path.is_empty()).then(|| path.to_owned()))
    }

    /// What stands in the braces before the first `;`: there end the settings. They are few enough to look through.
    fn settings(&self) -> Result<Vec<(&str, &str)>, String> {
        let braced = self.config.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let braced = braced.ok_or_else(|| self.odd("it is not in braces"))?;
        let settings = braced.split(';').next().unwrap_or_default();
        let mut found = Vec::with_capacity(8);
        for part in settings.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| self.odd(&format!("`{part}` is no setting")))?;
            if get(&found, name).is_some() {
                return Err(self.odd(&format!("it tells `{name}` twice")));
            }
            found.push((name, value));
        }
        Ok(found)
    }

    fn odd(&self, problem: &str) -> String {
        let config = super::failure::quote(&self.config);
        format!(
            "the device config of {} under {} cannot be understood: {problem}: `{config}`",
            self.id, self.psp
        )
    }
}

fn get<'a>(settings: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    settings.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
