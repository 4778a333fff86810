//! Takes connections in, bounded, and lets them finish when the server drains.
use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::connection;
use crate::router::router;
use crate::{ControlSettings, DataPlane};

/// A connection that a shard gives away.
#[derive(Debug)]
pub struct Handed {
    /// The TCP socket, in the file table of the threads that run [`serve`].
    pub socket: OwnedFd,
    /// What was read from it so far: a request head, and whatever came with it.
    pub head: Vec<u8>,
}

/// Serves the connections that come in through `handed` until `shutdown` resolves or every sender is gone; then lets
/// open requests finish, for [`ControlSettings::drain_timeout`] at most. Until `shutdown` resolves requests are served
/// whatever [`DataPlane::state`] says, so that `/readyz` can say it.
pub async fn serve<P: DataPlane>(
    mut handed: mpsc::Receiver<Handed>,
    plane: P,
    settings: ControlSettings,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (drain, draining) = watch::channel(false);
    let mut open = JoinSet::new();
    let app = Arc::new(App::new(plane, settings, draining.clone()));
    let router = router(&app);
    let mut shutdown = pin!(shutdown);
    loop {
        let next = tokio::select! {
            biased;
            () = &mut shutdown => None,
            Some(_) = open.join_next() => continue,
            next = handed.recv() => next,
        };
        let Some(Handed { socket, head }) = next else { break };
        // A socket that broke meanwhile needs no answer.
        let Ok(stream) = connection::adopt(socket) else { continue };
        let Ok(permit) = Arc::clone(&app.room).try_acquire_owned() else {
            app.turned_away.fetch_add(1, Ordering::Relaxed);
            connection::turn_away(stream);
            continue;
        };
        let served = connection::run(stream, head, router.clone(), app.settings.head_timeout, draining.clone());
        open.spawn(async move {
            served.await;
            drop(permit);
        });
    }
    drain.send_replace(true);
    let all_done = async {
        while open.join_next().await.is_some() {}
        app.proxy.drained().await;
    };
    // Whoever has not finished by then is cut off when `open` is dropped and the runtime ends.
    let _ = tokio::time::timeout(app.settings.drain_timeout, all_done).await;
}
