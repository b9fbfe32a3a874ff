//! The machine of the toy driver: a shelf with objects, on which things go wrong as on real machines.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::{Reply, Request};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;

/// What becomes of a guarded step that is done.
const CONFIRMED: &str = r#"{"outcome":"confirmed"}"#;

/// The object that blocks the door while it is moved.
pub(crate) const HEAVY: &str = "b";

/// Objects with a value and an owner.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Shelf {
    pub(crate) objects: BTreeMap<String, (String, String)>,
    looks: usize,
    /// Whoever stops in the middle of moving the heavy one has the door blocked.
    is_blocked: bool,
    armed: Option<Armed>,
    /// What became of the last guarded step.
    outcome: Option<&'static str>,
    /// How often each object was put there where none was.
    made: BTreeMap<String, usize>,
    /// The next thing that is put somewhere falls down.
    slips: bool,
    /// Whoever puts something somewhere takes so long that all guards go off meanwhile.
    is_slow: bool,
}

/// A guard.
#[derive(Debug, Clone, Hash)]
struct Armed {
    name: String,
    before: Option<(String, String)>,
    begun: bool,
    has_failed: bool,
    /// What is wrong with it, if anything.
    how: String,
}

impl Machine for Shelf {
    fn run(&mut self, argv: &[String]) -> Reply {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut stdout = String::new();
        match words.as_slice() {
            ["shelf", "look", name] => stdout = self.line(name),
            ["shelf", "list"] => stdout = self.objects.keys().map(|name| self.line(name)).collect(),
            ["shelf", "peek-and-count", name] => {
                self.looks += 1;
                stdout = self.line(name);
            }
            ["shelf", "put", name, value, owner, how @ ..] => {
                if !self.put(name, (value, owner), how.contains(&"guarded"), how.contains(&"once")) {
                    return Reply { exit: 1, stdout: Vec::new(), stderr: b"it fell down\n".to_vec() };
                }
            }
            ["shelf", "take", name] => drop(self.objects.remove(*name)),
            ["shelf", "arm", name, how @ ..] => {
                let (name, how) = ((*name).to_owned(), how.concat());
                let before = self.objects.get(&name).cloned();
                self.armed = Some(Armed { name, before, begun: false, has_failed: false, how });
                self.outcome = None;
            }
            ["shelf", "disarm"] => stdout = self.disarm(),
            ["shelf", "nod"] => stdout = CONFIRMED.into(),
            ["shelf", "relax"] => {
                self.armed = None;
                stdout = CONFIRMED.into();
            }
            _ => return Reply { exit: 2, stdout: Vec::new(), stderr: b"usage\n".to_vec() },
        }
        Reply { exit: 0, stdout: stdout.into_bytes(), stderr: Vec::new() }
    }

    fn answer_in_part(&mut self, _: &str, request: &Request, _: &mut Random) {
        let words = request.as_exec().unwrap().words();
        if words.join(" ").starts_with(&format!("shelf put {HEAVY} ")) {
            self.is_blocked = true;
            self.begin();
        }
    }

    fn answer_and_restart(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.answer_in_part(target, request, random);
        if self.armed.as_ref().is_some_and(|armed| armed.how == "lightly") {
            self.armed = None;
        }
    }

    fn answer_failing(&mut self, target: &str, request: &Request) -> Reply {
        self.slips = true;
        self.answer(target, request)
    }

    fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.made.hash(&mut hasher);
        hasher.finish()
    }

    fn slow_down(&mut self, seconds: u64) {
        self.is_slow = seconds > 0;
    }

    fn is_reachable(&self) -> bool {
        !self.is_blocked
    }

    fn pass(&mut self) {
        let Some(armed) = self.armed.take() else { return };
        if !armed.begun && armed.how != "blindly" {
            self.outcome = Some("neverBegun");
            return;
        }
        if armed.how == "anew" {
            *self.made.entry(armed.name.clone()).or_default() += 1;
        }
        match armed.before {
            Some(object) => drop(self.objects.insert(armed.name, object)),
            None => drop(self.objects.remove(&armed.name)),
        }
        self.outcome = Some("rolledBack");
        self.is_blocked = false;
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    fn drift(&mut self, random: &mut Random) {
        if let Some((value, _)) = self.objects.values_mut().nth(random.below(3)) {
            "by-hand".clone_into(value);
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.objects.iter().map(|(name, (_, owner))| (name.clone(), Some(owner.clone()))).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}

impl Shelf {
    fn begin(&mut self) {
        if let Some(armed) = &mut self.armed {
            armed.begun = true;
        }
    }

    /// Puts an object there; false where it does not come to stand there. What is guarded needs its guard to be armed, and looks
    /// again at the end, or only once.
    fn put(&mut self, name: &str, (value, owner): (&str, &str), is_guarded: bool, once: bool) -> bool {
        if (is_guarded || once) && self.armed.is_none() {
            return false;
        }
        if is_guarded || once || name == HEAVY {
            self.begin();
        }
        if std::mem::take(&mut self.slips) {
            if let Some(armed) = &mut self.armed {
                armed.has_failed = true;
            }
            return false;
        }
        if self.is_slow {
            self.pass();
        }
        if is_guarded && self.armed.is_none() {
            return false;
        }
        if self.objects.insert(name.to_owned(), (value.to_owned(), owner.to_owned())).is_none() {
            *self.made.entry(name.to_owned()).or_default() += 1;
        }
        true
    }

    fn disarm(&mut self) -> String {
        match &self.armed {
            Some(armed) if armed.begun && !armed.has_failed && !self.is_blocked => {
                self.armed = None;
                self.outcome = Some("confirmed");
            }
            Some(_) => self.pass(),
            None => {}
        }
        match self.outcome {
            None => "it is not known\n".to_owned(),
            Some(outcome) => format!(r#"{{"outcome":"{outcome}","said":"so it is"}}"#),
        }
    }

    fn line(&self, name: &str) -> String {
        match self.objects.get(name) {
            Some((value, owner)) => format!("{name} is {value} of {owner} end\n"),
            None => format!("{name} is missing end\n"),
        }
    }
}
