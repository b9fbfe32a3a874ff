//! Times of slots: which days, which times of day, and what that is in a time zone.
//!
//! Local time has gaps and goes back. A slot in a gap begins where the gap ends. A slot that comes twice is meant once,
//! the first time, unless it is of a kind that comes in every hour.

use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::field::{Set, Span};

/// Slots in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots {
    /// On which days.
    pub(super) days: Days,
    /// At what times.
    pub(super) times: Times,
    /// Whether a time that comes twice is meant both times.
    pub(super) repeats: bool,
}

/// Days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    /// Every so many days, counted from a Monday.
    Every(i32),
    /// Those that fit.
    Calendar {
        /// Empty: every year.
        years: Vec<Span>,
        /// Months from 1.
        months: Set,
        /// Days of the month from 1.
        days: Set,
        /// Days of the week from Monday = 0.
        weekdays: Set,
        /// Whether it is enough when one of `days` and `weekdays` fits.
        either: bool,
    },
}

/// Times of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Times {
    /// Every so many seconds from midnight.
    Every(u32),
    /// Those that fit.
    Fields {
        /// Hours.
        hours: Set,
        /// Minutes.
        minutes: Set,
        /// The second.
        second: u32,
    },
}

/// So many days, months and years are looked at before a day that never comes is given up: it is enough for
/// 29 February on a given weekday, across 2100.
const PATIENCE: usize = 20_000;

/// The Monday from which every so many days are counted.
const MONDAY: Date = date(1970, 1, 5);

const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl Slots {
    /// The newest slot at or before `at`.
    pub(super) fn before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = whole_second(zone.to_datetime(at))?;
        let place = Place::of(at, zone);
        let plain = self.last(place.latest(local)?);
        let again = match place {
            Place::SecondTime { .. } => self.last(local),
            Place::FirstTime { .. } => None,
            Place::Plain => plain,
        };
        let first = plain.and_then(|local| first_time(local, zone));
        let second = again.filter(|_| self.repeats).and_then(|local| second_time(local, zone));
        first.into_iter().chain(second).filter(|slot| *slot <= at).max()
    }

    /// From when to when what begins at the newest slot at or before `at` lasts, if clocks show so much more at its end.
    /// Both are the same where that lies in a gap. For slots that are meant once.
    pub(super) fn span_before(
        &self,
        at: Timestamp,
        zone: &TimeZone,
        duration: SignedDuration,
    ) -> Option<(Timestamp, Timestamp)> {
        let local = whole_second(zone.to_datetime(at))?;
        let begin = self.last(Place::of(at, zone).latest(local)?)?;
        let end = begin.checked_add(duration).ok()?;
        Some((first_time(begin, zone)?, first_time(end, zone)?))
    }

    /// The first slot after `at`.
    pub(super) fn after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = whole_second(zone.to_datetime(at))?.checked_add(SECOND).ok()?;
        let (plain, again) = match Place::of(at, zone) {
            Place::Plain => (self.next(local), None),
            Place::FirstTime { start } => (self.next(local), self.next(start)),
            Place::SecondTime { end } => (self.next(end), self.next(local)),
        };
        let first = plain.and_then(|local| first_time(local, zone));
        let second = again.filter(|_| self.repeats).and_then(|local| second_time(local, zone));
        first.into_iter().chain(second).filter(|slot| *slot > at).min()
    }

    /// The first local time from `from` on.
    fn next(&self, from: DateTime) -> Option<DateTime> {
        if self.days.has(from.date())
            && let Some(second) = self.times.next(second_of(from))
        {
            return at_second(from.date(), second);
        }
        let day = self.days.next(from.date().tomorrow().ok()?)?;
        at_second(day, self.times.next(0)?)
    }

    /// The last local time up to `to`.
    fn last(&self, to: DateTime) -> Option<DateTime> {
        if self.days.has(to.date())
            && let Some(second) = self.times.last(second_of(to))
        {
            return at_second(to.date(), second);
        }
        let day = self.days.last(to.date().yesterday().ok()?)?;
        at_second(day, self.times.last(86_399)?)
    }
}

impl Days {
    fn has(&self, day: Date) -> bool {
        match self {
            Days::Every(step) => days_from_monday(day).rem_euclid((*step).max(1)) == 0,
            Days::Calendar { years, months, days, weekdays, either } => {
                let in_month = days.has(day.day().unsigned_abs().into());
                let in_week = weekdays.has(day.weekday().to_monday_zero_offset().unsigned_abs().into());
                let fits = if *either { in_month || in_week } else { in_month && in_week };
                fits && months.has(day.month().unsigned_abs().into()) && has_year(years, day)
            }
        }
    }

    /// The first day from `day` on.
    fn next(&self, mut day: Date) -> Option<Date> {
        for _ in 0..PATIENCE {
            if self.has(day) {
                return Some(day);
            }
            day = match self {
                Days::Every(step) => {
                    day.checked_add((*step - days_from_monday(day).rem_euclid((*step).max(1))).days()).ok()?
                }
                Days::Calendar { years, .. } if !has_year(years, day) => {
                    years.iter().any(|span| i64::from(span.last) > i64::from(day.year())).then_some(())?;
                    Date::new(day.year().checked_add(1)?, 1, 1).ok()?
                }
                Days::Calendar { months, .. } if !months.has(day.month().unsigned_abs().into()) => {
                    day.last_of_month().tomorrow().ok()?
                }
                Days::Calendar { .. } => day.tomorrow().ok()?,
            };
        }
        None
    }

