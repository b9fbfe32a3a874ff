//! What a service manager hears, and the doors that it opened before.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel_tests::evenkeel::program;
use evenkeel_tests::gitops::Serving;

use crate::{Scene, address, status};

/// For a message that comes within a second on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The other end of `NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn new(scene: &Scene) -> (Self, String) {
        let path = scene.site.work.path().join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        (Manager { socket, heard: Vec::new() }, path.display().to_string())
    }

    /// A message with this line, of those that came or come.
    fn heard(&mut self, line: &str) {
        let came = self.heard.iter().any(|message| message.lines().any(|heard| heard.starts_with(line)));
        if !came {
            self.hears(line);
        }
    }

    /// Waits for another message with this line, and gives it whole.
    fn hears(&mut self, line: &str) -> String {
        let begin = Instant::now();
        loop {
            // Signs of life come all the time.
            assert!(begin.elapsed() < PATIENCE, "no {line}: {:#?}", self.heard);
            let mut bytes = [0; 4096];
            let length =
                self.socket.recv(&mut bytes).unwrap_or_else(|e| panic!("no {line} ({e}): {:#?}", self.heard));
            let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
            self.heard.push(message.clone());
            if message.lines().any(|heard| heard.starts_with(line)) {
                return message;
            }
        }
    }
}

#[test]
fn a_service_manager_hears_of_the_start_of_life_of_a_reload_and_of_the_end() {
    let scene = Scene::new();
    let (mut manager, path) = Manager::new(&scene);
    let variables = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "400000")];
    let mut serving = Serving::start_with(&scene.site.work, &["--config", "evenkeel.yaml"], &variables);
    let ready = manager.hears("READY=1");
    assert!(ready.contains("STATUS="), "{ready}");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    manager.heard("STATUS=1 resource on 1 target: 1 InSync");
    serving.signal("HUP");
    let reloading = manager.hears("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.hears("READY=1");
    serving.wait_for("reloaded: it serves 1 source");
    manager.hears("WATCHDOG=1");
    scene.site.work.write("evenkeel.yaml", "nonsense: [");
    serving.signal("HUP");
    manager.hears("RELOADING=1");
    let refused = manager.hears("READY=1");
    assert!(refused.contains("STATUS=the new configuration was refused"), "{refused}");
    serving.signal("TERM");
    manager.hears("STOPPING=1");
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn a_controller_that_is_stopped_by_the_system_feeds_no_watchdog() {
    let scene = Scene::new();
    let (mut manager, path) = Manager::new(&scene);
    let variables = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "400000")];
    let serving = Serving::start_with(&scene.site.work, &["--config", "evenkeel.yaml"], &variables);
    manager.hears("WATCHDOG=1");
    serving.signal("STOP");
    manager.socket.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let mut bytes = [0; 4096];
    // What was on its way when it stopped, and then nothing.
    let late = std::iter::from_fn(|| manager.socket.recv(&mut bytes).ok()).take(20).count();
    assert!(late <= 3, "{late}");
    serving.signal("CONT");
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    manager.hears("WATCHDOG=1");
}

/// `serve` with what is given as the file descriptors 3 and 4, as systemd passes sockets on.
fn passed_on(scene: &Scene, socket: UnixListener, tcp: Option<TcpListener>) -> Command {
    let count = 1 + usize::from(tcp.is_some());
    let script = format!(
        "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_FDS={count} LISTEN_PID=$$; exec {} serve --config evenkeel.yaml",
        program("evenkeel").display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(scene.site.work.path()).env("HOME", scene.site.work.path());
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    match tcp {
        Some(tcp) => command.stdout(Stdio::from(OwnedFd::from(tcp))),
        None => command.stdout(Stdio::null()),
    };
    command
}

#[test]
fn doors_that_are_passed_on_are_used_also_after_a_reload_and_left_behind() {
    let scene = Scene::new();
    let state = scene.site.work.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let path = state.join("evenkeel.sock");
    let (socket, tcp) = (UnixListener::bind(&path).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let at = tcp.local_addr().unwrap();
    let command = passed_on(&scene, socket, Some(tcp));
    let mut serving = Serving::of(&scene.site.work, command);
    assert_eq!(address(&serving), at);
    assert_eq!(status(at, "a-token-of-the-first-kind"), 200);
    scene.site.work.expect(0, &["reconcile", "--now", "--wait", "--config", "evenkeel.yaml"]);
    serving.signal("HUP");
    serving.wait_for("reloaded: it serves");
    assert_eq!((address(&serving), status(at, "a-token-of-the-first-kind")), (at, 200));
    scene.site.work.expect(0, &["notify", "--config", "evenkeel.yaml"]);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    assert!(path.exists(), "the socket is systemd's");
}

#[test]
fn a_socket_that_nobody_would_look_for_is_refused() {
    let scene = Scene::new();
    let socket = UnixListener::bind(scene.site.work.path().join("elsewhere.sock")).unwrap();
    let output = passed_on(&scene, socket, None).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("is not") && said.contains("state/evenkeel.sock") && said.contains("hint:"),
        "{said}"
    );
}
