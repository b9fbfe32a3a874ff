//! What `esxcli` prints, understood. Text output is read in every dialect.

mod block;
mod config;
pub(super) mod failure;
pub(super) mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Replies, Reply, Request};

pub(crate) use config::Limits;

use super::dialect::Dialect;
use block::Block;
use failure::{quote, text, unparsable};
use table::Table;

/// A device as the native multipathing plugin tells of it (`nmp device list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NmpDevice {
    /// `naa.600a0980383148693724545244395855`
    pub(crate) id: String,
    /// `NETAPP Fibre Channel Disk (naa.600a…)`
    pub(crate) display_name: String,
    /// Storage array type: `VMW_SATP_ALUA`
    pub(crate) satp: String,
    /// Path selection policy: `VMW_PSP_RR`
    pub(crate) psp: String,
    /// What the policy says of the device, as printed: `{policy=iops,iops=1,bytes=10485760,useANO=0; …}`
    pub(crate) config: String,
    /// The paths that the policy uses now, by their runtime names, in the order printed, as `Working Paths` tells:
    /// one under `VMW_PSP_FIXED` and `VMW_PSP_MRU`, however many work. [`NmpPath`] tells those.
    pub(crate) paths_in_use: Vec<String>,
}

/// A path as the native multipathing plugin tells of it (`nmp path list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NmpPath {
    /// Its runtime name: `vmhba2:C0:T1:L11`
    pub(crate) name: String,
    /// The id of the device that it leads to, as in [`NmpDevice`].
    pub(crate) device: String,
    /// `active`, `active unoptimized`, `standby`, `unavailable`, `dead`, …
    pub(crate) state: String,
}

impl NmpPath {
    /// Whether I/O can go over it, now or after a failover. A state that is not known counts as one that does not work.
    pub(crate) fn works(&self) -> bool {
        ["active", "active unoptimized", "standby"].contains(&self.state.as_str())
    }
}

/// A storage array type (`nmp satp list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Satp {
    /// `VMW_SATP_SVC`
    pub(crate) name: String,
    /// The policy of devices that have no other: `VMW_PSP_FIXED`
    pub(crate) default_psp: String,
    /// `Supports IBM SVC`
    pub(crate) description: String,
}

/// A rule by which an array type claims devices (`nmp satp rule list`). What a column leaves blank is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClaimRule {
    /// The array type.
    pub(crate) satp: String,
    /// A single device.
    pub(crate) device: String,
    /// The SCSI vendor.
    pub(crate) vendor: String,
    /// The SCSI model.
    pub(crate) model: String,
    /// The driver.
    pub(crate) driver: String,
    /// The transport.
    pub(crate) transport: String,
    /// The array type's options.
    pub(crate) options: String,
    /// `system` or `user`; empty on 4.x, which does not tell.
    pub(crate) group: String,
    /// What must hold of a device: `tpgs_on`.
    pub(crate) claim_options: String,
    /// The policy of devices that it claims; empty for that of the array type.
    pub(crate) psp: String,
    /// Options of that policy: `iops=1`.
    pub(crate) psp_options: String,
    /// The words that it was added with. Our mark stands here.
    pub(crate) description: String,
}

/// A device as the SCSI layer tells of it (`core device list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScsiDevice {
    /// Its id, as in [`NmpDevice`].
    pub(crate) id: String,
    /// The SCSI vendor, without the blanks around it.
    pub(crate) vendor: String,
    /// The SCSI model, without the blanks around it.
    pub(crate) model: String,
    /// Whether the host boots from it; `None` where it does not tell.
    pub(crate) is_boot: Option<bool>,
    /// Whether it is local; `None` where it does not tell.
    pub(crate) is_local: Option<bool>,
}

/// A part of a VMFS datastore (`vmfs extent list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The datastore's name.
    pub(crate) datastore: String,
    /// Its UUID, as in paths below `/vmfs/volumes`.
    pub(crate) uuid: String,
    /// The device that it lies on.
    pub(crate) device: String,
}

/// A virtual machine that runs (`vm process list`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningVm {
    /// Its display name.
    pub(crate) name: String,
    /// `/vmfs/volumes/UUID-OR-NAME/folder/name.vmx`
    pub(crate) config_file: String,
}

/// The devices in the answer to [`Dialect::device_list`], at least one.
pub(crate) fn devices(replies: &Replies, request: &Request) -> Result<Arc<Vec<NmpDevice>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_devices)
}

