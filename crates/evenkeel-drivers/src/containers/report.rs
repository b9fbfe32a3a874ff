//! What there is to tell of a template: whether its newest version is what the manifest says, here and where it is sent to,
//! what builds left, and every version that there is.

use evenkeel_core::driver::{Health, Report, Table};
use evenkeel_core::period::Period;
use jiff::Timestamp;

use super::decide::{Decision, Wish, decide, newest_first};
use super::recipe;
use super::record::{Mine, Record};
use super::state::{Place, Seen, TemplateState};

/// Everything that there is to tell. `state` is `None` where nothing of this template is there.
pub(super) fn report(wish: &Wish<'_>, state: Option<&TemplateState>, now: Timestamp) -> Report {
    let mut report = Report { next: recipe::next_slot(wish.refresh, now), ..Report::default() };
    let known = state.and_then(|state| state.seen.as_deref().zip(state.mine.as_ref()));
    let Some((seen, mine)) = known else {
        report.health.push(Health::bad("Current", "Never", "it was not built yet"));
        return report;
    };
    let decision = decide(wish, seen, mine, now);
    report.health.push(current(wish, seen, mine, decision.as_ref(), now));
    report.notes.extend(decision.as_ref().and_then(|decision| replaced(wish, seen, mine, decision)));
    for target in wish.publish {
        let about = format!("Published/{target}");
        match seen.elsewhere.get(target) {
            Some(Ok(place)) => report.health.push(published(about, target, place, mine, decision.as_ref())),
            Some(Err(why)) => {
                report.health.push(Health::bad(about, "Unreachable", format!("{target}: {why}")));
                report.notes.push(format!("{target} is left as it is: {why}"));
            }
            None => {}
        }
    }
    for (what, known) in &seen.leftovers {
        report
            .notes
            .push(format!("{what} is left of a build that did not come to its end, and goes: {known}"));
    }
    report
}

fn current(wish: &Wish<'_>, seen: &Seen, mine: &Mine, decision: Option<&Decision>, now: Timestamp) -> Health {
    let ours = newest_first(&seen.here.versions, mine);
    let Some((name, record)) = ours.first() else {
        return Health::bad("Current", "Never", "it was not built yet");
    };
    let told = format!("{name}, {} from {}", age(record, now), record.base.name);
    let Some(decision) = decision else {
        return Health::bad("Current", "Unknown", format!("the newest is {told}; the base was not found"));
    };
    if decision.build.is_none() {
        return Health::good("Current", "Current", format!("the newest is {told}"));
    }
    let mut stale = Vec::new();
    if record.recipe != wish.recipe {
        stale.push("the recipe is another one");
    }
    if seen.base.as_ref().is_some_and(|base| base.sha256 != record.base.sha256) {
        stale.push("the base is another one");
    }
    if record.slot != decision.slot {
        stale.push("it is time for a fresh one");
    }
    Health::bad("Current", "OutOfDate", format!("the newest is {told}; {}", stale.join(", ")))
}

/// A version that is not kept, though its time is not up.
fn replaced(wish: &Wish<'_>, seen: &Seen, mine: &Mine, decision: &Decision) -> Option<String> {
    let name = &decision.newest;
    let is_built = decision.build.as_ref().is_some_and(|build| build.held.is_none());
    let is_there = seen.here.versions.get(name).is_some_and(|record| mine.has(record));
    let would_stay = wish.keep > 0 && wish.name.contains("{yyyyMMdd}");
    (is_built && is_there && would_stay).then(|| {
        format!(
            "the {name} that is there is not kept: builds of one day have the same name; with {{digest}} in \
             `output.version` each has its own"
        )
    })
}

fn published(about: String, target: &str, place: &Place, mine: &Mine, decision: Option<&Decision>) -> Health {
    let ours = newest_first(&place.versions, mine);
    let wanted = decision.map(|decision| &decision.newest);
    let has = decision.and_then(|decision| decision.elsewhere.get(target)).is_some_and(|there| !there.send);
    match (ours.first(), wanted) {
        (_, Some(wanted)) if has => Health::good(about, "Published", format!("{target} has {wanted}")),
        (Some((name, _)), _) => Health::bad(about, "OutOfDate", format!("the newest on {target} is {name}")),
        (None, _) => Health::bad(about, "Never", format!("{target} has none yet")),
    }
}

fn age(record: &Record, now: Timestamp) -> String {
    if record.built == Timestamp::UNIX_EPOCH {
        return "built".to_owned();
    }
    let seconds = u64::try_from(now.duration_since(record.built).as_secs()).unwrap_or(0);
    format!("built {} ago", Period::coarse(seconds))
}

/// Every version, the newest first. `here` is what the place that they are built in is called.
pub(super) fn table(state: &TemplateState, here: &str) -> Option<Table> {
    let (seen, mine) = (state.seen.as_deref()?, state.mine.as_ref()?);
    let columns = ["name", "built", "digest", "base", "size", "where"].map(str::to_owned);
    let elsewhere =
        seen.elsewhere.iter().filter_map(|(target, place)| Some((target.as_str(), place.as_ref().ok()?)));
    let places = std::iter::once((here, &seen.here)).chain(elsewhere);
    let rows = places.flat_map(|(place, seen)| {
        newest_first(&seen.versions, mine).into_iter().map(move |(name, record)| {
            let built =
                if record.built == Timestamp::UNIX_EPOCH { "-".into() } else { record.built.to_string() };
            let digest = record.digest.get(..12).unwrap_or(&record.digest).to_owned();
            let size = format!("{} MiB", record.bytes.div_ceil(1 << 20));
            vec![name.to_owned(), built, digest, record.base.name.clone(), size, place.to_owned()]
        })
    });
    Some(Table { columns: columns.into(), rows: rows.collect() })
}

#[cfg(test)]
mod tests;
