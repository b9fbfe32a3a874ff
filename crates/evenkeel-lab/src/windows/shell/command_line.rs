//! A command line, as `sshd` of Windows hands it to `cmd.exe`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::value::{ErrorRecord, Value, is_name};
use super::run::{Shell, Stop};
use super::{Printed, World, clixml, json};

/// The longest line that `cmd.exe` takes, in characters.
const LONGEST: usize = 8191;

/// How deep the answer of a script goes: as round.ps1 has it.
const DEPTH: i64 = 16;

/// Runs a command line as a machine's OpenSSH server does: in `cmd.exe`, which starts PowerShell. `stdin` is all that comes on standard
/// input.
pub fn run_command_line(world: &mut dyn World, line: &str, stdin: &[u8]) -> Printed {
    if line.encode_utf16().count() > LONGEST {
        return failed("The command line is too long.\r\n".to_owned());
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let program = words.first().copied().unwrap_or_default();
    if !["powershell", "powershell.exe", "pwsh", "pwsh.exe"].iter().any(|name| is_name(name, program)) {
        return failed(format!(
            "'{program}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
        ));
    }
    match encoded_command(words.get(1..).unwrap_or_default()) {
        Ok(script) => powershell(world, &script, stdin),
        Err(why) => failed(format!("the simulator: {why}\r\n")),
    }
}

fn failed(why: String) -> Printed {
    Printed { stdout: Vec::new(), stderr: why.into_bytes(), exit: 1 }
}

/// The script in `-EncodedCommand`: base64 of UTF-16 with the low byte first.
fn encoded_command(words: &[&str]) -> Result<String, String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if ["-NoProfile", "-NonInteractive", "-NoLogo"].iter().any(|known| is_name(known, word)) {
            continue;
        }
        if !is_name(word, "-EncodedCommand") {
            return Err(format!("it does not understand `{word}` of PowerShell's command line"));
        }
        let encoded = words.next().ok_or("-EncodedCommand has no value")?;
        if let Some(more) = words.next() {
            return Err(format!("`{more}` stands behind -EncodedCommand"));
        }
        let bytes = STANDARD.decode(encoded).map_err(|error| format!("-EncodedCommand: {error}"))?;
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        return String::from_utf16(&units).map_err(|error| format!("-EncodedCommand: {error}"));
    }
    Err("it does not understand PowerShell without -EncodedCommand".to_owned())
}

fn powershell(world: &mut dyn World, script: &str, stdin: &[u8]) -> Printed {
    let printed = shell(world, script, stdin);
    world.end();
    printed
}

fn shell(world: &mut dyn World, script: &str, stdin: &[u8]) -> Printed {
    let mut shell = Shell::new(world);
    let ended = shell.script(script, Vec::new(), lines(stdin));
    let mut errors = std::mem::take(&mut shell.errors);
    let mut stdout = std::mem::take(&mut shell.stdout);
    let exit = match ended {
        Ok(values) => {
            for value in values {
                stdout.extend_from_slice(value.to_text().as_bytes());
                stdout.extend_from_slice(b"\r\n");
            }
            i32::from(!errors.is_empty())
        }
        Err(Stop::Exit(status)) => status,
        Err(Stop::Error(record)) => {
            errors.push(*record);
            1
        }
        Err(stop) => {
            errors.push(record_of(stop));
            1
        }
    };
    Printed { stdout, stderr: clixml::errors(&errors).into_bytes(), exit }
}

/// `$input`: a text for each line. A console's code page is not UTF-8: what is not ASCII does not survive it.
fn lines(stdin: &[u8]) -> Vec<Value> {
    let text: String =
        stdin.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
    text.lines().map(Value::text).collect()
}

/// Runs a script with its one argument, as the transport's own does, whose preference is to stop at errors, and gives the last value that it yields, as `ConvertTo-Json -Depth 16` writes it; the error is the one
/// that ended it. What our simulator does not understand is an error of the category `NotImplemented`.
pub fn run_script(
    world: &mut dyn World,
    text: &str,
    input: &serde_json::Value,
) -> Result<serde_json::Value, ErrorRecord> {
    let input = json::from_json(input)
        .map_err(|why| ErrorRecord::of("", "NotImplemented", "", "Simulator", format!("the input: {why}")))?;
    let ended = {
        let mut shell = Shell::new(world);
        shell.set("erroractionpreference", Value::text("Stop"));
        shell.called(text, vec![input]).map_err(record_of)
    };
    world.end();
    let values = ended?;
    Ok(values.last().map_or(serde_json::Value::Null, |value| json::to_json(value, DEPTH)))
}

fn record_of(stop: Stop) -> ErrorRecord {
    match stop {
        Stop::Error(record) => *record,
        Stop::Exit(status) => {
            let message = format!("the script ended PowerShell with exit status {status}");
            ErrorRecord::of("", "OperationStopped", "", "Exit", message)
        }
        Stop::Killed => {
            let message = "The pipeline has been stopped.";
            ErrorRecord::of("", "OperationStopped", "", "PipelineStopped", message)
        }
        Stop::Beyond(beyond) => {
            let message = format!("the simulator, at line {}: {}", beyond.line, beyond.what);
            ErrorRecord::of("", "NotImplemented", "", "Simulator", message)
        }
        Stop::Return | Stop::Break | Stop::Continue => ErrorRecord::of(
            "",
            "NotImplemented",
            "",
            "Simulator",
            "the simulator: a loop ended outside of a loop",
        ),
    }
}
