//! The time zone: the one that is named, else the target's own.

use super::*;
use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Reply};

/// A target that answers `command` with what stands here, and everything else with exit status 1.
fn target(answers: &[(&str, &str)]) -> (Replies, Vec<String>) {
    let mut replies = Replies::default();
    let mut asked = Vec::new();
    for _ in 0..4 {
        let new: Vec<Query> =
            Zone::queries(None, &replies).into_iter().filter(|query| !replies.has(query)).collect();
        for query in new {
            let command = query.request().display();
            let answer = answers.iter().find(|(known, _)| *known == command);
            let reply = Reply {
                exit: i32::from(answer.is_none()),
                stdout: answer.map_or("", |(_, text)| text).as_bytes().to_vec(),
                stderr: Vec::new(),
            };
            asked.push(command);
            replies.insert(query, Ok(reply));
        }
    }
    (replies, asked)
}

const LINK: &str = "readlink -f /etc/localtime";

#[test]
fn a_named_zone_asks_nothing_of_the_target() {
    assert!(Zone::queries(Some("Asia/Tokyo"), &Replies::default()).is_empty());
    assert_eq!(Zone::read(Some("asia/tokyo"), &Replies::default()).unwrap().name, "Asia/Tokyo");
}

#[test]
fn the_targets_own_zone_is_found_in_its_usual_places() {
    for (answers, name, rounds) in [
        (vec![(LINK, "/usr/share/zoneinfo/Asia/Tokyo\n")], "Asia/Tokyo", 1),
        (vec![(LINK, "/usr/share/zoneinfo/posix/Europe/Paris\n")], "Europe/Paris", 1),
        (vec![(LINK, "/usr/share/zoneinfo/Etc/UTC\n")], "Etc/UTC", 1),
        // A copy instead of a link: Debian's file, or FreeBSD's.
        (vec![(LINK, "/etc/localtime\n"), ("cat /etc/timezone", "Europe/Berlin\n")], "Europe/Berlin", 3),
        (vec![(LINK, "/etc/localtime\n"), ("cat /var/db/zoneinfo", "Asia/Tokyo\n")], "Asia/Tokyo", 3),
        (vec![("cat /etc/timezone", "\n# by hand\nAsia/Tokyo\n")], "Asia/Tokyo", 3),
    ] {
        let (replies, asked) = target(&answers);
        assert_eq!(Zone::read(None, &replies).unwrap().name, name, "{answers:?}");
        assert_eq!(asked.len(), rounds, "{asked:?}");
    }
}

#[test]
fn a_target_that_does_not_say_its_zone_has_to_be_told() {
    for answers in [vec![], vec![(LINK, "/etc/localtime\n")], vec![(LINK, "/usr/share/zoneinfo/Mars/Base\n")]]
    {
        let (replies, _) = target(&answers);
        let Err(ObserveError::Unfit { path, hint, .. }) = Zone::read(None, &replies) else {
            panic!("{answers:?} gave a zone")
        };
        assert_eq!(path, ["schedule", "timeZone"]);
        assert!(hint.unwrap().contains("timeZone: Asia/Tokyo"));
    }
    assert!(matches!(Zone::read(None, &Replies::default()), Err(ObserveError::NotAsked { .. })));
}
