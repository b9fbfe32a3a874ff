//! Hosts for the measurements: real OpenSSH servers on loopback addresses, with a stand-in for `zfs` or `esxcli`.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use evenkeel_tests::sshd::{TestSshd, user};
use tempfile::TempDir;

/// sshd listens on sixteen addresses at most, and one of them is its own.
const ADDRESSES_EACH: usize = 15;

/// What `zfs` is on a host: it answers what it is asked out of the host's file, keeps what is set, and notes when it was
/// run, where, and for what.
const ZFS: &str = r#"#!/bin/sh
host=${SSH_CONNECTION#* * }
host=${host%% *}
echo "$(date +%s%N) $host $1" >>{folder}/log
case $1 in
get) exec awk -v words="$*" '
  BEGIN {
    FS = "\t"
    n = split(words, word, " ")
    m = split(word[5], property, ",")
    for (i = 1; i <= m; i++) wanted[property[i]] = 1
    for (i = 6; i <= n; i++) named[word[i]] = 1
  }
  ($1 in named) && ($2 in wanted)' "{folder}/$host" ;;
set) awk -v words="$*" '
  BEGIN {
    FS = OFS = "\t"
    n = split(words, word, " ")
    for (i = 2; i <= n; i++) if (split(word[i], pair, "=") == 2) value[pair[1]] = pair[2]; else named[word[i]] = 1
  }
  ($1 in named) && ($2 in value) { $3 = value[$2]; $4 = "local" }
  { print }' "{folder}/$host" >"{folder}/$host.new" && mv "{folder}/$host.new" "{folder}/$host" ;;
*) echo "zfs $1: not here" >&2; exit 2 ;;
esac
"#;

/// Hosts by address.
pub(super) struct Servers {
    /// They end with this.
    running: Vec<TestSshd>,
    folder: TempDir,
    pub(super) addresses: Vec<String>,
    pub(super) port: u16,
    pub(super) key: PathBuf,
    known_hosts: PathBuf,
}

impl Servers {
    /// So many hosts, all of which print `answer` whatever `zfs` is asked.
    pub(super) fn start(hosts: usize, answer: &[u8]) -> Self {
        Servers::printing(hosts, "zfs", &[("", answer)])
    }

    /// So many hosts, on which `program` prints the text that belongs to how its arguments begin. Others are an error.
    pub(super) fn printing(hosts: usize, program: &str, answers: &[(&str, &[u8])]) -> Self {
        let mut script = String::from("#!/bin/sh\necho >>{folder}/log\ncase \"$*\" in\n");
        let mut files = Vec::new();
        for (nth, (words, answer)) in answers.iter().enumerate() {
            let _ = writeln!(script, "\"{words}\"*) exec cat {{folder}}/answer-{nth} ;;");
            files.push((format!("answer-{nth}"), *answer));
        }
        script.push_str("*) echo \"not here: $*\" >&2; exit 1 ;;\nesac\n");
        Servers::of(&addresses(hosts), (ADDRESSES_EACH, "INFO"), (program, &script), &files)
    }

    /// So many hosts with a server each, which print `answer` at first and keep what is set.
    pub(super) fn stateful(hosts: usize, answer: &[u8]) -> Self {
        let addresses = addresses(hosts);
        let files: Vec<_> = addresses.iter().map(|address| (address.clone(), answer)).collect();
        Servers::of(&addresses, (1, "VERBOSE"), ("zfs", ZFS), &files)
    }

    fn of(
        addresses: &[String],
        (each, level): (usize, &str),
        (program, script): (&str, &str),
        files: &[(String, &[u8])],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path();
        for (name, text) in files {
            fs::write(at.join(name), text).expect("an answer");
        }
        let program = at.join(program);
        fs::write(&program, script.replace("{folder}", &at.display().to_string())).expect("the stand-in");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
        // A login shell that thinks it is not the first one leaves the user's start-up files alone: what they take
        // says nothing about us.
        let environment = format!("SetEnv PATH={}:/usr/bin:/bin SHLVL=2", at.display());
        let port = TcpListener::bind("127.1.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let mut running: Vec<TestSshd> = Vec::new();
        let mut known = String::new();
        for group in addresses.chunks(each) {
            let mut settings = vec![format!("LogLevel {level}"), environment.clone()];
            settings.extend(group.iter().map(|address| format!("ListenAddress {address}:{port}")));
            let server = TestSshd::with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
            if let Some(first) = running.first() {
                server.authorize(&first.key().with_extension("pub"));
            }
            let key = fs::read_to_string(server.folder().join("host_key.pub")).expect("a host key");
            for address in group {
                let _ = writeln!(known, "[{address}]:{port} {}", key.trim());
            }
            running.push(server);
        }
        let known_hosts = at.join("known_hosts");
        fs::write(&known_hosts, known).expect("known hosts");
        let key = running.first().expect("a server").key();
        Servers { running, folder, addresses: addresses.to_vec(), port, key, known_hosts }
    }

    /// The `ssh` settings of the `nth` host, for a manifest.
    pub(super) fn ssh(&self, nth: usize) -> String {
        let address = self.addresses.get(nth).expect("a host");
        format!(
            "host: {address}, port: {}, user: {}, identity: {}, agent: false, knownHosts: {}",
            self.port,
            user(),
            self.key.display(),
            self.known_hosts.display()
        )
    }

    /// How many commands were run since this was last asked.
    pub(super) fn commands(&self) -> usize {
        let log = self.folder.path().join("log");
        let lines = fs::read_to_string(&log).unwrap_or_default().lines().count();
        fs::write(&log, "").expect("the log");
        lines
    }

    /// When the first command after `since` began on any host, in nanoseconds since 1970; of stateful hosts only.
    pub(super) fn first_after(&self, since: u128) -> Option<u128> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let times = log.lines().filter_map(|line| line.split(' ').next()?.parse().ok());
        times.filter(|at| *at >= since).min()
    }

    /// How many commands were begun over SSH, whatever they were; of stateful hosts only.
    pub(super) fn execs(&self) -> usize {
        self.running.iter().map(TestSshd::execs).sum()
    }

    /// Replaces text of what the `nth` host prints; of stateful hosts only.
    pub(super) fn by_hand(&self, nth: usize, from: &str, to: &str) {
        let file = self.folder.path().join(self.addresses.get(nth).expect("a host"));
        let text = fs::read_to_string(&file).expect("an answer");
        assert!(text.contains(from), "host {nth} has no {from:?}");
        let new = file.with_extension("hand");
        fs::write(&new, text.replace(from, to)).expect("an answer");
        fs::rename(&new, &file).expect("an answer");
    }

    /// The server of the `nth` host; of stateful hosts only.
    pub(super) fn server(&mut self, nth: usize) -> &mut TestSshd {
        self.running.get_mut(nth).expect("a host")
    }
}

fn addresses(hosts: usize) -> Vec<String> {
    (0..hosts).map(|nth| format!("127.1.{}.{}", nth / 250, nth % 250 + 1)).collect()
}
