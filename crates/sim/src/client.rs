//! Virtual clients: they speak real bytes, each its dialect, and hold what they are told against the model.
mod data;
mod event_stream;
mod frames;
mod hooked;
mod http;
mod listener;
mod long_poll;
mod poster;
mod publisher;
mod rude;
mod session;

use base::{Prng, ShardId};

use crate::cluster::{Cluster, Link};
use crate::model::Model;
use crate::plan::Plan;
use crate::socket::{Read, Server};
use crate::trace::words;

pub(crate) use event_stream::EventStream;
pub(crate) use hooked::{Hooked, Pusher};
pub(crate) use listener::Listener;
pub(crate) use long_poll::LongPoll;
pub(crate) use poster::Poster;
pub(crate) use publisher::Publisher;
pub(crate) use rude::Rude;
pub(crate) use session::Session;

/// What a dialect may look at and change.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) model: &'a mut Model,
    pub(crate) random: &'a mut Prng,
    pub(crate) cluster: &'a mut Cluster,
}

impl Scene<'_> {
    /// Whether a good request may be refused: in a drain, or if it took longer to arrive than it may.
    pub(crate) fn may_refuse(&self, status: u16) -> bool {
        match status {
            503 => self.plan.drains,
            408 => self.plan.leaps,
            _ => false,
        }
    }
}

/// What a dialect has made of what it received.
#[derive(Default, Debug)]
pub(crate) struct Reaction {
    /// To be sent.
    pub(crate) bytes: Vec<u8>,
    /// The conversation is over: FIN.
    pub(crate) over: bool,
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// By the server's FIN.
    Finished,
    /// By a reset of either side.
    Reset,
}

/// A way to talk to the server.
pub(crate) trait Dialect: core::fmt::Debug {
    /// The first bytes of a new connection.
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8>;

    /// Something to say, if there is something.
    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8>;

    /// Takes what it can from `inbox`.
    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction;

    /// The connection is gone.
    fn ended(&mut self, how: Ended, scene: &mut Scene<'_>);

    /// Connected, and nothing is on its way: is everything there?
    fn settled(&mut self, scene: &mut Scene<'_>);

    /// True while the dialect can do what it is for.
    fn is_open(&self) -> bool;

    /// True if the server has to remember something for this connection although it is quiet.
    fn holds(&self) -> bool {
        false
    }
}

/// How a client reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// All there is.
    Fast,
    /// A few bytes now and then.
    Slow,
    /// Not until the end.
    Never,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) patience: Patience,
    pub(crate) link: Option<Link>,
    inbox: Vec<u8>,
    finished: bool,
    talk: Box<dyn Dialect>,
}

impl Client {
    pub(crate) fn new(number: usize, patience: Patience, talk: Box<dyn Dialect>) -> Self {
        Self { number, patience, link: None, inbox: Vec::new(), finished: false, talk }
    }

    pub(crate) fn connect(&mut self, shard: ShardId, capacity: usize, scene: &mut Scene<'_>) {
        let link = scene.cluster.connect(shard, capacity);
        self.link = Some(link);
        self.inbox.clear();
        self.finished = false;
        scene.model.tally.connections += 1;
        let bytes = self.talk.open(scene);
        self.send(&bytes, scene);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.link.is_some() && self.talk.is_open()
    }

    pub(crate) fn act(&mut self, scene: &mut Scene<'_>) {
        if self.link.is_some() && !self.finished {
            let bytes = self.talk.act(scene);
            self.send(&bytes, scene);
        }
    }

    fn send(&mut self, bytes: &[u8], scene: &mut Scene<'_>) {
        let Some(link) = self.link else { return };
        if self.finished || bytes.is_empty() {
            return;
        }
        let number = self.number;
        scene.cluster.trace.note(bytes, || format!("client {number} sends {}", words(bytes)));
        scene.cluster.socket(link).client_sends(bytes);
    }

    /// Sends FIN; goes on reading.
    pub(crate) fn finish(&mut self, scene: &mut Scene<'_>) {
        if let Some(link) = self.link.filter(|_| !self.finished) {
            self.finished = true;
            let number = self.number;
            scene.cluster.trace.note(b"fin", || format!("client {number} finishes"));
            scene.cluster.socket(link).client_finished = true;
        }
    }

    /// Breaks the connection, maybe in the middle of something.
    pub(crate) fn reset(&mut self, scene: &mut Scene<'_>) {
        if let Some(link) = self.link.take() {
            let number = self.number;
            scene.cluster.trace.note(b"reset", || format!("client {number} resets"));
            let socket = scene.cluster.socket(link);
            if socket.server != Server::Closed {
                socket.client_resets();
            }
            self.talk.ended(Ended::Reset, scene);
        }
    }

    /// Reads at most so many bytes; true if something came.
    pub(crate) fn read(&mut self, most: usize, scene: &mut Scene<'_>) -> bool {
        let Some(link) = self.link else { return false };
        let number = self.number;
        match scene.cluster.socket(link).client_reads(most) {
            Read::Nothing => return false,
            Read::Bytes(bytes) => {
                scene.cluster.trace.note(&bytes, || format!("client {number} reads {}", words(&bytes)));
                self.inbox.extend(bytes);
                let reaction = self.talk.received(&mut self.inbox, scene);
                self.send(&reaction.bytes, scene);
                if reaction.over {
                    self.finish(scene);
                }
            }
            Read::End => {
                scene.cluster.trace.note(b"end", || format!("client {number} sees the end"));
                self.finish(scene);
                self.link = None;
                self.talk.ended(Ended::Finished, scene);
            }
            Read::Reset => {
                scene.cluster.trace.note(b"was reset", || format!("client {number} was reset"));
                self.link = None;
                self.talk.ended(Ended::Reset, scene);
            }
        }
        true
    }

    /// True if something may be lent to the connection.
    pub(crate) fn holds(&self) -> bool {
        self.link.is_some() && self.talk.holds()
    }

    pub(crate) fn settled(&mut self, scene: &mut Scene<'_>) {
        if self.link.is_some() {
            assert!(self.inbox.is_empty() || self.finished, "client {}: half an answer is left", self.number);
            self.talk.settled(scene);
        }
    }
}
