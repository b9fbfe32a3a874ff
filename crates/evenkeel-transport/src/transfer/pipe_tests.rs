//! Pipes: nothing is lost, nothing is taken for an end that is none.

use tokio::io::AsyncReadExt as _;

use crate::stores::memory::digest;

use super::*;

fn flow() -> Arc<Flow> {
    Arc::new(Flow::default())
}

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_and_is_hashed() {
    for (size, skip) in [(0, 0), (1, 0), (PIECE, 0), (PIECE * 40 + 17, 0), (PIECE * 3, PIECE + 5), (100, 100)]
    {
        let (mut inlet, mut outlet) = pipe(&flow(), skip as u64, None);
        let sent = bytes(size);
        let copy = sent.clone();
        let pour = async move {
            inlet.write_all(&copy).await.unwrap();
            inlet.shutdown().await.unwrap();
            let digest = inlet.digest().await.unwrap();
            inlet.end();
            digest
        };
        let mut out = Vec::new();
        let (hashed, read) = tokio::join!(pour, outlet.read_to_end(&mut out));
        assert_eq!(read.unwrap(), size - skip);
        assert!(out == sent[skip..], "{size} {skip}");
        assert_eq!(hashed, digest(&sent));
    }
}

#[tokio::test]
async fn only_who_says_so_ends_it() {
    let (mut inlet, mut outlet) = pipe(&flow(), 0, None);
    inlet.write_all(b"half").await.unwrap();
    inlet.shutdown().await.unwrap();
    drop(inlet);
    let mut out = Vec::new();
    let error = outlet.read_to_end(&mut out).await.unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert_eq!(out, b"half");
}

#[tokio::test]
async fn who_is_not_read_waits_in_little_memory_and_learns_that_nobody_reads() {
    let (mut inlet, outlet) = pipe(&flow(), 0, None);
    let mut taken = 0_usize;
    let piece = bytes(PIECE);
    loop {
        let write = tokio::time::timeout(Duration::from_secs(2), inlet.write(&piece)).await;
        let Ok(n) = write else { break };
        taken += n.unwrap();
        assert!(taken <= PIECE * (MOST + 2), "{taken}");
    }
    assert!(taken >= PIECE * MOST);
    drop(outlet);
    assert_eq!(inlet.write_all(&piece).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (mut inlet, mut outlet) = pipe(&flow(), 0, Some(1_000_000));
    let began = Instant::now();
    let pour = async move {
        inlet.write_all(&bytes(1_000_000)).await.unwrap();
        inlet.flush().await.unwrap();
        inlet.end();
    };
    let mut out = Vec::new();
    let ((), read) = tokio::join!(pour, outlet.read_to_end(&mut out));
    assert_eq!(read.unwrap(), 1_000_000);
    // What goes first need not wait.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(700), "{took:?}");
}
