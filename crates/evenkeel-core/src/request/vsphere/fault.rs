//! What a server's refusals mean, as exit statuses.

/// The exit status for a fault by its type (`DuplicateName`), or for one that the transport finds: 403 where it is not
/// allowed, 404 where what it is about is not there, 409 where that is in the way or in no state for it, 499 where the task
/// was cancelled, 501 where the server does not have it, 507 where there is no room, else 500.
pub fn exit_status(fault: &str) -> i32 {
    match fault {
        "NoPermission" | "RestrictedVersion" | "RestrictedByAdministrator" => 403,
        "ManagedObjectNotFound" | "NotFound" | "FileNotFound" => 404,
        "DuplicateName" | "AlreadyExists" | "FileAlreadyExists" | "ConcurrentAccess" | "FileLocked"
        | "InvalidPowerState" | "InvalidState" | "ResourceInUse" | "SnapshotLocked" | "TaskInProgress" => 409,
        "RequestCanceled" => 499,
        "MethodNotFound" | "NotImplemented" | "NotSupported" => 501,
        "InsufficientStorageSpace" | "NoDiskSpace" => 507,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::exit_status;

    #[test]
    fn a_fault_of_a_type_that_is_not_known_is_a_failure_all_the_same() {
        let of =
            ["NoPermission", "NotFound", "DuplicateName", "RequestCanceled", "NotSupported", "NoDiskSpace"];
        assert_eq!(of.map(exit_status), [403, 404, 409, 499, 501, 507]);
        assert_eq!((exit_status("SystemError"), exit_status("")), (500, 500));
    }
}
