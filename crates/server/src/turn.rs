//! The loop of a shard. One turn: what happened goes in, what follows from it goes out, once.
use std::time::Duration;

use base::{ConnId, Instant};
use crossbeam_channel::Receiver;
use ring::{Completion, Received, Wait};
use shard::{Command, End, Input, Lane, Shard, Ticket};

use crate::clock;
use crate::rate::Rate;
use crate::tally::Lag;
use crate::world::{Event, World};

/// Bytes of one read: what a busy publisher sends while a turn's frames go out. The more of it one turn handles, the
/// more frames for one connection leave in one send.
const SCRATCH_BYTES: usize = 512 << 10;

/// Reads of one connection in one turn, while they come back full: who sends more waits like everyone.
const READS_PER_TURN: usize = 8;

/// Bytes read in one turn from all connections together: some 8 ms of decoding, reached only where publishers offer more than
/// the core can send. It is more than a turn's flushes take away, so that frames for one connection collect.
const READ_BYTES_PER_TURN: usize = 4 << 20;

/// Completions of one turn: some milliseconds of work when each is a new connection.
const COMPLETIONS_PER_TURN: usize = 512;

/// Parcels of one lane at a time: some hundred microseconds of work.
const PARCELS_AT_ONCE: usize = 1_024;

/// Commands of one turn.
const COMMANDS_PER_TURN: u64 = 256;

/// After so long a full mailbox is tried again: the time in which its reader handles some hundred parcels.
const RETRY: Duration = Duration::from_micros(200);

/// After so long a shard that has drained looks whether the others have.
const LOOK_ROUND: Duration = Duration::from_millis(10);

/// A shard, its world, and what the loop itself needs.
pub(crate) struct Core {
    pub(crate) shard: Shard,
    pub(crate) world: World,
    commands: Receiver<(Ticket, Command)>,
    scratch: Box<[u8]>,
    completions: Box<[Completion]>,
    /// Bytes read in this turn.
    read_bytes: usize,
    rate: Rate,
    /// What [`Shard::messages`] said after the last turn.
    messages: u64,
    lag: Lag,
    /// When the shard has something to do, as of the last turn's end.
    timeout: Option<Instant>,
    /// Length of a batch wait's window; zero: none.
    window: Duration,
}

/// What comes after a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// Another turn at once.
    Turn,
    /// Sleep, unless something has come.
    Sleep(Wait),
    /// Nothing: the shard has left.
    End,
}

impl Core {
    pub(crate) fn new(shard: Shard, world: World, commands: Receiver<(Ticket, Command)>, window: Duration) -> Self {
        let now = clock::now();
        Self {
            shard,
            world,
            commands,
            scratch: vec![0; SCRATCH_BYTES].into(),
            completions: vec![Completion::default(); COMPLETIONS_PER_TURN].into(),
            read_bytes: 0,
            rate: Rate::new(now),
            messages: 0,
            lag: Lag::new(now),
            timeout: None,
            window,
        }
    }

    /// One turn.
    pub(crate) fn turn(&mut self) -> Next {
        let now = clock::now();
        self.read_bytes = 0;
        let handled = self.complete(now) + self.read_queued(now) + self.open_mail(now) + self.obey(now);
        if self.timeout.is_some_and(|at| at <= now) {
            self.shard.handle_timeout(now, &mut self.world);
        }
        self.shard.finish_turn(now, &mut self.world);
        let due = self.world.finish_turn(now);

        let ended = clock::now();
        self.lag.count(&mut self.world.tally, now, ended);
        let messages = self.shard.messages();
        self.rate.count(messages - self.messages, now);
        self.messages = messages;
        let drained = self.shard.is_drained() && self.world.connections() == 0 && !self.shard.has_backlog();
        if drained {
            self.world.beds.say_empty(self.world.me());
            if self.world.beds.are_empty() {
                return Next::End;
            }
        }
        // A turn as long as the window was a batch by itself, and what came meanwhile has waited long enough.
        let batch = if ended.since(now) < self.window { self.rate.batch(self.window) } else { None };
        self.timeout = self.shard.next_timeout();
        let retry = self.shard.has_backlog().then(|| now + RETRY);
        let others = drained.then(|| now + LOOK_ROUND);
        let timeout = [self.timeout, due, retry, others].into_iter().flatten().min().map(|at| at.since(ended));
        // With so much to do that batches pay, they are collected while asleep; else one more look saves a sleep now and then.
        let eager = handled > 0 && batch.is_none();
        if eager || timeout == Some(Duration::ZERO) { Next::Turn } else { Next::Sleep(Wait { timeout, batch }) }
    }

    /// Submits what the turn queued, and sleeps if it may.
    pub(crate) fn rest(&mut self, next: Next) {
        let rested = match next {
            Next::Sleep(wait) if self.lie_down() => {
                self.world.tally.sleeps += 1;
                let rested = self.world.ring.wait(wait);
                self.get_up();
                rested
            }
            Next::Turn | Next::Sleep(_) | Next::End => self.world.ring.flush(),
        };
        // The kernel is out of memory: what was queued stays queued, and the next turn tries again.
        if rested.is_err() {
            std::thread::yield_now();
        }
    }

