//! How the module Hyper-V refuses.

use crate::windows::value::ErrorRecord;

/// What the module does not take.
pub(in crate::windows::cmdlets) fn refused(cmdlet: &str, message: impl Into<String>) -> ErrorRecord {
    ErrorRecord::of(cmdlet, "InvalidArgument", "", "InvalidParameter", message)
}

/// No switch of this name. As seen on Windows Server 2019, where it is no `ObjectNotFound`.
pub(in crate::windows::cmdlets) fn missing(cmdlet: &str, switch: &str) -> ErrorRecord {
    let message = format!("Hyper-V was unable to find a virtual switch with name \"{switch}\".");
    ErrorRecord::of(cmdlet, "InvalidArgument", switch, "InvalidParameter", message)
}

/// No guest of this name.
pub(in crate::windows::cmdlets) fn missing_machine(cmdlet: &str, machine: &str) -> ErrorRecord {
    let message = format!("Hyper-V was unable to find a virtual machine with name \"{machine}\".");
    ErrorRecord::of(cmdlet, "InvalidArgument", machine, "InvalidParameter", message)
}

/// No network adapter of a guest or the host that fits. As seen of Connect-VMNetworkAdapter.
pub(in crate::windows::cmdlets) fn missing_adapter(cmdlet: &str) -> ErrorRecord {
    ErrorRecord::of(
        cmdlet,
        "ObjectNotFound",
        "",
        "ObjectNotFound",
        "No network adapter was found with the given criteria.",
    )
}

/// No NIC of this name or description. The text as reported of Set-VMSwitchTeam, the category believed.
pub(in crate::windows::cmdlets) fn missing_nic(cmdlet: &str, nic: &str) -> ErrorRecord {
    let message = format!("Physical network adapter '{nic}' not found.");
    ErrorRecord::of(cmdlet, "ObjectNotFound", "", "ObjectNotFound", message)
}

/// A NIC is below a switch already. As seen on several hosts.
pub(super) fn already_bound(cmdlet: &str, description: &str) -> ErrorRecord {
    let message = format!(
        "Failed while adding virtual Ethernet switch connections.\r\nExternal Ethernet adapter '{description}' is already bound to the Microsoft Virtual Switch protocol."
    );
    refused(cmdlet, message)
}

/// A NIC cannot be bound: here because it is switched off. As seen of a wireless adapter.
pub(super) fn bind_failed(cmdlet: &str, guid: &str) -> ErrorRecord {
    let message = format!(
        "Failed while adding virtual Ethernet switch connections.\r\nEthernet port '{guid}' bind failed: Element not found. (0x80070490)."
    );
    ErrorRecord::of(cmdlet, "ObjectNotFound", "", "ObjectNotFound", message)
}

/// Guests run on a switch that shall go. As seen on several hosts.
pub(super) fn in_use(cmdlet: &str, switch: &str) -> ErrorRecord {
    let message = format!(
        "Failed while removing virtual Ethernet switch.\r\nThe virtual switch '{switch}' cannot be deleted because it is being used by running virtual machines or assigned to child pools.\r\nThe operation cannot be performed while the object is in use."
    );
    ErrorRecord::of(cmdlet, "ResourceBusy", "", "ObjectInUse", message)
}

/// A switch of this name is there. Hyper-V itself lets two have one name, and its reference warns of it; nothing here shall build on that.
pub(super) fn taken(cmdlet: &str, switch: &str) -> ErrorRecord {
    let message = format!(
        "Failed while creating virtual Ethernet switch.\r\nSwitch create failed, name = '{switch}', friendly name = '{switch}': Cannot create a file when that file already exists. (0x800700B7)."
    );
    ErrorRecord::of(cmdlet, "ResourceExists", "", "ObjectExists", message)
}

/// A parameter that must be given was not: nobody is there who could be asked for it.
pub(in crate::windows::cmdlets) fn missing_parameter(cmdlet: &str, parameter: &str) -> ErrorRecord {
    let message =
        format!("Cannot process command because of one or more missing mandatory parameters: {parameter}.");
    ErrorRecord::of(cmdlet, "InvalidArgument", "", "MissingMandatoryParameter", message)
}

/// Parameters that do not go together.
pub(in crate::windows::cmdlets) fn unresolved(cmdlet: &str) -> ErrorRecord {
    ErrorRecord::of(
        cmdlet,
        "InvalidArgument",
        "",
        "AmbiguousParameterSet",
        "Parameter set cannot be resolved using the specified named parameters.",
    )
}

/// A question that nobody is there to answer.
pub(super) fn would_ask(cmdlet: &str) -> ErrorRecord {
    ErrorRecord::of(
        cmdlet,
        "InvalidOperation",
        "",
        "InvalidOperation",
        "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
    )
}
