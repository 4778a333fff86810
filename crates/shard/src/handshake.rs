//! *Handshake*: HTTP, up to the point where the connection knows what it is.
use alloc::vec::Vec;

use base::{ConnId, Instant};
use protocol::plain;
use wire::head::{self, HeadLimits};
use wire::{response, upgrade};

use crate::border::{Effects, Frame};
use crate::centrifugo::Dialect;
use crate::conn::{Flags, Phase, State, Transport};
use crate::plain::Publisher;
use crate::report::Refusal;
use crate::request::{self, Denied, Handshake, Purpose, Request};
use crate::shard::Shard;

mod body;

/// Most fields of a request head.
const FIELDS_MAX: usize = head::FIELDS_MAX;

/// An HTTP response: JSON unless its fields say otherwise, or no body.
#[derive(Debug)]
pub(crate) struct Response<'r> {
    pub(crate) status: u16,
    pub(crate) fields: &'r [(&'r str, &'r str)],
    pub(crate) body: &'r [u8],
}

/// What a browser may send to the data plane from another origin.
const ALLOWED_FIELDS: &str = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Ringcast-Delta, \
     Ringcast-Skip-History, Ringcast-Tags, Ringcast-Version, Ringcast-Version-Epoch, X-API-Key";

impl Shard {
    /// Bytes of a request's head, with those that came before in front. Says how many it used.
    pub(crate) fn on_head(&mut self, conn: ConnId, bytes: &mut [u8], now: Instant, world: &mut impl Effects) -> usize {
        let limits = HeadLimits { bytes_max: self.config.limits.head_bytes, fields_max: FIELDS_MAX };
        let door = if self.config.hooks.is_empty() { 0 } else { world.door(conn) };
        let read = match head::parse(bytes, &limits) {
            Ok(None) => {
                self.conns.lend(conn).unread.extend_from_slice(bytes);
                return bytes.len();
            }
            Ok(Some(head)) => {
                self.conns[conn].flags.set(Flags::NO_CHUNKS, head.minor_version() == 0);
                request::read(&head, &self.config, door)
                    .and_then(|request| request.with_its_body(&head))
                    .map(|request| (request, head.len()))
            }
            Err(error) => Err(request::bad_head(&error)),
        };
        match read {
            Err(denied) => {
                // An answer to HEAD has no content: RFC 9110, section 9.3.2.
                let denied = Denied { is_bare: bytes.starts_with(b"HEAD "), ..denied };
                self.deny(conn, &denied, now, world);
            }
            Ok((Request::Elsewhere, _)) => {
                // What was answered before goes out first: the socket leaves, the outbox doesn't.
                self.flush(conn, world);
                if self.conns[conn].outbox.is_empty() {
                    self.leave_to_control(conn, bytes, world);
                } else {
                    self.conns[conn].flags.set(Flags::STALLED, true);
                    self.keep_unread(conn, bytes, world);
                }
            }
            Ok((request, length)) => {
                self.serve(conn, request, now, world);
                return length;
            }
        }
        bytes.len()
    }

    fn serve(&mut self, conn: ConnId, request: Request, now: Instant, world: &mut impl Effects) {
        // What the sessions that are still there say is heard to the end.
        let is_uplink = matches!(&request, Request::Body(body) if matches!(body.purpose, Purpose::Uplink { .. }));
        if self.is_draining() && !is_uplink {
            let reason = "the server is shutting down: come back in a moment";
            self.deny(conn, &Denied::new(503, Refusal::Draining, reason), now, world);
            return;
        }
        match request {
            Request::Listen(listen) => self.listen(conn, listen, now, world),
            Request::Body(body) => self.begin_body(conn, body, now, world),
            Request::Downlink { downlink, message } => self.begin_downlink(conn, downlink, &message, now, world),
            Request::PublishStream { handshake, ack } => {
                self.upgraded(conn, &handshake, None, Transport::PublishStream, now);
                if ack {
                    self.conns.lend(conn).state = State::Publisher(Publisher::boxed(self.config.shards));
                }
            }
            Request::Centrifugo { .. } | Request::UniWebSocket { .. } if !self.may_enter(now) => {
                self.turn_away(conn, now, world);
            }
            Request::Centrifugo { handshake, protocol, dialect, frame_pings, user } => {
                self.conns[conn].flags.set(Flags::FRAME_PINGS, frame_pings);
                self.upgraded(conn, &handshake, protocol, Transport::Centrifugo(dialect), now);
                self.introduce(conn, user);
            }
            Request::UniWebSocket { handshake, message, user } => {
                self.conns[conn].flags.set(Flags::FRAME_PINGS, true);
                self.upgraded(conn, &handshake, None, Transport::Centrifugo(Dialect::UniJson), now);
                self.introduce(conn, user);
                if let Some(message) = message {
                    self.on_uni_message(conn, &message, now, world);
                }
            }
            Request::Hook(upgraded) => self.knock(conn, *upgraded, world),
            Request::Echo { handshake } => self.upgraded(conn, &handshake, None, Transport::Echo, now),
            Request::Preflight { keep_alive } => self.preflight(conn, keep_alive, now, world),
            Request::Options { methods, cors, keep_alive } => {
                self.answer_options(conn, methods, cors.as_deref(), keep_alive, now, world);
            }
            Request::Elsewhere => {}
        }
    }

