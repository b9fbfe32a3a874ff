//! Whether there is room for a clone.

use super::spec::DiskFormat;
use super::state::Machine;
use crate::vsphere::view::Store;

/// What may still be written to a datastore.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    free: u64,
    reserve: u64,
}

impl Room {
    /// All of it but so many hundredths.
    pub(super) fn of(store: &Store, reserve: u64) -> Self {
        Room { free: store.free, reserve: store.capacity / 100 * reserve }
    }

    /// Takes so many bytes of it; why there are not so many.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), String> {
        match self.free.checked_sub(bytes).filter(|left| *left >= self.reserve) {
            Some(left) => {
                self.free = left;
                Ok(())
            }
            None => Err(format!(
                "its clone needs {}, and of {} that are free {} stay so",
                size(bytes),
                size(self.free),
                size(self.reserve)
            )),
        }
    }
}

/// So many bytes a clone takes: what is written on the machine's disks, or all that they can hold.
pub(super) fn needed(machine: &Machine, format: DiskFormat) -> u64 {
    let disks = &machine.detail.disks;
    let capacity =
        disks.iter().fold(0_u64, |sum, disk| sum.saturating_add(disk.capacity.saturating_mul(1024)));
    match (format, machine.vm.committed) {
        // A server that has not counted yet tells 0.
        (DiskFormat::Same, _) | (_, 0) => capacity,
        (DiskFormat::Sparse | DiskFormat::Thin, committed) => committed.min(capacity),
    }
}

/// As people read it: `12.5 GiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match UNITS.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::request::vsphere::Reference;

    use super::*;

    fn room(free: u64, reserve: u64) -> Room {
        let reference = Reference::new("Datastore", "datastore-1");
        let name = "NFS".to_owned();
        Room::of(&Store { reference, name, parent: None, free, capacity: 1_000, accessible: true }, reserve)
    }

    #[test]
    fn what_one_takes_is_not_there_for_the_next() {
        let mut room = room(500, 10);
        assert_eq!(room.take(300), Ok(()));
        let why = room.take(101).unwrap_err();
        assert_eq!(why, "its clone needs 101 bytes, and of 200 bytes that are free 100 bytes stay so");
        assert_eq!(room.take(100), Ok(()));
        assert!(room.take(1).is_err() && room.take(u64::MAX).is_err());
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let told = [0, 1_023, 1_536, 20 << 30, u64::MAX].map(size);
        assert_eq!(told, ["0 bytes", "1023 bytes", "1.5 KiB", "20.0 GiB", "16777215.9 TiB"]);
    }
}
