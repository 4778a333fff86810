//! The control plane's thread: it serves what is not for the shards, hears signals, and sees the server to its end.
use std::net::SocketAddr;
use std::sync::Arc;

use control::{ControlSettings, State};
use ring::Delivered;
use shard::Command;
use tokio::runtime::Runtime;
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;

use crate::desk::TRIES;
use crate::error::StartError;
use crate::reload::Listeners;
use crate::settings::Settings;
use crate::word::{self, Word};
use crate::{hand_over, hooks, key_fetch};

/// Connections that may wait for the control plane, besides those in the socket between.
const HANDED_OVER_MAX: usize = 1_024;

/// Threads of the control plane.
const CONTROL_THREADS: usize = 2;

/// Its runtime.
///
/// # Errors
/// Out of threads or descriptors.
pub(crate) fn runtime() -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(CONTROL_THREADS).thread_name("control").enable_all().build();
    built.map_err(StartError::system("start the control plane"))
}

/// The control plane's thread: the runtime, the signals, the end.
pub(crate) struct Control {
    pub(crate) listeners: Listeners,
    /// Events of shards for back ends.
    pub(crate) queues: Vec<mpsc::Receiver<hook::Event>>,
    pub(crate) delivered: Delivered,
    pub(crate) settings: Arc<Settings>,
    /// Addresses of published keys that are wanted.
    pub(crate) wants: UnboundedReceiver<String>,
    pub(crate) address: SocketAddr,
    pub(crate) left: UnboundedReceiver<()>,
    /// Closed when all shards have ended.
    pub(crate) ended: mpsc::Receiver<()>,
    pub(crate) signals: bool,
}

impl Control {
    pub(crate) fn run(self, runtime: Runtime) -> Result<(), StartError> {
        let result = runtime.block_on(self.serve());
        // Who has not finished by now is cut off.
        runtime.shutdown_background();
        result
    }

    async fn serve(mut self) -> Result<(), StartError> {
        let plane = self.listeners.plane.clone();
        let mut word = Word::new(self.left, self.signals)?;
        let mut hangup = if self.signals { Some(word::listen(SignalKind::hangup())?) } else { None };
        tokio::spawn(key_fetch::run(Arc::clone(&self.listeners.published.sets), self.wants));
        let (handed, received) = mpsc::channel(HANDED_OVER_MAX);
        tokio::spawn(hand_over::receive(self.delivered, handed));
        let (drain, mut draining) = watch::channel(false);
        let settings = ControlSettings {
            dev: self.settings.dev,
            uid: format!("{:016x}", plane.uid),
            access: self.listeners.access.clone(),
            paths: self.settings.paths.clone(),
            node_name: self.settings.node_name.clone(),
            data_address: reachable(self.address),
            data_paths: data_paths(&self.settings),
            head_timeout: self.settings.limits.head_timeout,
            drain_timeout: self.settings.drain_deadline,
            ..ControlSettings::default()
        };
        let stop = async move {
            let _ = draining.wait_for(|draining| *draining).await;
        };
        let served = tokio::spawn(control::serve(received, plane.clone(), settings, stop));
        let served_events = hooks::serve(&plane.engine, &plane.desk, std::mem::take(&mut self.queues));
        plane.desk.set_state(State::Ready);

        let started = Arc::clone(&self.settings);
        loop {
            tokio::select! {
                () = word.said() => break,
                () = word::again(&mut hangup) => {}
                _ = self.ended.recv() => return Err(StartError::ShardLost),
            }
            // Shards that are behind take their time: meanwhile it may be told to leave.
            self.settings = tokio::select! {
                settings = self.listeners.reload(&self.settings, &started) => settings,
                () = word.said() => break,
                _ = self.ended.recv() => return Err(StartError::ShardLost),
            };
        }
        plane.desk.set_state(State::Draining);
        drain.send_replace(true);
        let spread = self.settings.drain_spread;
        let all_gone = async {
            // Who is not told goes down with the process.
            for shard in plane.desk.tell_all(TRIES, |_| Command::Drain { spread }).await {
                eprintln!("ringcast: shard {} is behind and could not be told to leave", shard.0);
            }
            self.ended.recv().await;
            let _ = served.await;
            // Whoever is told of ends hears of the last ones too, if the time is enough.
            for served in served_events {
                let _ = served.await;
            }
            plane.engine.settled().await;
        };
        tokio::select! {
            () = all_gone => {}
            () = word.said() => {}
            () = tokio::time::sleep(self.settings.drain_deadline) => {}
        }
        Ok(())
    }
}

/// What is the data plane's besides what always is.
fn data_paths(settings: &Settings) -> Vec<String> {
    let here = settings.hooks.iter().filter(|hook| hook.listen.is_none());
    let prefixes = here.map(|hook| format!("{}{{*id}}", hook.shard.prefix));
    settings.endpoints.paths().map(str::to_owned).chain(prefixes).collect()
}

/// The listener's address as one reaches it from this host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
