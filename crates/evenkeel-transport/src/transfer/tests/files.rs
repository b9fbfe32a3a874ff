//! From a file.

use crate::stores::memory::{BUCKET, PLAIN};

use super::*;

fn bytes() -> Vec<u8> {
    (0..1_000_000_u32).map(|i| u8::try_from(i % 253).unwrap()).collect()
}

pub(super) fn file() -> Origin {
    Origin::File { target: None, path: "g/a.tar".into() }
}

/// Two stores; the first has a file and its record.
pub(super) fn two(first: &MemoryServer, nas: &MemoryServer) -> Rig {
    first.folder("g");
    let bytes = bytes();
    first.put("g/a.tar", &bytes);
    first.put("g/a.tar.json", &serde_json::to_vec(&digest(&bytes)).unwrap());
    let mut rig = Rig::of(nas);
    rig.stores.insert("first".to_owned(), first.clone());
    rig
}

#[tokio::test]
async fn a_file_is_copied_and_must_be_what_its_record_says() {
    for abilities in [PLAIN, BUCKET] {
        let (first, nas) = (MemoryServer::new(BUCKET), MemoryServer::new(abilities));
        let rig = two(&first, &nas);
        let eyes = Eyes::default();
        let done = moved(rig.watched(&transfer(file(), archive(Check::Checksum)), &eyes).await);
        assert_eq!(done.sha256, digest(&bytes()).sha256);
        assert!(nas.file("g/a.tar").unwrap() == bytes());
        assert_eq!(eyes.seen.lock().unwrap().last(), Some(&(1_000_000, Some(1_000_000))));
        nas.0.lock().unwrap().content.retain(|name, _| name == "g");
        let mut rotten = bytes();
        rotten[1000] ^= 1;
        for (file_now, record, exit, words) in [
            (rotten, None, REFUSED, "not what its record says"),
            (bytes()[1..].to_vec(), None, REFUSED, "its record says 1000000"),
            (bytes(), Some("{"), REFUSED, "is no record"),
            (bytes(), Some("{}"), REFUSED, "has no `bytes`"),
        ] {
            let rig = two(&first, &nas);
            first.put("g/a.tar", &file_now);
            if let Some(record) = record {
                first.put("g/a.tar.json", record.as_bytes());
            }
            let reply = rig.run(&transfer(file(), archive(Check::Checksum))).await.unwrap();
            assert_eq!(reply.exit, exit);
            assert!(reply.stderr_text().contains(words), "{}", reply.stderr_text());
            assert_eq!(nas.file("g/a.tar"), None);
            assert!(noted(&nas, "a.tar.failed.json")["failed"].as_str().unwrap().contains(words));
            nas.0.lock().unwrap().content.retain(|name, _| name == "g");
        }
        let rig = two(&first, &nas);
        first.0.lock().unwrap().content.remove("g/a.tar.json");
        moved(rig.run(&transfer(file(), archive(Check::Checksum))).await);
        first.0.lock().unwrap().content.remove("g/a.tar");
        let reply = rig.run(&transfer(file(), archive(Check::Checksum))).await.unwrap();
        assert_eq!(reply.exit, evenkeel_core::request::MISSING);
    }
}

#[tokio::test]
async fn what_is_there_is_continued_and_a_wrong_beginning_is_found_out() {
    let (first, nas) = (MemoryServer::new(BUCKET), MemoryServer::new(PLAIN));
    let rig = two(&first, &nas);
    nas.put("g/a.tar.part", &bytes()[..400_000]);
    let done = moved(rig.run(&transfer(file(), archive(Check::Checksum))).await);
    assert_eq!(done.bytes, 1_000_000);
    assert!(nas.file("g/a.tar").unwrap() == bytes());
    assert!(nas.calls().contains(&"put g/a.tar.part 400000".to_owned()));

    nas.put("g/a.tar.part", &vec![9; 400_000]);
    let reply = rig.run(&transfer(file(), archive(Check::Checksum))).await.unwrap();
    assert_eq!(reply.exit, REFUSED);
    assert!(reply.stderr_text().contains("will be written anew"), "{}", reply.stderr_text());
    assert_eq!(nas.file("g/a.tar.part"), None);
    moved(rig.run(&transfer(file(), archive(Check::Checksum))).await);

    for (there, check) in [(1_000_001, Check::Checksum), (400_000, Check::Size)] {
        nas.put("g/a.tar.part", &vec![9; there]);
        moved(rig.run(&transfer(file(), archive(check))).await);
        assert!(
            nas.file("g/a.tar").unwrap() == bytes(),
            "what cannot be continued, or checked, is written anew"
        );
    }
}
