//! The contract suite catches drivers that break it: a toy driver, once right and once with each flaw.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used)]

mod shelf;

use std::collections::BTreeMap;

use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::{
    Attribution, Delta, Drift, Driver, Finding, Found, Guard, ObserveError, Observed, Proof, Registry, Step,
};
use evenkeel_core::plan::Action;
use evenkeel_core::request::{Exec, Query, Replies, Request};
use evenkeel_lab::contract::{Fixture, Lists, Scenario, Stage, TARGET, checks};
use evenkeel_lab::random::Random;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shelf::{HEAVY, Shelf};

/// What is wrong with a driver.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    LooksByWriting,
    NeverContent,
    GuessesAbsence,
    ComparesTooLittle,
    TellsSecrets,
    RemovesAnything,
    AsksWhoByWriting,
    BlamesForOthers,
    ForgetsHalf,
    /// No flaw: what it may not send, it says so of.
    HoldsBack,
    HoldsBackWithoutAWord,
    GuessesValues,
    EchoesWhatItSaw,
    OnlyWantsOfTheUnseen,
    ProvesByWriting,
    DemandsTooMuch,
    CountsTheUnread,
    LeavesUnguarded,
    PutsBackAnother,
    NeverDisarms,
    ConfirmsAnything,
    PutsBackWhatNeverBegan,
    IgnoresItsGuard,
    LooksOnce,
    MakesAnew,
    ForgetsAtRestart,
}

struct Toy(Flaw);

#[derive(Debug, Deserialize, JsonSchema)]
struct ToySpec {
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct ToyState {
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'static str>,
}

fn shelf(words: &[&str]) -> Request {
    Request::Exec(Exec::new(words.to_vec()))
}

impl Toy {
    fn query(&self, name: &str) -> Query {
        let verb = if self.0 == Flaw::LooksByWriting { "peek-and-count" } else { "look" };
        Query::reading(shelf(&["shelf", verb, name]))
    }

    /// Once it is put there, it is there, and the next one still is as much as it was.
    fn proof(&self, name: &str) -> Proof {
        let verb = if self.0 == Flaw::ProvesByWriting { "peek-and-count" } else { "look" };
        let least = if self.0 == Flaw::DemandsTooMuch { 2 } else { 1 };
        let (reads, at_least) = [(name, least), ("e", 0)]
            .map(|(name, least)| (shelf(&["shelf", verb, name]), (name.to_owned(), least)))
            .into_iter()
            .unzip();
        Proof { reads, counts: "objects".to_owned(), at_least }
    }

    fn guard(&self, name: &str) -> Guard {
        let arms = if self.0 == Flaw::PutsBackAnother { "d" } else { name };
        let disarm = match self.0 {
            Flaw::NeverDisarms => shelf(&["shelf", "nod"]),
            Flaw::ConfirmsAnything => shelf(&["shelf", "relax"]),
            _ => shelf(&["shelf", "disarm"]),
        };
        let how = match self.0 {
            Flaw::PutsBackWhatNeverBegan => "blindly",
            Flaw::MakesAnew => "anew",
            Flaw::ForgetsAtRestart => "lightly",
            _ => "well",
        };
        Guard { arm: shelf(&["shelf", "arm", arms, how]), disarm, seconds: 300, restores: name.to_owned() }
    }

    /// Value and owner; `None` where it is missing.
    fn read(&self, name: &str, text: &[u8]) -> Result<Option<(String, String)>, ObserveError> {
        let text = String::from_utf8_lossy(text);
        let words: Vec<&str> = text.strip_suffix(" end\n").unwrap_or_default().split(' ').collect();
        match words.as_slice() {
            [n, "is", value, "of", owner] if *n == name => {
                Ok(Some(((*value).to_owned(), (*owner).to_owned())))
            }
            [n, "is", "missing"] if *n == name => Ok(None),
            _ if self.0 == Flaw::GuessesAbsence => Ok(None),
            _ if self.0 == Flaw::GuessesValues => Ok(Some(("unknown".to_owned(), "nobody".to_owned()))),
            _ => Err(ObserveError::Unparsable { command: "shelf".to_owned(), problem: text.into_owned() }),
        }
    }
}

impl Driver for Toy {
    const KIND: &'static str = "Toy";
    type Spec = ToySpec;
    type State = ToyState;

