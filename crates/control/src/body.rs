//! The body of an API request: bounded in bytes and in time, and while the server drains in silence too.
use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::half_close::Line;

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of all of it.
    pub(crate) bytes_max: usize,
    /// Time for all of it.
    pub(crate) time_max: Duration,
    /// Time without a byte once the server drains.
    pub(crate) silence_max: Duration,
}

/// Why there is no body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    /// It ended before its end.
    BrokenOff,
    /// The server drains, and nothing more came.
    Draining,
    /// It is longer than it may be.
    TooLong,
    /// It took longer than it may.
    TooSlow,
}

/// Reads it. `line` is the connection's, if the request came on one.
pub(crate) async fn read(
    body: Body,
    bounds: Bounds,
    line: Option<&Line>,
    draining: &watch::Receiver<bool>,
) -> Result<Vec<u8>, Missing> {
    let deadline = Instant::now() + bounds.time_max;
    let mut body = Limited::new(body, bounds.bytes_max);
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = finished(line) => return Err(Missing::BrokenOff),
            () = silence(draining.clone(), bounds.silence_max) => return Err(Missing::Draining),
            () = sleep_until(deadline) => return Err(Missing::TooSlow),
        };
        match frame {
            None => return Ok(bytes),
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..])),
            Some(Err(error)) if error.is::<LengthLimitError>() => return Err(Missing::TooLong),
            Some(Err(_)) => return Err(Missing::BrokenOff),
        }
    }
}

async fn finished(line: Option<&Line>) {
    match line {
        Some(line) => line.finished().await,
        None => std::future::pending().await,
    }
}

/// Resolves when the server drains, and so long after.
async fn silence(mut draining: watch::Receiver<bool>, most: Duration) {
    match draining.wait_for(|draining| *draining).await.map(drop) {
        Ok(()) => sleep(most).await,
        Err(_) => std::future::pending().await,
    }
}
