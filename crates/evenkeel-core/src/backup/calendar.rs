//! Times as Proxmox and systemd write them: `mon..fri 02:00`, `*/30`, `sat *-1..7 15:00`.
//!
//! The form is `[WEEKDAYS] [[YEARS-]MONTHS-DAYS] [[HOURS:]MINUTES[:SECOND]]`. A missing time is midnight; a time without
//! a colon is the minute, as Proxmox takes it.

use super::field::{self, DAY, Dialect, Fault, HOUR, MINUTE, MONTH, Piece, SECOND, Set, Span, Unit, YEAR};
use super::slots::{Days, Slots, Times};

/// Days of the week, from Monday.
const WEEKDAY: Unit = Unit {
    name: "a day of the week",
    low: 0,
    high: 6,
    names: &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
};

const DIALECT: Dialect = Dialect { range: "..", not_range: "-", open_step: true };

const WORDS: [(&str, &str); 10] = [
    ("minutely", "*:*"),
    ("hourly", "*:00"),
    ("daily", "00:00"),
    ("weekly", "mon 00:00"),
    ("monthly", "*-*-01 00:00"),
    ("yearly", "*-01-01 00:00"),
    ("annually", "*-01-01 00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00"),
    ("semiannually", "*-01,07-01 00:00"),
    ("semi-annually", "*-01,07-01 00:00"),
];

/// The slots of a calendar text.
pub(super) fn parse(text: &str) -> Result<Slots, Fault> {
    let whole = Piece::all(text.trim());
    let known = WORDS.iter().find(|(word, _)| *word == whole.text).map(|(_, meaning)| Piece::all(meaning));
    let mut words = known.unwrap_or(whole).words().into_iter().peekable();
    if words.peek().is_none() {
        return Err(whole.fault("nothing is written here").hint("for instance `mon..fri 02:00`"));
    }
    let weekdays = match words.next_if(|word| word.text.starts_with(|c: char| c.is_alphabetic())) {
        Some(word) => weekdays(word)?,
        None => Set::full(&WEEKDAY),
    };
    let (years, months, days) = match words.next_if(|word| word.text.contains('-')) {
        Some(word) => date(word)?,
        None => (Vec::new(), Set::full(&MONTH), Set::full(&DAY)),
    };
    let (hours, minutes, second) = match words.next() {
        Some(word) => time(word)?,
        None => (Set::from_iter([0]), Set::from_iter([0]), 0),
    };
    if let Some(more) = words.next() {
        return Err(unexpected(more));
    }
    Ok(Slots {
        days: Days::Calendar { years, months, days, weekdays, either: false },
        times: Times::Fields { hours, minutes, second },
        repeats: hours == Set::full(&HOUR),
    })
}

fn weekdays(word: Piece<'_>) -> Result<Set, Fault> {
    let mut all = Set::default();
    for item in word.split(',') {
        // Unlike other ranges these go round: `fri..mon`.
        let ends = item.split_once("..").unwrap_or((item, item));
        let (first, last) = (weekday(ends.0)?, weekday(ends.1)?);
        let length = (last + 7 - first) % 7;
        all = all.iter().chain((first..=first + length).map(|day| day % 7)).collect();
    }
    Ok(all)
}

fn weekday(piece: Piece<'_>) -> Result<u32, Fault> {
    let plain = piece.text.chars().all(char::is_alphabetic);
    match field::spans(piece, &WEEKDAY, &DIALECT).as_deref() {
        Ok([Span { first, .. }]) if plain => Ok(*first),
        _ => {
            let fault = piece.fault("this is not a day of the week (mon, tue, wed, thu, fri, sat, sun)");
            if piece.text.contains('-') {
                return Err(fault.hint("a range is written with `..` here: `mon..fri`"));
            }
            if WORDS.iter().any(|(word, _)| word.eq_ignore_ascii_case(piece.text)) {
                return Err(fault.hint("such a word stands alone, in small letters"));
            }
            Err(fault)
        }
    }
}

fn date(word: Piece<'_>) -> Result<(Vec<Span>, Set, Set), Fault> {
    let parts = word.split('-');
    let (year, month, day) = match parts.as_slice() {
        [month, day] => (None, *month, *day),
        [year, month, day] => (Some(*year), *month, *day),
        _ => {
            return Err(word
                .fault("a date is YEARS-MONTHS-DAYS or MONTHS-DAYS")
                .hint("a range is written with `..`"));
        }
    };
    let years = match year {
        Some(year) if year.text != "*" => list(year, &YEAR)?,
        _ => Vec::new(),
    };
    Ok((years, Set::of(&list(month, &MONTH)?), Set::of(&list(day, &DAY)?)))
}

