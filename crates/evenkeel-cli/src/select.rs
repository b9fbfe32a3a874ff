//! Selecting a part of the manifests.

use evenkeel_core::manifest::Loaded;
use evenkeel_core::plan::Instance;

use crate::args::Manifests;
use crate::error::CliError;

/// Which instances are wanted.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// `KIND/NAME`: any of them.
    names: Vec<String>,
    /// Labels: all of them, each on the resource or its target.
    labels: Vec<(String, String)>,
    /// Targets: any of them.
    targets: Vec<String>,
}

impl Selection {
    pub(crate) fn new(args: &Manifests, names: Vec<String>) -> Result<Self, CliError> {
        let labels = args.label.iter().map(|text| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(CliError::new(format!("`-l {text}` is not a label")).hint("write -l KEY=VALUE")),
        });
        Ok(Selection { names, labels: labels.collect::<Result<_, _>>()?, targets: args.target.clone() })
    }

    /// True where everything is wanted.
    pub(crate) fn is_all(&self) -> bool {
        self.names.is_empty() && self.labels.is_empty() && self.targets.is_empty()
    }

    /// The instances of `loaded` that are wanted; a name or target that does not exist is an error.
    pub(crate) fn pick(&self, loaded: &Loaded) -> Result<Vec<Instance>, CliError> {
        if let Some(target) = self.targets.iter().find(|t| !loaded.targets.contains_key(*t)) {
            return Err(unknown_target(target, loaded.targets.keys()));
        }
        let is_named =
            |i: &Instance, name: &str| format!("{}/{}", i.id.kind, i.id.name).eq_ignore_ascii_case(name);
        if let Some(name) = self.names.iter().find(|name| !loaded.instances.iter().any(|i| is_named(i, name)))
        {
            return Err(CliError::new(format!("no resource `{name}` in the manifests"))
                .hint("`evenkeel status` lists what there is"));
        }
        let picked: Vec<Instance> =
            loaded.instances.iter().filter(|i| self.wants(i, loaded)).cloned().collect();
        if picked.is_empty() && !self.is_all() {
            return Err(
                CliError::new("nothing matches this selection").hint("`evenkeel status` lists what there is")
            );
        }
        Ok(picked)
    }

    fn wants(&self, instance: &Instance, loaded: &Loaded) -> bool {
        let id = &instance.id;
        let named = || self.names.iter().any(|n| format!("{}/{}", id.kind, id.name).eq_ignore_ascii_case(n));
        let target = loaded.targets.get(&id.target);
        let labelled = |(key, value): &(String, String)| {
            instance.labels.get(key) == Some(value)
                || target.is_some_and(|t| t.labels.get(key) == Some(value))
        };
        (self.names.is_empty() || named())
            && (self.targets.is_empty() || self.targets.contains(&id.target))
            && self.labels.iter().all(labelled)
    }
}

/// That no manifest has a target of this name, with those that there are.
pub(crate) fn unknown_target<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> CliError {
    let known: Vec<&str> = known.map(String::as_str).collect();
    CliError::new(format!("no target `{name}` in the manifests"))
        .hint(format!("known targets: {}", known.join(", ")))
}
