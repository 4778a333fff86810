//! A shard's thread: a glommio executor in which the shard's loop is a task that owns the thread.
//!
//! As long as no operation of glommio is outstanding the loop sleeps in its own ring and glommio costs nothing. While one is, it
//! sleeps in glommio, and its own ring wakes it through an eventfd that glommio reads: dearer by some microseconds a turn,
//! but timers and files make progress. Who awaits something of glommio's holds a [`Guest`] meanwhile.
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base::ShardId;
use glommio::io::BufferedFile;
use ring::EventFd;

use crate::turn::{Core, Next};

/// Counts the guests of one shard's executor. A clone counts for the same.
#[derive(Clone, Default, Debug)]
pub struct Guests(Rc<Cell<u32>>);

/// What else runs on the shards' executors: called once on each, before its shard starts.
pub type GuestList = Arc<dyn Fn(ShardId, &Guests) + Send + Sync>;

/// Something of glommio's is outstanding on this executor, as long as this lives: take one before a task is spawned, and
/// keep it in the task.
#[derive(Debug)]
pub struct Guest(Guests);

impl Guests {
    /// One more.
    #[must_use]
    pub fn arrive(&self) -> Guest {
        self.0.set(self.0.get() + 1);
        Guest(self.clone())
    }

    fn are_there(&self) -> bool {
        self.0.get() > 0
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Guests(count) = &self.0;
        count.set(count.get() - 1);
    }
}

/// What wakes the loop while it sleeps in glommio.
struct Alarm {
    /// Written by the ring at each completion, and by the loop itself when it must not sleep.
    signal: EventFd,
    /// The same, as glommio reads it.
    file: BufferedFile,
}

/// Runs the shard until it has left.
///
/// # Errors
/// Out of descriptors at the start.
pub(crate) async fn run(mut core: Core, guests: Guests) -> std::io::Result<()> {
    let signal = EventFd::new()?;
    core.world.ring.register(&signal)?;
    let alarm = Alarm { file: signal.try_clone()?.into_file(), signal };
    core.world.open();
    loop {
        let next = core.turn();
        if guests.are_there() {
            alarm.sleep(&mut core, next).await;
        } else {
            core.rest(next);
        }
        if matches!(next, Next::End) {
            return Ok(());
        }
    }
}

impl Alarm {
    /// Submits what the turn queued, lets the guests run, and sleeps if it may.
    ///
    /// The order: the signal is on before the last look at ring and mailboxes, so what comes after the look writes it; and it
    /// is read in every case, so that glommio's reactor gets its turn, which a mere yield would not give it.
    async fn sleep(&self, core: &mut Core, next: Next) {
        core.world.ring.signal(true);
        let submitted = core.world.ring.submit();
        let timeout = match next {
            Next::Sleep(wait) if submitted.is_ok() && core.lie_down() && !core.world.ring.is_pending() => {
                core.world.tally.sleeps += 1;
                wait.timeout
            }
            Next::Turn | Next::Sleep(_) | Next::End => {
                // Reads as 1 at once. It can't fail: the counter is far from its end.
                let _written = self.signal.notify();
                None
            }
        };
        self.wait(timeout).await;
        core.get_up();
        core.world.ring.signal(false);
        // Task work that was signalled becomes completions.
        let _next_turn_tries_again = core.world.ring.flush();
    }

    /// Waits for the signal, or the time-out.
    async fn wait(&self, timeout: Option<Duration>) {
        let mut signalled = pin!(self.file.read_at(0, 8));
        let mut timer = pin!(async {
            match timeout {
                Some(timeout) => glommio::timer::sleep(timeout).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|context| {
            if signalled.as_mut().poll(context).is_ready() { Poll::Ready(()) } else { timer.as_mut().poll(context) }
        })
        .await;
    }
}