    fn check(&self, _: &ToySpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &ToySpec) -> String {
        spec.name.clone()
    }

    fn queries(&self, spec: &ToySpec, _: &Replies) -> Vec<Query> {
        vec![self.query(&spec.name)]
    }

    fn observe(&self, spec: &ToySpec, replies: &Replies) -> Result<Observed<ToyState>, ObserveError> {
        let reply = replies.get(&self.query(&spec.name))?;
        let tells_length = matches!(self.0, Flaw::ComparesTooLittle | Flaw::EchoesWhatItSaw);
        let length = tells_length.then_some(reply.stdout.len());
        let place = (self.0 == Flaw::OnlyWantsOfTheUnseen).then_some("left");
        Ok(match self.read(&spec.name, &reply.stdout)? {
            None => Observed::Absent { lacks: None },
            Some((value, _)) => Observed::Present(ToyState { value, length, place }),
        })
    }

    fn desired(&self, spec: &ToySpec, seen: Option<&ToyState>, _: Timestamp) -> Option<ToyState> {
        let value =
            if self.0 == Flaw::NeverContent { format!("{}!", spec.value) } else { spec.value.clone() };
        let length = seen.filter(|_| self.0 == Flaw::EchoesWhatItSaw).and_then(|seen| seen.length);
        let place = (self.0 == Flaw::OnlyWantsOfTheUnseen && seen.is_none()).then_some("left");
        Some(ToyState { value, length, place })
    }

    fn steps(&self, spec: &ToySpec, delta: &Delta<'_, ToyState>) -> Vec<Step> {
        let value = match self.0 {
            Flaw::ForgetsHalf if delta.action == Action::Update => "half",
            _ => &spec.value,
        };
        let password = if self.0 == Flaw::TellsSecrets { "hunter2" } else { delta.owner };
        let is_heavy = spec.name == HEAVY;
        let is_guarded = is_heavy && self.0 != Flaw::LeavesUnguarded;
        let how = match self.0 {
            Flaw::IgnoresItsGuard => "",
            Flaw::LooksOnce => "once",
            _ => "guarded",
        };
        let mut words = vec!["shelf", "put", &spec.name, value, password];
        words.extend(is_guarded.then_some(how));
        let step = Step::new(shelf(&words)).proven(self.proof(&spec.name));
        let step = if is_guarded { step.guarded(self.guard(&spec.name)) } else { step };
        match self.0 {
            Flaw::HoldsBack if is_heavy => vec![step.held("it is too heavy")],
            Flaw::HoldsBackWithoutAWord if is_heavy => Vec::new(),
            _ => vec![step],
        }
    }

    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        let mut counted = BTreeMap::new();
        for (name, read) in proof.at_least.keys().zip(&proof.reads) {
            let there = match replies.get(&Query::reading(read.clone())) {
                Ok(reply) => self.read(name, &reply.stdout)?.is_some(),
                Err(_) if self.0 == Flaw::CountsTheUnread => true,
                Err(error) => return Err(error),
            };
            counted.insert(name.clone(), u64::from(there));
        }
        Ok(counted)
    }

    fn blame_queries(&self, spec: &ToySpec, _: &Drift<'_>) -> Vec<Query> {
        let how = if self.0 == Flaw::AsksWhoByWriting { "peek-and-count" } else { "look" };
        vec![Query::reading(shelf(&["shelf", how, &spec.name]))]
    }

    fn blame(&self, _: &ToySpec, drift: &Drift<'_>, _: &Replies) -> Vec<Attribution> {
        let mut fields: Vec<FieldPath> = drift.changes.iter().map(|change| change.path.clone()).collect();
        fields.extend((self.0 == Flaw::BlamesForOthers).then(|| FieldPath::of(["place"])));
        let (how, source) = ("put".to_owned(), "the shelf".to_owned());
        vec![Attribution { fields, by: None, at: None, how, source }]
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        vec![Query::reading(shelf(&["shelf", "list"]))]
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        let reply = replies.get(&Query::reading(shelf(&["shelf", "list"])))?;
        let mut found = Vec::new();
        for line in reply.stdout.split_inclusive(|byte| *byte == b'\n') {
            let name = String::from_utf8_lossy(line).split(' ').next().unwrap_or_default().to_owned();
            let Some((_, owner)) = self.read(&name, line)? else { continue };
            let owner = if self.0 == Flaw::RemovesAnything { "evenkeel".to_owned() } else { owner };
            found.push(Found { object: name, spec: BTreeMap::new(), owner: Some(owner) });
        }
        Ok(found)
    }

