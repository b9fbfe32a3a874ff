//! Values and their normal form: the text that `zfs get -p` and `zpool get -p` print.

use super::size;
use super::suggest::nearest;

/// What a property's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `on` or `off`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A compression algorithm, some with a level.
    Compression,
    /// Bytes, more than none: a volume's size.
    Size,
    /// Bytes, `none` for no limit.
    Limit,
    /// Bytes, `none`, or `auto` for as much as a volume can ever need.
    Reservation,
    /// A power of two from 512 B to 16 MiB.
    BlockSize,
    /// Like a block size, or `0`.
    SmallBlocks,
    /// A number of things, `none` for no limit.
    Count,
    /// A number within these bounds.
    Number(u64, u64),
    /// An absolute path, `none` or `legacy`.
    MountPoint,
    /// Any text up to so many bytes.
    Text(usize),
}

/// Why a value is refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadValue {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

fn bad(message: impl Into<String>) -> BadValue {
    BadValue { message: message.into(), hint: None }
}

/// The largest count: how `zfs` 2.1 prints `none`.
const NO_LIMIT: &str = "18446744073709551615";
const SMALLEST_BLOCK: u64 = 512;
const LARGEST_BLOCK: u64 = 16 << 20;

impl Kind {
    /// The normal form of what a person wrote. `spellings` are other words for the same value, each with
    /// the word that `zfs get` prints for it.
    pub(super) fn normalise(self, text: &str, spellings: &[(&str, &str)]) -> Result<String, BadValue> {
        let text = spellings.iter().find(|(from, _)| *from == text).map_or(text, |(_, to)| *to);
        match self {
            Kind::Switch => switch(text),
            Kind::Word(words) => word(text, words),
            Kind::Compression => compression(text),
            Kind::Size => volume_size(text),
            Kind::Reservation if text == "auto" => Ok(text.to_owned()),
            Kind::Limit | Kind::Reservation => limit(text),
            Kind::SmallBlocks if text == "0" || text == "none" => Ok("0".to_owned()),
            Kind::BlockSize | Kind::SmallBlocks => block_size(text),
            Kind::Count => count(text),
            Kind::Number(least, most) => number(text, least, most),
            Kind::MountPoint => mount_point(text),
            Kind::Text(longest) => plain(text, longest),
        }
    }

    /// The normal form of what `zfs get -p` printed. What it does not understand it leaves as it is.
    pub(super) fn seen(self, text: &str, spellings: &[(&str, &str)]) -> String {
        match self {
            Kind::Limit | Kind::Reservation if text == "0" => "none".to_owned(),
            Kind::Count if text == NO_LIMIT => "none".to_owned(),
            _ => spellings.iter().find(|(from, _)| *from == text).map_or(text, |(_, to)| to).to_owned(),
        }
    }

    /// How a person reads a normal form, where that is not the form itself.
    pub(super) fn show(self, normal: &str) -> Option<String> {
        match self {
            Kind::Size | Kind::Limit | Kind::Reservation | Kind::BlockSize | Kind::SmallBlocks => {
                normal.parse().ok().map(size::human)
            }
            Kind::Text(_) if normal.is_empty() => Some("\"\"".to_owned()),
            _ => None,
        }
    }

    /// The shortest spelling of a normal form that reads back as the same.
    pub(super) fn shortest(self, normal: &str) -> String {
        match self {
            Kind::Size | Kind::Limit | Kind::Reservation | Kind::BlockSize | Kind::SmallBlocks => {
                normal.parse().map_or_else(|_| normal.to_owned(), size::shortest)
            }
            _ => normal.to_owned(),
        }
    }
}

fn switch(text: &str) -> Result<String, BadValue> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "yes" | "true" => Ok("on".to_owned()),
        "off" | "no" | "false" => Ok("off".to_owned()),
        _ => Err(bad("must be `on` or `off`")),
    }
}

fn word(text: &str, words: &[&str]) -> Result<String, BadValue> {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    let list = words.join(", ");
    Err(BadValue { message: format!("must be one of {list}"), hint: word_hint(text, words) })
}