    /// Says that the shard sleeps, and looks once more; false if it must stay awake. See [`crate::mesh::Beds::lie_down`].
    pub(crate) fn lie_down(&mut self) -> bool {
        let me = self.world.me();
        self.world.beds.lie_down(me);
        let accepts = self.shard.accepts_requests();
        let quiet = self.world.mesh.is_quiet(accepts) && (self.commands.is_empty() || !accepts);
        if !quiet {
            self.get_up();
        }
        quiet
    }

    pub(crate) fn get_up(&self) {
        self.world.beds.get_up(self.world.me());
    }

    fn complete(&mut self, now: Instant) -> u64 {
        let mut handled = 0;
        let count = self.world.ring.reap(&mut self.completions);
        for index in 0..count {
            match self.world.completed(self.completions[index], now) {
                Some(Event::Accepted(conn)) => {
                    self.shard.handle(Input::Accepted { conn }, now, &mut self.world);
                    // The request is often there by the time the others have been looked at, and a poll less is made.
                    if self.world.wants_input(conn) {
                        self.world.queue(conn);
                    }
                }
                Some(Event::Input { conn, last }) => handled += self.read(conn, last, now),
                Some(Event::Ended(conn, end)) => self.shard.handle(Input::Ended { conn, end }, now, &mut self.world),
                Some(Event::Room(conn)) => self.shard.handle(Input::Writable { conn }, now, &mut self.world),
                None => {}
            }
        }
        handled
    }

    fn read_queued(&mut self, now: Instant) -> u64 {
        let (mut handled, mut served) = (0, 0);
        let mut queued = self.world.take_queued();
        for &conn in &queued {
            if self.read_bytes >= READ_BYTES_PER_TURN {
                break;
            }
            served += 1;
            if self.world.unqueue(conn) {
                handled += self.read(conn, true, now);
            }
        }
        // Who had no turn is first in the next one.
        queued.drain(..served);
        self.world.requeue(queued);
        handled
    }

    /// Reads a connection until it has no more, within the turn's bounds, and sees to it that it is read again.
    ///
    /// The mail is opened before each read: what a client was answered by another shard, and what that shard sent here before, is
    /// known when anybody who heard of it says something here.
    fn read(&mut self, conn: ConnId, last: bool, now: Instant) -> u64 {
        let mut handled = 0;
        for reads in 0..READS_PER_TURN {
            if self.read_bytes >= READ_BYTES_PER_TURN {
                break;
            }
            handled += self.open_mail(now);
            let (shard, world) = (&mut self.shard, &mut self.world);
            // A parcel may have paused or ended it.
            if !world.is_readable(conn) {
                return handled;
            }
            let most = shard.read_bytes_max(conn).min(self.scratch.len());
            match world.receive(conn, &mut self.scratch[..most]) {
                Received::Bytes(count) => {
                    self.read_bytes += count;
                    shard.handle(Input::Received { conn, bytes: &mut self.scratch[..count] }, now, world);
                    // By now it may be paused, closed or handed over.
                    if !world.wants_input(conn) {
                        return handled + 1;
                    }
                    if count < most {
                        if last && world.polls_always(conn) {
                            world.queue(conn);
                        } else {
                            world.await_input(conn);
                        }
                        return handled + 1;
                    }
                }
                Received::Nothing => {
                    world.await_input(conn);
                    return handled + u64::from(reads > 0);
                }
                Received::End => {
                    shard.handle(Input::Ended { conn, end: End::Finished }, now, world);
                    return handled + 1;
                }
                Received::Broken => {
                    shard.handle(Input::Ended { conn, end: End::Broken }, now, world);
                    return handled + 1;
                }
            }
        }
        self.world.queue(conn);
        handled + 1
    }

    /// Empties the mailboxes: deliveries whatever happens, requests as long as what follows from them can be sent.
    fn open_mail(&mut self, now: Instant) -> u64 {
        let mut handled = 0;
        for mailbox in 0..self.world.mesh.mailboxes() {
            for lane in [Lane::Delivery, Lane::Request] {
                for _ in 0..PARCELS_AT_ONCE {
                    if lane == Lane::Request && !self.shard.accepts_requests() {
                        break;
                    }
                    let Some((from, parcel)) = self.world.mesh.receive(mailbox, lane) else { break };
                    self.shard.handle(Input::Parcel { from, parcel }, now, &mut self.world);
                    handled += 1;
                }
            }
        }
        handled
    }

    /// Does what the control plane asks, as long as what follows from it can be sent.
    fn obey(&mut self, now: Instant) -> u64 {
        let mut handled = 0;
        while handled < COMMANDS_PER_TURN && self.shard.accepts_requests() {
            let Ok((ticket, command)) = self.commands.try_recv() else { break };
            if matches!(command, Command::Drain { .. }) {
                self.world.leave();
            }
            self.shard.handle(Input::Command { ticket, command }, now, &mut self.world);
            handled += 1;
        }
        handled
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Core({:?})", self.world)
    }
}
