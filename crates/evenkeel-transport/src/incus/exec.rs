//! A script in an instance: run, waited for, and what it said.

use evenkeel_core::request::{Reply, Script, shell_quote};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Refusal, own_path};
use super::line::Line;

/// What is kept of each output, in bytes.
const END: usize = 64 << 10;

/// So many lines of each output tell why a script failed. Managers of packages tell it on standard output.
const LINES: usize = 20;

/// The longest argument that Linux takes, in bytes.
const LONGEST_ARGUMENT: usize = (128 << 10) - 1;

/// Where programs are, on any distribution.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The HTTP status of what is larger than the other side takes.
const TOO_LARGE: u16 = 413;

impl Line<'_> {
    /// Runs a script, and reads what it said. The server keeps that in files, which are removed.
    pub(super) async fn exec(
        &mut self,
        instance: &str,
        script: &Script,
        arguments: &[String],
        until: Instant,
    ) -> Result<Reply, TransportError> {
        let mut command = vec!["sh", "-c", script.text.as_ref(), script.name.as_ref()];
        command.extend(arguments.iter().map(String::as_str));
        if let Some(long) = command.iter().map(|word| word.len()).find(|length| *length > LONGEST_ARGUMENT) {
            let words = format!(
                "{} was not run: {long} bytes of its text or of an argument are more than the {LONGEST_ARGUMENT} that can be passed at once",
                script.name
            );
            return Ok(Refusal::new(TOO_LARGE, words).reply());
        }
        let body = json!({
            "command": command,
            "environment": { "LC_ALL": "C.UTF-8", "HOME": "/root", "PATH": PATH },
            "interactive": false,
            "record-output": true,
            "wait-for-websocket": false,
        });
        let call = self.call(Method::POST, &format!("/1.0/instances/{instance}/exec"), [])?.with(&body);
        let ended = match self.perform(&call, until).await? {
            Ok(ended) => ended,
            // A script that ends with 126 or 127 makes the operation fail, as if it had not been found itself.
            Err(refusal) if refusal.metadata.get("output").is_some() => refusal.metadata,
            Err(refusal) => return Ok(refusal.reply()),
        };
        let exit = ended.get("return").and_then(Value::as_i64).and_then(|exit| i32::try_from(exit).ok());
        let exit = exit.ok_or_else(|| self.untold(script, "its exit status"))?;
        // It has ended: what it said can be fetched without hurry.
        let until = until.max(Instant::now() + self.patience);
        let stdout = self.output(&ended, "1", script, until).await?;
        let stderr = self.output(&ended, "2", script, until).await?;
        let stderr = if exit == 0 { stderr } else { failure(script, arguments, exit, &stdout, &stderr) };
        Ok(Reply { exit, stdout, stderr })
    }

    /// One of the outputs of what has ended.
    async fn output(
        &mut self,
        ended: &Value,
        which: &str,
        script: &Script,
        until: Instant,
    ) -> Result<Vec<u8>, TransportError> {
        let named = ended.get("output").and_then(|output| output.get(which)).and_then(Value::as_str);
        let path = named.and_then(own_path).ok_or_else(|| self.untold(script, "where its output is"))?;
        let call = self.call(Method::GET, &path, [])?.end_only(END);
        let answer = self.send(&call, until).await?;
        let bytes = match answer.status {
            200 | 206 => answer.body,
            // There is no end of what is empty.
            416 => Vec::new(),
            status => {
                let what = format!("its output, and answers {status}");
                return Err(self.untold(script, &what));
            }
        };
        let remove = self.call(Method::DELETE, &path, [])?;
        if let Err(error) = self.send(&remove, until).await {
            // It goes with the instance.
            tracing::debug!(whose = self.whose, %error, "an output stays with the server");
        }
        Ok(bytes)
    }

    fn untold(&self, script: &Script, what: &str) -> TransportError {
        let message = format!("{} was run on {}, which does not tell {what}", script.name, self.whose);
        TransportError::new(TransportErrorKind::Protocol, message)
    }
}

/// What a script that failed said last, and which one it was: of a change of many scripts nothing else tells that.
fn failure(script: &Script, arguments: &[String], exit: i32, stdout: &[u8], stderr: &[u8]) -> Vec<u8> {
    let words: Vec<_> = arguments.iter().map(|word| shell_quote(word)).collect();
    let called = format!("{} {}", script.name, words.join(" "));
    let mut said = format!("{} ended with status {exit}", called.trim_end());
    for output in [stdout, stderr] {
        let output = String::from_utf8_lossy(output);
        let lines: Vec<&str> = output.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
            // Of a bar of progress, what a terminal would show in the end.
            let shown = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
            said.push('\n');
            said.push_str(shown);
        }
    }
    said.push('\n');
    said.into_bytes()
}