    /// Answers an upgrade; the connection is a WebSocket from here on.
    pub(crate) fn upgraded(
        &mut self,
        conn: ConnId,
        handshake: &Handshake,
        protocol: Option<&str>,
        transport: Transport,
        now: Instant,
    ) {
        let response = self.switching_protocols(handshake, protocol);
        self.conns[conn].deflate = handshake.deflate.map(|agreed| agreed.window);
        let anchor = self.conns[conn].outbox.last();
        self.begin_open(conn, anchor, response, transport, now);
    }

    /// The answer to an upgrade.
    pub(crate) fn switching_protocols(&mut self, handshake: &Handshake, protocol: Option<&str>) -> Frame {
        self.written(|out| upgrade::write_response(out, &handshake.key, protocol, handshake.deflate))
    }

    /// The connection is open from here on. Its response's head goes behind the row `anchor` of the outbox: earlier
    /// responses are before it, what was delivered while owners were asked comes after it.
    pub(crate) fn begin_open(&mut self, conn: ConnId, anchor: u32, head: Frame, transport: Transport, now: Instant) {
        self.queue_head(conn, anchor, head);
        self.set_transport(conn, transport);
        let row = &mut self.conns[conn];
        row.enter(Phase::Open);
        row.note_active(now);
        if row.flags.has(Flags::FINISHED) {
            self.begin_closing(conn, now);
        } else {
            self.arm_first_heartbeat(conn, now);
        }
    }

    /// Answers a request; the connection goes on to the next request, or is closed.
    pub(crate) fn respond(
        &mut self,
        conn: ConnId,
        response: &Response<'_>,
        keep_alive: bool,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Response { status, fields, body } = *response;
        let keep_alive = keep_alive && !self.is_draining();
        let mut all: Vec<(&str, &str)> = Vec::with_capacity(fields.len() + 3);
        if !body.is_empty() && !fields.iter().any(|(name, _)| *name == "Content-Type") {
            all.push(("Content-Type", "application/json"));
        }
        all.push(("Cache-Control", "no-store"));
        if self.config.dev && !fields.iter().any(|(name, _)| *name == "Access-Control-Allow-Origin") {
            all.push(("Access-Control-Allow-Origin", "*"));
        }
        all.extend_from_slice(fields);
        let body = (!body.is_empty()).then_some(body);
        let frame = self.written(|out| response::write(out, status, &all, body, keep_alive));
        self.set_transport(conn, Transport::Http);
        self.queue_own(conn, frame);
        if keep_alive {
            self.conns[conn].enter(Phase::Head);
            self.conns[conn].flags.set(Flags::SERVED, true);
            self.arm(conn, now + self.config.limits.keep_alive);
            self.stall_if_full(conn, world);
            self.wake(conn);
        } else {
            self.begin_closing(conn, now);
        }
    }

    /// Refuses a request: status, reason in words, and the connection is closed.
    pub(crate) fn deny(&mut self, conn: ConnId, denied: &Denied, now: Instant, world: &mut impl Effects) {
        self.report.refuse(denied.refusal);
        let fields: &[(&str, &str)] = match denied.status {
            401 => &[("WWW-Authenticate", "apikey")],
            // Who sends Upgrade lists it in Connection too: RFC 9110, section 7.8. A second line of a list field adds to it.
            426 => &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket"), ("Connection", "Upgrade")],
            503 => &[("Retry-After", "2")],
            _ => &[],
        };
        let mut fields = fields.to_vec();
        fields.extend(denied.allow.map(|methods| ("Allow", methods)));
        fields.extend(denied.cors.iter().flat_map(|cors| cors.fields()));
        let mut body = Vec::new();
        if !denied.is_bare {
            plain::write_error(&mut body, &denied.reason);
        }
        self.respond(conn, &Response { status: denied.status, fields: &fields, body: &body }, false, now, world);
    }

    fn preflight(&mut self, conn: ConnId, keep_alive: bool, now: Instant, world: &mut impl Effects) {
        let open: &[(&str, &str)] = &[
            ("Access-Control-Allow-Methods", "GET, POST, PUT, OPTIONS"),
            ("Access-Control-Allow-Headers", ALLOWED_FIELDS),
            ("Access-Control-Max-Age", "300"),
        ];
        let fields = if self.config.dev { open } else { &[("Allow", "GET, POST, PUT, OPTIONS")] };
        self.respond(conn, &Response { status: 204, fields, body: &[] }, keep_alive, now, world);
    }

    fn leave_to_control(&mut self, conn: ConnId, bytes: &[u8], world: &mut impl Effects) {
        world.hand_over(conn, bytes);
        self.forget(conn, world);
    }
}
