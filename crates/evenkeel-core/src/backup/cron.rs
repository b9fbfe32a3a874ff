//! Times as crontab writes them: five fields, and the words such as `@daily`.

use super::field::{self, DAY, Dialect, Fault, HOUR, MINUTE, MONTH, Piece, Set, Span, Unit};
use super::slots::{Days, Slots, Times};

/// Months with their names.
const NAMED_MONTH: Unit = Unit {
    names: &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    ..MONTH
};

/// Days of the week: Sunday is both 0 and 7.
const WEEKDAY: Unit = Unit {
    name: "a day of the week",
    low: 0,
    high: 7,
    names: &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
};

const DIALECT: Dialect = Dialect { range: "-", not_range: "..", open_step: false };

const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The slots of a cron text.
pub(super) fn parse(text: &str) -> Result<Slots, Fault> {
    let whole = Piece::all(text.trim());
    let known = WORDS.iter().find(|(word, _)| *word == whole.text).map(|(_, meaning)| Piece::all(meaning));
    let fields = known.unwrap_or(whole).words();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        return Err(wrong_count(whole, fields.len()));
    };
    let minutes = Set::of(&spans(*minute, &MINUTE)?);
    let hours = Set::of(&spans(*hour, &HOUR)?);
    let days = Set::of(&spans(*day, &DAY)?);
    let months = Set::of(&spans(*month, &NAMED_MONTH)?);
    let weekdays = spans(*weekday, &WEEKDAY)?;
    // Monday is 0 for us.
    let weekdays =
        (0..=7).filter(|d| weekdays.iter().any(|span| span.has(*d))).map(|d| (d + 6) % 7).collect();
    // As crontab has it: where both are given, a day that fits either is meant.
    let either = !day.text.starts_with('*') && !weekday.text.starts_with('*');
    Ok(Slots {
        days: Days::Calendar { years: Vec::new(), months, days, weekdays, either },
        times: Times::Fields { hours, minutes, second: 0 },
        repeats: hours == Set::full(&HOUR),
    })
}

fn spans(field: Piece<'_>, unit: &Unit) -> Result<Vec<Span>, Fault> {
    if field.text.contains(['?', '#', 'L', 'W'])
        && !unit.names.iter().any(|n| n.contains(&field.text.to_lowercase()))
    {
        let hint = "write it as `calendar`: the first Saturday is `sat *-1..7 02:00`";
        return Err(field.fault("crontab knows no `?`, `#`, `L` and `W`").hint(hint));
    }
    field::spans(field, unit, &DIALECT)
}

fn wrong_count(whole: Piece<'_>, count: usize) -> Fault {
    if whole.text.starts_with('@') {
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        return whole.fault("this word is not known").hint(format!("it can be {}", words.join(", ")));
    }
    let fault = whole.fault(format!("there are {count} fields, and crontab has five"));
    fault.hint("minute, hour, day of the month, month, day of the week: `0 2 * * mon-fri`")
}
