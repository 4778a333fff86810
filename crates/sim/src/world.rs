//! The world of one shard: virtual sockets in slots as a kernel gives them out, mailboxes with little room, answers.
//!
//! It checks the border: nothing is asked for a connection that is gone, nothing is sent after FIN or into a socket that
//! has said that it is full.
use std::collections::VecDeque;

use base::{ConnId, ShardId};
use shard::{Answer, Close, Effects, HookEvent, Lane, Parcel, Sent, Ticket};

use crate::socket::{Server, Socket, SocketId};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) me: ShardId,
    /// Every connection there ever was.
    pub(crate) sockets: Vec<Socket>,
    /// Who is in a slot.
    slots: Vec<Option<SocketId>>,
    /// Parcels on their way to other shards, a queue a lane.
    lanes: Vec<[VecDeque<Parcel>; 2]>,
    lane_capacity: usize,
    /// What back ends are to be told.
    pub(crate) events: VecDeque<HookEvent>,
    /// Answers to the control plane.
    pub(crate) answers: Vec<(Ticket, Answer)>,
}

fn index(lane: Lane) -> usize {
    match lane {
        Lane::Request => 0,
        Lane::Delivery => 1,
    }
}

impl World {
    pub(crate) fn new(me: ShardId, shards: u16, lane_capacity: usize) -> Self {
        Self {
            me,
            sockets: Vec::new(),
            slots: Vec::new(),
            lanes: (0..shards).map(|_| Default::default()).collect(),
            lane_capacity,
            events: VecDeque::new(),
            answers: Vec::new(),
        }
    }

    /// A client connects.
    pub(crate) fn connect(&mut self, capacity: usize) -> SocketId {
        self.sockets.push(Socket::new(capacity));
        SocketId(self.sockets.len() - 1)
    }

    /// Gives a waiting connection the lowest free slot, as a kernel does with descriptors.
    pub(crate) fn accept(&mut self, socket: SocketId) -> ConnId {
        let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(socket);
        let slot = u32::try_from(slot).expect("a run has few connections");
        self.sockets[socket.0].server = Server::Open(slot);
        ConnId(slot)
    }

    /// The slot of a broken connection is free again.
    pub(crate) fn release(&mut self, socket: SocketId) {
        let Server::Open(slot) = self.sockets[socket.0].server else {
            panic!("shard {} releases {socket:?}, which is not open", self.me.0);
        };
        self.sockets[socket.0].server = Server::Closed;
        self.slots[slot as usize] = None;
    }

    /// Takes the next parcel that waits for `to`.
    pub(crate) fn take(&mut self, to: ShardId, lane: Lane) -> Option<Parcel> {
        self.lanes[to.index()][index(lane)].pop_front()
    }

    /// Parcels that wait for `to`.
    pub(crate) fn waiting(&self, to: ShardId) -> usize {
        self.lanes[to.index()].iter().map(VecDeque::len).sum()
    }

    fn at(&mut self, conn: ConnId, what: &str) -> &mut Socket {
        let socket = self.slots.get(conn.0 as usize).copied().flatten();
        let Some(socket) = socket else {
            panic!("shard {} wants to {what} {conn}, which is closed", self.me.0);
        };
        &mut self.sockets[socket.0]
    }

    fn leave(&mut self, conn: ConnId, what: &str) -> &mut Socket {
        self.at(conn, what);
        let socket = self.slots[conn.0 as usize].take().expect("`at` has found it");
        &mut self.sockets[socket.0]
    }
}

impl Effects for World {
    fn send(&mut self, conn: ConnId, pieces: &[&[u8]]) -> Sent {
        assert!(pieces.len() <= shard::limits::SEND_PIECES_MAX, "too many pieces for one send");
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "an empty piece is sent");
        let socket = self.at(conn, "send to");
        assert!(!socket.server_finished, "{conn} is sent to after FIN");
        assert!(!socket.full, "{conn} is sent to although it is full");
        if socket.broken {
            socket.break_found = true;
            return Sent::Broken;
        }
        let offered: usize = pieces.iter().map(|piece| piece.len()).sum();
        let taken = socket.server_sends(pieces);
        if taken == offered {
            return Sent::All;
        }
        socket.full = true;
        Sent::Full(taken)
    }

    fn hop(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        assert_ne!(to, self.me, "a shard does not hop to itself: {parcel:?}");
        let lane = &mut self.lanes[to.index()][index(parcel.lane())];
        if lane.len() >= self.lane_capacity {
            return Err(parcel);
        }
        lane.push_back(parcel);
        Ok(())
    }

    fn shut(&mut self, conn: ConnId) {
        let socket = self.at(conn, "shut");
        assert!(!socket.server_finished, "{conn} is shut twice");
        socket.server_finished = true;
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        self.leave(conn, "close").server_closes(how == Close::Abort);
    }

    fn pause(&mut self, conn: ConnId, paused: bool) {
        let socket = self.at(conn, "pause");
        assert_ne!(socket.paused, paused, "{conn} is paused or resumed twice");
        socket.paused = paused;
        socket.watched = false;
    }

    fn watch(&mut self, conn: ConnId) {
        let socket = self.at(conn, "watch");
        assert!(socket.paused, "{conn} is watched although it is read");
        socket.watched = true;
    }

    fn hand_over(&mut self, conn: ConnId, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "{conn} is handed over without its request");
        let socket = self.leave(conn, "hand over");
        socket.to_client.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontrol");
        socket.to_server.clear();
        socket.server_closes(false);
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push((ticket, answer));
    }

    fn tell_back_end(&mut self, event: HookEvent) -> Result<(), HookEvent> {
        if self.events.len() >= self.lane_capacity {
            return Err(event);
        }
        self.events.push_back(event);
        Ok(())
    }
}
