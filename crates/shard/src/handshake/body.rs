//! The body of a request, which is handled once all of it has come.
use alloc::boxed::Box;

use base::{ConnId, Instant};
use wire::head::HeadError;
use wire::response;

use crate::border::Effects;
use crate::centrifugo::AnswerTo;
use crate::conn::{Phase, State};
use crate::report::Refusal;
use crate::request::{Body, Denied, Framing, Purpose};
use crate::shard::Shard;

impl Shard {
    /// The head has come, and says that there is a body.
    pub(super) fn begin_body(&mut self, conn: ConnId, body: Box<Body>, now: Instant, world: &mut impl Effects) {
        self.conns[conn].enter(Phase::Body);
        if body.expects_continue {
            self.queue_own(conn, response::CONTINUE.into());
        }
        let empty = matches!(body.framing, Framing::Length(0));
        self.conns.lend(conn).state = State::Body(body);
        self.arm(conn, now + self.config.limits.head_timeout);
        if empty {
            self.on_body(conn, &[], now, world);
        }
    }

    /// Bytes of a request's body. Says how many it used.
    pub(crate) fn on_body(&mut self, conn: ConnId, bytes: &[u8], now: Instant, world: &mut impl Effects) -> usize {
        let State::Body(mut body) = self.conns.take_state(conn) else {
            debug_assert!(false, "a connection in phase Body has a body");
            return bytes.len();
        };
        let (used, done) = match &mut body.framing {
            Framing::Length(length) => {
                let used = bytes.len().min(*length - body.bytes.len());
                body.bytes.extend_from_slice(&bytes[..used]);
                (used, body.bytes.len() == *length)
            }
            Framing::Chunked(decoder) => match decoder.push(bytes, &mut body.bytes) {
                Ok(progress) => (progress.used, progress.done),
                Err(error) => {
                    self.deny(conn, &bad_body(error).with(body.purpose.into_cors()), now, world);
                    return bytes.len();
                }
            },
        };
        if done {
            self.on_whole_body(conn, *body, now, world);
        } else {
            self.conns.lend(conn).state = State::Body(body);
        }
        used
    }

    fn on_whole_body(&mut self, conn: ConnId, body: Body, now: Instant, world: &mut impl Effects) {
        let Body { purpose, keep_alive, bytes, .. } = body;
        match purpose {
            Purpose::Publish(publish) => self.publish_body(conn, publish, bytes, keep_alive, now, world),
            Purpose::Push(push) => self.begin_push(conn, push, bytes, keep_alive, now, world),
            Purpose::Downlink(downlink) => self.begin_downlink(conn, downlink, &bytes, now, world),
            Purpose::Uplink { encoding, cors } => {
                let uplink = encoding.uplink(&bytes).ok();
                self.begin_uplink(conn, uplink.as_ref(), AnswerTo { keep_alive, cors }, now, world);
            }
        }
    }
}

fn bad_body(error: HeadError) -> Denied {
    let refusal = if error.status() == 413 { Refusal::TooLarge } else { Refusal::BadRequest };
    Denied::new(error.status(), refusal, error.reason())
}