    /// The last day up to `day`.
    fn last(&self, mut day: Date) -> Option<Date> {
        for _ in 0..PATIENCE {
            if self.has(day) {
                return Some(day);
            }
            day = match self {
                Days::Every(step) => {
                    day.checked_sub(days_from_monday(day).rem_euclid((*step).max(1)).days()).ok()?
                }
                Days::Calendar { years, .. } if !has_year(years, day) => {
                    years.iter().any(|span| i64::from(span.first) < i64::from(day.year())).then_some(())?;
                    Date::new(day.year().checked_sub(1)?, 12, 31).ok()?
                }
                Days::Calendar { months, .. } if !months.has(day.month().unsigned_abs().into()) => {
                    day.first_of_month().yesterday().ok()?
                }
                Days::Calendar { .. } => day.yesterday().ok()?,
            };
        }
        None
    }
}

fn has_year(years: &[Span], day: Date) -> bool {
    years.is_empty() || u32::try_from(day.year()).is_ok_and(|year| years.iter().any(|span| span.has(year)))
}

fn days_from_monday(day: Date) -> i32 {
    i32::try_from(day.duration_since(MONDAY).as_hours() / 24).unwrap_or_default()
}

impl Times {
    /// The first second of the day from `from` on.
    pub(super) fn next(&self, from: u32) -> Option<u32> {
        match self {
            Times::Every(step) => from.checked_next_multiple_of(*step).filter(|second| *second < 86_400),
            Times::Fields { hours, minutes, second } => {
                // The first minute whose second is not before `from`.
                let minute = from.saturating_sub(*second).div_ceil(60);
                let mut hour = hours.next(minute / 60)?;
                let from = if hour == minute / 60 { minute % 60 } else { 0 };
                let minute = if let Some(minute) = minutes.next(from) {
                    minute
                } else {
                    hour = hours.next(hour + 1)?;
                    minutes.next(0)?
                };
                Some(hour * 3600 + minute * 60 + second)
            }
        }
    }

    /// The last second of the day up to `to`.
    fn last(&self, to: u32) -> Option<u32> {
        match self {
            Times::Every(step) => Some(to - to.checked_rem(*step)?),
            Times::Fields { hours, minutes, second } => {
                let minute = to.checked_sub(*second)? / 60;
                let mut hour = hours.last(minute / 60)?;
                let to = if hour == minute / 60 { minute % 60 } else { 59 };
                let minute = if let Some(minute) = minutes.last(to) {
                    minute
                } else {
                    hour = hours.last(hour.checked_sub(1)?)?;
                    minutes.last(59)?
                };
                Some(hour * 3600 + minute * 60 + second)
            }
        }
    }
}

/// Where a moment stands in local time.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Its local time comes once.
    Plain,
    /// Its local time comes again.
    FirstTime {
        /// The local time to which clocks will go back.
        start: DateTime,
    },
    /// Its local time came before.
    SecondTime {
        /// The local time at which clocks went back.
        end: DateTime,
    },
}

impl Place {
    fn of(at: Timestamp, zone: &TimeZone) -> Place {
        let local = zone.to_datetime(at);
        let AmbiguousOffset::Fold { before, after } = zone.to_ambiguous_timestamp(local).offset() else {
            return Place::Plain;
        };
        let place = if zone.to_offset(at) == before {
            let turn = zone.following(at).next().map(|turn| turn.timestamp());
            turn.map(|turn| Place::FirstTime { start: after.to_datetime(turn) })
        } else {
            let turn = at.checked_add(SECOND).ok().and_then(|at| zone.preceding(at).next());
            turn.map(|turn| Place::SecondTime { end: before.to_datetime(turn.timestamp()) })
        };
        place.unwrap_or(Place::Plain)
    }

    /// The latest local time that was there by now, which is `local`.
    fn latest(self, local: DateTime) -> Option<DateTime> {
        match self {
            Place::SecondTime { end } => end.checked_sub(SECOND).ok(),
            Place::Plain | Place::FirstTime { .. } => Some(local),
        }
    }
}

/// When a local time comes first; for one that never comes, the moment when the gap ends.
fn first_time(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            let earlier = after.to_timestamp(local).ok()?;
            zone.following(earlier).next().map(|turn| turn.timestamp())
        }
    }
}

/// When a local time comes again; `None` where it does not.
fn second_time(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(local).ok(),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => None,
    }
}

fn whole_second(local: DateTime) -> Option<DateTime> {
    local.with().subsec_nanosecond(0).build().ok()
}

fn second_of(local: DateTime) -> u32 {
    let (hour, minute, second) = (local.hour(), local.minute(), local.second());
    u32::from(hour.unsigned_abs()) * 3600
        + u32::from(minute.unsigned_abs()) * 60
        + u32::from(second.unsigned_abs())
}

fn at_second(day: Date, second: u32) -> Option<DateTime> {
    let part = |number: u32| i8::try_from(number).ok();
    let time = Time::new(part(second / 3600)?, part(second / 60 % 60)?, part(second % 60)?, 0).ok()?;
    Some(day.to_datetime(time))
}
