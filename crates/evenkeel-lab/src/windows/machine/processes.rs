//! Processes that run at the same time, as far as scripts can notice.
//!
//! Whoever asks for something (over SSH, or at the console) runs in the caller's thread. A scheduled task is a process beside it, with
//! a thread of its own, but never do two of them run at once: the machine is handed from one to the other, and only where a process
//! lets time go on (`Start-Sleep`, a cmdlet that takes its time, waiting for a mutex). Then each goes on at the moment that it waits
//! for, in the order of these moments. So a task meets a script that is in the midst of its work, and the script meets it: what one
//! has done between two such points the other sees. Between them nothing comes: to have tasks come between any two cmdlets, let every
//! cmdlet take a second ([`WindowsHost::slow`]).
//!
//! What is still at work when the asker has ended goes on to its end before the next one asks, and the clock with it. A copy of a
//! machine is made only then, so it has no processes.

use std::cell::RefCell;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

use super::super::shell::{self, Arguments, Edition, Mutex, Signature, World};
use super::super::value::{ErrorRecord, Value};
use super::{Release, WindowsHost};

/// So many threads wait for the next process, so that scripts need not be parsed again.
const IDLE_AT_MOST: usize = 4;

thread_local! {
    static IDLE: RefCell<Vec<Thread>> = const { RefCell::new(Vec::new()) };
}

/// What a process has to itself while it has the machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    /// 0 is whoever asks.
    pub(super) process: u32,
    /// It is a scheduled task: nobody's connection is around it.
    pub(super) in_task: bool,
    /// It is killed after so many more cmdlets; `None` where nobody kills it.
    pub(super) calls_left: Option<usize>,
    /// The machine starts anew when it ends, or is killed.
    pub(super) then_restarts: bool,
}

/// Processes that wait for a moment. A copy has none: see above.
#[derive(Default)]
pub(super) struct Waiting(Vec<Process>);

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} processes", self.0.len())
    }
}

impl Clone for Waiting {
    fn clone(&self) -> Self {
        Waiting::default()
    }
}

struct Process {
    session: Session,
    /// Path and name of its task.
    task: (String, String),
    /// When it goes on.
    wakes: i64,
    thread: Thread,
}

/// What a thread is told.
enum Order {
    /// Run a command line. The machine comes with it.
    Run(Box<WindowsHost>, String),
    /// Time has gone on.
    GoOn(Box<WindowsHost>),
}

/// What it says, with which it gives the machine back.
enum Said {
    /// It waits until then.
    Waits(Box<WindowsHost>, i64),
    Ended(Box<WindowsHost>),
}

struct Thread {
    orders: Sender<Order>,
    /// Behind a lock only so that a machine can be looked at from several threads.
    said: std::sync::Mutex<Receiver<Said>>,
    handle: JoinHandle<()>,
}

impl Thread {
    fn idle() -> Thread {
        if let Some(thread) = IDLE.with_borrow_mut(Vec::pop) {
            return thread;
        }
        let (orders, received) = channel();
        let (saying, said) = channel();
        let handle = spawn(move || work(&received, &saying));
        Thread { orders, said: std::sync::Mutex::new(said), handle }
    }

    fn rests(self) {
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < IDLE_AT_MOST {
                idle.push(self);
            }
        });
    }
}

fn work(orders: &Receiver<Order>, saying: &Sender<Said>) {
    while let Ok(order) = orders.recv() {
        let Order::Run(host, line) = order else { continue };
        let mut inside = Inside { host, orders, saying, is_over: false };
        // Nobody reads what a task prints.
        let _ = shell::run_command_line(&mut inside, &line, &[]);
        if !inside.is_over && saying.send(Said::Ended(inside.host)).is_err() {
            return;
        }
    }
}

/// The machine, as a process of its own has it.
struct Inside<'t> {
    host: Box<WindowsHost>,
    orders: &'t Receiver<Order>,
    saying: &'t Sender<Said>,
    /// It was killed; what it has is no machine any more.
    is_over: bool,
}

