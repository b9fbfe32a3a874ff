//! SSH connections: who may come in, and what they may ask for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use super::esx::Esx;
use super::windows::Windows;
use super::{Fault, Served, locked, process};

pub(super) async fn accept(listener: TcpListener, served: Arc<Served>, trusted: PublicKey) {
    let config = Arc::new(Config {
        keys: vec![served.key.clone()],
        // The lab is no place to slow down guessing.
        auth_rejection_time: Duration::ZERO,
        nodelay: true,
        ..Config::default()
    });
    while let Ok((stream, _)) = listener.accept().await {
        let is_gone = served.windows.as_ref().is_some_and(|windows| !windows.is_reachable());
        if is_gone || served.esx.as_ref().is_some_and(Esx::is_down) {
            // Closed without a word and with a reset: as near to a port where nobody listens as one that stays ours comes.
            let _ = stream.set_zero_linger();
            continue;
        }
        let connection = Connection {
            served: Arc::clone(&served),
            trusted: trusted.clone(),
            cut: Arc::new(Notify::new()),
            channels: HashMap::new(),
        };
        tokio::spawn(serve(Arc::clone(&config), stream, connection));
    }
}

/// Runs one connection until it ends or is cut.
async fn serve(config: Arc<Config>, mut stream: TcpStream, connection: Connection) {
    // Without this, small answers wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let cut = Arc::clone(&connection.cut);
    let fall = fall(connection.served.esx.as_ref().map(Esx::falls));
    let cut_off = cut_off(connection.served.windows.clone());
    let (inside, mut outside) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut stream, &mut outside) => {}
            () = cut.notified() => {}
            () = fall => {}
            () = cut_off => {}
        }
    });
    if let Ok(running) = run_stream(config, inside, connection).await {
        // How a client leaves is its own affair.
        let _ = running.await;
    }
}

/// Returns when the machine goes down; never where it does not.
async fn fall(falls: Option<watch::Receiver<u64>>) {
    if let Some(mut falls) = falls
        && falls.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Returns when the machine has cut itself off; never where it does not.
async fn cut_off(windows: Option<Arc<Windows>>) {
    match windows {
        Some(windows) => windows.falls().await,
        None => std::future::pending().await,
    }
}

struct Connection {
    served: Arc<Served>,
    trusted: PublicKey,
    /// Ends the connection without a goodbye.
    cut: Arc<Notify>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let target = &self.served.target;
        let right = user == target.user && target.password.as_deref() == Some(password);
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let right = user == self.served.target.user && key.public_key.key_data() == self.trusted.key_data();
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id) else {
            return session.channel_failure(id);
        };
        let pace = *locked(&self.served.pace);
        let slow = (!pace.is_zero()).then_some(Fault::Delay(pace));
        let fault = locked(&self.served.fault).take().or(slow);
        if fault == Some(Fault::DropBefore) {
            self.cut.notify_one();
            return Ok(());
        }
        session.channel_success(id)?;
        let command = String::from_utf8_lossy(command).into_owned();
        let process = process::Process { served: Arc::clone(&self.served), command, fault };
        tokio::spawn(process.run(channel, Arc::clone(&self.cut)));
        Ok(())
    }
}
