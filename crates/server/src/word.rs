//! Words from outside: to leave, and to read the settings again.
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::StartError;

/// Listens for a signal.
pub(crate) fn listen(kind: SignalKind) -> Result<Signal, StartError> {
    signal(kind).map_err(StartError::system("listen for signals"))
}

/// The settings are to be read again; never, if nobody listens.
pub(crate) async fn again(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// The word to leave: from a signal, or from whoever holds `Running`.
pub(crate) struct Word {
    left: UnboundedReceiver<()>,
    signals: Option<[Signal; 2]>,
}

impl Word {
    pub(crate) fn new(left: UnboundedReceiver<()>, signals: bool) -> Result<Self, StartError> {
        let signals =
            if signals { Some([listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?]) } else { None };
        Ok(Self { left, signals })
    }

    /// Somebody has said it.
    pub(crate) async fn said(&mut self) {
        match &mut self.signals {
            Some([terminate, interrupt]) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    Some(()) = self.left.recv() => {}
                }
            }
            None => match self.left.recv().await {
                Some(()) => {}
                // Nobody is left to say it: it serves as long as the process lives.
                None => std::future::pending().await,
            },
        }
    }
}
