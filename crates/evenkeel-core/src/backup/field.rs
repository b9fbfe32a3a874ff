//! The fields of cron and calendar texts: lists of numbers, names, ranges and steps, and where in a text they are wrong.

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong, and why.
    pub(super) message: String,
    /// What to write instead.
    pub(super) hint: Option<String>,
}

impl Fault {
    /// Adds what to write instead.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Fault { hint: Some(hint.into()), ..self }
    }
}

/// A part of a text that knows where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    /// The part.
    pub(super) text: &'a str,
    /// What it is a part of.
    whole: &'a str,
}

impl<'a> Piece<'a> {
    /// All of a text.
    pub(super) fn all(text: &'a str) -> Self {
        Piece { text, whole: text }
    }

    /// The words between blanks.
    pub(super) fn words(self) -> Vec<Piece<'a>> {
        self.text.split_whitespace().map(|text| Piece { text, ..self }).collect()
    }

    /// What stands between separators, with the empty parts.
    pub(super) fn split(self, separator: char) -> Vec<Piece<'a>> {
        self.text.split(separator).map(|text| Piece { text, ..self }).collect()
    }

    /// What stands before and after the first `separator`.
    pub(super) fn split_once(self, separator: &str) -> Option<(Piece<'a>, Piece<'a>)> {
        let (before, after) = self.text.split_once(separator)?;
        Some((Piece { text: before, ..self }, Piece { text: after, ..self }))
    }

    /// A fault at this place.
    pub(super) fn fault(self, message: impl AsRef<str>) -> Fault {
        let message = message.as_ref();
        let from = self.text.as_ptr().addr().saturating_sub(self.whole.as_ptr().addr());
        let place = self.whole.get(..from).unwrap_or_default().chars().count() + 1;
        let message = if self.text == self.whole {
            format!("`{}`: {message}", self.text)
        } else if self.text.is_empty() {
            format!("`{}`: {message} at character {place}", self.whole)
        } else {
            format!("`{}` at character {place} of `{}`: {message}", self.text, self.whole)
        };
        Fault { message, hint: None }
    }
}

/// What the values of a field are.
#[derive(Debug)]
pub(super) struct Unit {
    /// `an hour`.
    pub(super) name: &'static str,
    /// The least value.
    pub(super) low: u32,
    /// The greatest value, below 64 but for years.
    pub(super) high: u32,
    /// The names of values, the first for `low`; each can be written with three letters or in full.
    pub(super) names: &'static [&'static str],
}

pub(super) const SECOND: Unit = Unit { name: "a second", low: 0, high: 59, names: &[] };
pub(super) const MINUTE: Unit = Unit { name: "a minute", low: 0, high: 59, names: &[] };
pub(super) const HOUR: Unit = Unit { name: "an hour", low: 0, high: 23, names: &[] };
pub(super) const DAY: Unit = Unit { name: "a day of the month", low: 1, high: 31, names: &[] };
pub(super) const MONTH: Unit = Unit { name: "a month", low: 1, high: 12, names: &[] };
pub(super) const YEAR: Unit = Unit { name: "a year", low: 1970, high: 2199, names: &[] };

/// How a text writes lists, ranges and steps.
#[derive(Debug)]
pub(super) struct Dialect {
    /// What stands between the ends of a range.
    pub(super) range: &'static str,
    /// What people write there by mistake.
    pub(super) not_range: &'static str,
    /// Whether `5/10` means every tenth from 5.
    pub(super) open_step: bool,
}

/// Values from one to another in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) step: u32,
}

impl Span {
    /// Whether it has this value.
    pub(super) fn has(self, value: u32) -> bool {
        (self.first..=self.last).contains(&value) && (value - self.first).is_multiple_of(self.step.max(1))
    }
}

/// The spans of a field.
pub(super) fn spans(field: Piece<'_>, unit: &Unit, dialect: &Dialect) -> Result<Vec<Span>, Fault> {
    field.split(',').into_iter().map(|item| span(item, unit, dialect)).collect()
}

