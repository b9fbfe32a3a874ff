//! Which events a notifier tells.

use std::collections::BTreeSet;

use evenkeel_core::config::{NotifyOn, NotifyWeight};
use evenkeel_engine::store::{NewEvent, Weight};

use crate::words::NOTIFIER;

/// So many troubles are remembered, to tell when they are over. Of more the end is not told.
const MOST_OPEN: usize = 5_000;

/// Which events a notifier tells, and what it told of that is not over yet.
#[derive(Debug, Clone)]
pub(crate) struct Interest {
    on: NotifyOn,
    /// The notifier: what happens to itself it does not tell.
    own: String,
    /// What a warning was told about, and its end was not.
    pub(crate) open: BTreeSet<String>,
}

impl Interest {
    pub(crate) fn new(own: &str, on: &NotifyOn, open: BTreeSet<String>) -> Self {
        Interest { on: on.clone(), own: own.to_owned(), open }
    }

    /// True where `event` is told. Events are given in the order of their numbers: a warning that is told makes its end told
    /// as well.
    pub(crate) fn takes(&mut self, event: &NewEvent) -> bool {
        if event.kind.as_deref() == Some(NOTIFIER) && event.name.as_deref() == Some(&self.own) {
            return false;
        }
        let among = |wanted: &[String], found: &Option<String>| {
            wanted.is_empty() || found.as_ref().is_some_and(|found| wanted.contains(found))
        };
        let on = &self.on;
        if !among(&on.sources, &event.source)
            || !among(&on.targets, &event.target)
            || !among(&on.kinds, &event.kind)
        {
            return false;
        }
        let subject = subject(event);
        if !on.reasons.is_empty() {
            return on.reasons.contains(&event.reason);
        }
        match (event.weight, on.weight.unwrap_or_default()) {
            (_, NotifyWeight::Normal) => true,
            (Weight::Warning, NotifyWeight::Warning) => {
                if self.open.len() < MOST_OPEN {
                    self.open.insert(subject);
                }
                true
            }
            // What goes on in between is not its end.
            (Weight::Normal, NotifyWeight::Warning) => !is_between(event) && self.open.remove(&subject),
        }
    }
}

/// What an event is about. That a revision came into force ends what was wrong with the one before it.
fn subject(event: &NewEvent) -> String {
    [&event.source, &event.target, &event.kind, &event.name]
        .map(|part| part.as_deref().unwrap_or(""))
        .join("/")
}

fn is_between(event: &NewEvent) -> bool {
    matches!(event.reason.as_str(), "Waiting" | "Suspended")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn event(weight: Weight, reason: &str, target: &str, name: Option<&str>) -> NewEvent {
        NewEvent {
            at: Timestamp::UNIX_EPOCH,
            weight,
            reason: reason.to_owned(),
            message: "m".to_owned(),
            source: Some("site".to_owned()),
            target: Some(target.to_owned()),
            kind: name.map(|_| "ZfsDataset".to_owned()),
            name: name.map(str::to_owned),
            revision: None,
            run: None,
        }
    }

    #[test]
    fn warnings_and_their_end_are_told_and_nothing_else() {
        let mut interest = Interest::new("chat", &NotifyOn::default(), BTreeSet::new());
        let mut takes = |weight, reason, name| interest.takes(&event(weight, reason, "host1", name));
        assert!(!takes(Weight::Normal, "InSync", Some("vm")), "nothing was wrong with it");
        assert!(takes(Weight::Warning, "DriftFound", Some("vm")));
        assert!(!takes(Weight::Normal, "InSync", Some("other")));
        assert!(!takes(Weight::Normal, "Waiting", Some("vm")), "it is not over");
        assert!(takes(Weight::Normal, "DriftCorrected", Some("vm")));
        assert!(!takes(Weight::Normal, "InSync", Some("vm")), "its end was told");
        assert!(takes(Weight::Warning, "TargetUnreachable", None));
        assert!(takes(Weight::Normal, "TargetAnswers", None));
        assert!(interest.open.is_empty());
    }

    #[test]
    fn all_that_is_given_has_to_fit() {
        let on = NotifyOn {
            weight: Some(NotifyWeight::Normal),
            targets: vec!["host1".to_owned()],
            kinds: vec!["ZfsDataset".to_owned()],
            sources: vec!["site".to_owned()],
            ..NotifyOn::default()
        };
        let mut interest = Interest::new("chat", &on, BTreeSet::new());
        assert!(interest.takes(&event(Weight::Normal, "Applied", "host1", Some("vm"))));
        assert!(!interest.takes(&event(Weight::Normal, "Applied", "host2", Some("vm"))));
        assert!(!interest.takes(&event(Weight::Warning, "TargetUnreachable", "host1", None)), "of no kind");
        let on = NotifyOn { sources: vec!["other".to_owned()], ..on };
        assert!(!Interest::new("chat", &on, BTreeSet::new()).takes(&event(
            Weight::Normal,
            "Applied",
            "host1",
            Some("vm")
        )));
    }

    #[test]
    fn reasons_count_whatever_they_weigh() {
        let on = NotifyOn { reasons: vec!["Applied".to_owned()], ..NotifyOn::default() };
        let mut interest = Interest::new("chat", &on, BTreeSet::new());
        assert!(interest.takes(&event(Weight::Normal, "Applied", "host1", Some("vm"))));
        assert!(!interest.takes(&event(Weight::Warning, "Failed", "host1", Some("vm"))));
    }

    #[test]
    fn a_notifier_does_not_tell_what_happens_to_itself() {
        let mut failed = event(Weight::Warning, "NotificationFailed", "x", Some("chat"));
        failed.kind = Some(NOTIFIER.to_owned());
        let takes = |own: &str| Interest::new(own, &NotifyOn::default(), BTreeSet::new()).takes(&failed);
        assert!(!takes("chat"));
        assert!(takes("mail"));
    }
}
