//! A transport without a network: simulated machines by target name, and faults on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::request::{Exec, Reply, Request, Transfer};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind, Watch};
use tokio::sync::Notify;

use crate::machine::Machine;
use crate::random::Random;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The target cannot be reached; the whole exchange fails.
    Unreachable,
    /// The connection ends before the command is run, for this and all later requests of the exchange.
    LostBefore,
    /// A part of the work is done, then the connection ends: in the middle of a file, between two of the operations that
    /// a request is made of.
    LostMidway,
    /// The command is run, then the connection ends before the reply.
    LostAfter,
    /// The command is run and takes too long.
    Timeout,
    /// Half of standard output arrives as if it were all.
    Truncated,
    /// Standard output is noise.
    Garbage,
}

const FAULTS: [Fault; 7] = [
    Fault::Unreachable,
    Fault::LostBefore,
    Fault::LostMidway,
    Fault::LostAfter,
    Fault::Timeout,
    Fault::Truncated,
    Fault::Garbage,
];

/// A command that a machine was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The target.
    pub target: String,
    /// The command.
    pub argv: Vec<String>,
    /// Whether it changed the machine.
    pub wrote: bool,
    /// Whether it was the first over a connection that was asked for anew.
    pub fresh: bool,
}

/// A [`Transport`] straight to simulated machines.
pub struct SimTransport {
    /// By target name; one machine may play several.
    machines: BTreeMap<String, Arc<Mutex<Watched>>>,
    log: Mutex<Vec<Record>>,
    trouble: Mutex<Trouble>,
    down: Mutex<BTreeSet<String>>,
    /// The targets whose connection was given up, and that nothing was sent to since.
    renewed: Mutex<BTreeSet<String>>,
    /// How many more requests are sent before the one who sends them is killed.
    life: Mutex<Option<usize>>,
    killed: Notify,
}

/// A machine and what its fingerprint was when it was last looked at.
struct Watched {
    machine: Box<dyn Machine>,
    fingerprint: u64,
}

impl Watched {
    /// True where its own network lets nobody reach it. Time passes while one tries.
    fn is_cut_off(&mut self) -> bool {
        let is_cut_off = !self.machine.is_reachable();
        if is_cut_off {
            self.machine.pass();
            self.fingerprint = self.machine.fingerprint();
        }
        is_cut_off
    }
}

/// One request in `one_in` goes wrong; none where it is 0.
struct Trouble {
    random: Random,
    one_in: usize,
}