fn span(item: Piece<'_>, unit: &Unit, dialect: &Dialect) -> Result<Span, Fault> {
    if item.text.is_empty() {
        return Err(item.fault(format!("{} is missing", unit.name)));
    }
    let (values, step) = match item.split_once("/") {
        None => (item, None),
        Some((values, step)) => (values, Some(step_of(step, unit)?)),
    };
    let open = step.is_some() && dialect.open_step;
    let (first, last) = if values.text == "*" {
        (unit.low, unit.high)
    } else if let Some((first, last)) = values.split_once(dialect.range) {
        let (from, to) = (value(first, unit, dialect)?, value(last, unit, dialect)?);
        if from > to {
            return Err(values.fault("the range ends before it begins").hint("write it as two ranges"));
        }
        (from, to)
    } else {
        let first = value(values, unit, dialect)?;
        if step.is_some() && !open {
            let hint = format!("write {first}-{}/{}", unit.high, step.unwrap_or(1));
            return Err(item.fault("a step needs a range or `*` before it").hint(hint));
        }
        (first, if open { unit.high } else { first })
    };
    Ok(Span { first, last, step: step.unwrap_or(1) })
}

fn step_of(step: Piece<'_>, unit: &Unit) -> Result<u32, Fault> {
    match number(step.text) {
        Some(0) => Err(step.fault("a step must be at least 1")),
        Some(step) if step <= unit.high => Ok(step),
        _ => Err(step.fault(format!("a step is a number up to {}", unit.high))),
    }
}

/// One value: a number, or a name where the unit has names.
fn value(piece: Piece<'_>, unit: &Unit, dialect: &Dialect) -> Result<u32, Fault> {
    if let Some(number) = number(piece.text).filter(|number| (unit.low..=unit.high).contains(number)) {
        return Ok(number);
    }
    let wanted = piece.text.to_lowercase();
    let long_enough = wanted.len() == 3 || unit.names.contains(&wanted.as_str());
    let found = unit.names.iter().zip(unit.low..).find(|(name, _)| long_enough && name.starts_with(&wanted));
    if let Some((_, value)) = found {
        return Ok(value);
    }
    let names = if unit.names.is_empty() {
        String::new()
    } else {
        let short = unit.names.iter().filter_map(|name| name.get(..3));
        format!(" or {}", short.collect::<Vec<_>>().join(", "))
    };
    let fault = piece.fault(format!("this is not {} ({} to {}{names})", unit.name, unit.low, unit.high));
    if piece.text.contains(dialect.not_range) {
        return Err(fault.hint(format!("a range is written with `{}` here", dialect.range)));
    }
    Err(fault)
}

fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A set of small numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    /// The values of spans, none above 63.
    pub(super) fn of(spans: &[Span]) -> Self {
        (0..64).filter(|value| spans.iter().any(|span| span.has(*value))).collect()
    }

    /// All values of a unit.
    pub(super) fn full(unit: &Unit) -> Self {
        (unit.low..=unit.high).collect()
    }

    pub(super) fn has(self, value: u32) -> bool {
        value < 64 && self.0 & (1 << value) != 0
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The least value that is not below `from`.
    pub(super) fn next(self, from: u32) -> Option<u32> {
        let rest = self.0.checked_shr(from)?;
        (rest != 0).then(|| from + rest.trailing_zeros())
    }

    /// The greatest value that is not above `to`.
    pub(super) fn last(self, to: u32) -> Option<u32> {
        let rest = self.0 & (u64::MAX >> 63_u32.saturating_sub(to));
        rest.checked_ilog2()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |value| self.has(*value))
    }
}

impl FromIterator<u32> for Set {
    fn from_iter<I: IntoIterator<Item = u32>>(values: I) -> Self {
        Set(values.into_iter().filter(|value| *value < 64).fold(0, |set, value| set | (1 << value)))
    }
}

/// A set as Proxmox writes it: `*`, `0/5`, `8..17,22`.
pub(super) fn proxmox(set: Set, unit: &Unit) -> String {
    if set == Set::full(unit) {
        return "*".to_owned();
    }
    let values: Vec<u32> = set.iter().collect();
    if let [first, second, .., last] = values.as_slice() {
        let step = second - first;
        let even = Set::of(&[Span { first: *first, last: unit.high, step }]) == set;
        if step > 1 && even && last + step > unit.high {
            return format!("{first}/{step}");
        }
    }
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let write = |(first, last): (u32, u32)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}..{last}"),
    };
    runs.into_iter().map(write).collect::<Vec<_>>().join(",")
}
