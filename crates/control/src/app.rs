//! What the control plane is made of, as handlers see it.
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::metric::{self, Metric, Sample};
use crate::metrics::Snapshots;
use crate::proxy::Proxy;
use crate::{ControlSettings, DataPlane, State};

/// What every handler may use.
#[derive(Debug)]
pub(crate) struct App<P> {
    pub(crate) plane: P,
    pub(crate) settings: ControlSettings,
    pub(crate) clock: Clock,
    pub(crate) proxy: Proxy,
    pub(crate) snapshots: Snapshots,
    /// Whether the server drains.
    pub(crate) draining: watch::Receiver<bool>,
    /// Room for connections.
    pub(crate) room: Arc<Semaphore>,
    /// Connections that there was no room for.
    pub(crate) turned_away: AtomicU64,
    /// Answers given, by status from 100 on.
    answers: [AtomicU64; 500],
    /// The kernel's release, for the metrics.
    kernel: String,
    /// The host's name, for the API.
    pub(crate) host: String,
}

impl<P: DataPlane> App<P> {
    pub(crate) fn new(plane: P, settings: ControlSettings, draining: watch::Receiver<bool>) -> Self {
        Self {
            plane,
            clock: Clock::new(),
            proxy: Proxy::new(settings.connections_max),
            snapshots: Snapshots::default(),
            draining,
            room: Arc::new(Semaphore::new(settings.connections_max)),
            turned_away: AtomicU64::new(0),
            answers: [const { AtomicU64::new(0) }; 500],
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            settings,
        }
    }

    /// The control plane's own samples.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mode = if self.settings.dev { "dev" } else { "normal" };
        let build = vec![
            ("version", Cow::Borrowed(crate::VERSION)),
            ("kernel", Cow::Owned(self.kernel.clone())),
            ("mode", Cow::Borrowed(mode)),
        ];
        let ready = self.plane.state() == State::Ready;
        let open = self.settings.connections_max - self.room.available_permits();
        let plain = |metric: &'static Metric, value| Sample { metric, labels: Vec::new(), value };
        let mut samples = vec![
            Sample { metric: &metric::BUILD, labels: build, value: 1.0 },
            plain(&metric::READY, f64::from(u8::from(ready))),
            plain(&metric::CONTROL_CONNECTIONS, open as f64),
            plain(&metric::CONTROL_TURNED_AWAY, self.turned_away.load(Ordering::Relaxed) as f64),
        ];
        for (status, count) in (100_u16..).zip(&self.answers) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let labels = vec![("status", Cow::Owned(status.to_string()))];
                samples.push(Sample { metric: &metric::CONTROL_ANSWERS, labels, value: count as f64 });
            }
        }
        samples
    }

    /// Counts an answer of ours.
    pub(crate) fn count(&self, status: StatusCode) {
        if let Some(count) = usize::from(status.as_u16()).checked_sub(100).and_then(|index| self.answers.get(index)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