    fn removal(&self, object: &str, _: &[&str], _: &Replies) -> Result<Vec<Step>, String> {
        Ok(vec![Step::new(shelf(&["shelf", "take", object]))])
    }
}

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let mut shelf = Shelf::default();
    let mut manifests = Vec::new();
    for name in ["a", "b", "c", "d"] {
        if random.one_in(2) {
            shelf.objects.insert(name.to_owned(), ("old".to_owned(), "somebody".to_owned()));
        }
        if name != "d" {
            manifests.push(format!(
                "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: {{ name: {name} }}\nspec: {{ target: {TARGET}, name: {name}, value: new }}\n"
            ));
        }
    }
    let secrets = vec!["hunter2".to_owned()];
    Scenario { machine: Box::new(shelf), manifests: manifests.join("---\n"), secrets }
}

/// Whether a driver with this flaw breaks the promise in some of 40 scenarios.
fn breaks(flaw: Flaw, promise: &str) -> bool {
    let registry = Registry::default().with(Toy(flaw));
    let fixture = Fixture {
        kind: "Toy",
        backend: None,
        scenario,
        lists: Lists::None,
        blur: None,
        follows: &[],
        seeds: 120,
    };
    let check = checks().into_iter().find(|check| check.promise == promise).unwrap();
    (0..40).any(|seed| (check.run)(&Stage::set(&registry, &fixture, seed).unwrap(), seed).is_err())
}

#[test]
fn a_right_driver_breaks_nothing() {
    for check in checks() {
        assert!(!breaks(Flaw::None, check.promise), "{}", check.promise);
        assert!(!breaks(Flaw::HoldsBack, check.promise), "{} with steps that are held", check.promise);
    }
}

#[test]
fn every_flaw_is_caught() {
    let of_guards = [
        Flaw::LeavesUnguarded,
        Flaw::PutsBackAnother,
        Flaw::NeverDisarms,
        Flaw::ConfirmsAnything,
        Flaw::PutsBackWhatNeverBegan,
        Flaw::IgnoresItsGuard,
        Flaw::LooksOnce,
        Flaw::MakesAnew,
        Flaw::ForgetsAtRestart,
    ];
    let of_guards = of_guards.map(|flaw| (flaw, "a guard puts back what was there"));
    let others = [
        (Flaw::LooksByWriting, "observing never writes"),
        (Flaw::NeverContent, "it converges, and the second run sends nothing"),
        (Flaw::ForgetsHalf, "it converges, and the second run sends nothing"),
        (Flaw::ForgetsHalf, "drift by hand is found and put back"),
        (Flaw::NeverContent, "updates may be sent in any order"),
        (Flaw::NeverContent, "after a fault at any step it converges to the same"),
        (Flaw::GuessesAbsence, "unknown is never absent"),
        (Flaw::HoldsBackWithoutAWord, "it converges, and the second run sends nothing"),
        (Flaw::GuessesValues, "a reply gone wrong sends nothing new"),
        (Flaw::EchoesWhatItSaw, "every field is compared or volatile"),
        (Flaw::OnlyWantsOfTheUnseen, "every field is compared or volatile"),
        (Flaw::ProvesByWriting, "proofs tell the truth"),
        (Flaw::DemandsTooMuch, "proofs tell the truth"),
        (Flaw::CountsTheUnread, "proofs tell the truth"),
        (Flaw::ComparesTooLittle, "every field is compared or volatile"),
        (Flaw::TellsSecrets, "no secret is ever said"),
        (Flaw::RemovesAnything, "only what carries our mark is removed"),
        (Flaw::AsksWhoByWriting, "asking who did it changes nothing"),
        (Flaw::BlamesForOthers, "asking who did it changes nothing"),
    ];
    for (flaw, promise) in others.into_iter().chain(of_guards) {
        assert!(breaks(flaw, promise), "{flaw:?} is not caught by \"{promise}\"");
    }
}
