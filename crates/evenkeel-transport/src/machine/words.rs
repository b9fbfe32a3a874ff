//! What a command says on standard error: its beginning and its end, and whether it says certain words anywhere.

use std::collections::VecDeque;

use memchr::memmem;

/// So much of the beginning is kept, and as much of the end, in bytes: together a small file.
const KEPT: usize = 511 << 10;

/// So much of the end is told in messages, in bytes.
const TOLD: usize = 2000;

/// Collects what is said, of whatever length, in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Words {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How many bytes between the two were dropped.
    dropped: u64,
    listened: Vec<(String, bool)>,
    /// The last bytes, in which a listened-for word may have begun.
    recent: Vec<u8>,
}

impl Words {
    /// Also notes whether each of `words` is said somewhere.
    pub(crate) fn listening<'a>(words: impl IntoIterator<Item = &'a String>) -> Self {
        let listened = words.into_iter().map(|word| (word.clone(), word.is_empty())).collect();
        Words { listened, ..Words::default() }
    }

    /// Takes the next piece.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.listen(bytes);
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT.saturating_sub(self.head.len())));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
        self.dropped += surplus as u64;
    }

    fn listen(&mut self, bytes: &[u8]) {
        let longest = self.listened.iter().filter(|(_, said)| !said).map(|(word, _)| word.len()).max();
        let Some(longest) = longest else { return };
        self.recent.extend_from_slice(bytes);
        for (word, said) in &mut self.listened {
            *said = *said || memmem::find(&self.recent, word.as_bytes()).is_some();
        }
        let old = self.recent.len().saturating_sub(longest - 1);
        self.recent.drain(..old);
    }

    /// True where `word`, one of those listened for, was said.
    pub(crate) fn said(&self, word: &str) -> bool {
        self.listened.iter().any(|(listened, said)| listened == word && *said)
    }

    /// All that was kept, with a line in the place of what was not.
    pub(crate) fn all(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        if self.dropped > 0 {
            all.extend_from_slice(format!("\n[{} bytes left out]\n", self.dropped).as_bytes());
        }
        all.extend(&self.tail);
        all
    }

    /// The end of it as text, for messages.
    pub(crate) fn told(&self) -> String {
        let all = self.all();
        let end = all.get(all.len().saturating_sub(TOLD)..).unwrap_or_default();
        String::from_utf8_lossy(end).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_keeps_both_ends_and_words_are_heard_in_between_and_across_pieces() {
        let heard = ["Finished Backup".to_owned(), "ERROR:".to_owned(), String::new()];
        let mut words = Words::listening(&heard);
        words.push(b"the beginning\n");
        for _ in 0..100 {
            words.push(&vec![b'x'; 20_000]);
        }
        words.push(b"Finish");
        words.push(b"ed Back");
        words.push(b"up");
        words.push(&vec![b'y'; 2 * KEPT]);
        words.push(b"the end\n");
        assert!(words.said("Finished Backup") && words.said("") && !words.said("ERROR:"));
        let all = words.all();
        assert!(all.starts_with(b"the beginning\n") && all.ends_with(b"the end\n"));
        assert!(all.len() < 2 * KEPT + 100);
        assert!(String::from_utf8_lossy(&all).contains(" bytes left out]\n"));
        assert!(words.told().len() <= TOLD);
    }

    #[test]
    fn what_is_short_is_kept_as_it_is() {
        let mut words = Words::default();
        words.push(b"a\n");
        words.push(b"b\n");
        assert_eq!(words.all(), b"a\nb\n");
        assert_eq!(words.told(), "a\nb");
    }
}
