//! Where the control plane's commands go out to the shards and their answers come in.
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::ShardId;
use control::State;
use crossbeam_channel::{Sender, TrySendError};
use ring::Doorbell;
use shard::{Answer, Command, Ticket};
use tokio::sync::oneshot;

use crate::mesh::Beds;
use crate::tally::Tally;

/// How long shards that are behind with their commands are given to catch up, and how often they are tried.
pub(crate) const TRY_EVERY: Duration = Duration::from_millis(10);
pub(crate) const TRIES: u32 = 500;

/// A shard's answer, and its world's counters if it is a report.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) shard: ShardId,
    pub(crate) answer: Answer,
    pub(crate) tally: Option<Tally>,
}

/// Shared by all threads. Its lock is taken twice a command, for a map's insertion or removal.
#[derive(Debug)]
pub(crate) struct Desk {
    commands: Vec<Sender<(Ticket, Command)>>,
    beds: Beds,
    doorbell: Doorbell,
    waiting: Mutex<BTreeMap<Ticket, oneshot::Sender<Reply>>>,
    next: AtomicU64,
    state: AtomicU8,
}

/// A command that is under way. Dropped before its answer has come, the answer is thrown away.
pub(crate) struct Pending<'a> {
    desk: &'a Desk,
    ticket: Ticket,
    reply: oneshot::Receiver<Reply>,
}

/// Why a command was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The shard is behind: this command again, later.
    Full(Command),
    /// The shard has left.
    Left,
}

impl Desk {
    pub(crate) fn new(commands: Vec<Sender<(Ticket, Command)>>, beds: Beds, doorbell: Doorbell) -> Self {
        Self {
            commands,
            beds,
            doorbell,
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
            state: AtomicU8::new(State::Starting as u8),
        }
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> u16 {
        u16::try_from(self.commands.len()).unwrap_or(ShardId::COUNT_MAX)
    }

    pub(crate) fn state(&self) -> State {
        let state = self.state.load(Ordering::Relaxed);
        [State::Starting, State::Ready].into_iter().find(|one| *one as u8 == state).unwrap_or(State::Draining)
    }

    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Sends a command whose answer is awaited; `None` if the shard has left or is behind by thousands of commands.
    pub(crate) fn ask(&self, shard: ShardId, command: Command) -> Option<Pending<'_>> {
        let ticket = Ticket(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, reply) = oneshot::channel();
        self.waiting().insert(ticket, sender);
        let pending = Pending { desk: self, ticket, reply };
        self.send(shard, ticket, command).then_some(pending)
    }

    /// Sends a command that has no answer; false as in [`Desk::ask`].
    pub(crate) fn tell(&self, shard: ShardId, command: Command) -> bool {
        self.send(shard, Ticket(0), command)
    }

    /// Sends every shard a command that has no answer, and tries those that are behind again, `tries` times at most. Those that did
    /// not get it.
    pub(crate) async fn tell_all(&self, tries: u32, mut command: impl FnMut(ShardId) -> Command) -> Vec<ShardId> {
        let mut left: Vec<_> = (0..self.shards()).map(ShardId).collect();
        for _ in 0..tries {
            left.retain(|&shard| !self.tell(shard, command(shard)));
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        left
    }

    fn send(&self, shard: ShardId, ticket: Ticket, command: Command) -> bool {
        self.deliver(shard, ticket, command).is_ok()
    }

    /// Sends a command that has no answer and must not be lost.
    ///
    /// # Errors
    /// The command, if the shard is behind by thousands of them; or that it has left.
    pub(crate) fn hand(&self, shard: ShardId, command: Command) -> Result<(), Refused> {
        self.deliver(shard, Ticket(0), command)
    }

    fn deliver(&self, shard: ShardId, ticket: Ticket, command: Command) -> Result<(), Refused> {
        let sender = self.commands.get(shard.index()).ok_or(Refused::Left)?;
        sender.try_send((ticket, command)).map_err(|error| match error {
            TrySendError::Full((_, command)) => Refused::Full(command),
            TrySendError::Disconnected(_) => Refused::Left,
        })?;
        let Some(bell) = self.beds.wake(shard) else { return Ok(()) };
        match self.doorbell.ring(bell) {
            Ok(()) => Ok(()),
            // The command is there, and will be done: whoever asked must not ask again. The next one rings again.
            Err(error)
                if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                self.beds.lie_down(shard);
                Ok(())
            }
            // A shard whose ring is gone has left, and its answer never comes.
            Err(_) => Err(Refused::Left),
        }
    }

    /// A shard answers.
    pub(crate) fn answered(&self, ticket: Ticket, shard: ShardId, answer: Answer, tally: Option<Tally>) {
        let waiter = self.waiting().remove(&ticket);
        if let Some(waiter) = waiter {
            // Whoever asked may have gone.
            let _ = waiter.send(Reply { shard, answer, tally });
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Ticket, oneshot::Sender<Reply>>> {
        // A map is whole whoever panicked over it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending<'_> {
    /// The answer; `None` if the shard has left.
    pub(crate) async fn reply(mut self) -> Option<Reply> {
        (&mut self.reply).await.ok()
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.desk.waiting().remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;
    use ring::Ring;

    use super::*;

    fn drain(_: ShardId) -> Command {
        Command::Drain { spread: Duration::ZERO }
    }

    #[tokio::test]
    async fn a_shard_that_is_behind_is_told_later_and_one_that_stays_so_is_named() {
        let rings = [Ring::new().unwrap(), Ring::new().unwrap()];
        let (behind, commands) = bounded(1);
        let (quick, others) = bounded(4);
        let beds = Beds::new(rings.iter().map(Ring::address));
        let desk = Desk::new(vec![behind, quick], beds, Doorbell::new().unwrap());
        assert!(desk.tell(ShardId(0), drain(ShardId(0))));
        assert_eq!(desk.tell_all(3, drain).await, [ShardId(0)]);
        assert_eq!(others.len(), 1, "once, however often the other is tried");

        let told = desk.tell_all(TRIES, drain);
        let catch_up = async {
            tokio::time::sleep(TRY_EVERY * 3).await;
            commands.recv().unwrap();
        };
        let (left, ()) = tokio::join!(told, catch_up);
        assert!(left.is_empty() && commands.len() == 1, "{left:?}");
    }
}
