//! What people write for a dataset.

use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wanted::Wanted;
use crate::zfs::WrittenProperties;

/// A ZFS filesystem or volume and its properties.
///
/// Properties that are not written are left as they are. A dataset that does not exist is created, together
/// with the mark `dev.evenkeel:managed-by`, without which Evenkeel never destroys one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsDatasetSpec {
    /// The dataset's name, pool first: `tank/vm/db`.
    pub dataset: String,
    /// `filesystem` or `volume`. Default: volume where `volsize` is among the properties, else filesystem.
    #[serde(default, rename = "type")]
    pub kind: Option<DatasetType>,
    /// Create the volume without reserving space for it (`zfs create -s`). Says nothing about a volume that
    /// exists: there, `refreservation: none` or `auto` does.
    #[serde(default)]
    pub sparse: bool,
    /// Properties by name, native (`atime`, `quota`, `volsize`; short names like `compress` too) or user
    /// properties (`com.acme:backup`).
    ///
    /// What is written is set on the dataset itself, also where it inherits the same value now: what is above it
    /// can change. Sizes are exact: `10G`, `1.5T`, `10737418240`; `none` is no limit.
    ///
    /// `inherit` means that the dataset shall have no value of its own, neither set nor received: for a native
    /// property the value then comes from the parent or is the default; a user property is then not set here.
    /// That a user property has the word `inherit` as its value can therefore not be written.
    ///
    /// What is fixed at creation (`casesensitivity`, `normalization`, `utf8only`, `volblocksize`, and the type)
    /// is changed by destroying the dataset and creating it anew, and that only where Evenkeel created it and it
    /// has neither snapshots nor children.
    #[serde(default)]
    pub properties: WrittenProperties,
    /// The normal form of the above, worked out at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub(super) wanted: OnceLock<Wanted>,
}

/// The two types of dataset that hold data of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatasetType {
    /// A filesystem with files in it.
    Filesystem,
    /// A block device of a fixed size.
    Volume,
}

impl DatasetType {
    /// The word that `zfs get type` prints.
    pub(super) fn word(self) -> &'static str {
        match self {
            DatasetType::Filesystem => "filesystem",
            DatasetType::Volume => "volume",
        }
    }
}

impl ZfsDatasetSpec {
    /// The spec in normal form.
    pub(super) fn wanted(&self) -> &Wanted {
        self.wanted.get_or_init(|| Wanted::of(self))
    }
}
