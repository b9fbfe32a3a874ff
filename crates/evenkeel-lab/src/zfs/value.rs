//! Property values: as people write them, as `-p` prints them, as they are shown.

use super::Version;
use super::table::{Form, Native};
use super::usage;

/// The value in the form that `-p` prints; the error is what the program says about it.
pub(super) fn parse(version: Version, native: &Native, text: &str) -> Result<String, String> {
    let name = native.name;
    match native.form {
        Form::Word => parse_word(version, name, text),
        Form::Size if name == "volsize" && (text == "none" || parse_size(text)? == 0) => {
            Err("'volsize' cannot be zero".to_owned())
        }
        Form::Size if text == "none" => Ok("0".to_owned()),
        Form::Size if ["quota", "refquota"].contains(&name) && parse_size(text)? == 0 => {
            Err("use 'none' to disable quota/refquota".to_owned())
        }
        Form::Count if text == "none" => Ok(native.default(version).to_owned()),
        Form::Size | Form::Count => Ok(parse_size(text)?.to_string()),
        Form::PowerOfTwo => parse_power(version, name, text),
        Form::ZeroOrPowerOfTwo => parse_zero_or_power(version, name, text),
        Form::Mountpoint if !text.starts_with('/') && text != "none" && text != "legacy" => {
            Err(format!("'{name}' must be an absolute path, 'none', or 'legacy'"))
        }
        Form::Mountpoint | Form::Text | Form::Computed => Ok(text.to_owned()),
    }
}

/// The largest block, and how the program writes it.
fn largest_block(version: Version) -> (u64, &'static str) {
    match version {
        Version::V2_1 => (1 << 20, "1M"),
        Version::V2_3 => (1 << 24, "16M"),
    }
}

fn parse_power(version: Version, name: &str, text: &str) -> Result<String, String> {
    let (largest, shown) = largest_block(version);
    let size = parse_size(text)?;
    if size.is_power_of_two() && (512..=largest).contains(&size) {
        return Ok(size.to_string());
    }
    Err(format!("'{name}' must be power of 2 from 512B to {shown}"))
}

fn parse_zero_or_power(version: Version, name: &str, text: &str) -> Result<String, String> {
    let (largest, shown) = largest_block(version);
    let size = parse_size(text)?;
    if size == 0 || (size.is_power_of_two() && (512..=largest).contains(&size)) {
        return Ok(size.to_string());
    }
    Err(format!("invalid '{name}={size}' property: must be zero or a power of 2 from 512B to {shown}"))
}

fn parse_word(version: Version, name: &str, text: &str) -> Result<String, String> {
    let values = usage::property(version, name).map_or("", |listed| listed.values);
    let mut words = values.split(" | ");
    let known = words.any(|pattern| matches_word(pattern, text))
        || matches!((name, text), ("acltype", "posixacl" | "noacl") | ("aclinherit", "secure"));
    if !known {
        return Err(format!("'{name}' must be one of '{values}'"));
    }
    let canonical = match (name, text) {
        ("compression", "gzip-6") => "gzip",
        ("compression", "zstd-fast-1") => "zstd-fast",
        ("acltype", "posixacl") => "posix",
        ("acltype", "noacl") => "off",
        ("aclinherit", "secure") => "restricted",
        ("volmode", "geom") => "full",
        ("xattr", "sa") if version >= Version::V2_3 => "on",
        ("xattr", "dir") if version == Version::V2_1 => "on",
        _ => text,
    };
    Ok(canonical.to_owned())
}

/// Matches `gzip-[1-9]`, `zstd-fast-[1-10,20]` and `sha256[,verify]` as the help writes them.
fn matches_word(pattern: &str, text: &str) -> bool {
    let Some((stem, choices)) = pattern.strip_suffix(']').and_then(|p| p.split_once('[')) else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(stem) else { return false };
    if choices.starts_with(',') {
        return rest.is_empty() || rest == choices;
    }
    let Ok(number) = rest.parse::<u32>() else { return false };
    choices.split(',').any(|choice| match choice.split_once('-') {
        Some((low, high)) => {
            low.parse::<u32>().is_ok_and(|low| low <= number)
                && high.parse::<u32>().is_ok_and(|high| number <= high)
        }
        None => choice.parse() == Ok(number),
    })
}

const UNITS: &str = "BKMGTPEZ";

/// A number with an optional unit of 1024: `10G`, `1.5T`, `512`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("bad numeric value '{text}'");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(digits).ok_or_else(bad)?;
    if number.is_empty() || number.starts_with('.') {
        return Err(bad());
    }
    let upper = suffix.to_ascii_uppercase();
    let unit = match upper.as_str() {
        "" => 0,
        longer => {
            let letter = longer.strip_suffix("IB").or(longer.strip_suffix('B')).unwrap_or(longer);
            let letter = if letter.is_empty() { "B" } else { letter };
            let at = UNITS.find(letter).filter(|_| letter.len() == 1);
            at.ok_or_else(|| format!("invalid numeric suffix '{suffix}'"))?
        }
    };
    let too_large = || "numeric value is too large".to_owned();
    let shift = u32::try_from(10 * unit).map_err(|_| too_large())?;
    let scale = 1_u64.checked_shl(shift).filter(|s| *s > 0).ok_or_else(too_large)?;
    scaled(number, scale).ok_or_else(too_large)
}

