//! The long poll: a listener that is answered with what has come, and asks again.
use alloc::vec::Vec;

use base::{ConnId, Instant};
use hub::{Kind, Publication};
use protocol::is_json;
use protocol::plain::{self, Payload, PollBody};

use super::listen::Listener;
use crate::border::Effects;
use crate::conn::{Phase, State};
use crate::handshake::Response;
use crate::request::How;
use crate::shard::Shard;

/// Most publications that a long poll collects before it answers; what is older is given up and told as a gap.
const COLLECTED_MAX: usize = 1_024;

impl Listener {
    /// True if a long poll has something to tell at once.
    pub(super) fn is_ready(&self) -> bool {
        !self.collected.is_empty() || self.reset_at_once
    }

    /// Keeps a publication for the answer; what is over the bound is given up, oldest first, and told as a gap.
    pub(super) fn collect(&mut self, row: u32, publication: Publication, bytes_max: usize) {
        self.collected_bytes += publication.payload.len();
        self.collected.push_back((row, publication));
        while self.collected.len() > 1 && (self.collected.len() > COLLECTED_MAX || self.collected_bytes > bytes_max) {
            let oldest = self.collected.pop_front();
            self.collected_bytes -= oldest.map_or(0, |(_, publication)| publication.payload.len());
            self.reset = true;
        }
    }
}

impl Shard {
    /// A publication for a long poll: answered at the end of the turn, together with what else the turn brings.
    pub(crate) fn collect(&mut self, conn: ConnId, row: u32, publication: &Publication) {
        let bytes_max = self.config.outbox.bytes;
        if let Some(listener) = self.listener(conn) {
            listener.collect(row, publication.clone(), bytes_max);
            self.flush_later(conn);
        }
    }

    /// Answers the poll with what it has collected, or with 204 at its time-out.
    pub(crate) fn answer_poll(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let State::Listening(mut listener) = self.conns.take_state(conn) else {
            return;
        };
        let How::LongPoll { keep_alive, .. } = listener.how else {
            return;
        };
        if listener.collected.is_empty() && !listener.reset {
            let mut position = Vec::new();
            plain::write_position(&mut position, &listener.marks());
            let position = core::str::from_utf8(&position).unwrap_or_default();
            self.unsubscribe_all(conn, world);
            let fields: &[(&str, &str)] = &[("Ringcast-Position", position)];
            self.respond(conn, &Response { status: 204, fields, body: &[] }, keep_alive, now, world);
            return;
        }
        let mut bytes = Vec::new();
        let mut body = PollBody::open(&mut bytes);
        for (row, publication) in core::mem::take(&mut listener.collected) {
            listener.stand(row, publication.position);
            body.publication(self.hub.name(row), payload(&publication), &listener.marks());
            self.report.messages_out += 1;
        }
        body.close(&listener.marks(), listener.reset);
        self.unsubscribe_all(conn, world);
        self.respond(conn, &Response { status: 200, fields: &[], body: &bytes }, keep_alive, now, world);
    }

    /// True if the poll has something to answer with.
    pub(crate) fn poll_is_ready(&mut self, conn: ConnId) -> bool {
        self.conns[conn].phase() == Phase::Poll && self.listener(conn).is_some_and(|listener| listener.is_ready())
    }
}

fn payload(publication: &Publication) -> Payload<'_> {
    let bytes = &publication.payload;
    if is_json(bytes) {
        return Payload::Json(bytes);
    }
    match (publication.kind, core::str::from_utf8(bytes)) {
        (Kind::Text | Kind::Binary, Ok(text)) => Payload::Text(text),
        (Kind::Text | Kind::Binary, Err(_)) => Payload::Binary(bytes),
    }
}