fn time(word: Piece<'_>) -> Result<(Set, Set, u32), Fault> {
    if word.text.starts_with(|c: char| c.is_alphabetic()) {
        return Err(unexpected(word));
    }
    let parts = word.split(':');
    let (hours, minute, second) = match parts.as_slice() {
        [minute] => (Set::full(&HOUR), *minute, None),
        [hour, minute] => (Set::of(&list(*hour, &HOUR)?), *minute, None),
        [hour, minute, second] => (Set::of(&list(*hour, &HOUR)?), *minute, Some(*second)),
        _ => return Err(word.fault("a time is HOURS:MINUTES, or MINUTES alone")),
    };
    let minutes = Set::of(&list(minute, &MINUTE)?);
    let seconds = second.map_or(Ok(Set::from_iter([0])), |second| Ok(Set::of(&list(second, &SECOND)?)))?;
    match (seconds.next(0), second) {
        (Some(only), _) if seconds.len() == 1 => Ok((hours, minutes, only)),
        (_, second) => {
            let place = second.unwrap_or(word);
            Err(place
                .fault("nothing can be wanted more than once a minute")
                .hint("write one second, such as 00"))
        }
    }
}

fn list(field: Piece<'_>, unit: &Unit) -> Result<Vec<Span>, Fault> {
    if field.text != "*"
        && field.split(',').len() > 1
        && field.split(',').iter().any(|item| item.text.starts_with('*'))
    {
        return Err(field.fault("`*` stands for all values: it cannot be one of a list"));
    }
    field::spans(field, unit, &DIALECT)
}

fn unexpected(word: Piece<'_>) -> Fault {
    if word.text == "UTC" {
        return word.fault("the time zone does not stand here").hint("write `timeZone: UTC` beside it");
    }
    let fault = word.fault("this is not expected here");
    fault.hint("the order is weekdays, date, time: `sat *-1..7 15:00`")
}

/// What reads otherwise than most people mean it.
pub(super) fn doubt(text: &str) -> Option<(String, String)> {
    let word = text.split_whitespace().last()?;
    let hour: u32 = word.parse().ok().filter(|hour| (1..24).contains(hour))?;
    let message = format!("`{word}` without a colon is minute {hour} of every hour, as Proxmox takes it");
    Some((message, format!("write {hour}:00 for the hour, or *:{hour:02} for the minute")))
}

/// The slots as Proxmox writes them; `None` where it has no words for them.
pub(super) fn proxmox(slots: &Slots) -> Option<String> {
    let Days::Calendar { years, months, days, weekdays, either: false } = &slots.days else {
        return proxmox_days(slots);
    };
    if !years.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    if *weekdays != Set::full(&WEEKDAY) {
        let names = weekdays.iter().filter_map(|day| WEEKDAY.names.get(usize::try_from(day).ok()?)?.get(..3));
        parts.push(names.collect::<Vec<_>>().join(","));
    }
    if (*months, *days) != (Set::full(&MONTH), Set::full(&DAY)) {
        parts.push(format!("*-{}-{}", field::proxmox(*months, &MONTH), field::proxmox(*days, &DAY)));
    }
    parts.push(proxmox_times(&slots.times)?);
    Some(parts.join(" "))
}

/// For slots of `every`.
fn proxmox_days(slots: &Slots) -> Option<String> {
    let times = proxmox_times(&slots.times)?;
    match slots.days {
        Days::Every(1) => Some(times),
        Days::Every(7) => Some(format!("mon {times}")),
        _ => None,
    }
}

fn proxmox_times(times: &Times) -> Option<String> {
    let (hours, minutes, second) = match *times {
        Times::Fields { hours, minutes, second } => (hours, minutes, second),
        Times::Every(step) => {
            let all: Vec<u32> = (0..86_400 / step.max(60)).map(|n| n * step).collect();
            if all.iter().any(|time| time % 60 != 0) {
                return None;
            }
            let hours: Set = all.iter().map(|time| time / 3600).collect();
            let minutes: Set = all.iter().map(|time| time / 60 % 60).collect();
            if usize::try_from(hours.len() * minutes.len()).ok()? != all.len() {
                return None;
            }
            (hours, minutes, 0)
        }
    };
    let two = |set: Set| match (set.len(), set.next(0)) {
        (1, Some(only)) => format!("{only:02}"),
        _ => field::proxmox(set, &MINUTE),
    };
    let end = if second == 0 { String::new() } else { format!(":{second:02}") };
    let hours = if hours.len() == 1 { two(hours) } else { field::proxmox(hours, &HOUR) };
    Some(format!("{hours}:{}{end}", two(minutes)))
}
