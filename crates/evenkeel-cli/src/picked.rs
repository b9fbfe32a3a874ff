//! What of a controller's resources is meant: names as people write them, brought to the names that there are.

use evenkeel_core::manifest::did_you_mean;
use evenkeel_engine::store::{ResourceFilter, ResourceKey, ResourceStatus, SourceStatus};

use crate::args::Within;
use crate::error::CliError;
use crate::memory::Memory;

/// A filter, and what in it the controller does not know.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) filter: ResourceFilter,
    unknown: Option<CliError>,
}

/// `KIND/NAME`, taken apart.
pub(crate) fn kind_and_name(text: &str) -> Result<(String, String), CliError> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok((kind.to_owned(), name.to_owned())),
        _ => Err(CliError::new(format!("`{text}` is no resource")).hint("write it as KIND/NAME")),
    }
}

/// The resources and sources that a controller knows now.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) resources: Vec<ResourceStatus>,
    pub(crate) sources: Vec<SourceStatus>,
}

impl Known {
    pub(crate) async fn of(memory: &Memory) -> Result<Self, CliError> {
        let resources = memory.resources(&ResourceFilter::default()).await?;
        Ok(Known { resources, sources: memory.sources().await? })
    }

    /// What `resource` and `within` mean.
    pub(crate) fn picked(&self, resource: Option<&str>, within: &Within) -> Result<Picked, CliError> {
        let filter = filter(resource, within)?;
        let keys: Vec<&ResourceKey> = self.resources.iter().map(|status| &status.key).collect();
        let sources: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        Ok(picked(filter, &keys, &sources))
    }
}

fn filter(resource: Option<&str>, within: &Within) -> Result<ResourceFilter, CliError> {
    let (kind, name) = resource.map(kind_and_name).transpose()?.unzip();
    let Within { target, source } = within.clone();
    Ok(ResourceFilter { source, target, kind, name })
}

impl Picked {
    /// What `resource` and `within` mean. Names that are not known now may still be in the history.
    pub(crate) async fn of(
        memory: &Memory,
        resource: Option<&str>,
        within: &Within,
    ) -> Result<Self, CliError> {
        let filter = filter(resource, within)?;
        if filter == ResourceFilter::default() {
            return Ok(Picked { filter, unknown: None });
        }
        Known::of(memory).await?.picked(resource, within)
    }

    /// The filter; a name that is not known is an error.
    pub(crate) fn known(self) -> Result<ResourceFilter, CliError> {
        match self.unknown {
            Some(error) => Err(error),
            None => Ok(self.filter),
        }
    }

    /// Says that a name is not known, where nothing was found by it either.
    pub(crate) fn found(self, any: bool) -> Result<(), CliError> {
        match self.unknown {
            Some(error) if !any => Err(error),
            _ => Ok(()),
        }
    }
}

fn picked(mut filter: ResourceFilter, keys: &[&ResourceKey], sources: &[&str]) -> Picked {
    let mut unknown = None;
    let mut miss = |what: &str, name: &str, near: String| {
        unknown.get_or_insert_with(|| {
            CliError::new(format!("the controller knows no {what} `{name}`{near}"))
                .hint("`evenkeel status` with the controller's --config or --server lists what it knows")
        });
    };
    if let Some(source) = &filter.source
        && !sources.contains(&source.as_str())
        && !keys.iter().any(|key| key.source == *source)
    {
        miss("source", source, did_you_mean(source, sources.iter().copied()));
    }
    if let Some(target) = &filter.target
        && !keys.iter().any(|key| key.id.target == *target)
    {
        miss("target", target, did_you_mean(target, keys.iter().map(|key| key.id.target.as_str())));
    }
    if let (Some(kind), Some(name)) = (&filter.kind, &filter.name) {
        let written = format!("{kind}/{name}");
        let names: Vec<String> = keys.iter().map(|key| format!("{}/{}", key.id.kind, key.id.name)).collect();
        match names.iter().position(|name| name.eq_ignore_ascii_case(&written)).and_then(|nth| keys.get(nth))
        {
            Some(key) => {
                filter.kind = Some(key.id.kind.clone());
                filter.name = Some(key.id.name.clone());
            }
            None => miss("resource", &written, did_you_mean(&written, names.iter().map(String::as_str))),
        }
    }
    Picked { filter, unknown }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::plan::InstanceId;

    use super::*;

    fn key(name: &str) -> ResourceKey {
        let id = InstanceId { target: "alpha".into(), kind: "ZfsDataset".into(), name: name.into() };
        ResourceKey { source: "site".into(), id }
    }

    fn filter(text: &str) -> ResourceFilter {
        let (kind, name) = kind_and_name(text).unwrap();
        ResourceFilter { kind: Some(kind), name: Some(name), ..ResourceFilter::default() }
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        let keys = [key("vm"), key("home")];
        let keys: Vec<&ResourceKey> = keys.iter().collect();
        let found = picked(filter("zfsdataset/Home"), &keys, &["site"]).known().unwrap();
        assert_eq!((found.kind.as_deref(), found.name.as_deref()), (Some("ZfsDataset"), Some("home")));
    }

    #[test]
    fn a_slip_is_an_error_unless_the_history_knows_it() {
        let keys = [key("vm"), key("home")];
        let keys: Vec<&ResourceKey> = keys.iter().collect();
        let error = picked(filter("ZfsDataset/hone"), &keys, &["site"]).known().unwrap_err();
        assert!(error.to_string().contains("did you mean `ZfsDataset/home`?"), "{error}");
        assert!(picked(filter("ZfsDataset/hone"), &keys, &["site"]).found(true).is_ok());
        let within = ResourceFilter { source: Some("sit".into()), ..ResourceFilter::default() };
        let error = picked(within, &keys, &["site"]).found(false).unwrap_err();
        assert!(error.to_string().contains("knows no source `sit`, did you mean `site`?"), "{error}");
    }
}
