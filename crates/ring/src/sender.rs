//! Many sends in one system call.
use std::fmt;
use std::io;

use io_uring::types::Fd;
use io_uring::{IoUring, opcode};

use crate::sockets::{FLAGS, Written};
use crate::{Obstacle, Socket};

/// Most sends of one batch.
pub const BATCH_MAX: usize = 128;

/// A ring for sends alone: a batch is submitted, done and reported within one call, so nothing of it is ever in flight
/// between two calls.
pub struct Sender {
    uring: IoUring,
}

impl Sender {
    /// Makes the ring; it belongs to the calling thread.
    ///
    /// # Errors
    /// What forbids it, with advice.
    pub fn new() -> Result<Self, Obstacle> {
        let entries = u32::try_from(BATCH_MAX).expect("128 is a u32");
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_submit_all()
            .build(entries)
            .map_err(|error| Obstacle::of(&error))?;
        Ok(Self { uring })
    }

    /// Sends each piece to its socket as far as it goes, and says how far, in the same order.
    ///
    /// # Panics
    /// With more than [`BATCH_MAX`] pieces, or if the kernel refuses the ring's own entry for good: then nobody knows
    /// which pieces were sent.
    pub fn send(&mut self, batch: &[(Socket, &[u8])], written: &mut Vec<Written>) {
        assert!(batch.len() <= BATCH_MAX, "a batch has at most {BATCH_MAX} sends");
        for (index, (socket, piece)) in (0_u64..).zip(batch) {
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            let entry =
                opcode::Send::new(Fd(socket.fd()), piece.as_ptr(), length).flags(FLAGS).build().user_data(index);
            let mut queue = self.uring.submission();
            // SAFETY: the kernel reads `length` bytes at the pointer until the entry's completion has come.
            // - alive: `piece` is borrowed until this function returns, and it returns only when as many completions have been
            //   taken as entries were queued; a panic before that drops the ring's owner with the process (see below).
            // - read only: sends never write.
            let pushed = unsafe { queue.push(&entry) };
            pushed.expect("the queue has room for a batch and was empty");
        }
        written.clear();
        written.resize(batch.len(), Written::Broken);
        let mut left = batch.len();
        while left > 0 {
            self.enter(left);
            for completion in self.uring.completion() {
                let index = usize::try_from(completion.user_data()).expect("an index of the batch");
                written[index] = outcome(completion.result());
                left -= 1;
            }
        }
    }

    /// Submits what is queued and waits for `count` completions: with `MSG_DONTWAIT` they are there when the call returns.
    fn enter(&self, count: usize) {
        loop {
            match self.uring.submit_and_wait(count) {
                Ok(_) => return,
                Err(error) if is_passing(&error) => std::thread::yield_now(),
                // Borrowed bytes may be in the kernel's hands: no unwinding may free them.
                Err(error) => {
                    eprintln!("ringcast: the kernel does not take sends any more: {error}");
                    std::process::abort();
                }
            }
        }
    }
}

/// Interrupted, or out of memory for the moment.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY | libc::ENOMEM))
}

fn outcome(result: i32) -> Written {
    match usize::try_from(result) {
        Ok(count) => Written::Bytes(count),
        Err(_) if [libc::EAGAIN, libc::EINTR, libc::ENOBUFS].contains(&-result) => Written::Bytes(0),
        Err(_) => Written::Broken,
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sender")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn each_socket_gets_its_piece_and_a_full_or_broken_one_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pairs: Vec<(TcpStream, TcpStream)> = (0..BATCH_MAX)
            .map(|_| {
                let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                (peer, listener.accept().unwrap().0)
            })
            .collect();
        let socket = |stream: &TcpStream| Socket::from_slot(u32::try_from(stream.as_raw_fd()).unwrap()).unwrap();
        let mut sender = Sender::new().unwrap();
        let pieces: Vec<Vec<u8>> = (0..BATCH_MAX).map(|n| format!("piece {n}").into_bytes()).collect();
        let batch: Vec<_> = pairs.iter().zip(&pieces).map(|((_, ours), piece)| (socket(ours), &piece[..])).collect();
        let mut written = Vec::new();
        for _ in 0..3 {
            sender.send(&batch, &mut written);
            for (((peer, _), piece), written) in pairs.iter().zip(&pieces).zip(&written) {
                assert_eq!(*written, Written::Bytes(piece.len()));
                let mut got = vec![0; piece.len()];
                (&*peer).read_exact(&mut got).unwrap();
                assert_eq!(got, *piece);
            }
        }

        let flood = vec![0; 1 << 20];
        let (full, closed) = (socket(&pairs[0].1), socket(&pairs[1].1));
        pairs[1].1.shutdown(std::net::Shutdown::Both).unwrap();
        let mut taken = 0;
        for _ in 0..64 {
            sender.send(&[(full, &flood), (closed, b"x")], &mut written);
            assert_eq!(written[1], Written::Broken);
            match written[0] {
                Written::Bytes(count) => taken += count,
                Written::Broken => panic!("a full socket is not broken"),
            }
        }
        assert!(taken < 64 << 20, "it never said that it was full");
    }
}
