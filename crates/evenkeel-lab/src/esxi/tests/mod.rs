//! The simulator, held against what was recorded and against its own promises.

mod claiming;
mod datastores;
mod faults;
mod recorded;
mod refusals;

use super::EsxHost;

/// The standard output of a command that must not fail.
fn told(host: &mut EsxHost, command: &str) -> String {
    let reply = host.run(&words(command));
    assert_eq!(reply.exit, 0, "{command}: {}", String::from_utf8_lossy(&reply.stderr));
    assert!(reply.stderr.is_empty(), "{command}");
    String::from_utf8(reply.stdout).unwrap()
}

/// The standard error of a command that must fail, and print nothing.
fn refused(host: &mut EsxHost, command: &str) -> String {
    let reply = host.run(&words(command));
    assert_ne!(reply.exit, 0, "{command}: {}", String::from_utf8_lossy(&reply.stdout));
    assert!(reply.stdout.is_empty(), "{command}");
    String::from_utf8(reply.stderr).unwrap()
}

/// Words at blanks; what stands in quotation marks is one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in command.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
