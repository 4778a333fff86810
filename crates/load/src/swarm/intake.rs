//! What is done with received bytes: frames are found in place, messages checked and their latency recorded.
use hdrhistogram::Histogram;

use super::{Phase, Plan, Row};
use crate::board::histogram;
use crate::check::Checker;
use crate::dialect::{Dialect, Heard};
use crate::frame::{self, FrameError, Opcode};
use crate::stamp::Filler;

/// Measures for one thread.
#[derive(Debug)]
pub(super) struct Intake {
    dialect: Dialect,
    payload_max: usize,
    /// Clients from here on are churners: checked, but their latency is not recorded.
    steady: u32,
    pub(super) checker: Checker,
    /// Latencies since the last look at the board.
    pub(super) recent: Histogram<u64>,
    /// Messages intended in this span are measured.
    pub(super) window_nanos: (u64, u64),
    pub(super) received: u64,
    pub(super) bytes: u64,
    /// What has to be sent back on the connection at hand.
    pub(super) answer: Vec<u8>,
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// A close frame with this code (1005: none given).
    Closed(u16),
    /// Bytes that are no frame for us.
    Frame(FrameError),
    /// The subscribe command was refused.
    Refused,
}

impl Intake {
    pub(super) fn new(plan: &Plan, payload_max: usize) -> Self {
        Self {
            dialect: plan.dialect,
            payload_max,
            steady: plan.clients - plan.churners,
            checker: Checker::new(Filler::new(plan.size_bytes), plan.subjects),
            recent: histogram(),
            window_nanos: (u64::MAX, u64::MAX),
            received: 0,
            bytes: 0,
            answer: Vec::new(),
        }
    }

    /// Reads all whole frames in `bytes`, which were there at `now_nanos`; says how many bytes they were.
    pub(super) fn read(&mut self, row: &mut Row, client: u32, bytes: &[u8], now_nanos: u64) -> Result<usize, Ending> {
        let mut at = 0;
        while let Some(frame) = frame::read(&bytes[at..], self.payload_max).map_err(Ending::Frame)? {
            at += frame.length;
            match frame.opcode {
                Opcode::Text | Opcode::Binary => self.read_payload(row, client, frame.payload, now_nanos)?,
                Opcode::Ping => {
                    let payload = frame.payload;
                    frame::write(&mut self.answer, Opcode::Pong, client, payload.len(), |out| {
                        out.extend_from_slice(payload)
                    });
                }
                Opcode::Pong => {}
                Opcode::Close => {
                    let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    return Err(Ending::Closed(code));
                }
            }
        }
        Ok(at)
    }

    fn read_payload(&mut self, row: &mut Row, client: u32, payload: &[u8], now_nanos: u64) -> Result<(), Ending> {
        let dialect = self.dialect;
        let mut ending = None;
        dialect.read(payload, |heard| match heard {
            Heard::Message(payload) => self.take(row, client, payload, now_nanos),
            Heard::Ping => dialect.pong(&mut self.answer, client),
            Heard::Subscribed => row.phase = Phase::Open,
            Heard::Refused => ending = Some(Ending::Refused),
            Heard::Published | Heard::Other => {}
        });
        ending.map_or(Ok(()), Err)
    }

    fn take(&mut self, row: &mut Row, client: u32, payload: &[u8], now_nanos: u64) {
        let Some(stamp) = self.checker.check(&mut row.cursor, client, payload) else { return };
        self.received += 1;
        let (from, until) = self.window_nanos;
        if stamp.intended_nanos >= from && stamp.intended_nanos < until && client < self.steady {
            self.recent.saturating_record(now_nanos.saturating_sub(stamp.intended_nanos));
        }
    }
}
