//! What the scripts print, understood.

use std::collections::BTreeMap;

use evenkeel_core::request::{Digest, Entry, Listing};

/// The bits of a mode that say what something is.
const KIND: u32 = 0xf000;
const FILE: u32 = 0x8000;
const FOLDER: u32 = 0x4000;

/// What is in a folder; `None` where it is not all there, or not understood.
pub(super) fn listing(output: &[u8]) -> Option<Listing> {
    let output = match output {
        [] => return Some(Listing::default()),
        // A last line that is cut off.
        _ => output.strip_suffix(b"\n")?,
    };
    let entries = output.split(|&byte| byte == b'\n').map(entry).collect::<Option<BTreeMap<_, _>>>()?;
    Some(Listing { entries })
}

/// `81a4 1024 ./daily.0/evenkeel.json`
fn entry(line: &[u8]) -> Option<(String, Entry)> {
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let mut number = |radix| {
        let text = std::str::from_utf8(parts.next()?).ok()?;
        u64::from_str_radix(text, radix).ok()
    };
    let (mode, size) = (u32::try_from(number(16)?).ok()?, number(10)?);
    let name = parts.next()?.strip_prefix(b"./").filter(|name| !name.is_empty())?;
    let Ok(text) = std::str::from_utf8(name) else {
        // There, and none of ours: we could not even name it.
        return Some((String::from_utf8_lossy(name).into_owned(), Entry::Other));
    };
    let kind = match mode & KIND {
        FILE => Entry::File(size),
        FOLDER => Entry::Folder,
        _ => Entry::Other,
    };
    Some((text.to_owned(), kind))
}

/// A number and nothing else.
pub(super) fn number(output: &[u8]) -> Option<u64> {
    std::str::from_utf8(output).ok()?.trim_ascii().parse().ok()
}

/// A checksum, perhaps with something around it, and on the last line a size.
pub(super) fn digest(output: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(output).ok()?.trim_ascii();
    let (sum, size) = text.rsplit_once('\n')?;
    let is_sum = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha256 = sum.split_ascii_whitespace().find(is_sum)?.to_ascii_lowercase();
    Some(Digest { bytes: size.parse().ok()?, sha256 })
}

/// How many bytes are free, of what `df -P -k` says: the number before the percentage. Names before and after it may
/// have blanks.
pub(super) fn free(output: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(output);
    let words: Vec<&str> = text.lines().nth(1)?.split_ascii_whitespace().collect();
    let kibibytes = words.windows(4).find_map(|four| {
        let [total, used, free, share] = four else { return None };
        let numbers = [total, used].iter().all(|word| word.parse::<i64>().is_ok());
        let is_share = *share == "-" || share.strip_suffix('%').is_some_and(|n| n.parse::<u32>().is_ok());
        // What is reserved may be in use already: less than nothing is free.
        (numbers && is_share).then(|| free.parse::<i64>().ok()).flatten()
    })?;
    u64::try_from(kibibytes.max(0)).ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_whole_or_none() {
        let whole = "41c0 4096 ./daily.0\n8180 12 ./daily.0/a file\na1ff 3 ./link\n8180 5368709120 ./-x\n";
        let listing = listing(whole.as_bytes()).unwrap();
        let expected = [
            ("-x", Entry::File(5_368_709_120)),
            ("daily.0", Entry::Folder),
            ("daily.0/a file", Entry::File(12)),
            ("link", Entry::Other),
        ];
        assert_eq!(listing.entries, expected.map(|(name, entry)| (name.to_owned(), entry)).into());
        for end in 1..whole.len() {
            let cut = super::listing(&whole.as_bytes()[..end]);
            // A whole line is missing: the exit status tells that.
            assert_eq!(cut.is_some(), whole[..end].ends_with('\n'), "{}", &whole[..end]);
        }
        for bad in ["!\n", "8180 1 ./a\n!\n", "8180 ./a\n", "zz 1 ./a\n", "8180 x ./a\n", "8180 1 a\n", "\n"]
        {
            assert_eq!(super::listing(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(super::listing(b"8180 1 ./\xe4\n").unwrap().entries["\u{fffd}"], Entry::Other);
        assert_eq!(super::listing(b"").unwrap(), Listing::default());
    }

    #[test]
    fn what_is_free_is_found_between_names_with_blanks() {
        let of = |line: &str| {
            free(format!("Filesystem 1024-blocks Used Available Capacity Mounted on\n{line}\n").as_bytes())
        };
        assert_eq!(of("/dev/sda1 1000 400 600 40% /"), Some(600 << 10));
        assert_eq!(of("//nas/my share 1 1000 400 600 40% /mnt/50% of it"), Some(600 << 10));
        assert_eq!(of("tmpfs 0 0 0 - /x"), Some(0));
        assert_eq!(of("/dev/ada0p2 1000 1040 -40 104% /"), Some(0));
        assert_eq!(of("something else"), None);
        assert_eq!(free(b""), None);
    }

    #[test]
    fn checksums_of_all_tools_are_understood() {
        let sum = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
        for text in [format!("{sum}  -\n0\n"), format!("{sum}\n0\n"), format!("SHA2-256(stdin)= {sum}\n0\n")]
        {
            let digest = digest(text.as_bytes()).unwrap();
            assert_eq!((digest.bytes, digest.sha256.as_str()), (0, sum.to_ascii_lowercase().as_str()));
        }
        for bad in ["", "0\n", "abc  -\n0\n", &format!("{sum}  -\n")] {
            assert_eq!(digest(bad.as_bytes()), None, "{bad}");
        }
    }
}
