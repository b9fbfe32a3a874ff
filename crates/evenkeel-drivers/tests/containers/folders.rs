//! The scripts of folders of templates and of OpenVZ hosts, in real shells, on folders and with a `vzctl` of our own.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use evenkeel_core::request::Script;
use evenkeel_drivers::containers::host::{LOOK, PLACE, VERIFY};
use evenkeel_drivers::containers::openvz;
use tempfile::TempDir;

/// The shells that hosts have as `sh`.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];
const NAME: &str = "debian-12-standard_12.0-20261120_amd64.tar.gz";
const MARK: &str = "ContainerTemplate/debian evenkeel debian-12-standard_12.0-{yyyyMMdd}_amd64 \
                    debian-12-standard_12.0-20261120_amd64.tar.gz";

/// A host in a folder, and the shell that its scripts are run by.
pub(crate) struct Host {
    shell: &'static [&'static str],
    folder: TempDir,
}

pub(crate) fn everywhere(test: impl Fn(&Host)) {
    for shell in SHELLS {
        let host = Host { shell, folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(host.cache()).unwrap();
        test(&host);
    }
}

impl Host {
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn cache(&self) -> PathBuf {
        self.path("/var/lib/vz/template/cache")
    }

    /// The path as an argument.
    pub(crate) fn word(&self, path: &str) -> String {
        self.path(path).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    fn run(&self, script: &Script, behind: &str, words: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .arg("-s")
            .args(words)
            .env("EVENKEEL_ROOT", self.folder.path())
            .env("PATH", format!("{}:{path}", self.word("/bin")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("{}{behind}", script.text);
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a script says that must succeed.
    pub(crate) fn said(&self, script: &Script, words: &[&str]) -> String {
        let output = self.run(script, "", words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{:?}: {said}", self.shell);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What a script complains of that must fail.
    pub(crate) fn refused(&self, script: &Script, words: &[&str]) -> String {
        let output = self.run(script, "", words);
        assert!(!output.status.success(), "{:?}", self.shell);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A container's files, packed as the step packs them; `tar` takes the rest of its words from `how`.
    fn packed(&self, name: &str, how: &[&str]) {
        self.write("/private/555/etc/debian_version", "12.0\n");
        self.write("/private/555/usr/lib/os-release", "ID=debian\nVERSION_ID=12\n");
        if !self.has("/private/555/etc/os-release") {
            symlink("../usr/lib/os-release", self.path("/private/555/etc/os-release")).unwrap();
        }
        // So much that a damage lies in the middle, and does not vanish when it is compressed.
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b' ' + u8::try_from((state >> 16) % 90).unwrap())
        };
        let noise: String = (0..40_000).map(|_| next()).collect();
        self.write("/private/555/usr/share/noise", &noise);
        let new = self.cache().join(format!(".{name}.evenkeel-new"));
        let mut tar = Command::new("tar");
        tar.arg("--numeric-owner").args(how).arg(new).arg("-C").arg(self.path("/private/555")).arg(".");
        assert!(tar.status().unwrap().success());
    }

    fn verify(&self, name: &str, least: &str) -> [String; 4] {
        [
            self.word("/var/lib/vz/template/cache"),
            name.to_owned(),
            least.to_owned(),
            self.word("/private/555"),
        ]
    }

    /// A `vzctl` that does what destroys and stops, and writes down what it was told.
    fn vzctl(&self) {
        let text = format!(
            "#!/bin/sh\necho \"$*\" >>{0}/told\ncase $1 in destroy) rm -rf {0}/vz/private/\"$2\"; \
             mv {0}/etc/vz/conf/\"$2\".conf {0}/etc/vz/conf/\"$2\".conf.destroyed ;; esac\n",
            self.folder.path().display()
        );
        self.write("/bin/vzctl", &text);
        fs::set_permissions(self.path("/bin/vzctl"), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

fn sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_folder_is_told_whatever_names_are_in_it() {
    everywhere(|host| {
        let cache = host.word("/var/lib/vz/template/cache");
        for name in ["a b.tar.gz", "-n", ".hidden.evenkeel-new", "x\ny.tar.gz", "*.tar", "r.tar.gz"] {
            host.write(&format!("/var/lib/vz/template/cache/{name}"), "12345");
        }
        host.write("/var/lib/vz/template/cache/r.tar.gz.json", "{\n  \"a\": \"b\"\n}\n");
        host.write("/var/lib/vz/template/cache/big.tar.gz.json", &"x".repeat(300_000));
        fs::create_dir(host.cache().join("folder.tar.gz")).unwrap();
        symlink("nowhere", host.cache().join("dangling.tar.gz")).unwrap();
        host.write("/var/lib/evenkeel/containers/555", &format!("{MARK}\n"));
        let said = host.said(&LOOK, &[&cache]);
        let lines: Vec<&str> = said.lines().collect();
        let files: Vec<String> = lines
            .iter()
            .filter(|line| line.starts_with("file 5 "))
            .map(|line| {
                let mut parts = line.splitn(4, ' ').skip(2);
                assert!(parts.next().unwrap().parse::<i64>().is_ok(), "{line}");
                parts.next().unwrap().to_owned()
            })
            .collect();
        assert_eq!(
            files,
            ["*.tar", "-n", "a b.tar.gz", "r.tar.gz", ".hidden.evenkeel-new"],
            "{:?}",
            host.shell
        );
        let behind =
            |line: &str| lines.iter().skip_while(|l| **l != line).nth(1).copied().unwrap_or("nothing");
        assert_eq!(behind("record r.tar.gz.json").replace(' ', ""), "={\"a\":\"b\"}");
        assert_eq!(behind("record big.tar.gz.json"), "large");
        assert_eq!(behind("mark 555").trim_end(), format!("= {MARK}"));
        assert_eq!(lines.iter().filter(|line| **line == "odd").count(), 1);
        let others = lines.iter().filter_map(|line| line.strip_prefix("other "));
        assert_eq!(others.collect::<Vec<_>>(), ["dangling.tar.gz", "folder.tar.gz"]);
        assert!(lines[0].strip_prefix("host ").is_some_and(|name| !name.is_empty()), "{said}");
        assert!(lines.iter().any(|line| line.starts_with("free ")), "{said}");
        assert_eq!(lines.last(), Some(&"end"));
        assert_eq!(host.said(&LOOK, &[&format!("{cache}/none")]).lines().nth(1), Some("missing"));
    });
}

#[test]
fn what_prints_to_a_log_of_ours_is_told() {
    everywhere(|host| {
        host.write("/var/log/evenkeel/debian.log", "");
        let log = File::options().append(true).open(host.path("/var/log/evenkeel/debian.log")).unwrap();
        let mut sleeper = Command::new("sleep").arg("600").stdout(log).spawn().unwrap();
        let said = host.said(&LOOK, &[&host.word("/var/lib/vz/template/cache")]);
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert!(said.lines().any(|line| line == "log /var/log/evenkeel/debian.log"), "{said}");
        let said = host.said(&LOOK, &[&host.word("/var/lib/vz/template/cache")]);
        assert!(!said.contains("\nlog /var"), "{said}");
        assert!(said.contains("fresh /var/log/evenkeel/debian.log\n"), "{said}");
        let log = File::options().append(true).open(host.path("/var/log/evenkeel/debian.log")).unwrap();
        log.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(200)).unwrap();
        let said = host.said(&LOOK, &[&host.word("/var/lib/vz/template/cache")]);
        assert!(!said.contains("fresh "), "{said}");
    });
}

#[test]
fn a_whole_template_passes_in_every_compression() {
    everywhere(|host| {
        for (ending, how) in [("tar.gz", "-czf"), ("tar.xz", "-cJf"), ("tar", "-cf")] {
            let name = format!("debian_{ending}.{ending}");
            host.packed(&name, &[how]);
            host.said(&VERIFY, &words(&host.verify(&name, "10241")));
        }
        host.packed("debian.tar.zst", &["--zstd", "-cf"]);
        host.said(&VERIFY, &words(&host.verify("debian.tar.zst", "10241")));
    });
}

#[test]
fn what_is_damaged_small_or_of_another_system_does_not_pass() {
    everywhere(|host| {
        host.packed(NAME, &["-czf"]);
        let asked = host.verify(NAME, "10241");
        let asked = words(&asked);
        let new = host.cache().join(format!(".{NAME}.evenkeel-new"));
        let whole = fs::read(&new).unwrap();
        fs::write(&new, &whole[..whole.len() / 2]).unwrap();
        assert!(host.refused(&VERIFY, &asked).contains("damaged"));
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0xff;
        fs::write(&new, &flipped).unwrap();
        assert!(host.refused(&VERIFY, &asked).contains("damaged"));
        fs::write(&new, &whole).unwrap();
        assert!(
            host.refused(&VERIFY, &words(&host.verify(NAME, "100000000"))).contains("at least 100000000")
        );
        host.write("/private/555/usr/lib/os-release", "ID=other\n");
        assert!(host.refused(&VERIFY, &asked).contains("/usr/lib/os-release"));
        fs::remove_file(&new).unwrap();
        assert!(host.refused(&VERIFY, &asked).contains("there is no"));
        // Packed from somewhere else.
        let tar = Command::new("tar")
            .arg("-czf")
            .arg(&new)
            .arg("-C")
            .arg(host.path("/private"))
            .arg("555")
            .status();
        assert!(tar.unwrap().success());
        let said = host.refused(&VERIFY, &asked);
        assert!(said.contains("does not belong into it: 555/"), "{said}");
    });
}

#[test]
fn a_template_gets_its_name_with_a_record_of_what_it_is() {
    everywhere(|host| {
        let cache = host.word("/var/lib/vz/template/cache");
        host.packed(NAME, &["-czf"]);
        let new = host.cache().join(format!(".{NAME}.evenkeel-new"));
        let (bytes, sum) = (fs::metadata(&new).unwrap().len(), sum(&new));
        let fields =
            r#"{"digest":"0a","recipe":{"files":{"/etc/motd":{"content":"it's a \"test\"\nof $x `y`\\n"}}}}"#;
        let behind = format!("main \"$@\" <<'END'\n{fields}\nEND\n");
        // What was put there since the build began stays, and so does a version of another digest.
        let placed = |digest: &str| host.run(&PLACE, &behind, &[&cache, NAME, digest]);
        let (there, record) = (host.cache().join(NAME), host.cache().join(format!("{NAME}.json")));
        let kept = |digest: &str| {
            let said = String::from_utf8_lossy(&placed(digest).stderr).into_owned();
            assert!(said.contains("is not replaced") && new.exists(), "{:?} {said}", host.shell);
        };
        fs::create_dir(&there).unwrap();
        kept("-");
        fs::remove_dir(&there).unwrap();
        symlink("nowhere", &there).unwrap();
        kept("-");
        fs::remove_file(&there).unwrap();
        fs::write(&there, "the one before").unwrap();
        kept("-");
        fs::write(&record, r#"{"digest":"00"}"#).unwrap();
        kept("-");
        kept("01");
        fs::remove_file(&there).unwrap();
        kept("-");
        fs::write(&there, "the one before").unwrap();
        let output = placed("00");
        assert!(output.status.success(), "{:?} {}", host.shell, String::from_utf8_lossy(&output.stderr));
        let record = fs::read_to_string(&record).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["recipe"]["files"]["/etc/motd"]["content"], "it's a \"test\"\nof $x `y`\\n");
        assert_eq!((record["bytes"].as_u64(), record["sha256"].as_str()), (Some(bytes), Some(sum.as_str())));
        assert!(!record["host"].as_str().unwrap().is_empty());
        assert!(record["mtime"].as_i64().is_some() && record["built"].as_str().unwrap().ends_with('Z'));
        assert_eq!(fs::metadata(host.cache().join(NAME)).unwrap().len(), bytes);
        assert!(!new.exists());
        // What did not arrive whole changes nothing.
        host.packed(NAME, &["-czf"]);
        let output =
            host.run(&PLACE, "main \"$@\" <<'END'\n{\"digest\":\"0b\"\nEND\n", &[&cache, NAME, "0a"]);
        assert!(!output.status.success() && new.exists());
    });
}

#[test]
fn an_openvz_host_tells_how_it_is_set_up() {
    everywhere(|host| {
        assert_eq!(host.run(&openvz::LOOK, "", &[]).status.code(), Some(127));
        host.vzctl();
        host.write(
            "/etc/vz/vz.conf",
            "TEMPLATE=/srv/vz\nVE_PRIVATE=/vz/private/$VEID\nDISKSPACE=\"20G:22G\"\nCONFIGFILE=\"basic\"\nexit_=1\n",
        );
        host.write("/etc/vz/conf/ve-basic.conf-sample", "# KMEMSIZE=\nKMEMSIZE=\"1:2\"\nNUMPROC=\"1\"\n");
        host.write("/etc/vz/conf/101.conf", "HOSTNAME=\"old\"\nHOSTNAME=\"www.example.org\"\n");
        host.write("/etc/vz/conf/102.conf", "OSTEMPLATE=x\n");
        host.write("/vz/private/103/etc/hostname", "x");
        host.write("/etc/vz/dists/gentoo.conf", "");
        fs::hard_link(host.path("/etc/vz/dists/gentoo.conf"), host.path("/etc/vz/dists/sabayon.conf"))
            .unwrap();
        symlink("gentoo.conf", host.path("/etc/vz/dists/funtoo.conf")).unwrap();
        symlink("nowhere.conf", host.path("/etc/vz/dists/lost.conf")).unwrap();
        let said = host.said(&openvz::LOOK, &[]);
        let expected = [
            "template /srv/vz",
            "private /vz/private/0",
            "layout ",
            "set DISKSPACE",
            "set KMEMSIZE",
            "set NUMPROC",
            "container 101 www.example.org",
            "container 102 ",
            "area 103",
        ];
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..expected.len()], expected, "{:?}", host.shell);
        let dists: Vec<Vec<&str>> =
            lines[expected.len()..lines.len() - 1].iter().map(|line| line.split(' ').collect()).collect();
        let names: Vec<(&str, &str)> = dists.iter().map(|parts| (parts[2], parts[3])).collect();
        assert_eq!(
            names,
            [("funtoo", "gentoo.conf"), ("gentoo", "-"), ("lost", "nowhere.conf"), ("sabayon", "-")]
        );
        assert!(dists[0][1] == dists[1][1] && dists[1][1] == dists[3][1] && dists[2][1] == "0", "{dists:?}");
        assert_eq!(lines.last(), Some(&"end"));
    });
}

#[test]
fn a_build_begins_only_with_a_free_id_and_room() {
    everywhere(|host| {
        let [area, cache, log] =
            ["/vz/private/555", "/var/lib/vz/template/cache", "/var/log/evenkeel/debian.log"]
                .map(|path| host.word(path));
        fs::create_dir_all(host.path("/vz/private")).unwrap();
        host.write("/var/log/evenkeel/debian.log", "the build before");
        let begin = |kib: &str| host.run(&openvz::BEGIN, "", &["555", &area, &cache, kib, &log, MARK]);
        let complaint = |output: Output| {
            assert!(!output.status.success(), "{:?}", host.shell);
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        assert!(complaint(begin("1000000000000")).contains("has room for"));
        host.write("/etc/vz/conf/555.conf", "");
        assert!(complaint(begin("1")).contains("there is a container 555 already"));
        fs::remove_file(host.path("/etc/vz/conf/555.conf")).unwrap();
        host.write("/vz/private/555/x", "");
        assert!(complaint(begin("1")).contains("there is"));
        fs::remove_dir_all(host.path("/vz/private/555")).unwrap();
        let new = format!("/var/lib/vz/template/cache/.{NAME}.evenkeel-new");
        host.write(&new, "half");
        assert!(complaint(begin("1")).contains("a build on another machine"));
        fs::remove_file(host.path(&new)).unwrap();
        assert!(!host.has("/var/lib/evenkeel/containers/555"));
        host.write("/etc/vz/conf/555.conf.destroyed", "theirs");
        let output = begin("1");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mark = fs::read_to_string(host.path("/var/lib/evenkeel/containers/555")).unwrap();
        assert_eq!(mark, format!("{MARK}\n"));
        assert!(host.has("/var/log/evenkeel/debian.log.1") && !host.has("/var/log/evenkeel/debian.log"));
        assert!(
            host.has("/etc/vz/conf/555.conf.destroyed.1") && !host.has("/etc/vz/conf/555.conf.destroyed")
        );
        assert!(complaint(begin("1")).contains("another build has the id 555"));
    });
}

#[test]
fn only_what_carries_the_mark_is_discarded() {
    everywhere(|host| {
        host.vzctl();
        let [area, cache] = ["/vz/private/555", "/var/lib/vz/template/cache"].map(|path| host.word(path));
        let new = format!("/var/lib/vz/template/cache/.{NAME}.evenkeel-new");
        let there = ["/vz/private/555/etc/x", "/vz/private/555.tmp/etc/x", new.as_str()];
        for path in there {
            host.write(path, "x");
        }
        host.write("/etc/vz/conf/555.conf", "HOSTNAME=\"evenkeel-build-debian\"\n");
        let words = ["555", &area, &cache, NAME, MARK];
        let discard = || host.said(&openvz::DISCARD, &words);
        let is_marked = || host.has("/var/lib/evenkeel/containers/555");
        let mark = |text: &str| host.write("/var/lib/evenkeel/containers/555", &format!("{text}\n"));
        discard();
        mark("ContainerTemplate/debian another-owner x y");
        assert!(host.refused(&openvz::DISCARD, &words).contains("another mark"));
        assert!(there.iter().all(|path| host.has(path)) && !host.has("/told"), "{:?}", host.shell);
        mark(MARK);
        discard();
        let told = fs::read_to_string(host.path("/told")).unwrap();
        assert_eq!(told, "stop 555 --fast\numount 555\ndestroy 555\n");
        let gone =
            ["/vz/private/555", "/vz/private/555.tmp", "/etc/vz/conf/555.conf.destroyed", new.as_str()];
        assert!(gone.iter().all(|path| !host.has(path)) && !is_marked());
        // Where its making ended midway: a sample of settings, and files beside its place.
        mark(MARK);
        host.write("/vz/private/555.tmp/etc/x", "x");
        host.write("/etc/vz/conf/555.conf", "ONBOOT=\"no\"\n");
        fs::create_dir(host.path("/vz/private/555")).unwrap();
        discard();
        assert!(!host.has("/vz/private/555.tmp") && !host.has("/etc/vz/conf/555.conf") && !is_marked());
        // Where vzctl knows nothing of it yet.
        mark(MARK);
        discard();
        assert!(!is_marked());
    });
}

#[test]
fn a_container_that_somebody_else_made_is_never_discarded() {
    everywhere(|host| {
        host.vzctl();
        let [area, cache] = ["/vz/private/555", "/var/lib/vz/template/cache"].map(|path| host.word(path));
        let discard = || host.said(&openvz::DISCARD, &["555", &area, &cache, NAME, MARK]);
        for conf in [Some("HOSTNAME=\"db.example.org\"\n"), Some("ONBOOT=\"yes\"\n"), None] {
            host.write("/vz/private/555/etc/x", "x");
            let _ = fs::remove_file(host.path("/etc/vz/conf/555.conf"));
            if let Some(text) = conf {
                host.write("/etc/vz/conf/555.conf", text);
            }
            host.write("/var/lib/evenkeel/containers/555", &format!("{MARK}\n"));
            discard();
            assert!(!host.has("/var/lib/evenkeel/containers/555"), "the mark is of no use any more");
            assert!(host.has("/vz/private/555/etc/x") && host.has("/etc/vz/conf/555.conf") == conf.is_some());
            assert!(!host.has("/told"), "{:?} {conf:?}", host.shell);
        }
    });
}

#[test]
fn a_container_that_is_not_destroyed_keeps_its_files_and_its_mark() {
    everywhere(|host| {
        host.write("/bin/vzctl", "#!/bin/sh\nexit 9\n");
        fs::set_permissions(host.path("/bin/vzctl"), fs::Permissions::from_mode(0o755)).unwrap();
        let [area, cache] = ["/vz/private/555", "/var/lib/vz/template/cache"].map(|path| host.word(path));
        host.write("/vz/private/555/etc/x", "x");
        host.write("/etc/vz/conf/555.conf", "HOSTNAME=\"evenkeel-build-debian\"\n");
        host.write("/var/lib/evenkeel/containers/555", &format!("{MARK}\n"));
        let said = host.refused(&openvz::DISCARD, &["555", &area, &cache, NAME, MARK]);
        assert!(said.contains("could not be destroyed"), "{said}");
        assert!(host.has("/vz/private/555/etc/x") && host.has("/var/lib/evenkeel/containers/555"));
    });
}

#[test]
fn what_was_checked_gets_its_name_also_where_the_run_ended_before() {
    everywhere(|host| {
        host.vzctl();
        let [area, cache] = ["/vz/private/555", "/var/lib/vz/template/cache"].map(|path| host.word(path));
        let (name, new) = (host.cache().join(NAME), host.cache().join(format!(".{NAME}.evenkeel-new")));
        for is_ours in [true, false] {
            fs::write(&name, "the one before").unwrap();
            fs::write(&new, "checked").unwrap();
            let mtime = fs::metadata(&new).unwrap().modified().unwrap();
            let mtime = mtime.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let bytes = if is_ours { 7 } else { 8 };
            let record = format!("{{\"bytes\":{bytes},\"mtime\":{mtime},\"sha256\":\"\"}}\n");
            fs::write(host.cache().join(format!("{NAME}.json")), record).unwrap();
            host.write("/var/lib/evenkeel/containers/555", &format!("{MARK}\n"));
            host.said(&openvz::DISCARD, &["555", &area, &cache, NAME, MARK]);
            let expected = if is_ours { "checked" } else { "the one before" };
            assert_eq!(fs::read_to_string(&name).unwrap(), expected, "{:?}", host.shell);
            assert!(!new.exists());
        }
    });
}