fn word_hint(text: &str, words: &[&str]) -> Option<String> {
    let on_off = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => "on",
        "false" | "no" => "off",
        _ => "",
    };
    let near = words.iter().copied().find(|w| *w == on_off).or_else(|| nearest(text, words.iter().copied()));
    near.map(|near| format!("did you mean `{near}`?"))
}

fn compression(text: &str) -> Result<String, BadValue> {
    const PLAIN: [&str; 8] = ["on", "off", "lzjb", "gzip", "zle", "lz4", "zstd", "zstd-fast"];
    const FAST: [u32; 21] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 500, 1000];
    // `01` and `+1` are numbers to Rust, but no levels to `zfs`.
    let level = |digits: &str| digits.parse::<u32>().ok().filter(|n| n.to_string() == digits);
    let known = PLAIN.contains(&text)
        || text.strip_prefix("gzip-").and_then(level).is_some_and(|n| (1..=9).contains(&n))
        || text.strip_prefix("zstd-fast-").and_then(level).is_some_and(|n| FAST.contains(&n))
        || text.strip_prefix("zstd-").and_then(level).is_some_and(|n| (1..=19).contains(&n));
    if known {
        return Ok(text.to_owned());
    }
    let message = "must be one of on, off, lz4, zstd, zstd-1 to zstd-19, zstd-fast, zstd-fast-1 to -10, -20, \
                   … -100, -500, -1000, gzip, gzip-1 to gzip-9, zle, lzjb";
    Err(BadValue { message: message.to_owned(), hint: word_hint(text, &PLAIN) })
}

fn bytes(text: &str) -> Result<u64, BadValue> {
    size::parse(text).map_err(|problem| BadValue {
        message: problem.to_string(),
        hint: Some("write a size like `10G`, `1.5T` or `10737418240`".to_owned()),
    })
}

fn volume_size(text: &str) -> Result<String, BadValue> {
    match bytes(text)? {
        0 => Err(bad("must be more than 0")),
        size => Ok(size.to_string()),
    }
}

fn limit(text: &str) -> Result<String, BadValue> {
    match text {
        "none" => Ok("none".to_owned()),
        _ => bytes(text).map(|n| if n == 0 { "none".to_owned() } else { n.to_string() }),
    }
}

fn block_size(text: &str) -> Result<String, BadValue> {
    let size = bytes(text)?;
    if size.is_power_of_two() && (SMALLEST_BLOCK..=LARGEST_BLOCK).contains(&size) {
        return Ok(size.to_string());
    }
    Err(BadValue {
        message: "must be a power of two from 512 to 16M".to_owned(),
        hint: Some(format!("the next power of two is {}", size::shortest(near_block(size)))),
    })
}

fn near_block(size: u64) -> u64 {
    size.checked_next_power_of_two().unwrap_or(LARGEST_BLOCK).clamp(SMALLEST_BLOCK, LARGEST_BLOCK)
}

fn count(text: &str) -> Result<String, BadValue> {
    match text {
        "none" | NO_LIMIT => Ok("none".to_owned()),
        // `zfs` counts in units as well: `2K` are 2048.
        _ => size::parse(text).map(|n| n.to_string()).map_err(|_| bad("must be a number or `none`")),
    }
}

fn number(text: &str, least: u64, most: u64) -> Result<String, BadValue> {
    match text.parse::<u64>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n.to_string()),
        _ => Err(bad(format!("must be a number from {least} to {most}"))),
    }
}

fn mount_point(text: &str) -> Result<String, BadValue> {
    if matches!(text, "none" | "legacy" | "/") {
        return Ok(text.to_owned());
    }
    if !text.starts_with('/') {
        return Err(bad("must be an absolute path, `none` or `legacy`"));
    }
    if text.ends_with('/') || text.contains("//") {
        let clean: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let hint = Some(format!("write `/{}`", clean.join("/")));
        return Err(BadValue { hint, ..bad("has a slash too many") });
    }
    plain(text, 1023)
}

