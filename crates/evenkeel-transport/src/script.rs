//! A round of commands as one POSIX shell script, with a frame around each command's outputs.
//!
//! The script is fed to `/bin/sh` on its standard input, since sshd hands a command to the login shell as one
//! argument, which Linux limits to 128 KiB. It is one compound command: a shell runs nothing of it before it has
//! read its end, so a connection that breaks while the script is sent runs nothing at all, and never half a line.

use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// What a frame line says before the first command.
pub(crate) const BEGIN: &str = "begin";

/// Appended to what the target has in `PATH`: non-interactive logins often lack the system directories.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A random word that marks frames; output cannot contain it but by chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nonce(String);

impl Nonce {
    /// A fresh one, for one round. `None` where the system gives no random numbers.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0_u8; 16];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Nonce(hex::encode(bytes)))
    }

    /// One that somebody else chose, whose round is only read.
    pub(crate) fn given(word: &str) -> Self {
        Nonce(word.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One command of a round.
#[derive(Debug)]
pub(crate) struct Command {
    /// Program and arguments; no word contains NUL, and there is at least one.
    pub(crate) words: Vec<String>,
    /// Secrets for its standard input, each followed by a newline.
    pub(crate) stdin: Vec<SecretString>,
    /// What follows on its standard input: whole lines, without NUL. Without this and secrets it reads from `/dev/null`.
    pub(crate) input: Option<String>,
}

/// The script that runs `commands` in turn.
///
/// Each command has its own subshell (so that `exit` or `cd` as a command ends or moves nothing but itself) and is
/// followed by a frame line on both outputs: newline, nonce, the command's number, and its exit status. The shell
/// stops where a frame cannot be written: nobody is listening any more, so nothing further may happen.
pub(crate) fn script(nonce: &Nonce, commands: &[Command]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(capacity(commands)));
    text.extend_from_slice(preamble(nonce).as_bytes());
    let nonce = nonce.as_str();
    for (number, command) in commands.iter().enumerate() {
        text.extend_from_slice(b"(");
        for word in &command.words {
            quote(word.as_bytes(), &mut text);
            text.push(b' ');
        }
        text.extend_from_slice(b")");
        feed(nonce, command, &mut text);
        text.extend_from_slice(format!("frame \"{number} $?\"\n").as_bytes());
    }
    text.extend_from_slice(b"exit 0\n}\n");
    text
}

/// How a script begins: an open brace, the environment, and a frame line on both outputs.
///
/// A host that does not know the locale has no harm of it, but for bash and for perl: whatever is written in them says so
/// on standard error, as if it were the command's. Bash as `/bin/sh`, which is on the hosts that have both, is asked
/// first; with other shells that costs no process.
pub(crate) fn preamble(nonce: &Nonce) -> String {
    let nonce = nonce.as_str();
    format!(
        "{{\nLC_ALL=C.UTF-8\n\
         [ -z \"$BASH_VERSION\" ] || [ -z \"$( (LC_ALL=C.UTF-8) 2>&1 )\" ] || LC_ALL=C\n\
         export LC_ALL PATH=\"${{PATH:-/usr/bin:/bin}}:{SYSTEM_PATH}\"\n\
         frame() {{\necho \"\n{nonce} $1\" && echo \"\n{nonce} $1\" >&2 || exit 1\n}}\n\
         frame {BEGIN}\n"
    )
}

/// Redirects standard input to the secrets and what follows them. A here-document keeps them off every command line.
pub(crate) fn feed(nonce: &str, command: &Command, text: &mut Vec<u8>) {
    if command.stdin.is_empty() && command.input.is_none() {
        text.extend_from_slice(b" </dev/null\n");
        return;
    }
    text.extend_from_slice(format!(" <<'{nonce}'\n").as_bytes());
    for secret in &command.stdin {
        text.extend_from_slice(secret.expose_secret().as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(command.input.as_deref().unwrap_or_default().as_bytes());
    text.extend_from_slice(format!("{nonce}\n").as_bytes());
}

/// Room for everything but an improbable number of quotes, so that growing leaves no copies of secrets behind.
fn capacity(commands: &[Command]) -> usize {
    let words = |c: &Command| c.words.iter().map(|w| w.len() + 8).sum::<usize>();
    let secrets = |c: &Command| c.stdin.iter().map(|s| s.expose_secret().len() + 8).sum::<usize>();
    let input = |c: &Command| c.input.as_ref().map_or(0, String::len);
    1024 + commands.iter().map(|c| words(c) + secrets(c) + input(c) + 160).sum::<usize>()
}

/// Appends `word` to `text` so that a POSIX shell reads back exactly its bytes. The only place that quotes.
pub(crate) fn quote(word: &[u8], text: &mut Vec<u8>) {
    text.push(b'\'');
    for &byte in word {
        match byte {
            b'\'' => text.extend_from_slice(br"'\''"),
            _ => text.push(byte),
        }
    }
    text.push(b'\'');
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Output, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn shell(script: &[u8]) -> Output {
        run("/bin/sh", script)
    }

    /// Runs a script by a shell, which may be a program and its first word.
    fn run(shell: &str, script: &[u8]) -> Output {
        let mut words = shell.split(' ');
        let mut child = std::process::Command::new(words.next().unwrap())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{shell}: {e}: apt-get install dash bash busybox"));
        child.stdin.take().unwrap().write_all(script).unwrap();
        child.wait_with_output().unwrap()
    }

    fn command(words: &[&str]) -> Command {
        Command { words: words.iter().map(|w| (*w).to_owned()).collect(), stdin: vec![], input: None }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_real_shell_reads_back_every_quoted_word(
            words in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(1_u8..=255, 0..40),
                    "[ '\"\\\\$`!*?~#&;|<>(){}\\n\\t=a]{0,30}".prop_map(String::into_bytes),
                    "\\PC{0,20}".prop_map(String::into_bytes),
                ],
                1..12,
            )
        ) {
            let mut script = b"printf '%s\\0' ".to_vec();
            for word in &words {
                quote(word, &mut script);
                script.push(b' ');
            }
            script.push(b'\n');
            let expected: Vec<u8> = words.iter().flat_map(|w| w.iter().copied().chain([0])).collect();
            // The two that are /bin/sh on most systems, and that of ESXi.
            for shell in ["/bin/sh", "bash", "busybox sh"] {
                prop_assert_eq!(&run(shell, &script).stdout, &expected, "{}", shell);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_command_reads_exactly_what_it_is_given(
            lines in prop::collection::vec(
                prop_oneof!["[ '\"\\\\$`!*?~#&;|<>(){}\\t\\r=a]{0,30}", "\\PC{0,20}", "[\u{80}-\u{bf}]{0,9}", "EOF"],
                0..12,
            )
        ) {
            let input: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let mut cat = command(&["cat"]);
            cat.input = Some(input.clone());
            let nonce = Nonce::random().unwrap();
            let n = nonce.as_str();
            let script = script(&nonce, &[cat, command(&["cat"])]);
            let expected = format!("\n{n} begin\n{input}\n{n} 0 0\n\n{n} 1 0\n");
            for shell in ["/bin/sh", "bash", "busybox sh"] {
                let out = run(shell, &script);
                let printed = String::from_utf8_lossy(&out.stdout).into_owned();
                prop_assert_eq!(&printed, &expected, "{}", shell);
            }
        }
    }

    #[test]
    fn much_is_read_as_well() {
        // More than a pipe holds.
        let input = "it's a 'line' of $(much)\n".repeat(20_000);
        let mut count = command(&["wc", "-c"]);
        count.input = Some(input.clone());
        let script = script(&Nonce::random().unwrap(), &[count]);
        for shell in ["/bin/sh", "bash", "busybox sh"] {
            let out = String::from_utf8(run(shell, &script).stdout).unwrap();
            assert!(out.lines().any(|line| line.trim() == input.len().to_string()), "{shell}: {out}");
        }
    }

    #[test]
    fn no_prefix_of_a_script_runs_anything() {
        let marks = tempfile::tempdir().unwrap();
        let path = |name: &str| marks.path().join(name).display().to_string();
        let commands = [command(&["touch", &path("first")]), command(&["touch", &path("second")])];
        let whole = script(&Nonce::random().unwrap(), &commands);
        for end in (0..whole.len() - "}\n".len()).step_by(7) {
            shell(&whole[..end]);
            assert_eq!(std::fs::read_dir(marks.path()).unwrap().count(), 0, "{end} bytes ran something");
        }
        assert!(shell(&whole).status.success());
        assert_eq!(std::fs::read_dir(marks.path()).unwrap().count(), 2);
    }

    #[test]
    fn secrets_arrive_on_standard_input_and_in_no_argument() {
        let secret = "p'w $(id) `id`\\";
        let mut cat = command(&["sh", "-c", "cat; tr '\\0' ' ' </proc/$PPID/cmdline"]);
        cat.stdin = vec![SecretString::from(secret), SecretString::from("second")];
        let out = shell(&script(&Nonce::random().unwrap(), &[cat]));
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains(&format!("{secret}\nsecond\n")), "{text}");
        assert_eq!(text.matches(secret).count(), 1, "{text}");
    }

    #[test]
    fn a_command_that_is_a_shell_word_ends_only_itself() {
        let nonce = Nonce::random().unwrap();
        let n = nonce.as_str();
        let expected = format!("\n{n} begin\n\n{n} 0 3\non\n\n{n} 1 0\n");
        for shell in ["/bin/sh", "bash", "busybox sh"] {
            let out = run(shell, &script(&nonce, &[command(&["exit", "3"]), command(&["echo", "on"])]));
            assert_eq!(String::from_utf8(out.stdout).unwrap(), expected, "{shell}");
        }
    }
}
