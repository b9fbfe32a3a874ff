//! Time passes, scheduled tasks run, and the machine starts anew.

use super::WindowsHost;

/// So long it takes until a machine that starts runs its first tasks.
const BOOT_SECONDS: i64 = 90;

/// So much later its virtual machine management is there.
const VMMS_SECONDS: i64 = 30;

/// What has not ended by then is killed: a script that waits for ever would else never let anybody ask again.
const LONGEST_SECONDS: i64 = 3600;

/// What happens next.
enum Event {
    /// The task at this place is due.
    Due(usize),
    /// The process at this place goes on.
    Awake(usize),
}

impl WindowsHost {
    /// So many seconds pass. Tasks that fall due run, each at its time; those that have begun come to their end.
    pub fn pass(&mut self, seconds: u64) {
        let until = self.clock.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.go_on(until);
        self.settle();
    }

    /// Every process but the one that has the machine goes on until then.
    pub(super) fn go_on(&mut self, until: i64) {
        while let Some((_, event)) = self.next_event().filter(|(at, _)| *at <= until) {
            self.take_place(&event);
        }
        self.clock = self.clock.max(until);
    }

    /// What is due begins, and what has begun comes to its end.
    pub(super) fn settle(&mut self) {
        let latest = self.clock.saturating_add(LONGEST_SECONDS);
        while let Some((at, event)) = self.next_event() {
            if at > latest {
                break;
            }
            if at > self.clock && !self.has_others() {
                return;
            }
            self.take_place(&event);
        }
        self.kill_all();
    }

    fn next_event(&self) -> Option<(i64, Event)> {
        let dues = self.tasks.iter().enumerate();
        let due = dues.filter_map(|(place, task)| Some((*task.due.iter().min()?, place))).min();
        match (due, self.next_awake()) {
            (Some((due, task)), awake) if awake.is_none_or(|(awake, _)| due < awake) => {
                Some((due, Event::Due(task)))
            }
            (_, awake) => awake.map(|(at, place)| (at, Event::Awake(place))),
        }
    }

    fn take_place(&mut self, event: &Event) {
        match event {
            Event::Due(place) => self.run_task(*place),
            Event::Awake(place) => {
                let at = self.next_awake().map_or(self.clock, |(at, _)| at);
                self.clock = self.clock.max(at);
                self.wake(*place);
            }
        }
    }

    /// Runs a task that is due. One that runs already is not run a second time: such is the setting where nobody chooses another.
    fn run_task(&mut self, place: usize) {
        let Some(task) = self.tasks.get_mut(place) else { return };
        let due = task.due.iter().min().copied().unwrap_or(self.clock);
        task.due.retain(|other| *other != due);
        let (task_name, line) =
            ((task.path.clone(), task.name.clone()), format!("{} {}", task.execute, task.argument));
        let runs_already = std::mem::replace(&mut task.is_running, true);
        self.clock = self.clock.max(due);
        if !runs_already {
            self.begin(task_name, line);
        }
    }

    /// Somebody presses the button: whatever runs dies in the midst of it, and the machine starts anew. What it was told for as long as
    /// it runs is gone: addresses and routes that are not persistent, mutexes. Tasks for the start run once it is up; those whose
    /// time came while it was off do not, not even where they shall start when available: that is for tasks with an end boundary.
    pub fn restart_host(&mut self) {
        self.power_cycle();
        self.settle();
    }

    pub(super) fn power_cycle(&mut self) {
        self.kill_all();
        self.clock = self.clock.saturating_add(BOOT_SECONDS);
        self.vmms_at = self.clock.saturating_add(VMMS_SECONDS);
        self.addresses.restart();
        let clock = self.clock;
        for adapter in &mut self.adapters {
            adapter.back_at = clock;
            adapter.there_at = adapter.there_at.min(clock);
            for property in &mut adapter.properties {
                property.active.clone_from(&property.value);
            }
        }
        for task in &mut self.tasks {
            task.due.retain(|due| *due > clock);
            if task.at_startup {
                task.due.push(clock);
            }
        }
    }
}
