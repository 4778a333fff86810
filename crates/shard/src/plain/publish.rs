//! `POST /pub/<subject>`.
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, Instant};
use hub::{Draft, Kind, Position};
use protocol::plain::{self, Mark};

use crate::border::Effects;
use crate::conn::{Phase, State};
use crate::handshake::Response;
use crate::hop::Receipt;
use crate::report::Refusal;
use crate::request::{Denied, Publish};
use crate::shard::Shard;

impl Shard {
    /// The whole body has come.
    pub(crate) fn publish_body(
        &mut self,
        conn: ConnId,
        publish: Publish,
        bytes: Vec<u8>,
        keep_alive: bool,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Publish { subject, kind, extra } = publish;
        let is_text = simdutf8::basic::from_utf8(&bytes).is_ok();
        let kind = match kind {
            Some(Kind::Text) if !is_text => {
                let denied =
                    Denied::new(400, Refusal::BadText, "the Content-Type says text, the body is not valid UTF-8");
                self.deny(conn, &denied, now, world);
                return;
            }
            Some(kind) => kind,
            None if is_text => Kind::Text,
            None => Kind::Binary,
        };
        self.conns[conn].enter(Phase::Asked);
        let waiter = self.conns.waiter(conn);
        self.disarm(conn);
        let subject_tag = plain::subject_tag(&subject);
        self.conns.lend(conn).state = State::Publishing { keep_alive, subject_tag };
        let draft = Draft { payload: bytes.into(), kind, extra: extra.map(Arc::from) };
        self.publish(&subject, draft, Receipt::Position(waiter), now, world);
        self.stall_if_backlogged(conn);
    }

    /// The owner has accepted the publication of a `POST /pub`.
    pub(crate) fn answer_publish(&mut self, conn: ConnId, position: Position, now: Instant, world: &mut impl Effects) {
        let State::Publishing { keep_alive, subject_tag } = self.conns.take_state(conn) else {
            return;
        };
        let mut body = Vec::new();
        plain::write_published(&mut body, Mark { subject_tag, epoch: position.epoch, offset: position.offset });
        self.respond(conn, &Response { status: 200, fields: &[], body: &body }, keep_alive, now, world);
    }
}
