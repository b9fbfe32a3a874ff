//! Limits as OpenVZ writes them: `barrier:limit`, each a number with `G`, `M`, `K` or `P` (pages) behind it, or `unlimited`.

use std::fmt;

/// What a parameter counts, and so what a number without a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Pages of 4 KiB.
    Pages,
    /// Things: processes, files. They take no letters.
    Things,
    /// Blocks of 1 KiB on a disk.
    Blocks,
    /// Files and folders on a disk.
    Inodes,
}

/// How many decimals are told apart.
const DECIMALS: u32 = 6;

/// A barrier and a limit; those that mean the same are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    barrier: Amount,
    limit: Amount,
}

/// In millionths of bytes, or of things. Unlimited is more than any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Amount {
    Of(u128),
    Unlimited,
}

/// Why a text is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It has not the form.
    Form,
    /// The barrier is above the limit.
    Order,
    /// It is `unlimited`, which a disk's limit cannot be.
    Endless,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrong::Form => "is no limit",
            Wrong::Order => "has a barrier above its limit",
            Wrong::Endless => "cannot be unlimited",
        })
    }
}

impl Unit {
    /// How many bytes or things a number without a letter counts.
    const fn one(self) -> u128 {
        match self {
            Unit::Bytes | Unit::Things | Unit::Inodes => 1,
            Unit::Pages => 4096,
            Unit::Blocks => 1024,
        }
    }

    const fn is_of_disk(self) -> bool {
        matches!(self, Unit::Blocks | Unit::Inodes)
    }

    /// What to write.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Unit::Bytes => {
                "write `BARRIER:LIMIT` in bytes, or with `K`, `M` or `G`, such as `465M:512M`, or `unlimited`"
            }
            Unit::Pages => {
                "write `BARRIER:LIMIT` in pages of 4 KiB, or with `K`, `M` or `G`, such as `0:1024M`, or `unlimited`"
            }
            Unit::Things => "write `BARRIER:LIMIT` as numbers, such as `240:240`, or `unlimited`",
            Unit::Blocks => "write `SOFT:HARD` in KiB, or with `K`, `M` or `G`, such as `20G:22G`",
            Unit::Inodes => "write `SOFT:HARD` as numbers, such as `4000000:4400000`",
        }
    }
}

impl Limits {
    /// Reads `BARRIER:LIMIT`, or one for both.
    pub(crate) fn read(text: &str, unit: Unit) -> Result<Self, Wrong> {
        let (barrier, limit) = text.split_once(':').unwrap_or((text, text));
        let (barrier, limit) = (Amount::read(barrier, unit)?, Amount::read(limit, unit)?);
        if unit.is_of_disk() && limit.max(barrier) == Amount::Unlimited {
            return Err(Wrong::Endless);
        }
        if barrier > limit { Err(Wrong::Order) } else { Ok(Limits { barrier, limit }) }
    }

    /// True where `vzctl` takes a number of pages for a limit, and not for the most that a 32-bit or 64-bit host counts to.
    pub(crate) fn is_finite(&self) -> bool {
        let most = [i64::from(i32::MAX), i64::MAX]
            .map(|pages| Amount::of(pages.unsigned_abs().into(), Unit::Pages.one()));
        self.limit != Amount::Unlimited && !most.contains(&self.limit)
    }
}

impl Amount {
    const fn of(number: u128, one: u128) -> Self {
        Amount::Of(number * 10_u128.pow(DECIMALS) * one)
    }

    fn read(text: &str, unit: Unit) -> Result<Self, Wrong> {
        if text == "unlimited" {
            return Ok(Amount::Unlimited);
        }
        let (number, one) = match text.chars().last().filter(char::is_ascii_alphabetic) {
            None => (text, unit.one()),
            Some(_) if unit == Unit::Things => return Err(Wrong::Form),
            Some(letter) => {
                let one = match letter.to_ascii_uppercase() {
                    'G' => 1 << 30,
                    'M' => 1 << 20,
                    'K' => 1 << 10,
                    'P' => 4096,
                    'B' => 1,
                    _ => return Err(Wrong::Form),
                };
                (text.strip_suffix(letter).unwrap_or(text), one)
            }
        };
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Twenty digits are more than OpenVZ counts to.
        if !is_number(whole) || !is_number(decimals) || whole.len() > 20 || decimals.len() > DECIMALS as usize
        {
            return Err(Wrong::Form);
        }
        let padded = format!("{whole}{decimals:0<width$}", width = DECIMALS as usize);
        let millionths: u128 = padded.parse().map_err(|_| Wrong::Form)?;
        Ok(Amount::Of(millionths * one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_s_limits_are_read() {
        for (text, unit) in [
            ("0:1024M", Unit::Pages),
            ("465M:512M", Unit::Bytes),
            ("512M", Unit::Pages),
            ("unlimited", Unit::Things),
            ("0:unlimited", Unit::Pages),
            ("20G:22G", Unit::Blocks),
            ("2G:2.2G", Unit::Blocks),
            ("4000000:4400000", Unit::Inodes),
        ] {
            assert!(Limits::read(text, unit).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_means_the_same_is_equal() {
        let same = |a, b, unit| Limits::read(a, unit).unwrap() == Limits::read(b, unit).unwrap();
        assert!(same("20G:22G", "20971520:23068672", Unit::Blocks));
        assert!(same("512M", "131072:131072", Unit::Pages));
        assert!(same("465m:512M", "487587840:536870912", Unit::Bytes));
        assert!(same("unlimited", "unlimited:unlimited", Unit::Things));
        assert!(!same("1G:2G", "1G:2.1G", Unit::Blocks));
    }

    #[test]
    fn the_most_that_a_host_counts_to_is_no_limit() {
        let finite = |text| Limits::read(text, Unit::Pages).unwrap().is_finite();
        assert!(finite("0:1024M") && finite("0"));
        assert!(!finite("0:unlimited") && !finite("0:2147483647") && !finite("0:9223372036854775807"));
    }

    #[test]
    fn what_is_no_limit_is_told() {
        for text in [
            "",
            ":",
            "1:",
            "G",
            "-1",
            "1T",
            "1.G",
            "1:2:3",
            "1 G",
            "1GG",
            ".5G",
            "0x10",
            "123456789012345678901",
        ] {
            assert_eq!(Limits::read(text, Unit::Bytes), Err(Wrong::Form), "{text}");
        }
        assert_eq!(Limits::read("10M", Unit::Things), Err(Wrong::Form));
        assert_eq!(Limits::read("512M:465M", Unit::Bytes), Err(Wrong::Order));
        assert_eq!(Limits::read("unlimited:1", Unit::Things), Err(Wrong::Order));
        assert_eq!(Limits::read("unlimited", Unit::Blocks), Err(Wrong::Endless));
    }
}
