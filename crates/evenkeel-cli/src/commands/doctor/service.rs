//! The controller as a service of this machine: whether it runs, how it is reached, and what keeps it.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use evenkeel_core::config::ControllerSpec;
use evenkeel_engine::controller::Health;
use evenkeel_server::client::Client;
use jiff::tz::TimeZoneDatabase;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::Finding;
use crate::controller::{Place, StateDirectory};
use crate::times;

/// For a thing of this machine to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The unit of the package.
const UNIT: &str = "evenkeel.service";

/// Windows and schedules are in the time of a place.
pub(super) fn time_zones() -> Finding {
    let known = TimeZoneDatabase::from_env();
    match known.available().count() {
        0 => {
            Finding::problem("time zones", "none is known", "install the time zone data: apt install tzdata")
        }
        count => Finding::ok("time zones", format!("{count} are known")),
    }
}

pub(super) fn is_running(state: &StateDirectory) -> bool {
    Place::Here(state.clone()).is_running()
}

/// What `/readyz` says to whoever may look.
#[derive(Deserialize)]
struct Readiness {
    health: Health,
}

/// Whether it runs, and how it is.
pub(super) async fn controller(state: &StateDirectory, runs: bool) -> Finding {
    let about = "controller";
    if !runs {
        return Finding::ok(about, "it does not run");
    }
    let client = Client::socket(state.socket());
    match tokio::time::timeout(PATIENCE, client.get_json::<Readiness>("/readyz")).await {
        Ok(Ok(Readiness { health })) if health.ready => {
            Finding::ok(about, format!("it runs since {}", times::shown(health.started)))
        }
        Ok(Ok(Readiness { health })) => {
            let mend = "see its log, and `evenkeel status --config FILE`";
            Finding::warning(about, format!("it runs and is not ready: {}", health.reasons.join("; ")), mend)
        }
        Ok(Err(error)) => {
            let mend = error.hint().unwrap_or("see its log, and `/readyz`").to_owned();
            Finding::warning(about, format!("it runs and is not ready: {error}"), mend)
        }
        Err(_) => Finding::problem(
            about,
            format!("it runs and does not answer within {} s", PATIENCE.as_secs()),
            "see its log; systemctl restart evenkeel",
        ),
    }
}

/// Whether the address of the configuration can be had, or answers.
pub(super) async fn address(spec: &ControllerSpec, runs: bool) -> Option<Finding> {
    let listen = &spec.http.as_ref()?.listen;
    let about = format!("address {listen}");
    // Another program in its place is found below; what is no address was an error of the configuration.
    let address: SocketAddr = listen.parse().ok()?;
    if address.port() == 0 {
        return Some(Finding::ok(about, "the system chooses the port"));
    }
    if runs {
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await;
        return Some(match connected {
            Ok(Ok(_)) => Finding::ok(about, "the controller listens there"),
            _ => Finding::problem(
                about,
                "nobody listens there",
                "the configuration changed since the start: systemctl reload evenkeel, or see the log",
            ),
        });
    }
    Some(match TcpListener::bind(address) {
        Ok(_) => Finding::ok(about, "it is free"),
        Err(e) => {
            Finding::problem(about, format!("it cannot be had: {e}"), "choose another one as `http.listen`")
        }
    })
}

/// What systemd says of the service, where it runs and has a unit of that name.
pub(super) async fn unit() -> Option<Finding> {
    if !sd_notify::booted().unwrap_or(false) {
        return None;
    }
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["show", UNIT, "--property=LoadState,UnitFileState,ActiveState"]);
    let output = tokio::time::timeout(PATIENCE, systemctl.kill_on_drop(true).output()).await.ok()?.ok()?;
    judge(&String::from_utf8_lossy(&output.stdout))
}

fn judge(properties: &str) -> Option<Finding> {
    let of = |name: &str| {
        let line = properties.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default()
    };
    if of("LoadState") != "loaded" {
        return None;
    }
    let (enabled, active) = (of("UnitFileState"), of("ActiveState"));
    Some(if active == "failed" {
        Finding::problem(UNIT, "it failed", "see why: journalctl --unit evenkeel --pager-end")
    } else if enabled == "enabled" {
        Finding::ok(UNIT, format!("it is enabled and {active}"))
    } else {
        let message = format!("it is {enabled}: the controller is not started with the machine");
        Finding::warning(UNIT, message, "systemctl enable --now evenkeel")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn the_unit_is_judged_by_what_systemd_says() {
        let said = |load: &str, enabled: &str, active: &str| {
            judge(&format!("LoadState={load}\nUnitFileState={enabled}\nActiveState={active}\n"))
                .map(|found| found.verdict)
        };
        assert_eq!(said("not-found", "", "inactive"), None);
        assert_eq!(said("loaded", "enabled", "active"), Some(Verdict::Ok));
        assert_eq!(said("loaded", "disabled", "inactive"), Some(Verdict::Warning));
        assert_eq!(said("loaded", "enabled", "failed"), Some(Verdict::Problem));
        assert_eq!(judge(""), None);
    }
}
