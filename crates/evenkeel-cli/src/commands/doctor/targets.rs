//! The targets: whether they let us in, and what time it is there.

use std::time::{Duration, Instant};

use evenkeel_core::request::{
    ApiRequest, Exec, FileRequest, IncusRequest, Method, PowerShell, Reply, Request, Script,
};
use evenkeel_core::target::{Target, Way};
use evenkeel_core::transport::{Transport, TransportError};
use evenkeel_drivers::vsphere::inventory;
use evenkeel_engine::{Clock as _, SystemClock};
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use super::Finding;
use super::skew::skew;
use super::sources::Aim;
use crate::commands::serve::pieces::Ways;

/// For one target to answer, the login included.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many are asked at once.
const AT_ONCE: usize = 64;

/// More seconds than this are told, and more than that are wrong: signatures and schedules go by the clock.
const APART: u64 = 2;
const FAR_APART: u64 = 30;

/// A name that no store has: that it is not there is an answer as good as any.
const NO_FILE: &str = "evenkeel-doctor";

/// What a Windows machine is asked.
const WINDOWS_CLOCK: Script = Script::new("doctor/clock.ps1", "[DateTimeOffset]::UtcNow.ToUnixTimeSeconds()");

pub(super) async fn look(ways: &Ways, aims: Vec<Aim>) -> Vec<Finding> {
    let asked = stream::iter(aims).map(|aim| async move { ask(ways, &aim).await });
    asked.buffered(AT_ONCE).collect().await
}

async fn ask(ways: &Ways, aim: &Aim) -> Finding {
    let about = format!("target {}", aim.target.name);
    let request = question(aim);
    let transport = ways.transport.as_ref();
    let whole = async {
        let begin = Instant::now();
        let first = once(transport, &aim.target, &request).await?;
        let took = begin.elapsed();
        if !tells_time(&request) {
            return Ok((first, took, None));
        }
        // Asked again: the connection is there now, so that the answer takes next to no time.
        let asked = SystemClock.now();
        let second = once(transport, &aim.target, &request).await?;
        Ok((second.clone(), took, seconds(&second).map(|at| skew(asked, SystemClock.now(), at))))
    };
    let clean = |text: &str| ways.chain.redact_text(text).into_owned();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok((reply, took, apart))) => judge(about, &request, &reply, took, apart),
        Ok(Err(TransportError { message, hint, .. })) => {
            let mend = hint.unwrap_or_else(|| "see the page of its kind of target in docs/".to_owned());
            Finding::problem(about, clean(&message), clean(&mend))
        }
        Err(_) => Finding::problem(
            about,
            format!("{} does not answer within {} s", aim.target.address(), PATIENCE.as_secs()),
            "check that it is up, and that the network lets this machine through",
        ),
    }
}

async fn once(
    transport: &dyn Transport,
    target: &Target,
    request: &Request,
) -> Result<Reply, TransportError> {
    let answer = transport.exchange(target, std::slice::from_ref(request)).await.pop();
    answer.unwrap_or_else(|| {
        use evenkeel_core::transport::TransportErrorKind;
        Err(TransportError::new(TransportErrorKind::Protocol, format!("{}: no reply", target.name)))
    })
}

/// The smallest thing to ask; it reads.
fn question(aim: &Aim) -> Request {
    let spec = &aim.target.spec;
    if aim.target.runs_commands() {
        return if aim.is_windows {
            Request::PowerShell(Box::new(PowerShell::new(WINDOWS_CLOCK, json!({}))))
        } else {
            Request::Exec(Exec::new(["date", "-u", "+%s"]))
        };
    }
    if spec.vsphere.is_some() {
        return inventory::query(Way::Vsphere).request().clone();
    }
    if spec.proxmox.is_some() {
        return Request::Api(ApiRequest::new(Method::Get, "/version"));
    }
    if spec.incus.is_some() {
        return Request::Incus(Box::new(IncusRequest::get("/1.0", [])));
    }
    Request::Files(FileRequest::Read { path: NO_FILE.to_owned() })
}

fn tells_time(request: &Request) -> bool {
    matches!(request, Request::Exec(_) | Request::PowerShell(_))
}

fn seconds(reply: &Reply) -> Option<i64> {
    let text = String::from_utf8_lossy(&reply.stdout);
    text.trim().parse().ok().filter(|_| reply.exit == 0)
}

/// `apart`: the seconds by which its clock is ahead; `None` where it is not known.
fn judge(about: String, request: &Request, reply: &Reply, took: Duration, apart: Option<i64>) -> Finding {
    let words = String::from_utf8_lossy(&reply.stderr);
    let words = words.lines().next().unwrap_or_default().trim();
    let answers = format!("answers in {} ms", took.as_millis());
    if tells_time(request) {
        let Some(apart) = apart else {
            let message =
                format!("{answers}, but `{}` gave no time (exit {}) {words}", request.display(), reply.exit);
            return Finding::warning(
                about,
                message.trim_end(),
                "its clock was not looked at: see that it keeps time",
            );
        };
        return clock(about, &answers, apart);
    }
    let is_fine = reply.exit == 0
        || matches!(request, Request::Files(_)) && reply.exit == evenkeel_core::request::MISSING;
    if is_fine {
        return Finding::ok(about, answers);
    }
    let message = format!("{answers}, and refuses `{}` (exit {}): {words}", request.display(), reply.exit);
    Finding::problem(about, message, "check the rights of its credential")
}

fn clock(about: String, answers: &str, apart: i64) -> Finding {
    let far = apart.unsigned_abs();
    if far <= APART {
        return Finding::ok(about, format!("{answers}, its clock agrees"));
    }
    let message = format!("{answers}, its clock is {far} s {}", if apart > 0 { "ahead" } else { "behind" });
    let mend = "let it and this machine keep time by NTP (chrony, systemd-timesyncd, w32time)";
    if far > FAR_APART {
        Finding::problem(about, message, mend)
    } else {
        Finding::warning(about, message, mend)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_by_how_much() {
        let of = |apart| clock("target a".to_owned(), "answers in 1 ms", apart);
        assert_eq!(of(-2).verdict, Verdict::Ok);
        assert_eq!((of(3).verdict, of(-30).verdict), (Verdict::Warning, Verdict::Warning));
        assert_eq!((of(31).verdict, of(-31).verdict), (Verdict::Problem, Verdict::Problem));
        assert!(of(31).message.ends_with("31 s ahead") && of(-31).message.ends_with("31 s behind"));
        assert!(of(31).mend.unwrap().contains("NTP"));
    }

    #[test]
    fn that_a_store_has_no_such_file_is_an_answer() {
        let request = Request::Files(FileRequest::Read { path: NO_FILE.to_owned() });
        let of = |exit| {
            let reply = Reply { exit, stdout: Vec::new(), stderr: b"550 no\n".to_vec() };
            judge("target a".to_owned(), &request, &reply, Duration::from_millis(3), None).verdict
        };
        assert_eq!((of(0), of(2), of(1)), (Verdict::Ok, Verdict::Ok, Verdict::Problem));
    }
}
