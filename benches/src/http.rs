//! One HTTP request at a time, as plain as it gets.

use std::io::{Read, Write};

/// Sends a request that asks to close the connection, and gives the whole answer.
pub(crate) fn ask(mut stream: impl Read + Write, request: &[u8]) -> String {
    stream.write_all(request).expect("it takes the request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
