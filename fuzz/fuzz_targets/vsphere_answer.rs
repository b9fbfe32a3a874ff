//! Whatever answers in the place of a vCenter: no panic, and nothing is taken for a whole answer that was cut off.
//!
//! The first byte says where it is cut off; the rest is what a server sent.
#![no_main]

use evenkeel_transport::vsphere::read;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// How much text is in a value, the names of fields left out. There are texts, lists and maps alone.
fn texts(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(texts).sum(),
        Value::Object(fields) => fields.values().map(texts).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => panic!("there is no {value}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let (cut, sent) = input.split_first().unwrap_or((&0, &[]));
    let Ok(answer) = read(sent) else { return };
    assert!(texts(&answer.value) <= sent.len(), "nothing is added");
    assert_eq!(read(&[b"\xef\xbb\xbf", sent, b"\n"].concat()).as_ref(), Ok(&answer));

    let text = String::from_utf8_lossy(sent);
    // A comment or the like may follow the end.
    if text.contains("<!") || text.contains("<?") {
        return;
    }
    let end = text.rfind("</").expect("an envelope ends");
    let part = sent.get(..end * usize::from(*cut) / 255).expect("a part");
    assert!(read(part).is_err(), "the first {} bytes are no answer", part.len());
});
