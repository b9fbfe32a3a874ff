//! Scheduled tasks: once at a time, when the machine starts, or when somebody starts them.

use super::WindowsHost;
use crate::windows::value::is_name;

/// A scheduled task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Task {
    /// `\Evenkeel\`
    pub(in crate::windows) path: String,
    pub(in crate::windows) name: String,
    /// The program.
    pub(in crate::windows) execute: String,
    /// Its arguments, as one line.
    pub(in crate::windows) argument: String,
    /// When it is due, in seconds since 1970: by its trigger for a time, because somebody started it, or the machine.
    pub(in crate::windows) due: Vec<i64>,
    /// It runs when the machine starts, too.
    pub(in crate::windows) at_startup: bool,
    pub(in crate::windows) is_running: bool,
}

impl WindowsHost {
    /// A task, to be changed.
    pub(in crate::windows) fn task_mut(&mut self, path: &str, name: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| is_name(&task.path, path) && is_name(&task.name, name))
    }
}
