//! As much of a shell as the recorded command lines need: `;`, quotes and `2>&1`.

use evenkeel_lab::zfs::ZfsHost;

use super::Outcome;

pub(crate) fn run(host: &mut ZfsHost, line: &str) -> Outcome {
    let mut outcome = Outcome { exit: 0, stdout: String::new(), stderr: String::new() };
    for mut words in commands(line) {
        let merged = words.last().is_some_and(|word| word == "2>&1");
        words.truncate(words.len() - usize::from(merged));
        let reply = host.run(&words);
        outcome.exit = reply.exit;
        outcome.stdout.push_str(&String::from_utf8(reply.stdout).unwrap());
        let stderr = String::from_utf8(reply.stderr).unwrap();
        if merged { outcome.stdout.push_str(&stderr) } else { outcome.stderr.push_str(&stderr) }
    }
    outcome
}

fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars().chain([';']) {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | ';' if !quoted => {
                commands.last_mut().unwrap().extend(word.take());
                if c == ';' {
                    commands.push(Vec::new());
                }
            }
            '|' | '$' | '<' | '`' if !quoted => panic!("this shell has no {c}: {line}"),
            c => word.get_or_insert_default().push(c),
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}
