//! The whole border of a shard: what comes in ([`Input`]) and what it may ask of the world ([`Effects`]).
use alloc::rc::Rc;
use alloc::vec::Vec;

use core::net::IpAddr;

use base::{ConnId, ShardId};

use crate::command::{Answer, Command, Ticket};
use crate::hook::HookEvent;
use crate::hop::Parcel;

/// Finished bytes, shared by the connections of this core that they go to.
pub type Frame = Rc<[u8]>;

/// Everything that can happen to a shard, but the passing of time.
#[derive(Debug)]
pub enum Input<'a> {
    /// The kernel accepted a socket. The slot is free: its former socket has been closed for good.
    Accepted {
        /// The slot; see [`ConnId`].
        conn: ConnId,
    },
    /// Bytes arrived, in order. They may be changed in place (unmasking) and are gone after the call.
    Received {
        /// The connection, open and not paused.
        conn: ConnId,
        /// At least one byte.
        bytes: &'a mut [u8],
    },
    /// A socket that was [`Sent::Full`] takes bytes again.
    Writable {
        /// The connection.
        conn: ConnId,
    },
    /// The peer sends no more (FIN), or the connection broke. After [`End::Broken`] the world has already begun to
    /// release the socket, and the shard must not ask anything more for it.
    Ended {
        /// The connection.
        conn: ConnId,
        /// How.
        end: End,
    },
    /// A parcel from another shard, in the order in which that shard sent it on this lane.
    Parcel {
        /// The sender.
        from: ShardId,
        /// What it sent.
        parcel: Parcel,
    },
    /// A command of the control plane.
    Command {
        /// Names the answer, if one is due.
        ticket: Ticket,
        /// What to do.
        command: Command,
    },
}

/// How a connection ended from the peer's side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// FIN: the peer sends no more but may still read.
    Finished,
    /// The same while the connection is paused and [watched](Effects::watch): before the FIN there may be bytes that have not been read.
    /// [`End::Finished`] follows once they have.
    Foreseen,
    /// Reset, time-out (TCP_USER_TIMEOUT) or another error of the socket: nothing can be sent any more.
    Broken,
}

/// What became of a send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The socket took everything.
    All,
    /// The socket took this many bytes, fewer than offered (possibly none), and is full: [`Input::Writable`] follows.
    Full(usize),
    /// The connection is broken; [`Input::Ended`] follows or has come.
    Broken,
}

/// How to close a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    /// What was sent arrives. Preceded by [`Effects::shut`], or by the peer's own end.
    Graceful,
    /// At once, with a reset: for peers that don't deserve more (floods, peers that never read).
    Abort,
}

/// What a shard may ask of the world; nothing else.
///
/// Driving rule: hand in inputs with `handle` in any number, then call `finish_turn` once; frames leave in
/// `finish_turn` only. That is the cork: all frames of a turn for one connection leave in one `send`.
pub trait Effects {
    /// Sends the pieces, one after the other, as far as the socket takes them now. At most [`crate::limits::SEND_PIECES_MAX`].
    fn send(&mut self, conn: ConnId, pieces: &[&[u8]]) -> Sent;

    /// Sends one frame each to several connections, and says in the same order what became of each. At most
    /// [`crate::limits::SEND_BATCH_MAX`].
    fn send_each(&mut self, frames: &[(ConnId, Frame)], sent: &mut Vec<Sent>) {
        sent.clear();
        for (conn, frame) in frames {
            let outcome = self.send(*conn, &[frame]);
            sent.push(outcome);
        }
    }

    /// Puts a parcel into the mailbox of `to` on the parcel's lane; gives it back if the mailbox is full.
    ///
    /// # Errors
    /// The parcel itself, if the mailbox has no room.
    fn hop(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel>;

    /// Sends FIN after what was sent, and goes on reading: the peer still has the time to read its last bytes. Closing a
    /// socket with unread input would reset it and lose them.
    fn shut(&mut self, conn: ConnId);

    /// Closes the connection. No input for it follows, until its slot is accepted anew.
    fn close(&mut self, conn: ConnId, how: Close);

    /// Stops (`true`) or goes on (`false`) reading from the connection. While it is paused no [`Input::Received`] comes and
    /// the peer is pushed back by TCP; what the kernel already holds is read after the pause.
    fn pause(&mut self, conn: ConnId, paused: bool);

    /// Has a paused connection's end told although it is not read, once: [`End::Broken`] or [`End::Foreseen`]. Over when it is read again.
    fn watch(&mut self, conn: ConnId);

    /// Gives the socket and the bytes read from it so far to the control plane. No input for it follows.
    fn hand_over(&mut self, conn: ConnId, bytes: &[u8]);

    /// Answers a command of the control plane.
    fn answer(&mut self, ticket: Ticket, answer: Answer);

    /// Has a back end told of something, later and elsewhere; events are taken in order. Where there are no back ends, none is taken.
    ///
    /// # Errors
    /// The event itself, if there is no room for it now.
    fn tell_back_end(&mut self, event: HookEvent) -> Result<(), HookEvent> {
        Err(event)
    }

    /// By which listener the connection came: 0 is the server's own, by which everything is served; by another one only the hooks that have it as
    /// their [`crate::Hook::door`].
    fn door(&mut self, _conn: ConnId) -> u16 {
        0
    }

    /// The address of the connection's other end, if the world knows it.
    fn peer(&mut self, _conn: ConnId) -> Option<IpAddr> {
        None
    }
}