impl fmt::Debug for SimTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTransport").field("machines", &self.machines.keys()).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimTransport {
    /// A transport to these machines, by target name, where nothing goes wrong.
    pub fn new(machines: BTreeMap<String, Box<dyn Machine>>) -> Self {
        let watched = |(name, machine): (String, Box<dyn Machine>)| {
            let beside = machine.beside().into_iter().map(|suffix| format!("{name}-{suffix}"));
            let names: Vec<String> = beside.chain([name.clone()]).collect();
            let machine = Arc::new(Mutex::new(Watched { fingerprint: machine.fingerprint(), machine }));
            names.into_iter().map(move |name| (name, Arc::clone(&machine)))
        };
        SimTransport {
            machines: machines.into_iter().flat_map(watched).collect(),
            log: Mutex::default(),
            trouble: Mutex::new(Trouble { random: Random::new(0), one_in: 0 }),
            down: Mutex::default(),
            renewed: Mutex::default(),
            life: Mutex::default(),
            killed: Notify::new(),
        }
    }

    /// Whoever sends is killed within the request number `after` from now: a part of that is done, and neither it nor
    /// anything later is ever answered. Wait for [`SimTransport::killed`] beside the work, and drop the work then.
    /// `None`: lives on.
    pub fn kill_after(&self, after: Option<usize>) {
        *locked(&self.life) = after;
    }

    /// Returns when the sender is killed.
    pub async fn killed(&self) {
        self.killed.notified().await;
    }

    /// Counts a request; true where the sender is killed within it.
    fn dies(&self) -> bool {
        match &mut *locked(&self.life) {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// From now on one request in `one_in` goes wrong, in ways that `seed` fixes; 0 ends it.
    pub fn set_trouble(&self, seed: u64, one_in: usize) {
        *locked(&self.trouble) = Trouble { random: Random::derive(seed, 7), one_in };
    }

    /// From now on a target does not answer, or answers again.
    pub fn set_down(&self, target: &str, down: bool) {
        let mut targets = locked(&self.down);
        if down {
            targets.insert(target.to_owned());
        } else {
            targets.remove(target);
        }
    }

    /// Looks at or changes a machine by hand; `None` for a target that there is not.
    pub fn with_machine<R>(&self, target: &str, act: impl FnOnce(&mut dyn Machine) -> R) -> Option<R> {
        let mut watched = locked(self.machines.get(target)?);
        let result = act(watched.machine.as_mut());
        watched.fingerprint = watched.machine.fingerprint();
        Some(result)
    }

    /// The commands that were run since the last call.
    pub fn take_log(&self) -> Vec<Record> {
        std::mem::take(&mut locked(&self.log))
    }

    fn draw(&self) -> Option<Fault> {
        let mut trouble = locked(&self.trouble);
        let one_in = trouble.one_in;
        if one_in == 0 || !trouble.random.one_in(one_in) {
            return None;
        }
        trouble.random.pick(&FAULTS).copied()
    }

    fn run(&self, target: &str, watched: &mut Watched, request: &Request, midway: bool) -> Reply {
        let argv = request.as_exec().map_or_else(|| vec![request.display()], Exec::words);
        let reply = if midway {
            watched.machine.answer_in_part(target, request, &mut locked(&self.trouble).random);
            Reply { exit: 255, stdout: Vec::new(), stderr: Vec::new() }
        } else {
            watched.machine.answer(target, request)
        };
        let before = std::mem::replace(&mut watched.fingerprint, watched.machine.fingerprint());
        let wrote = watched.fingerprint != before;
        let fresh = locked(&self.renewed).remove(target);
        locked(&self.log).push(Record { target: target.to_owned(), argv, wrote, fresh });
        reply
    }

    fn machine(&self, target: &str) -> Result<&Mutex<Watched>, TransportError> {
        let machine = self.machines.get(target).filter(|_| !locked(&self.down).contains(target));
        machine.map(AsRef::as_ref).ok_or_else(|| failed(target, TransportErrorKind::Unreachable))
    }

    /// The answers; `None` where nobody is left to hear them.
    fn answer(&self, target: &str, requests: &[Request]) -> Option<Vec<Result<Reply, TransportError>>> {
        let machine = match self.machine(target) {
            Ok(machine) => machine,
            Err(error) => return Some(vec![Err(error); requests.len()]),
        };
        let mut machine = locked(machine);
        if machine.is_cut_off() {
            return Some(vec![Err(failed(target, TransportErrorKind::Unreachable)); requests.len()]);
        }
        let mut answers = Vec::new();
        for request in requests {
            match self.answer_one(target, &mut machine, request)? {
                Err(error) if error.kind == TransportErrorKind::Unreachable => {
                    return Some(vec![Err(error); requests.len()]);
                }
                Err(error) => {
                    answers.resize_with(requests.len(), || Err(error.clone()));
                    break;
                }
                answer => answers.push(answer),
            }
        }
        Some(answers)
    }

    /// Does what is asked, as far as nothing goes wrong; `None` where nobody is left to hear of it.
    fn answer_one(
        &self,
        target: &str,
        machine: &mut Watched,
        request: &Request,
    ) -> Option<Result<Reply, TransportError>> {
        if self.dies() {
            self.run(target, machine, request, true);
            self.killed.notify_one();
            return None;
        }
        let fault = self.draw();
        let lost = match fault {
            Some(Fault::Unreachable) => TransportErrorKind::Unreachable,
            Some(Fault::LostBefore) => TransportErrorKind::ConnectionLost,
            Some(Fault::LostMidway) => {
                self.run(target, machine, request, true);
                TransportErrorKind::ConnectionLost
            }
            _ => {
                let reply = self.run(target, machine, request, false);
                match fault {
                    Some(Fault::LostAfter) => TransportErrorKind::ConnectionLost,
                    Some(Fault::Timeout) => TransportErrorKind::Timeout,
                    // What was asked cut the way that the answer would have come.
                    _ if !machine.machine.is_reachable() => TransportErrorKind::ConnectionLost,
                    fault => return Some(Ok(spoiled(reply, fault))),
                }
            }
        };
        Some(Err(failed(target, lost)))
    }

    /// Moves bytes within one machine that plays both targets.
    fn carry(
        &self,
        from: &str,
        to: &str,
        transfer: &Transfer,
        watch: &dyn Watch,
    ) -> Option<Result<Reply, TransportError>> {
        let (origin, goal) = match (self.machine(from), self.machine(to)) {
            (Ok(origin), Ok(goal)) => (origin, goal),
            (Err(error), _) | (_, Err(error)) => return Some(Err(error)),
        };
        if !std::ptr::eq(origin, goal) {
            return Some(Err(failed(from, TransportErrorKind::Configuration)));
        }
        if watch.is_stopped() {
            return Some(Err(failed(from, TransportErrorKind::Stopped)));
        }
        watch.moved(0, None);
        let request = Request::Transfer(Box::new(transfer.clone()));
        self.answer_one(from, &mut locked(origin), &request)
    }
}

fn failed(target: &str, kind: TransportErrorKind) -> TransportError {
    TransportError::new(kind, format!("{target}: simulated {kind:?}"))
}

fn spoiled(mut reply: Reply, fault: Option<Fault>) -> Reply {
    match fault {
        Some(Fault::Truncated) => reply.stdout.truncate(reply.stdout.len() / 2),
        Some(Fault::Garbage) => reply.stdout = b"\x1b[2J\xff\0 Segmentation fault\n".to_vec(),
        _ => {}
    }
    reply
}

impl Transport for SimTransport {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        let answers = self.answer(&target.name, requests);
        Box::pin(async move { heard(answers).await })
    }

    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        locked(&self.renewed).insert(target.name.clone());
        Box::pin(std::future::ready(()))
    }

    fn transfer<'a>(
        &'a self,
        from: &'a Target,
        to: &'a Target,
        transfer: &'a Transfer,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        let answer = self.carry(&from.name, &to.name, transfer, watch);
        Box::pin(async move { heard(answer).await })
    }
}