/// The paths in the answer to [`Dialect::path_list`] or [`Dialect::paths`], at least one.
pub(crate) fn paths(replies: &Replies, request: &Request) -> Result<Arc<Vec<NmpPath>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_paths)
}

/// The array types in the answer to [`Dialect::satp_list`], at least one.
pub(crate) fn satps(replies: &Replies, request: &Request) -> Result<Arc<Vec<Satp>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_satps)
}

/// The rules in the answer to [`Dialect::rule_list`], at least one.
pub(crate) fn rules(replies: &Replies, request: &Request) -> Result<Arc<Vec<ClaimRule>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_rules)
}

/// The devices in the answer to [`Dialect::scsi_list`], at least one.
pub(crate) fn scsi_devices(
    replies: &Replies,
    request: &Request,
) -> Result<Arc<Vec<ScsiDevice>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_scsi_devices)
}

/// The parts of datastores in the answer to [`Dialect::extent_list`].
pub(crate) fn extents(replies: &Replies, request: &Request) -> Result<Arc<Vec<Extent>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_extents)
}

/// The virtual machines in the answer to [`Dialect::vm_list`].
pub(crate) fn running_vms(replies: &Replies, request: &Request) -> Result<Arc<Vec<RunningVm>>, ObserveError> {
    replies.parsed(&Query::reading(request.clone()), read_running_vms)
}

fn read_devices(request: &Request, reply: &Reply) -> Result<Vec<NmpDevice>, ObserveError> {
    let read = |block: &Block<'_>| {
        // Later releases print more lines, and lines below this one; none of those tells anything that is needed.
        let paths = block.need("Working Paths")?.split(',').map(str::trim).filter(|path| !path.is_empty());
        let paths_in_use: Vec<String> = paths.map(str::to_owned).collect();
        if let Some(odd) = paths_in_use.iter().find(|path| !is_path(path)) {
            return Err(block.wrong(&format!("`{}` is no path", quote(odd))));
        }
        block.need("Storage Array Type Device Config")?;
        Ok(NmpDevice {
            id: block.device()?.to_owned(),
            display_name: block.need("Device Display Name")?.to_owned(),
            satp: block.word("Storage Array Type")?.to_owned(),
            psp: block.word("Path Selection Policy")?.to_owned(),
            config: block.need("Path Selection Policy Device Config")?.to_owned(),
            paths_in_use,
        })
    };
    let devices = Block::all(request, reply)?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    each_once(request, devices.iter().map(|device| device.id.as_str()))?;
    Ok(devices)
}

fn read_paths(request: &Request, reply: &Reply) -> Result<Vec<NmpPath>, ObserveError> {
    let read = |block: &Block<'_>| {
        let name = block.need("Runtime Name")?;
        if !is_path(name) {
            return Err(block.wrong(&format!("`{}` is no path", quote(name))));
        }
        // The last line that every release prints: without it the block was cut.
        block.need("Path Selection Policy Path Config")?;
        let state = block.need("Group State")?;
        if state.is_empty() {
            return Err(block.wrong("its `Group State` is blank"));
        }
        // A dead path may lead to nothing any more (`No associated device`).
        let device = block.need("Device")?.to_owned();
        Ok(NmpPath { name: name.to_owned(), device, state: state.to_owned() })
    };
    let paths = Block::all(request, reply)?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    each_once(request, paths.iter().map(|path| path.name.as_str()))?;
    Ok(paths)
}

/// `vmhba2:C0:T1:L11`
pub(super) fn is_path(text: &str) -> bool {
    let mut parts = text.split(':');
    let adapter = parts.next().is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    let mut numbered = |letter| {
        let number = parts.next().and_then(|part| part.strip_prefix(letter));
        number.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
    };
    adapter && numbered('C') && numbered('T') && numbered('L') && parts.next().is_none()
}

fn read_satps(request: &Request, reply: &Reply) -> Result<Vec<Satp>, ObserveError> {
    let table = Table::read(request, reply, &["Name", "Default PSP", "Description"])?;
    let satps = table.some_rows()?.map(|row| {
        Ok(Satp {
            name: row.need("Name")?.to_owned(),
            default_psp: row.need("Default PSP")?.to_owned(),
            description: row.text("Description"),
        })
    });
    let satps = satps.collect::<Result<Vec<_>, _>>()?;
    each_once(request, satps.iter().map(|satp| satp.name.as_str()))?;
    Ok(satps)
}

