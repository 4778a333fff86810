//! A virtual TCP connection: two streams of bytes, and what each end has done to it.
use std::collections::VecDeque;

/// Which connection, counted from the first one of its shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SocketId(pub(crate) usize);

/// Where the server's end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Server {
    /// In the listener's queue.
    Waiting,
    /// In this slot.
    Open(u32),
    /// Closed, or released after it broke.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) server: Server,
    pub(crate) to_server: VecDeque<u8>,
    pub(crate) to_client: VecDeque<u8>,
    /// Bytes that `to_client` holds.
    pub(crate) capacity: usize,
    /// The client sends no more.
    pub(crate) client_finished: bool,
    /// The shard knows.
    pub(crate) finish_told: bool,
    /// The client has reset the connection.
    pub(crate) broken: bool,
    /// A send has come upon that.
    pub(crate) break_found: bool,
    /// The server sends no more.
    pub(crate) server_finished: bool,
    /// The server has reset the connection: what was on its way is lost.
    pub(crate) server_reset: bool,
    /// The shard does not want to read.
    pub(crate) paused: bool,
    /// Its end is told while it is paused, and has not been told.
    pub(crate) watched: bool,
    /// A send found no room, and the shard has not been told that there is some.
    pub(crate) full: bool,
}

/// What a client finds when it reads.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    Nothing,
    /// The server has sent its FIN, and everything before it has been read.
    End,
    Reset,
}

impl Socket {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            server: Server::Waiting,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            capacity,
            client_finished: false,
            finish_told: false,
            broken: false,
            break_found: false,
            server_finished: false,
            server_reset: false,
            paused: false,
            watched: false,
            full: false,
        }
    }

    // ---- the client's end ----

    /// Sends; what is sent after the server's end is lost, as in a kernel that answers it with a reset.
    pub(crate) fn client_sends(&mut self, bytes: &[u8]) {
        debug_assert!(!self.client_finished, "a client that has sent FIN sends no more");
        if self.server != Server::Closed {
            self.to_server.extend(bytes);
        }
    }

    pub(crate) fn client_reads(&mut self, most: usize) -> Read {
        if self.server_reset {
            return Read::Reset;
        }
        let count = most.min(self.to_client.len());
        if count > 0 {
            return Read::Bytes(self.to_client.drain(..count).collect());
        }
        if self.to_client.is_empty() && self.server_finished { Read::End } else { Read::Nothing }
    }

    pub(crate) fn client_resets(&mut self) {
        self.broken = true;
        self.to_server.clear();
        self.to_client.clear();
    }

    // ---- the server's end ----

    /// The server can know that the connection is broken: it reads, waits for room, is told, or has tried to send.
    pub(crate) fn tells_break(&self) -> bool {
        self.broken && (!self.paused || self.watched || self.full || self.break_found)
    }

    /// Takes what there is room for; the number of bytes taken.
    pub(crate) fn server_sends(&mut self, pieces: &[&[u8]]) -> usize {
        let mut taken = 0;
        for piece in pieces {
            let room = self.capacity.saturating_sub(self.to_client.len()).min(piece.len());
            self.to_client.extend(&piece[..room]);
            taken += room;
            if room < piece.len() {
                break;
            }
        }
        taken
    }

    /// Closes: with unread input, or if told so, by a reset.
    pub(crate) fn server_closes(&mut self, abort: bool) {
        self.server = Server::Closed;
        self.server_finished = true;
        if abort || !self.to_server.is_empty() {
            self.server_reset = true;
            self.to_client.clear();
        }
        self.to_server.clear();
    }
}
