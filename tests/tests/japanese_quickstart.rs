//! The Japanese quick start, done as its reader would do it: its files are written, its commands are run, and what it says
//! that they print is looked for in what they print.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use evenkeel_tests::evenkeel::{Ran, program};
use evenkeel_tests::gitops::Serving;
use evenkeel_tests::site::Site;

/// How long a controller is waited for.
const PATIENCE: Duration = Duration::from_secs(100);

/// How it is installed is tested where it is packaged.
const NOT_RUN: [&str; 2] = [
    "packaging/build\nsudo apt install ./target/package/evenkeel.deb",
    "cargo build --release --locked --package evenkeel-cli\nsudo install target/release/evenkeel /usr/local/bin/",
];

/// What is behind one pair of fences.
enum Block {
    /// A file with its text.
    File(String, String),
    /// Commands, each with the lines that it prints.
    Commands(Vec<(String, Vec<String>)>),
    /// Something to read.
    Text(String),
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut lines, mut before) = (Vec::new(), page.lines(), "");
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() {
                before = line;
            }
            continue;
        };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let name = before.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:"));
        found.push(match (language, name) {
            ("console", _) => Block::Commands(commands(&text)),
            (_, Some(name)) => Block::File(name.to_owned(), format!("{}\n", text.join("\n"))),
            _ => Block::Text(text.join("\n")),
        });
        before = "";
    }
    found
}

fn commands(text: &[&str]) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in text {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), Vec::new())),
            (None, Some((_, said))) => said.push((*line).to_owned()),
            (None, None) => panic!("a block of commands begins with {line:?}"),
        }
    }
    found
}

/// A line of the page, whose `…` stand for anything, in what was printed.
fn is_said(line: &str, printed: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = |printed: &str| {
        let mut rest = printed;
        line.split('…').map(plain).all(|part| {
            let Some(at) = rest.find(&part) else { return false };
            rest = &rest[at + part.len()..];
            true
        })
    };
    printed.lines().any(|printed| fits(&plain(printed)))
}

/// The reader, with the machine in front of him.
struct Reader {
    site: Site,
    controller: Option<Serving>,
    exit: i32,
    ran: usize,
}

impl Reader {
    /// Where the page's folders are here.
    fn here(&self, text: &str) -> String {
        let folder = self.site.work.path().display().to_string();
        text.replace("/srv/evenkeel", &folder).replace("/srv/git", &format!("{folder}/git"))
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.site.work.path().join(self.here(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, self.here(text)).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn shell(&self, command: &str) -> Ran {
        let folder = program("evenkeel").parent().unwrap().to_path_buf();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.here(command)]).current_dir(self.site.work.path());
        shell.env("HOME", self.site.work.path()).env("PATH", path);
        shell.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            shell
                .env(format!("GIT_{who}_NAME"), "田中")
                .env(format!("GIT_{who}_EMAIL"), "tanaka@example.org");
        }
        for name in ["SSH_AUTH_SOCK", "EVENKEEL_CREDENTIALS", "NO_COLOR", "CLICOLOR_FORCE"] {
            shell.env_remove(name);
        }
        Ran::of(&shell.output().unwrap())
    }

    /// Runs a command until it says what it shall say; one that asks a controller may be early.
    fn run(&mut self, command: &str, said: &[String]) {
        self.ran += 1;
        if command == "echo $?" {
            assert_eq!(said, [self.exit.to_string()]);
        } else if let Some(by_hand) = command.strip_prefix("ssh durian ") {
            self.site.by_hand("durian", &by_hand.split(' ').collect::<Vec<_>>());
        } else if let Some(args) = command.strip_prefix("evenkeel serve ") {
            let args: Vec<&str> = args.split(' ').collect();
            let serving = Serving::start(&self.site.work, &args);
            assert!(said.iter().all(|line| is_said(line, &serving.said())), "{}", serving.said());
            self.controller = Some(serving);
        } else {
            // Nobody sits there to say yes.
            let asks = ["evenkeel apply ", "evenkeel approve "].iter().any(|verb| command.starts_with(verb));
            let typed = if asks { format!("{command} --auto-approve") } else { command.to_owned() };
            let looks = ["status", "events", "approvals", "history", "why", "audit"]
                .iter()
                .any(|verb| command.starts_with(&format!("evenkeel {verb}")));
            let begin = Instant::now();
            loop {
                let ran = self.shell(&typed);
                let printed = format!("{}{}", ran.stdout, ran.stderr);
                let missing = said.iter().find(|line| !is_said(line, &printed));
                let may_differ =
                    ["evenkeel plan", "evenkeel status", "evenkeel reconcile", "evenkeel approvals"];
                let may_end_with = |code: i32| {
                    code == 0 || (code == 2 && may_differ.iter().any(|verb| command.starts_with(verb)))
                };
                if missing.is_none() && may_end_with(ran.code) {
                    self.exit = ran.code;
                    return;
                }
                let waits = looks && self.controller.is_some() && begin.elapsed() < PATIENCE;
                assert!(waits, "$ {command}\nexit code {}, not said: {missing:?}\n{printed}", ran.code);
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

#[test]
fn what_the_quick_start_says_can_be_done_and_comes_out_so() {
    let page: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/ja/quickstart.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut reader = Reader { site: Site::of_the_demo(), controller: None, exit: 0, ran: 0 };
    std::fs::create_dir(reader.site.work.path().join("site")).unwrap();
    let mut texts = Vec::new();
    for block in blocks(&page) {
        match block {
            Block::File(name, text) => reader.write(&name, &text),
            Block::Commands(commands) => {
                for (command, said) in commands {
                    reader.run(&command, &said);
                }
            }
            Block::Text(text) => texts.push(text),
        }
    }
    assert_eq!(texts, NOT_RUN, "every other block is run");
    assert_eq!(reader.ran, page.lines().filter(|line| line.starts_with("$ ")).count());
    assert!(reader.ran > 30, "{}", reader.ran);
}
