//! Answers the shims.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::request::Reply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::{Served, locked};
use crate::wire::{Call, encode_reply};

pub(super) async fn accept(listener: UnixListener, targets: BTreeMap<String, Arc<Served>>) {
    let targets = Arc::new(targets);
    while let Ok((stream, _)) = listener.accept().await {
        let targets = Arc::clone(&targets);
        tokio::spawn(async move {
            // A shim that went away needs no answer.
            let _ = answer(stream, &targets).await;
        });
    }
}

async fn answer(mut stream: UnixStream, targets: &BTreeMap<String, Arc<Served>>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let reply = match Call::decode(&bytes) {
        Some(call) => reply(&call, targets),
        None => failure("the lab does not understand this call"),
    };
    stream.write_all(&encode_reply(&reply)).await
}

fn reply(call: &Call, targets: &BTreeMap<String, Arc<Served>>) -> Reply {
    let Some(served) = targets.get(&call.target) else {
        return failure(&format!("the lab has no target {}", call.target));
    };
    locked(&served.commands).push(call.argv.clone());
    if let Some(containers) = &served.containers {
        return containers.reply(call);
    }
    match (&served.dumps, &served.esx, &served.windows) {
        (Some(dumps), ..) => dumps.reply(call),
        (_, Some(esx), _) => esx.reply(call),
        (.., Some(windows)) => windows.reply(call),
        (None, None, None) => locked(&served.host).run_as(call.rights, &call.argv),
    }
}

fn failure(problem: &str) -> Reply {
    Reply { exit: 127, stdout: Vec::new(), stderr: format!("{problem}\n").into_bytes() }
}