fn plain(text: &str, longest: usize) -> Result<String, BadValue> {
    if let Some(c) = text.chars().find(char::is_ascii_control) {
        // `zfs get` prints such a value raw, so that it could never be read back for sure.
        return Err(bad(format!(
            "contains {c:?}: line breaks, tabs and other control characters are refused"
        )));
    }
    if text.len() > longest {
        return Err(bad(format!("is {} bytes long, {longest} are allowed", text.len())));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 11] = [
        Kind::Switch,
        Kind::Word(&["standard", "always", "disabled"]),
        Kind::Compression,
        Kind::Size,
        Kind::Limit,
        Kind::Reservation,
        Kind::BlockSize,
        Kind::SmallBlocks,
        Kind::Count,
        Kind::MountPoint,
        Kind::Text(8191),
    ];

    #[test]
    fn words_for_on_and_off_are_for_switches_only() {
        for (text, normal) in [("on", "on"), ("Yes", "on"), ("true", "on"), ("off", "off"), ("FALSE", "off")]
        {
            assert_eq!(Kind::Switch.normalise(text, &[]), Ok(normal.to_owned()));
        }
        let refused = Kind::Compression.normalise("true", &[]).unwrap_err();
        assert_eq!(refused.hint.as_deref(), Some("did you mean `on`?"));
    }

    #[test]
    fn a_wrong_word_gets_the_list_and_the_nearest() {
        let refused = Kind::Word(&["standard", "always", "disabled"]).normalise("disable", &[]).unwrap_err();
        assert_eq!(refused.message, "must be one of standard, always, disabled");
        assert_eq!(refused.hint.as_deref(), Some("did you mean `disabled`?"));
    }

    #[test]
    fn compression_takes_what_the_recorded_lists_name() {
        for good in ["gzip-1", "gzip-9", "zstd-19", "zstd-fast-10", "zstd-fast-20", "zstd-fast-1000", "lz4"] {
            assert_eq!(Kind::Compression.normalise(good, &[]).as_deref(), Ok(good));
        }
        for wrong in ["gzip-0", "gzip-10", "zstd-20", "zstd-fast-11", "zstd-01", "zstd-+1", "LZ4", ""] {
            assert!(Kind::Compression.normalise(wrong, &[]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_limit_has_one_form_whatever_the_version_prints() {
        assert_eq!(Kind::Limit.normalise("0", &[]).unwrap(), "none");
        assert_eq!(Kind::Limit.seen("0", &[]), "none");
        assert_eq!(Kind::Count.seen(NO_LIMIT, &[]), "none");
        assert_eq!(Kind::Count.seen("0", &[]), "0", "a limit of zero is a limit");
    }

    #[test]
    fn block_sizes_are_powers_of_two() {
        assert_eq!(Kind::BlockSize.normalise("128K", &[]).unwrap(), "131072");
        let refused = Kind::BlockSize.normalise("3K", &[]).unwrap_err();
        assert_eq!(refused.hint.as_deref(), Some("the next power of two is 4K"));
        assert!(Kind::BlockSize.normalise("32M", &[]).is_err());
        assert_eq!(Kind::SmallBlocks.normalise("0", &[]).unwrap(), "0");
    }

    #[test]
    fn mount_points_are_absolute_and_clean() {
        for good in ["/", "/srv/a b", "none", "legacy"] {
            assert_eq!(Kind::MountPoint.normalise(good, &[]).as_deref(), Ok(good));
        }
        let refused = Kind::MountPoint.normalise("/srv//x/", &[]).unwrap_err();
        assert_eq!(refused.hint.as_deref(), Some("write `/srv/x`"));
        assert!(Kind::MountPoint.normalise("srv", &[]).is_err());
    }

    proptest! {
        #[test]
        fn the_normal_form_is_its_own_normal_form(text in "[a-z0-9/.GMK-]{0,12}", nth in 0..KINDS.len()) {
            let kind = KINDS[nth];
            if let Ok(normal) = kind.normalise(&text, &[]) {
                prop_assert_eq!(kind.normalise(&normal, &[]), Ok(normal.clone()));
                prop_assert_eq!(kind.seen(&normal, &[]), normal.clone());
                prop_assert_eq!(kind.normalise(&kind.shortest(&normal), &[]), Ok(normal));
            }
        }

        #[test]
        fn any_text_is_met_without_panic(text in "\\PC*", nth in 0..KINDS.len()) {
            let _ = KINDS[nth].normalise(&text, &[]);
            let _ = KINDS[nth].seen(&text, &[]);
            let _ = KINDS[nth].show(&text);
        }
    }
}
