//! What a simulated dump holds: a line that tells its guest and moment, and noise that these fix.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::random::Random;

const MAGIC: &str = "evenkeel-lab dump ";

/// A dump of a guest at a moment. Equal ones have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The guest's id.
    pub id: u32,
    /// What the guest is.
    pub kind: Kind,
    /// The guest's name.
    pub name: String,
    /// When it was made: `2026-11-20T02:00:00Z`.
    pub at: String,
    /// How many bytes it has, the line at its beginning included where they suffice for it.
    pub bytes: u64,
}

impl Archive {
    fn head(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{MAGIC}{json}\n").into_bytes()
    }

    /// How many bytes there are of it in truth.
    pub fn len(&self) -> u64 {
        self.bytes.max(self.head().len() as u64)
    }

    /// False: it has its line at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Writes the first so many bytes, in pieces of a size that pipes like.
    pub fn write(&self, bytes: u64, mut into: impl Write) -> io::Result<()> {
        let head = self.head();
        let mut left = bytes;
        let mut noise = Noise::of(self);
        let mut piece = head;
        while left > 0 {
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            into.write_all(piece.get(..take).unwrap_or_default())?;
            left -= take as u64;
            piece = noise.piece();
        }
        into.flush()
    }

    /// The first so many bytes.
    pub fn bytes(&self, bytes: u64) -> Vec<u8> {
        let mut written = Vec::new();
        // Writing into memory does not fail.
        let _ = self.write(bytes, &mut written);
        written
    }

    /// Reads a dump whole. The error says what is wrong with it.
    pub fn read(mut from: impl Read) -> Result<Self, String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while head.len() < 4096 && !head.ends_with(b"\n") {
            match from.read(&mut byte) {
                Ok(1) => head.extend(byte),
                _ => return Err("it ends early".to_owned()),
            }
        }
        let text = String::from_utf8_lossy(&head);
        let json = text.strip_prefix(MAGIC).ok_or("it is no dump of the lab")?;
        let archive: Archive = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut left = archive.len() - head.len() as u64;
        let mut noise = Noise::of(&archive);
        let mut there = Vec::new();
        while left > 0 {
            let piece = noise.piece();
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            there.resize(take, 0);
            from.read_exact(&mut there).map_err(|_| "it ends early")?;
            if Some(there.as_slice()) != piece.get(..take) {
                return Err("it is not what was dumped".to_owned());
            }
            left -= take as u64;
        }
        match from.read(&mut byte) {
            Ok(0) => Ok(archive),
            _ => Err("there is more after its end".to_owned()),
        }
    }
}

/// Bytes that a dump fixes: a block, each time with another number before it.
struct Noise {
    block: Vec<u8>,
    number: u64,
}

impl Noise {
    fn of(archive: &Archive) -> Self {
        let seed = archive
            .at
            .bytes()
            .fold(u64::from(archive.id), |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut random = Random::new(seed);
        let words = (0..if archive.bytes > 1 << 20 { 8192 } else { 32 }).map(|_| random.next_u64());
        Noise { block: words.flat_map(u64::to_be_bytes).collect(), number: 0 }
    }

    fn piece(&mut self) -> Vec<u8> {
        let mut piece = self.number.to_be_bytes().to_vec();
        piece.extend(&self.block);
        self.number += 1;
        piece
    }
}
