//! Connections of a flock: opened, upgraded, closed, lost and opened again.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::super::opener::ATTEMPTS_MAX;
use super::super::{Phase, open_socket};
use super::Flock;
use crate::LoadError;
use crate::clock;
use crate::dialect::Host;
use crate::frame::{self, Opcode};
use crate::handshake::{self, Key};

impl Flock {
    /// The rows that may be open: this flock's share of what the board wants.
    pub(super) fn wanted(&self) -> u32 {
        let all = u64::from(self.plan.clients.max(1));
        let wanted = self.board.wanted.load(Relaxed).min(all);
        (self.rows.len() as u64 * wanted / all) as u32
    }

    pub(super) fn open(&mut self, now_nanos: u64) -> Result<(), LoadError> {
        let wanted = self.wanted();
        while let Some(row) = self.opener.next(wanted, now_nanos) {
            let client = self.first + row;
            let addresses = &self.plan.addresses;
            match open_socket(addresses.source(client), addresses.target(client)) {
                Ok(socket) => {
                    let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
                    epoll::add(&self.epoll, &socket, EventData::new_u64(u64::from(row)), flags)
                        .map_err(LoadError::os("epoll_ctl"))?;
                    let row = &mut self.rows[row as usize];
                    row.socket = Some(socket);
                    row.phase = Phase::Connecting;
                    row.opened_micros = (clock::now().as_nanos() / 1_000) as u32;
                }
                Err(error @ (Errno::MFILE | Errno::NFILE)) => return Err(LoadError::os("opening a socket")(error)),
                Err(error) => self.fail(row, || format!("connect: {error}")),
            }
        }
        Ok(())
    }

    pub(super) fn is_churning(&self) -> bool {
        self.plan.churners > 0 && self.board.churning.load(Relaxed)
    }

    /// Closes the churners that are due; the opener opens them again.
    pub(super) fn churn(&mut self, now_nanos: u64) {
        let steady = (self.plan.clients - self.plan.churners).saturating_sub(self.first) as usize;
        let churners = self.rows.len().saturating_sub(steady);
        if !self.is_churning() || churners == 0 {
            return;
        }
        while self.churn.take(now_nanos) {
            let row = steady as u32 + self.random.below(churners as u64) as u32;
            if self.rows[row as usize].phase == Phase::Open {
                self.intake.answer.clear();
                frame::write(&mut self.intake.answer, Opcode::Close, row, 2, |out| out.extend_from_slice(&[3, 0xe8]));
                self.answer(row);
                self.close(row, Phase::Idle);
                let client = self.first + row;
                self.intake.checker.end_session(&mut self.rows[row as usize].cursor, client);
                self.connected -= 1;
                self.opener.reopen(row, false, now_nanos);
            }
        }
    }

    pub(super) fn socket_error(&self, row: u32) -> String {
        let socket = self.rows[row as usize].socket.as_ref();
        match socket.map(sockopt::socket_error) {
            Some(Ok(Err(error)) | Err(error)) => error.to_string(),
            Some(Ok(Ok(()))) | None => "closed".to_owned(),
        }
    }

    pub(super) fn key(&self, row: u32) -> Key {
        let attempt = u64::from(self.rows[row as usize].attempts);
        Key::new(self.plan.seed, attempt << 32 | u64::from(self.first + row))
    }

    pub(super) fn greet_http(&mut self, row: u32) {
        let plan = Arc::clone(&self.plan);
        let path = plan.path((self.first + row) % plan.subjects);
        let key = self.key(row);
        self.intake.answer.clear();
        let host = Host { name: &plan.addresses.host, api_key: &plan.api_key };
        handshake::request(&mut self.intake.answer, &host, &path, key);
        self.rows[row as usize].phase = Phase::Handshaking;
        self.answer(row);
    }

    pub(super) fn on_upgraded(&mut self, row: u32, now_nanos: u64) {
        if let Some(socket) = self.rows[row as usize].socket.as_ref().filter(|_| self.plan.delays_acks) {
            // Refused, it acknowledges at once, which is what it would do anyway.
            let _ = sockopt::set_tcp_quickack(socket, false);
        }
        if self.plan.dialect.has_greeting() {
            self.rows[row as usize].phase = Phase::Greeting;
            let subject = (self.first + row) % self.plan.subjects;
            self.plan.dialect.greet(&mut self.intake.answer, &self.plan.token, subject, row);
        } else {
            self.rows[row as usize].phase = Phase::Open;
            self.on_open(row, now_nanos);
        }
    }

    pub(super) fn on_open(&mut self, row: u32, now_nanos: u64) {
        let row = &mut self.rows[row as usize];
        row.attempts = 0;
        let micros = ((now_nanos / 1_000) as u32).wrapping_sub(row.opened_micros);
        self.connect_latency.saturating_record(u64::from(micros) * 1_000);
        self.opener.settle();
        self.connected += 1;
        self.opened += 1;
    }

    fn close(&mut self, number: u32, phase: Phase) {
        let row = &mut self.rows[number as usize];
        row.socket = None;
        row.phase = phase;
        self.lent.release(row.lent);
        row.lent = base::NONE;
        self.forget_pending(number);
    }

    /// An attempt to connect has failed: it is made again, or given up.
    pub(super) fn fail(&mut self, row: u32, cause: impl FnOnce() -> String) {
        self.board.note_failure(cause);
        self.opener.settle();
        self.rows[row as usize].attempts += 1;
        if self.rows[row as usize].attempts < ATTEMPTS_MAX {
            self.close(row, Phase::Idle);
            self.opener.reopen(row, true, clock::now().as_nanos());
        } else {
            self.close(row, Phase::Closed);
            self.failed += 1;
        }
    }

    /// The server has ended the connection.
    pub(super) fn end(&mut self, row: u32, cause: impl FnOnce() -> String) {
        if self.rows[row as usize].phase != Phase::Open {
            return self.fail(row, cause);
        }
        self.board.note_failure(cause);
        self.close(row, Phase::Closed);
        self.connected -= 1;
        self.dropped += 1;
    }
}
