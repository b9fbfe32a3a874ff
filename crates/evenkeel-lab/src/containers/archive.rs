//! Archives of containers: a whole root, as `tar` packs it, in a form of our own.
//!
//! They are no tar files. What they have in common with them is what matters here: what is in them comes out again, equal
//! contents make equal archives, they are of a plausible size, and of one that ends early nothing can be read to its end.

use std::fmt::Write as _;

use super::tree::{File, Node};

/// What an archive is packed by, as it stands at the end of its name.
pub const ENDINGS: [&str; 4] = ["gz", "bz2", "xz", "zst"];

/// What lies in a root, by the path from there without a `/` before it.
pub type Root = Vec<(String, Node)>;

/// Packs what lies in a root. `by` is one of [`ENDINGS`], or empty.
pub fn pack<'a>(by: &str, root: impl Iterator<Item = (&'a str, &'a Node)>) -> File {
    let mut text = String::new();
    let mut padding = 0;
    for (path, node) in root {
        // Nothing can be written into a `String` that fails.
        let _ = match node {
            Node::Folder => writeln!(text, "d {path}"),
            Node::Link(leads) => writeln!(text, "l {path}\t{leads}"),
            Node::File(file) => {
                padding += file.padding;
                let words = format!("{:o} {} {}", file.mode, file.padding, file.bytes.len());
                writeln!(text, "f {words} {path}\n{}", file.text())
            }
        };
    }
    let padding = if by.is_empty() { padding } else { padding * 2 / 5 };
    let bytes = format!("{MAGIC}{by} {padding}\n{text}{END}");
    File { padding, ..File::new(bytes.as_bytes(), 0) }
}

const MAGIC: &str = "archive of the lab, by ";
const END: &str = "end\n";

/// What is in an archive; `None` where it is none, or not whole.
pub fn unpack(archive: &File, now: i64) -> Option<Root> {
    let text = std::str::from_utf8(&archive.bytes).ok()?;
    let (head, mut rest) = text.strip_prefix(MAGIC)?.split_once('\n')?;
    let (_, padding) = head.split_once(' ')?;
    if padding.parse() != Ok(archive.padding) {
        return None;
    }
    let mut root = Root::new();
    while rest != END {
        let (line, behind) = rest.split_once('\n')?;
        rest = behind;
        let (kind, words) = line.split_once(' ')?;
        let (path, node) = match kind {
            "d" => (words, Node::Folder),
            "l" => {
                let (path, leads) = words.split_once('\t')?;
                (path, Node::Link(leads.to_owned()))
            }
            _ => {
                let mut words = words.splitn(4, ' ');
                let mode = u32::from_str_radix(words.next()?, 8).ok()?;
                let padding = words.next()?.parse().ok()?;
                let (bytes, behind) = rest.split_at_checked(words.next()?.parse().ok()?)?;
                rest = behind.strip_prefix('\n')?;
                (words.next()?, Node::File(File { padding, mode, ..File::new(bytes.as_bytes(), now) }))
            }
        };
        root.push((path.to_owned(), node));
    }
    Some(root)
}

/// What an archive is packed by; `None` where it is none.
pub fn packed_by(archive: &File) -> Option<&str> {
    let text = std::str::from_utf8(&archive.bytes).ok()?;
    text.strip_prefix(MAGIC)?.split([' ', '\n']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_and_half_an_archive_is_none() {
        let program = File { padding: 1 << 20, mode: 0o755, ..File::new(b"ELF\n\n", 7) };
        let root: Root = vec![
            ("bin".to_owned(), Node::Folder),
            ("bin/sh".to_owned(), Node::File(program)),
            ("bin/bash".to_owned(), Node::Link("sh".to_owned())),
            ("empty".to_owned(), Node::File(File::new(b"", 7))),
        ];
        let packed = pack("gz", root.iter().map(|(path, node)| (path.as_str(), node)));
        assert_eq!((unpack(&packed, 7).as_ref(), packed_by(&packed)), (Some(&root), Some("gz")));
        assert!(packed.len() > 400_000 && packed.len() < 1 << 20, "{}", packed.len());
        let shorter = File { padding: packed.padding - 1, ..packed.clone() };
        assert_eq!(unpack(&shorter, 7), None);
        for end in 0..packed.bytes.len() {
            let cut = File { padding: packed.padding, ..File::new(&packed.bytes[..end], 7) };
            assert_eq!(unpack(&cut, 7), None, "{end}");
        }
        assert_eq!(packed_by(&File::new(b"hello", 0)), None);
    }
}
