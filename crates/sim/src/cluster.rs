//! The shards and what is around them: a turn is driven exactly as the server drives it, but in the order that the seed
//! says.
use core::time::Duration;

use base::{ConnId, Instant, Prng, ShardId};
use shard::{Command, End, Input, Lane, Shard, Ticket};

use crate::plan::Plan;
use crate::socket::{Server, Socket, SocketId};
use crate::trace::{Trace, words};
use crate::world::World;

/// Most bytes of one read.
const READ_BYTES_MAX: u64 = 16 << 10;

#[derive(Debug)]
struct Core {
    shard: Shard,
    world: World,
    commands: Vec<(Ticket, Command)>,
}

/// A client's end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) shard: ShardId,
    pub(crate) socket: SocketId,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    cores: Vec<Core>,
    pub(crate) now: Instant,
    pub(crate) trace: Trace,
    random: Prng,
}

/// What may be handled in a turn.
#[derive(Clone, Copy, Debug)]
enum Pending {
    Socket(SocketId),
    Mail(ShardId, Lane),
}

impl Cluster {
    pub(crate) fn new(plan: &Plan, trace: Trace) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let core = |number| {
            let shard = ShardId(number);
            Core {
                shard: Shard::new(plan.config(shard), now),
                world: World::new(shard, plan.shards, plan.mailbox_parcels),
                commands: Vec::new(),
            }
        };
        let cores = (0..plan.shards).map(core).collect();
        Self { cores, now, trace, random: Prng::new(plan.seed, "network") }
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..u16::try_from(self.cores.len()).unwrap_or(0)).map(ShardId)
    }

    pub(crate) fn shard(&self, shard: ShardId) -> &Shard {
        &self.cores[shard.index()].shard
    }

    pub(crate) fn world(&mut self, shard: ShardId) -> &mut World {
        &mut self.cores[shard.index()].world
    }

    pub(crate) fn connect(&mut self, shard: ShardId, capacity: usize) -> Link {
        Link { shard, socket: self.world(shard).connect(capacity) }
    }

    pub(crate) fn socket(&mut self, link: Link) -> &mut Socket {
        &mut self.cores[link.shard.index()].world.sockets[link.socket.0]
    }

    /// Parcels on their way to the shard.
    pub(crate) fn mail(&self, shard: ShardId) -> usize {
        self.cores.iter().map(|core| core.world.waiting(shard)).sum()
    }

    pub(crate) fn command(&mut self, shard: ShardId, ticket: Ticket, command: Command) {
        self.cores[shard.index()].commands.push((ticket, command));
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// The earliest moment at which a shard wants to be called.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.cores.iter().filter_map(|core| core.shard.next_timeout()).min()
    }

    /// One turn of a shard: of what could be handled, each thing is with a chance of one in `patience`. Says how many were.
    pub(crate) fn turn(&mut self, shard: ShardId, patience: u64) -> usize {
        let now = self.now;
        let mut handled = 0;
        for pending in self.pending(shard) {
            if self.random.one_in(patience) {
                handled += usize::from(match pending {
                    Pending::Socket(socket) => self.turn_socket(shard, socket, patience),
                    Pending::Mail(from, lane) => self.turn_mail(shard, from, lane),
                });
            }
        }
        for (ticket, command) in core::mem::take(&mut self.cores[shard.index()].commands) {
            self.note(shard, "command", || format!("{command:?}"));
            self.handle(shard, Input::Command { ticket, command });
            handled += 1;
        }
        let core = &mut self.cores[shard.index()];
        if core.shard.next_timeout().is_some_and(|at| at <= now) {
            core.shard.handle_timeout(now, &mut core.world);
            handled += 1;
        }
        core.shard.finish_turn(now, &mut core.world);
        handled
    }

    /// In any order, but what a lane holds in its own.
    fn pending(&mut self, shard: ShardId) -> Vec<Pending> {
        let world = &self.cores[shard.index()].world;
        let live = |socket: &&Socket| socket.server != Server::Closed;
        let mut all: Vec<Pending> = (0..world.sockets.len())
            .filter(|&at| live(&&world.sockets[at]))
            .map(|at| Pending::Socket(SocketId(at)))
            .collect();
        for from in self.shards().filter(|from| *from != shard) {
            for _ in 0..self.cores[from.index()].world.waiting(shard) {
                let lane = if self.random.one_in(2) { Lane::Request } else { Lane::Delivery };
                all.push(Pending::Mail(from, lane));
            }
            all.push(Pending::Mail(from, Lane::Delivery));
            all.push(Pending::Mail(from, Lane::Request));
        }
        for at in (1..all.len()).rev() {
            let other = usize::try_from(self.random.below(at as u64 + 1)).unwrap_or(0);
            all.swap(at, other);
        }
        all
    }

    fn turn_mail(&mut self, shard: ShardId, from: ShardId, lane: Lane) -> bool {
        if lane == Lane::Request && !self.cores[shard.index()].shard.accepts_requests() {
            return false;
        }
        let Some(parcel) = self.cores[from.index()].world.take(shard, lane) else {
            return false;
        };
        self.note(shard, "parcel", || format!("from shard {}: {parcel:?}", from.0));
        self.handle(shard, Input::Parcel { from, parcel });
        true
    }

    /// One thing that has happened to a socket.
    fn turn_socket(&mut self, shard: ShardId, id: SocketId, patience: u64) -> bool {
        let world = &mut self.cores[shard.index()].world;
        let socket = &mut world.sockets[id.0];
        let conn = match socket.server {
            Server::Waiting => {
                let conn = world.accept(id);
                self.note(shard, "accept", || format!("{conn}"));
                self.handle(shard, Input::Accepted { conn });
                return true;
            }
            Server::Open(slot) => ConnId(slot),
            Server::Closed => return false,
        };
        if socket.tells_break() {
            world.release(id);
            self.note(shard, "broken", || format!("{conn}"));
            self.handle(shard, Input::Ended { conn, end: End::Broken });
            return true;
        }
        if socket.watched && socket.client_finished {
            socket.watched = false;
            self.note(shard, "foreseen", || format!("{conn}"));
            self.handle(shard, Input::Ended { conn, end: End::Foreseen });
            return true;
        }
        let readable =
            !socket.paused && (!socket.to_server.is_empty() || socket.client_finished && !socket.finish_told);
        let writable = socket.full && socket.to_client.len() < socket.capacity;
        if writable && (!readable || self.random.one_in(2)) {
            self.cores[shard.index()].world.sockets[id.0].full = false;
            self.note(shard, "writable", || format!("{conn}"));
            self.handle(shard, Input::Writable { conn });
            return true;
        }
        readable && self.read(shard, id, conn, patience)
    }

    /// What is there is read in one piece, or in two that a packet's end has made.
    fn read(&mut self, shard: ShardId, id: SocketId, conn: ConnId, patience: u64) -> bool {
        let socket = &mut self.cores[shard.index()].world.sockets[id.0];
        if socket.to_server.is_empty() {
            socket.finish_told = true;
            self.note(shard, "finished", || format!("{conn}"));
            self.handle(shard, Input::Ended { conn, end: End::Finished });
            return true;
        }
        let there = (socket.to_server.len() as u64).min(READ_BYTES_MAX);
        let split = patience > 1 && self.random.one_in(3);
        let count = if split { 1 + self.random.below(there) } else { there };
        let mut bytes: Vec<u8> = socket.to_server.drain(..usize::try_from(count).unwrap_or(0)).collect();
        self.note(shard, "received", || format!("{conn} {}", words(&bytes)));
        self.handle(shard, Input::Received { conn, bytes: &mut bytes });
        true
    }

    fn handle(&mut self, shard: ShardId, input: Input<'_>) {
        let core = &mut self.cores[shard.index()];
        core.shard.handle(input, self.now, &mut core.world);
    }

    fn note(&mut self, shard: ShardId, what: &str, more: impl FnOnce() -> String) {
        let more = more();
        let bytes = [&[shard.0.to_le_bytes()[0]], what.as_bytes(), more.as_bytes()].concat();
        let ms = self.now.as_millis();
        self.trace.note(&bytes, || format!("{ms} ms shard {} {what} {more}", shard.0));
    }
}
