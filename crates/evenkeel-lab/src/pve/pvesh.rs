//! `pvesh`, as its source has it: results as JSON in one line, failures on standard error.

use evenkeel_core::request::{Method, Reply};
use serde_json::Value;

use super::PveHost;

/// What Perl ends with when a program dies and the system has no error of its own to tell.
const DIED: i32 = 255;

pub(super) fn run(host: &mut PveHost, args: &[String]) -> Reply {
    let (Some(command), Some(path)) = (args.first(), args.get(1)) else {
        return failed(DIED, "ERROR: no command specified\n");
    };
    let method = match command.as_str() {
        "get" => Method::Get,
        "create" => Method::Post,
        "set" => Method::Put,
        "delete" => Method::Delete,
        other => return failed(DIED, &format!("ERROR: unknown command 'pvesh {other}'\n")),
    };
    let mut params = Vec::new();
    let mut words = args.iter().skip(2);
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix("--") else {
            return failed(DIED, "400 too many arguments\n");
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (name, words.next().cloned().unwrap_or_default()),
        };
        if name != "output-format" {
            params.push((name.to_owned(), value));
        }
    }
    let answer = host.call(method, path, &params);
    let text = |name: &str| answer.body.get(name).and_then(Value::as_str).unwrap_or_default();
    match answer.status {
        200 => {
            let data = answer.body.get("data").filter(|data| !data.is_null());
            let stdout = data.map(|data| format!("{data}\n")).unwrap_or_default();
            Reply { exit: 0, stdout: stdout.into_bytes(), stderr: Vec::new() }
        }
        501 => failed(1, &format!("No '{command}' handler defined for '{path}'\n")),
        400 => {
            let errors = answer.body.get("errors").and_then(Value::as_object);
            let mut said = format!("400 {}", text("message"));
            for (name, problem) in errors.into_iter().flatten() {
                said.extend([name.as_str(), ": ", problem.as_str().unwrap_or_default(), "\n"]);
            }
            failed(DIED, &format!("{said}pvesh {command} <api_path> [OPTIONS] [FORMAT_OPTIONS]\n"))
        }
        _ if text("message").starts_with("400 ") => failed(
            DIED,
            &format!("{}pvesh {command} <api_path> [OPTIONS] [FORMAT_OPTIONS]\n", text("message")),
        ),
        403 => failed(DIED, &format!("403 {}", text("message"))),
        _ => failed(DIED, text("message")),
    }
}

fn failed(exit: i32, stderr: &str) -> Reply {
    Reply { exit, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
}