fn read_rules(request: &Request, reply: &Reply) -> Result<Vec<ClaimRule>, ObserveError> {
    let mut titles = vec![
        "Name",
        "Device",
        "Vendor",
        "Model",
        "Driver",
        "Transport",
        "Options",
        "Claim Options",
        "Default PSP",
        "PSP Options",
        "Description",
    ];
    if Dialect::spoken_in(request) == Dialect::Five {
        titles.push("Rule Group");
    }
    let table = Table::read(request, reply, &titles)?;
    let rules = table.some_rows()?.map(|row| {
        if let Some(other) = row.get("Rule Group").filter(|group| !["system", "user"].contains(group)) {
            return Err(row.wrong(&format!("`{}` is no group of rules", quote(other))));
        }
        Ok(ClaimRule {
            satp: row.need("Name")?.to_owned(),
            device: row.text("Device"),
            vendor: row.text("Vendor"),
            model: row.text("Model"),
            driver: row.text("Driver"),
            transport: row.text("Transport"),
            options: row.text("Options"),
            group: row.text("Rule Group"),
            claim_options: row.text("Claim Options"),
            psp: row.text("Default PSP"),
            psp_options: row.text("PSP Options"),
            description: row.text("Description"),
        })
    });
    rules.collect()
}

fn read_scsi_devices(request: &Request, reply: &Reply) -> Result<Vec<ScsiDevice>, ObserveError> {
    let blocks = Block::all(request, reply)?;
    // A release prints it of every device or of none. It stands near the end of a block, so one that lacks it was cut.
    let tells_boot = blocks.iter().any(|block| block.get("Is Boot Device").is_some());
    let read = |block: &Block<'_>| {
        if tells_boot {
            block.need("Is Boot Device")?;
        }
        block.need("Is Local")?;
        Ok(ScsiDevice {
            id: block.device()?.to_owned(),
            vendor: block.need("Vendor")?.to_owned(),
            model: block.need("Model")?.to_owned(),
            is_boot: block.flag("Is Boot Device")?,
            is_local: block.flag("Is Local")?,
        })
    };
    let devices = blocks.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    each_once(request, devices.iter().map(|device| device.id.as_str()))?;
    Ok(devices)
}

fn read_extents(request: &Request, reply: &Reply) -> Result<Vec<Extent>, ObserveError> {
    if Dialect::spoken_in(request) == Dialect::Four {
        return text(request, reply)?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| old_extent(line).ok_or_else(|| unparsable(request, format!("`{}`", quote(line)))))
            .collect();
    }
    let table = Table::read(request, reply, &["Volume Name", "VMFS UUID", "Device Name"])?;
    let extents = table.rows().map(|row| {
        Ok(Extent {
            datastore: row.need("Volume Name")?.to_owned(),
            uuid: row.need("VMFS UUID")?.to_owned(),
            device: row.need("Device Name")?.to_owned(),
        })
    });
    extents.collect()
}

/// `naa.6001:1 /vmfs/devices/disks/naa.6001:1 505427ac-3acc9d52-406d-d027886f3502  0  the name`
fn old_extent(line: &str) -> Option<Extent> {
    let mut rest = line.trim();
    let mut word = || {
        let (word, after) = rest.split_once(char::is_whitespace)?;
        rest = after.trim_start();
        Some(word)
    };
    let (device, partition) = word()?.rsplit_once(':')?;
    let (_, uuid, number) = (word()?, word()?, word()?);
    partition.parse::<u32>().ok()?;
    number.parse::<u32>().ok()?;
    let whole = !device.is_empty() && uuid.contains('-') && !rest.is_empty();
    whole.then(|| Extent { datastore: rest.to_owned(), uuid: uuid.to_owned(), device: device.to_owned() })
}

fn read_running_vms(request: &Request, reply: &Reply) -> Result<Vec<RunningVm>, ObserveError> {
    let read = |block: &Block<'_>| {
        Ok(RunningVm {
            name: block.need("Display Name")?.to_owned(),
            config_file: block.need("Config File")?.to_owned(),
        })
    };
    Block::all(request, reply)?.iter().map(read).collect()
}

/// The error for a list without anything in it, or with something twice.
fn each_once<'a>(request: &Request, names: impl Iterator<Item = &'a str>) -> Result<(), ObserveError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(unparsable(request, format!("`{}` is in the list twice", quote(name))));
        }
    }
    if seen.is_empty() { Err(unparsable(request, "it is empty")) } else { Ok(()) }
}
