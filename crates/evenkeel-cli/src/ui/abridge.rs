//! Long lists of commands that differ in names only: the first few, and how many more there are.

use std::collections::{HashMap, HashSet};

/// Up to this many commands of one shape are all shown.
const ALL_UP_TO: usize = 6;

/// Of more, so many are shown.
const SHOWN: usize = 3;

/// What stands on one line of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The command of this number.
    Command(usize),
    /// So many that are like those before, and how many shapes these have.
    More(usize, usize),
}

/// Which of `commands` are shown, in their order.
pub(super) fn abridged(commands: &[String]) -> Vec<Line> {
    let shapes = shapes(commands);
    let sizes = shapes.iter().fold(HashMap::new(), |mut sizes: HashMap<usize, usize>, shape| {
        *sizes.entry(*shape).or_default() += 1;
        sizes
    });
    let mut seen: HashMap<usize, usize> = HashMap::new();
    let mut lines = Vec::new();
    for (nth, shape) in shapes.iter().enumerate() {
        let so_far = seen.entry(*shape).or_default();
        *so_far += 1;
        let size = sizes.get(shape).copied().unwrap_or_default();
        if size <= ALL_UP_TO || *so_far <= SHOWN {
            lines.push(Line::Command(nth));
        } else if *so_far == SHOWN + 1 {
            match lines.last_mut() {
                Some(Line::More(count, shapes)) => {
                    *count += size - SHOWN;
                    *shapes += 1;
                }
                _ => lines.push(Line::More(size - SHOWN, 1)),
            }
        }
    }
    lines
}

/// The words for `count` commands of `shapes` shapes that are left out.
pub(super) fn more(count: usize, shapes: usize, where_all: &str) -> String {
    let like = if shapes == 1 { "it" } else { "these" };
    format!("… and {count} more like {like} ({where_all})")
}

/// A number for each command; those with the same one differ in names only. A word with a digit is a name where most of
/// the commands have another one in its place: `--device naa.6001` is, `--iops=1` is not.
fn shapes(commands: &[String]) -> Vec<usize> {
    let words: Vec<Vec<&str>> = commands.iter().map(|command| command.split(' ').collect()).collect();
    let mut rough: HashMap<Vec<Option<&str>>, Vec<usize>> = HashMap::new();
    for (nth, words) in words.iter().enumerate() {
        let stem = words.iter().map(|word| Some(*word).filter(|word| !has_digit(word))).collect();
        rough.entry(stem).or_default().push(nth);
    }
    let mut shapes = vec![0; commands.len()];
    let mut numbers: HashMap<Vec<Option<&str>>, usize> = HashMap::new();
    for (stem, members) in rough {
        let names: Vec<bool> = (0..stem.len())
            .map(|place| {
                let there = |nth: &usize| words.get(*nth)?.get(place).filter(|word| has_digit(word));
                let different: HashSet<&&str> = members.iter().filter_map(there).collect();
                different.len() * 2 > members.len()
            })
            .collect();
        for nth in members {
            let Some(words) = words.get(nth) else { continue };
            let shape = words.iter().zip(&names).map(|(word, is_name)| (!is_name).then_some(*word)).collect();
            let next = numbers.len();
            if let Some(place) = shapes.get_mut(nth) {
                *place = *numbers.entry(shape).or_insert(next);
            }
        }
    }
    shapes
}

fn has_digit(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(n: usize) -> Vec<String> {
        let of = |n: usize| {
            [format!("esxcli set --device naa.{n} --psp RR"), format!("esxcli rr --iops=1 --device naa.{n}")]
        };
        (0..n).flat_map(of).collect()
    }

    #[test]
    fn of_many_that_differ_in_names_the_first_are_shown() {
        let lines = abridged(&commands(200));
        let first = (0..6).map(Line::Command);
        assert_eq!(lines, first.chain([Line::More(394, 2)]).collect::<Vec<_>>());
        assert_eq!(more(394, 2, "--full shows all"), "… and 394 more like these (--full shows all)");
    }

    #[test]
    fn a_few_are_all_shown() {
        assert_eq!(abridged(&commands(6)).len(), 12);
        assert!(abridged(&[]).is_empty());
    }

    #[test]
    fn a_value_is_not_a_name() {
        let mut commands = commands(20);
        commands[30] = "esxcli set --device naa.15 --psp FIXED".to_owned();
        commands[31] = "esxcli rr --iops=1000 --device naa.15".to_owned();
        let lines = abridged(&commands);
        assert!(lines.contains(&Line::Command(30)) && lines.contains(&Line::Command(31)), "{lines:?}");
        assert!(lines.contains(&Line::More(32, 2)), "{lines:?}");
    }
}