/// What is answered; the dead wait for ever.
async fn heard<T>(answer: Option<T>) -> T {
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::{Version, ZfsHost};

    fn transport() -> SimTransport {
        let mut host = ZfsHost::new(Version::V2_3);
        host.add_pool("tank", 1 << 30);
        SimTransport::new(BTreeMap::from([("kiwi".to_owned(), Box::new(host) as Box<dyn Machine>)]))
    }

    fn zfs(words: &str) -> Request {
        Request::Exec(Exec::new(words.split(' ')))
    }

    #[test]
    fn the_log_tells_writes_from_reads() {
        let transport = transport();
        let answers =
            transport.answer("kiwi", &[zfs("zfs list -H -o name"), zfs("zfs set sync=always tank")]).unwrap();
        assert_eq!(answers[0].as_ref().unwrap().stdout, b"tank\n");
        let wrote: Vec<bool> = transport.take_log().iter().map(|record| record.wrote).collect();
        assert_eq!(wrote, [false, true]);
    }

    /// A machine that `cut` cuts off, and that mends itself when time passes.
    #[derive(Clone, Default)]
    struct Bridge {
        is_cut: bool,
    }

    impl Machine for Bridge {
        fn run(&mut self, argv: &[String]) -> Reply {
            self.is_cut |= argv == ["cut"];
            Reply { exit: 0, stdout: Vec::new(), stderr: Vec::new() }
        }

        fn is_reachable(&self) -> bool {
            !self.is_cut
        }

        fn pass(&mut self) {
            self.is_cut = false;
        }

        fn fingerprint(&self) -> u64 {
            self.is_cut.into()
        }

        fn drift(&mut self, _: &mut Random) {}

        fn objects(&self) -> BTreeMap<String, Option<String>> {
            BTreeMap::new()
        }

        fn copy(&self) -> Box<dyn Machine> {
            Box::new(self.clone())
        }
    }

    #[test]
    fn a_machine_that_cuts_itself_off_is_not_heard_of_until_time_has_passed() {
        let machine = Box::new(Bridge::default()) as Box<dyn Machine>;
        let transport = SimTransport::new(BTreeMap::from([("kiwi".to_owned(), machine)]));
        let kinds = |words: &[&str]| -> Vec<Option<TransportErrorKind>> {
            let requests: Vec<Request> = words.iter().map(|word| zfs(word)).collect();
            let answers = transport.answer("kiwi", &requests).unwrap();
            answers.into_iter().map(|answer| answer.err().map(|error| error.kind)).collect()
        };
        let lost = Some(TransportErrorKind::ConnectionLost);
        assert_eq!(kinds(&["look", "cut", "look"]), [None, lost, lost]);
        assert_eq!(kinds(&["look"]), [Some(TransportErrorKind::Unreachable)], "and time passes in it");
        assert_eq!(kinds(&["look"]), [None]);
        assert_eq!(transport.take_log().len(), 3, "what is not heard is not run");
    }

    #[test]
    fn every_request_has_an_answer_whatever_goes_wrong() {
        let transport = transport();
        transport.set_trouble(1, 2);
        let mut failures = 0;
        for _ in 0..100 {
            let answers =
                transport.answer("kiwi", &[zfs("zfs list"), zfs("zfs list"), zfs("zfs list")]).unwrap();
            assert_eq!(answers.len(), 3);
            failures += answers.iter().filter(|a| a.is_err()).count();
        }
        assert!((50..250).contains(&failures), "{failures}");
        assert!(transport.answer("papaya", &[zfs("zfs list")]).unwrap()[0].is_err());
    }
}