/// `number`, which may have decimals, times `scale`, rounded down.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let decimals = decimals.get(..decimals.len().min(18))?;
    let ten = 10_u128.pow(u32::try_from(decimals.len()).ok()?);
    let part = decimals.parse::<u128>().unwrap_or(0) * u128::from(scale) / ten;
    whole.checked_add(u64::try_from(part).ok()?)
}

/// A value as it is shown without `-p`.
pub(super) fn show(native: &Native, value: &str) -> String {
    let number = value.parse::<u64>().ok();
    match (native.name, native.form, number) {
        ("compressratio" | "refcompressratio", ..) => format!("{value}x"),
        ("creation" | "snapshots_changed", _, Some(time)) => show_time(time),
        ("createtxg" | "guid" | "objsetid" | "userrefs" | "version", ..) => value.to_owned(),
        (_, Form::Size, Some(0)) | (_, Form::Count | Form::Computed, Some(u64::MAX)) => "none".to_owned(),
        (_, Form::Size | Form::PowerOfTwo | Form::Computed, Some(bytes)) => show_size(bytes),
        _ => value.to_owned(),
    }
}

/// Bytes in at most five characters, as ZFS prints them.
pub(super) fn show_size(bytes: u64) -> String {
    let mut unit = 0;
    while bytes >> (10 * unit) >= 1024 {
        unit += 1;
    }
    let letter = UNITS.chars().nth(unit).unwrap_or('B');
    let scale = 1_u64 << (10 * unit);
    if bytes.is_multiple_of(scale) {
        return format!("{}{letter}", bytes / scale);
    }
    for decimals in [2_u32, 1, 0] {
        let ten = 10_u128.pow(decimals);
        let scale = u128::from(scale);
        // Rounded to the nearest, like printf does.
        let rounded = (u128::from(bytes) * ten + scale / 2) / scale;
        let (whole, part) = (rounded / ten, rounded % ten);
        let text = if decimals == 0 {
            format!("{whole}{letter}")
        } else {
            format!("{whole}.{part:0width$}{letter}", width = decimals as usize)
        };
        if text.len() <= 5 || decimals == 0 {
            return text;
        }
    }
    bytes.to_string()
}

/// `Fri Nov 20 12:51 2026`, in UTC.
fn show_time(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let weekday = usize::try_from(days % 7).ok().and_then(|at| DAYS.get(at)).unwrap_or(&"");
    let (mut year, mut left) = (1970, days);
    let is_leap =
        |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = "";
    for (name, length) in MONTHS.iter().zip(lengths) {
        month = name;
        if left < length {
            break;
        }
        left -= length;
    }
    format!("{weekday} {month} {:2} {:2}:{:02} {year}", left + 1, rest / 3600, rest / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_exactly() {
        assert_eq!(parse_size("10G"), Ok(10 << 30));
        assert_eq!(parse_size("1.5G"), Ok(1_610_612_736));
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("512"), Ok(512));
        assert_eq!(parse_size("512B"), Ok(512));
        assert_eq!(parse_size("abc"), Err("bad numeric value 'abc'".into()));
        assert_eq!(parse_size("1Q"), Err("invalid numeric suffix 'Q'".into()));
        assert_eq!(parse_size("16E"), Err("numeric value is too large".into()));
    }

    #[test]
    fn sizes_are_shown_in_five_characters() {
        for (bytes, text) in [
            (0, "0B"),
            (98_304, "96K"),
            (5_464_064, "5.21M"),
            (118_759_424, "113M"),
            (31_372, "30.6K"),
            (67_108_864, "64M"),
            (1_610_612_736, "1.50G"),
        ] {
            assert_eq!(show_size(bytes), text);
        }
    }

    #[test]
    fn words_of_the_help_are_matched_with_their_patterns() {
        assert!(matches_word("gzip-[1-9]", "gzip-6"));
        assert!(!matches_word("gzip-[1-9]", "gzip-0"));
        assert!(matches_word("zstd-fast-[1-10,20,30]", "zstd-fast-20"));
        assert!(!matches_word("zstd-fast-[1-10,20,30]", "zstd-fast-11"));
        assert!(matches_word("sha256[,verify]", "sha256,verify"));
        assert!(matches_word("sha256[,verify]", "sha256"));
    }

    #[test]
    fn times_are_shown_as_zfs_does() {
        assert_eq!(show_time(1_795_179_120), "Fri Nov 20 12:52 2026");
    }
}
