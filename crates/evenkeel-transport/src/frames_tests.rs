use proptest::prelude::*;

use super::*;

fn framed(nonce: &Nonce, outputs: &[(Vec<u8>, Vec<u8>, i32)], noise: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let n = nonce.as_str();
    let begin = format!("\n{n} begin\n");
    let mut out = [noise, begin.as_bytes()].concat();
    let mut err = out.clone();
    for (i, (stdout, stderr, status)) in outputs.iter().enumerate() {
        let frame = format!("\n{n} {i} {status}\n");
        out.extend([stdout, frame.as_bytes()].concat());
        err.extend([stderr, frame.as_bytes()].concat());
    }
    (out, err)
}

/// Feeds both outputs in pieces of the given sizes, in turn, until everything or `cut` bytes have arrived.
fn feed(collector: &mut Collector, out: &[u8], err: &[u8], sizes: &[usize]) {
    let (mut o, mut e) = (0, 0);
    let mut sizes = sizes.iter().copied().cycle();
    while o < out.len() || e < err.len() {
        let size = sizes.next().unwrap();
        let to = (o + size).min(out.len());
        collector.push(Output::Stdout, &out[o..to]).unwrap();
        o = to;
        let to = (e + size).min(err.len());
        collector.push(Output::Stderr, &err[e..to]).unwrap();
        e = to;
    }
}

fn reply(exit: i32, stdout: &[u8], stderr: &[u8]) -> Outcome {
    Outcome::Done(Reply { exit, stdout: stdout.to_vec(), stderr: stderr.to_vec() })
}

prop_compose! {
    /// Output that looks like frames now and then, but does not know the nonce.
    fn output()(parts in prop::collection::vec(
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..50),
            Just(b"\n0123456789abcdef0123456789abcdef 0 0\n".to_vec()),
            Just(b"\n".to_vec()),
        ], 0..5)) -> Vec<u8> { parts.concat() }
}

proptest! {
    #[test]
    fn any_outputs_come_back_whole_however_they_arrive(
        outputs in prop::collection::vec((output(), output(), 0..256_i32), 1..6),
        sizes in prop::collection::vec(1..70_usize, 1..8),
        noise in output(),
    ) {
        let nonce = Nonce::random().unwrap();
        let (out, err) = framed(&nonce, &outputs, &noise);
        let mut collector = Collector::new(&nonce, outputs.len(), 1 << 20);
        feed(&mut collector, &out, &err, &sizes);
        prop_assert!(collector.finished());
        let expected: Vec<_> = outputs.iter().map(|(o, e, s)| reply(*s, o, e)).collect();
        prop_assert_eq!(collector.into_outcomes(), expected);
    }

    #[test]
    fn a_cut_connection_never_gives_a_partial_reply(
        outputs in prop::collection::vec((output(), output(), 0..256_i32), 1..6),
        cut_out in 0.0..1.0_f64,
        cut_err in 0.0..1.0_f64,
    ) {
        let nonce = Nonce::random().unwrap();
        let (out, err) = framed(&nonce, &outputs, b"");
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = |bytes: &[u8], at: f64| bytes[..(bytes.len() as f64 * at) as usize].to_vec();
        let mut collector = Collector::new(&nonce, outputs.len(), 1 << 20);
        feed(&mut collector, &cut(&out, cut_out), &cut(&err, cut_err), &[13]);
        let expected: Vec<_> = outputs.iter().map(|(o, e, s)| reply(*s, o, e)).collect();
        let got = collector.into_outcomes();
        prop_assert_eq!(&got[..], &expected[..got.len()]);
    }
}

