//! What goes wrong with a host on its own: paths that are lost, a host that goes down.

use super::EsxHost;

/// Something that happens once so many writes have been carried out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Due {
    /// Writes that are still to come before it.
    pub(super) writes: usize,
    pub(super) event: Event,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Event {
    /// A path, or all below it, stops to answer.
    LosePath(String),
    /// The host goes down.
    GoDown,
}

impl EsxHost {
    /// Loses a path, or all paths that it is the beginning of by whole parts: `vmhba2` is all of that adapter.
    pub fn lose_path(&mut self, path: &str) {
        self.set_alive(path, false);
    }

    /// Brings back what [`EsxHost::lose_path`] lost.
    pub fn restore_path(&mut self, path: &str) {
        self.set_alive(path, true);
    }

    fn set_alive(&mut self, of: &str, is_alive: bool) {
        for device in self.devices.values_mut() {
            for path in device.paths.iter_mut().filter(|path| path.is_of(of)) {
                path.alive = is_alive;
            }
            device.settle();
        }
    }

    /// Loses a path once `writes` more writes have been carried out; 0 for at once.
    pub fn lose_path_after(&mut self, writes: usize, path: &str) {
        self.fall_due(writes, Event::LosePath(path.to_owned()));
    }

    /// Goes down once `writes` more writes have been carried out; 0 for at once. The last of them is done, but nobody
    /// hears of it: its answer and all later ones are those of a host that is gone, until [`EsxHost::come_up`].
    pub fn reboot_after(&mut self, writes: usize) {
        self.fall_due(writes, Event::GoDown);
    }

    /// Whether it is down, on its way between [`EsxHost::reboot_after`] and [`EsxHost::come_up`].
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// Comes up again where it is down: everything is claimed anew. Nothing otherwise.
    pub fn come_up(&mut self) {
        if self.is_down {
            self.reboot();
        }
    }

    /// Goes down and comes up again at once.
    pub fn reboot(&mut self) {
        self.is_down = false;
        for vm in &mut self.vms {
            vm.is_running = false;
        }
        let ids: Vec<String> = self.devices.keys().cloned().collect();
        for id in ids {
            self.claim(&id, true);
        }
    }

    /// Every write to this device fails with `text`.
    pub fn fail_writes(&mut self, id: &str, text: &str) {
        if let Some(device) = self.devices.get_mut(id) {
            device.refuses = Some(text.to_owned());
        }
    }

    /// Writes to this device are carried out again.
    pub fn allow_writes(&mut self, id: &str) {
        if let Some(device) = self.devices.get_mut(id) {
            device.refuses = None;
        }
    }

    fn fall_due(&mut self, writes: usize, event: Event) {
        self.due.push(Due { writes, event });
        self.let_happen();
    }

    /// One more write has been carried out.
    pub(super) fn count_write(&mut self) {
        for due in &mut self.due {
            due.writes = due.writes.saturating_sub(1);
        }
        self.let_happen();
    }

    fn let_happen(&mut self) {
        let (now, later): (Vec<Due>, Vec<Due>) = self.due.drain(..).partition(|due| due.writes == 0);
        self.due = later;
        for due in now {
            match due.event {
                Event::LosePath(path) => self.lose_path(&path),
                Event::GoDown => self.is_down = true,
            }
        }
    }
}
