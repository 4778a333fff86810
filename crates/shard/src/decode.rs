//! *Decode*: what arrives on a connection, by its phase; frames of an open WebSocket.
use base::units::KIB;
use base::{ConnId, Instant};
use wire::frame::{Decoder, Event, FrameError, Kind, Opcode, Role};

use crate::border::Effects;
use crate::centrifugo::Dialect;
use crate::conn::{Conn, Flags, Phase, Transport};
use crate::encode::message;
use crate::hook::EndedBy;
use crate::report::Refusal;
use crate::shard::Shard;

/// Largest message of `/echo`: conformance suites send 16 MiB.
const ECHO_BYTES_MAX: usize = 64 << 20;

impl Shard {
    /// Handles bytes by the connection's phase, which they may change. Whatever can't be handled yet is kept, and reading
    /// is paused. A loop and not a recursion: a peer decides how many requests it sends at once.
    pub(crate) fn received(&mut self, conn: ConnId, bytes: &mut [u8], now: Instant, world: &mut impl Effects) {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &mut bytes[used..];
            let row = &self.conns[conn];
            let waits = match row.phase() {
                Phase::Vacant | Phase::Closing => return,
                Phase::Asked | Phase::Poll => true,
                Phase::Head | Phase::Body | Phase::Open => row.flags.has(Flags::STALLED),
            };
            if waits {
                self.keep_unread(conn, rest, world);
                return;
            }
            used += match row.phase() {
                Phase::Head => self.on_head(conn, rest, now, world),
                Phase::Body => self.on_body(conn, rest, now, world),
                Phase::Vacant | Phase::Closing | Phase::Asked | Phase::Poll | Phase::Open => {
                    if !row.flags.has(Flags::GOODBYE) && row.transport.is_websocket() {
                        self.on_frames(conn, rest, now, world);
                    }
                    return;
                }
            };
        }
    }

    /// Most bytes that one read of a connection may bring. What can't be handled yet is kept, so who may make many connections gets
    /// little, and only those who publish in bulk as much as a turn can use.
    #[must_use]
    pub fn read_bytes_max(&self, conn: ConnId) -> usize {
        match self.conns.get(conn).map(|row| row.transport) {
            Some(Transport::PublishStream | Transport::Echo) => usize::MAX,
            Some(transport) if transport.is_websocket() => 64 * KIB,
            _ => 16 * KIB,
        }
    }

    fn decoder(&self, conn: ConnId) -> Decoder {
        let limits = &self.config.limits;
        let Conn { transport, deflate, .. } = self.conns[conn];
        let (frame_bytes_max, message_bytes_max) = match transport {
            Transport::Echo => (ECHO_BYTES_MAX, ECHO_BYTES_MAX),
            Transport::Centrifugo(Dialect::UniJson) => {
                let most = self.config.endpoints.uni_websocket.body_bytes;
                (most, most)
            }
            Transport::Centrifugo(_) => (limits.command_bytes, limits.command_bytes),
            // One publication a message: the payload's bound, and the subject before it.
            Transport::PublishStream => {
                let most = limits.payload_bytes + 1 + base::SUBJECT_BYTES_MAX;
                (most, most)
            }
            Transport::Hook => {
                let most = self.hook_message_bytes(conn);
                (most, most)
            }
            // A listener has nothing to say: what it says all the same is read and dropped.
            Transport::PlainWebSocket | Transport::EventStream | Transport::LongPoll | Transport::Http => {
                (limits.frame_bytes, limits.message_bytes)
            }
        };
        let says_commands = transport.dialect().is_some_and(|dialect| !dialect.is_uni());
        let inflated_bytes_max =
            deflate.map(|_| if says_commands { self.config.compression.command_bytes } else { message_bytes_max });
        Decoder { role: Role::Server, frame_bytes_max, message_bytes_max, inflated_bytes_max }
    }

    fn on_frames(&mut self, conn: ConnId, bytes: &mut [u8], now: Instant, world: &mut impl Effects) {
        let transport = self.conns[conn].transport;
        if transport.dialect().is_none() {
            // Any byte is a sign of life; in Centrifugo's dialect only its pong is.
            self.conns[conn].flags.set(Flags::PINGED, false);
        }
        let decoder = self.decoder(conn);
        let mut inflater = self.sending.take_inflater();
        let mut partial = self.conns.lent(conn).and_then(|lent| lent.partial.take());
        let mut used = 0;
        loop {
            match decoder.next_inflating(&mut partial, bytes, &mut used, &mut inflater) {
                Ok(None) => break,
                Ok(Some(event)) => self.on_event(conn, event, now, world),
                Err(error) => {
                    self.on_frame_error(conn, error, now);
                    break;
                }
            }
            if !self.can_read(conn) || self.conns[conn].flags.has(Flags::GOODBYE) {
                break;
            }
        }
        // A message that was put together in `partial` has been handled: it is forgotten now, not with the next bytes.
        let nothing = decoder.next_inflating(&mut partial, &mut [], &mut 0, &mut inflater);
        debug_assert!(matches!(nothing, Ok(None)), "without bytes nothing happens");
        self.sending.give_inflater_back(inflater);
        if matches!(self.conns[conn].phase(), Phase::Vacant | Phase::Closing) {
            return;
        }
        if partial.is_some() {
            self.conns.lend(conn).partial = partial;
        }
        let flags = self.conns[conn].flags;
        if used < bytes.len() && !flags.has(Flags::GOODBYE) {
            self.keep_unread(conn, &bytes[used..], world);
        }
        self.conns.reclaim(conn);
    }

    fn on_event(&mut self, conn: ConnId, event: Event<'_>, now: Instant, world: &mut impl Effects) {
        match event {
            Event::Message { kind, payload } => self.on_message(conn, kind, payload, now, world),
            Event::Ping(payload) => {
                let says_nothing = self.conns[conn].transport == Transport::Hook && self.is_strict(conn);
                self.queue_own(conn, message(Opcode::Pong, if says_nothing { &[] } else { payload }));
                self.stall_if_full(conn, world);
            }
            Event::Pong(_) => self.on_pong_frame(conn),
            Event::Close { code, reason } => self.on_close_frame(conn, code, reason, now),
        }
    }

    fn on_message(&mut self, conn: ConnId, kind: Kind, payload: &mut [u8], now: Instant, world: &mut impl Effects) {
        let row = &mut self.conns[conn];
        row.note_active(now);
        match row.transport {
            Transport::PublishStream => self.on_publish_frame(conn, kind, payload, now, world),
            Transport::Centrifugo(dialect) if dialect.is_uni() => self.on_uni_message(conn, payload, now, world),
            Transport::Centrifugo(dialect) => self.on_whole_message(conn, dialect.encoding(), payload, now, world),
            Transport::Echo => {
                self.queue_own(conn, message(kind.opcode(), payload));
                self.stall_if_full(conn, world);
            }
            Transport::Hook => self.on_hook_message(conn, kind, payload, now),
            Transport::PlainWebSocket | Transport::EventStream | Transport::LongPoll | Transport::Http => {}
        }
    }

    fn on_frame_error(&mut self, conn: ConnId, error: FrameError, now: Instant) {
        self.report.refuse(match error.close_code() {
            1007 => Refusal::BadText,
            1009 => Refusal::TooLarge,
            _ => Refusal::BadFrame,
        });
        if self.is_strict(conn) {
            self.note_ending(conn, error.close_code(), EndedBy::Server, error.reason());
            self.close_websocket(conn, error.close_code(), "", now);
            return;
        }
        self.close_websocket(conn, error.close_code(), error.reason(), now);
    }

    /// The peer closes: its code comes back, as RFC 6455 section 5.5.1 advises, and the connection ends once that is out.
    fn on_close_frame(&mut self, conn: ConnId, code: Option<u16>, reason: &str, now: Instant) {
        self.note_ending(conn, code.unwrap_or(1005), EndedBy::Client, reason);
        match (self.strict_close_answer(conn, code), code) {
            (None, Some(code)) => self.close_websocket(conn, code, reason, now),
            (answer, _) => {
                self.close_with(conn, message(Opcode::Close, &answer.unwrap_or_default()), now);
            }
        }
    }
}
