//! The server of these tests itself: it boots a Debian whose packages come from inside, and leaves nothing behind.

use std::path::Path;

use evenkeel_tests::incushost::IncusHost;

/// Waits until systemd has started all that it shall.
const BOOTED: &str = "i=0; while [ $i -lt 600 ]; do s=$(systemctl is-system-running 2>&1); case $s in running|degraded) \
                      break;; esac; i=$((i + 1)); sleep 0.1; done; echo \"$s\"";

#[test]
fn debian_boots_and_its_packages_come_from_inside() {
    let incus = IncusHost::start();
    incus.launch("debian", "deb");
    assert_eq!(incus.sh("deb", BOOTED).trim(), "running");
    let version = "dpkg-query --show --showformat '${Version}' ";
    assert_eq!(incus.sh("deb", &format!("{version} evenkeel-hello")), "1.0");
    incus.sh("deb", "apt-get -q update && apt-get -q -y install evenkeel-tool && apt-get -q -y upgrade");
    assert_eq!(incus.sh("deb", &format!("{version} evenkeel-hello")), "2.0");
    assert_eq!(incus.sh("deb", &format!("{version} evenkeel-data")), "1.0");
    let broken = incus.script("deb", "apt-get -q -y install evenkeel-broken", &[]);
    assert_eq!(broken.code, 100, "{broken:?}");
    broken.says(&["evenkeel-broken: there is no such thing"]);
}

#[test]
fn busybox_starts_and_runs_scripts_from_standard_input() {
    let incus = IncusHost::start();
    incus.launch("busybox", "small");
    let ran = incus.script("small", "cat <<'END'\n$1 stays\nEND\necho \"$2\"; exit 7\n", &["a", "b c"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "$1 stays\nb c\n"), "{ran:?}");
}

#[test]
fn a_server_that_is_dropped_leaves_nothing_behind() {
    let incus = IncusHost::start();
    let name = format!("left-behind-{}", std::process::id());
    incus.launch("busybox", &name);
    let folder = incus.folder().to_path_buf();
    assert!(mentions(&folder), "its server runs with the folder among its arguments");
    drop(incus);
    assert!(!folder.exists() && !mentions(&folder));
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(folder.to_str().unwrap()), "{mounts}");
    let groups: Vec<_> = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().collect();
    let roots = groups.iter().map(std::fs::DirEntry::path).chain([Path::new("/sys/fs/cgroup").into()]);
    for root in roots {
        assert!(!root.join(format!("lxc.payload.{name}")).exists(), "{}", root.display());
    }
}

/// True where some process has the folder among its arguments.
fn mentions(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(folder.to_str().unwrap()))
}