proptest! {
    #[test]
    fn no_output_whatever_breaks_the_collector(
        pieces in prop::collection::vec((any::<bool>(), output(), any::<bool>(), "[ -~]{0,50}"), 0..20),
    ) {
        let nonce = Nonce::random().unwrap();
        let mut collector = Collector::new(&nonce, 3, 100);
        for (stderr, bytes, marked, label) in pieces {
            let to = if stderr { Output::Stderr } else { Output::Stdout };
            let frame = if marked { format!("\n{} {label}\n", nonce.as_str()) } else { String::new() };
            if collector.push(to, &[bytes, frame.into_bytes()].concat()).is_err() {
                break;
            }
            prop_assert!(collector.stdout.buffer.len() + collector.stderr.buffer.len() < 300_000);
        }
        prop_assert!(collector.completed() <= 20);
        drop(collector.into_outcomes());
    }
}

#[test]
fn a_status_is_taken_only_with_its_line_end() {
    let nonce = Nonce::random().unwrap();
    let (out, err) = framed(&nonce, &[(b"x".to_vec(), vec![], 127)], b"");
    let mut collector = Collector::new(&nonce, 1, 100);
    collector.push(Output::Stderr, &err).unwrap();
    collector.push(Output::Stdout, &out[..out.len() - 1]).unwrap();
    assert_eq!(collector.completed(), 0, "12 of 127 is not a status");
    collector.push(Output::Stdout, b"\n").unwrap();
    assert_eq!(collector.into_outcomes(), [reply(127, b"x", b"")]);
}

#[test]
fn signals_are_told_alike_whatever_the_shell() {
    let nonce = Nonce::random().unwrap();
    let (out, err) = framed(&nonce, &[(vec![], vec![], 128 + 9), (vec![], vec![], 256 + 9)], b"");
    let mut collector = Collector::new(&nonce, 2, 100);
    feed(&mut collector, &out, &err, &[50]);
    assert_eq!(collector.into_outcomes(), [reply(137, b"", b""), reply(137, b"", b"")]);
}

#[test]
fn what_exceeds_the_limit_is_dropped_and_the_next_command_is_read() {
    let nonce = Nonce::random().unwrap();
    let big = vec![b'x'; 5000];
    let (out, err) = framed(&nonce, &[(big, vec![], 0), (b"small".to_vec(), vec![], 0)], b"");
    for size in [1, 64, 10_000] {
        let mut collector = Collector::new(&nonce, 2, 1000);
        feed(&mut collector, &out, &err, &[size]);
        assert_eq!(collector.into_outcomes(), [Outcome::TooLarge, reply(0, b"small", b"")], "by {size}");
    }
}

#[test]
fn an_output_of_exactly_the_limit_is_kept() {
    let nonce = Nonce::random().unwrap();
    let (out, err) = framed(&nonce, &[(vec![b'x'; 1000], vec![], 0)], b"");
    let mut collector = Collector::new(&nonce, 1, 1000);
    feed(&mut collector, &out, &err, &[1]);
    assert_eq!(collector.into_outcomes(), [reply(0, &[b'x'; 1000], b"")]);
}

#[test]
fn noise_before_the_first_frame_is_bounded_and_shown() {
    let nonce = Nonce::random().unwrap();
    let mut collector = Collector::new(&nonce, 1, 1000);
    collector.push(Output::Stdout, b"This account is currently not available.\n").unwrap();
    assert!(!collector.begun());
    assert_eq!(collector.noise(), b"This account is currently not available.\n\n");
    collector.push(Output::Stdout, &vec![b'n'; 1 << 20]).unwrap();
    assert!(collector.stdout.buffer.len() < NOISE_KEPT);
    let (out, err) = framed(&nonce, &[(b"x".to_vec(), vec![], 0)], b"");
    feed(&mut collector, &out, &err, &[9]);
    assert_eq!(collector.into_outcomes(), [reply(0, b"x", b"")]);
}

#[test]
fn a_frame_out_of_order_is_an_error() {
    let nonce = Nonce::random().unwrap();
    let n = nonce.as_str();
    let mut collector = Collector::new(&nonce, 2, 1000);
    let text = format!("\n{n} begin\n\n{n} 1 0\n");
    assert_eq!(collector.push(Output::Stdout, text.as_bytes()), Err(Unframed));
}
