//! What is told of the files in a folder of templates: which are ours, and which Proxmox VE does not list, and why.

use super::look::{Look, is_archive};
use crate::containers::name::{Release, why_invisible};

impl Look {
    /// A line for each template, and for each other file that looks like one.
    pub(in crate::containers) fn remarks(&self) -> Vec<String> {
        let release = self.proxmox.as_deref().and_then(Release::parse);
        let place = self.place();
        let templates = self.files.keys().filter(|name| is_archive(name));
        let told = templates.map(|name| {
            let whose = match place.versions.get(name) {
                Some(record) => format!("was built by {} (owner {})", record.resource, record.owner),
                None => "was not built by Evenkeel".to_owned(),
            };
            let invisible = release.and_then(|release| why_invisible(name, release));
            match invisible {
                Some(invisible) => {
                    let suggestion =
                        invisible.suggestion.map(|name| format!(": call it {name}")).unwrap_or_default();
                    format!("{name} {}{suggestion}; it {whose}", invisible.why)
                }
                None => format!("{name} {whose}"),
            }
        });
        told.collect()
    }
}
