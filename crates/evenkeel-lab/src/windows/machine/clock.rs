//! Time passes, and scheduled tasks run.

use super::super::shell;
use super::WindowsHost;

impl WindowsHost {
    /// So many seconds pass. Tasks that fall due run, each at its time.
    pub fn pass(&mut self, seconds: u64) {
        let until = self.clock.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
        while let Some(due) = self.next_due().filter(|due| *due <= until) {
            self.clock = self.clock.max(due);
            self.run_due();
        }
        self.clock = self.clock.max(until);
    }

    /// When the next task is due.
    fn next_due(&self) -> Option<i64> {
        self.tasks.iter().filter_map(|task| task.due).min()
    }

    /// Runs all tasks that are due: each runs its command line, as nobody's session.
    fn run_due(&mut self) {
        let clock = self.clock;
        for number in 0..self.tasks.len() {
            let Some(task) =
                self.tasks.get_mut(number).filter(|task| task.due.is_some_and(|due| due <= clock))
            else {
                continue;
            };
            task.due = None;
            task.is_running = true;
            let (path, name) = (task.path.clone(), task.name.clone());
            let line = format!("{} {}", task.execute, task.argument);
            let was_in_task = std::mem::replace(&mut self.in_task, true);
            let calls_left = self.calls_left.take();
            // Nobody reads what a task prints.
            let _ = shell::run_command_line(self, &line, &[]);
            self.in_task = was_in_task;
            self.calls_left = calls_left;
            if let Some(task) = self.task_mut(&path, &name) {
                task.is_running = false;
            }
        }
    }
}