impl World for Inside<'_> {
    fn signature(&self, cmdlet: &str) -> Option<&'static Signature> {
        self.host.signature(cmdlet)
    }

    fn call(&mut self, cmdlet: &'static str, arguments: &Arguments) -> Result<Vec<Value>, ErrorRecord> {
        self.sleep(self.host.seconds_of(cmdlet));
        self.host.perform(cmdlet, arguments)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.host.environment(name)
    }

    fn now(&self) -> i64 {
        self.host.now()
    }

    fn sleep(&mut self, seconds: i64) {
        if self.is_over || seconds <= 0 {
            return;
        }
        let until = self.host.clock.saturating_add(seconds);
        let host = std::mem::replace(&mut *self.host, WindowsHost::nobody());
        // Whoever killed it does not listen, and has nothing to say.
        let sent = self.saying.send(Said::Waits(Box::new(host), until));
        match sent.ok().and_then(|()| self.orders.recv().ok()) {
            Some(Order::GoOn(host)) => self.host = host,
            Some(Order::Run(..)) | None => self.is_over = true,
        }
    }

    fn edition(&self) -> Edition {
        self.host.edition()
    }

    fn is_function(&self, cmdlet: &str) -> bool {
        self.host.is_function(cmdlet)
    }

    fn take_mutex(&mut self, name: &str, has_waited: bool) -> Mutex {
        self.host.take_mutex(name, has_waited)
    }

    fn release_mutex(&mut self, name: &str) -> bool {
        self.host.release_mutex(name)
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    fn end(&mut self) {
        if !self.is_over {
            self.host.let_mutexes_go();
        }
    }
}

impl WindowsHost {
    /// What stands where a machine was while a process has it.
    fn nobody() -> WindowsHost {
        WindowsHost::new("", Release::Ws2022, Edition::Desktop)
    }

    /// The process that goes on first, and when.
    pub(super) fn next_awake(&self) -> Option<(i64, usize)> {
        let waiting = self.waiting.0.iter().enumerate();
        waiting.map(|(at, process)| (process.wakes, at)).min()
    }

    /// A process of its own runs a task's command line, until it waits for something.
    pub(super) fn begin(&mut self, task: (String, String), line: String) {
        self.processes = self.processes.saturating_add(1);
        let session = Session { process: self.processes, in_task: true, ..Session::default() };
        let process = Process { session, task, wakes: self.clock, thread: Thread::idle() };
        self.hand_over(process, |host| Order::Run(host, line));
    }

    /// A process that has waited goes on.
    pub(super) fn wake(&mut self, at: usize) {
        if at < self.waiting.0.len() {
            let process = self.waiting.0.remove(at);
            self.hand_over(process, Order::GoOn);
        }
    }

    fn hand_over(&mut self, mut process: Process, order: impl FnOnce(Box<WindowsHost>) -> Order) {
        let mine = std::mem::replace(&mut self.session, process.session);
        let host = Box::new(std::mem::replace(self, WindowsHost::nobody()));
        // A thread that is gone says nothing either.
        let _ = process.thread.orders.send(order(host));
        let said = process.thread.said.get_mut().unwrap_or_else(PoisonError::into_inner);
        match said.recv() {
            Ok(Said::Waits(host, until)) => {
                *self = *host;
                process.session = std::mem::replace(&mut self.session, mine);
                process.wakes = until;
                self.waiting.0.push(process);
            }
            Ok(Said::Ended(host)) => {
                *self = *host;
                self.session = mine;
                let (path, name) = &process.task;
                if let Some(task) = self.task_mut(path, name) {
                    task.is_running = false;
                }
                process.thread.rests();
            }
            // It fell over, and so do we: its thread says why.
            Err(_) => {
                if let Err(why) = process.thread.handle.join() {
                    resume_unwind(why);
                }
            }
        }
    }

    /// All other processes are gone, in the midst of what they do.
    pub(super) fn kill_all(&mut self) {
        self.waiting.0.clear();
        self.mutexes.clear();
        for task in &mut self.tasks {
            task.is_running = false;
        }
    }

    /// Other processes wait for something.
    pub(super) fn has_others(&self) -> bool {
        !self.waiting.0.is_empty()
    }

    pub(super) fn mutex_taken(&mut self, name: &str, has_waited: bool) -> Mutex {
        let me = self.session.process;
        match self.mutexes.get(name) {
            Some(Some(holder)) if *holder != me => return Mutex::Held,
            // Its handle is closed; who holds one himself learns of it, for others it is as if it had never been.
            Some(None) if has_waited => {
                self.mutexes.insert(name.to_owned(), Some(me));
                return Mutex::Abandoned;
            }
            _ => {}
        }
        self.mutexes.insert(name.to_owned(), Some(me));
        Mutex::Taken
    }

    pub(super) fn mutex_released(&mut self, name: &str) -> bool {
        let is_mine = self.mutexes.get(name) == Some(&Some(self.session.process));
        if is_mine {
            self.mutexes.remove(name);
        }
        is_mine
    }

    /// The process that has the machine ends: what mutexes it has left are abandoned.
    pub(super) fn let_mutexes_go(&mut self) {
        let me = Some(self.session.process);
        for holder in self.mutexes.values_mut().filter(|holder| **holder == me) {
            *holder = None;
        }
    }
}

#[cfg(test)]
mod tests;
