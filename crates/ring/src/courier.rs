//! Handing a descriptor, and bytes that belong to it, to a thread with another file table (SCM_RIGHTS, unix(7)).
//!
//! SOCK_SEQPACKET: whole messages as of datagrams, the end of the other side as of streams, and a bound in bytes instead of
//! the ten messages of `net.unix.max_dgram_qlen`.
//!
//! Only the descriptor goes through the socket. One message has to fit into its send buffer, which `net.core.wmem_max` bounds (212,992
//! bytes on many hosts), and what a connection has sent may be more. The bytes are in a queue beside it, which the threads share: as many
//! entries as messages in the socket, in their order, because one lock is held over both.
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::c_int;

use crate::Socket;
use crate::errno::{checked, counted};
use crate::listener::set;
use crate::message::empty_message;

/// Most bytes that may be under way: what a dozen clients can have sent that all sent as much as one read brings.
pub const COURIER_BYTES_MAX: usize = 8 << 20;

/// What the socket between is asked to hold, in bytes as the kernel counts them: doubled, and some 800 a descriptor, so that a burst of 4,096
/// connections has room until the receiver runs. `net.core.wmem_max` bounds it; where that is 212,992 it is a burst of 500.
const BURST_BYTES: c_int = 2 << 20;

/// The sending end. Does not wait for the receiver: what does not fit is refused.
#[derive(Debug)]
pub struct Courier {
    socket: OwnedFd,
    luggage: Arc<Luggage>,
}

/// The receiving end. Receiving does not wait either: poll the descriptor.
#[derive(Debug)]
pub struct Delivered {
    socket: OwnedFd,
    luggage: Arc<Luggage>,
}

/// The bytes of the messages in the socket, oldest first. The lock is held for one system call and one move, once a hand-over.
#[derive(Default, Debug)]
struct Luggage(Mutex<Pieces>);

#[derive(Default, Debug)]
struct Pieces {
    queue: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Luggage {
    fn lock(&self) -> MutexGuard<'_, Pieces> {
        // Nothing panics between a system call and its entry: the two agree whoever panicked elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    fn take(&mut self) -> Vec<u8> {
        let bytes = self.queue.pop_front().unwrap_or_default();
        self.bytes -= bytes.len();
        bytes
    }
}

/// A pair of ends, made before the threads part.
///
/// # Errors
/// Out of descriptors.
pub fn courier() -> io::Result<(Courier, Delivered)> {
    let mut ends: [c_int; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the kernel writes two descriptors at the pointer, during the call.
    // - it points at `ends`, a local of exactly that size.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    checked(made)?;
    // SAFETY: the descriptor must be open and nobody else's.
    // - the kernel made it above, and it has not been given away.
    let sender = unsafe { OwnedFd::from_raw_fd(ends[0]) };
    // SAFETY: as above; the two are different.
    let receiver = unsafe { OwnedFd::from_raw_fd(ends[1]) };
    set(&sender, libc::SOL_SOCKET, libc::SO_SNDBUF, BURST_BYTES)?;
    let luggage = Arc::<Luggage>::default();
    Ok((Courier { socket: sender, luggage: Arc::clone(&luggage) }, Delivered { socket: receiver, luggage }))
}

/// Room for one descriptor's control message: 24 bytes. In words, for the alignment of `cmsghdr`.
type Control = [u64; 4];

#[expect(clippy::cast_possible_truncation, reason = "4")]
const DESCRIPTOR_BYTES: u32 = size_of::<c_int>() as u32;

impl Courier {
    /// Another sending end of the same pair, for another thread.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, luggage: Arc::clone(&self.luggage) })
    }

    /// Sends the socket and the bytes. On success the kernel holds the socket for the receiver, and the caller's descriptor may be
    /// closed.
    ///
    /// # Errors
    /// `WouldBlock` if the receiver is behind, by what the socket holds or by [`COURIER_BYTES_MAX`]; else what the kernel says.
    pub fn send(&self, socket: Socket, bytes: &[u8]) -> io::Result<()> {
        let mut pieces = self.luggage.lock();
        if pieces.bytes + bytes.len() > COURIER_BYTES_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.send_descriptor(socket)?;
        pieces.bytes += bytes.len();
        pieces.queue.push_back(bytes.to_vec());
        Ok(())
    }

    fn send_descriptor(&self, socket: Socket) -> io::Result<()> {
        let mut control: Control = [0; 4];
        // A byte, because a message of none looks like the end where its descriptor is lost.
        let mut byte = 0_u8;
        let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut message = empty_message();
        message.msg_iov = &raw mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: the macro is arithmetic on its argument.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(DESCRIPTOR_BYTES) } as _;
        // SAFETY: the message's control pointer and length must describe memory.
        // - `msg_controllen` is 24 and points at `control`, 32 bytes that live to the end of this function.
        let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
        // SAFETY: the macro is arithmetic on its argument.
        let length = unsafe { libc::CMSG_LEN(DESCRIPTOR_BYTES) };
        let filled = libc::cmsghdr { cmsg_len: length as _, cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS };
        // SAFETY: `header` must be valid for a write of a `cmsghdr`, and aligned.
        // - it is the start of `control`: 32 bytes, aligned to 8, and nobody else holds a reference to them.
        unsafe { header.write(filled) };
        // SAFETY: as above: the macro steps over the header, inside `control`.
        let payload: *mut c_int = unsafe { libc::CMSG_DATA(header) }.cast();
        // SAFETY: `payload` must be valid for a write of a `c_int`.
        // - it is 16 bytes into `control`'s 32.
        unsafe { payload.write_unaligned(socket.fd()) };
        // SAFETY: the kernel reads `message` and what it points at, during the call.
        // - vector, control and byte are locals.
        let sent = unsafe {
            libc::sendmsg(self.socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
        };
        let count = counted(sent)?;
        debug_assert_eq!(count, 1, "a message leaves whole");
        Ok(())
    }
}

impl Delivered {
    /// Receives one socket, into this thread's file table, and its bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` if every sender is gone; `WouldBlock` if there is nothing; `InvalidData` if the message brought no
    /// descriptor, for which this thread's file table may have had no room.
    pub fn receive(&self) -> io::Result<(OwnedFd, Vec<u8>)> {
        let mut pieces = self.luggage.lock();
        match self.receive_descriptor() {
            Ok(socket) => Ok((socket, pieces.take())),
            Err(error) => {
                // The message came, and its bytes with it, if not its descriptor.
                if error.kind() == io::ErrorKind::InvalidData {
                    drop(pieces.take());
                }
                Err(error)
            }
        }
    }

    fn receive_descriptor(&self) -> io::Result<OwnedFd> {
        let mut control: Control = [0; 4];
        let mut byte = 0_u8;
        let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut message = empty_message();
        message.msg_iov = &raw mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: the macro is arithmetic on its argument.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(DESCRIPTOR_BYTES) } as _;
        // SAFETY: the kernel writes `message`, and what it points at up to the lengths given, during the call.
        // - vector, control and byte are locals, and of the lengths given.
        let received = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        let count = counted(received)?;
        // SAFETY: the message's control pointer and length must describe memory.
        // - the kernel shortened the length to what it wrote into `control`.
        let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
        if header.is_null() {
            return Err(if count == 0 { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData }.into());
        }
        // SAFETY: `header` must be valid for a read.
        // - it is not null, so the kernel wrote a whole `cmsghdr` at the start of `control`, which is aligned to 8.
        let found = unsafe { header.read() };
        if (found.cmsg_level, found.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: the macro steps over the header, inside `control`.
        let payload: *const c_int = unsafe { libc::CMSG_DATA(header) }.cast();
        // SAFETY: `payload` must be valid for a read of a `c_int`.
        // - an SCM_RIGHTS message has at least one descriptor, 16 bytes into `control`'s 32.
        let fd: RawFd = unsafe { payload.read_unaligned() };
        // SAFETY: `fd` must be open and nobody else's.
        // - the kernel put it into this thread's file table for this message.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl AsRawFd for Delivered {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_and_its_bytes_arrive_in_another_file_table() {
        let (courier, delivered) = courier().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        std::thread::spawn(move || {
            crate::unshare().unwrap();
            let (accepted, _) = listener.accept().unwrap();
            let socket = Socket::from_slot(u32::try_from(accepted.as_raw_fd()).unwrap()).unwrap();
            courier.send(socket, &[7; 20_000]).unwrap();
        })
        .join()
        .unwrap();

        let (fd, bytes) = delivered.receive().unwrap();
        assert_eq!(bytes, [7; 20_000]);
        TcpStream::from(fd).write_all(b"hello").unwrap();
        let mut greeting = [0; 5];
        client.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"hello");

        let nothing = delivered.receive().unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn the_last_courier_gone_is_the_end() {
        let (courier, delivered) = courier().unwrap();
        drop(courier);
        assert_eq!(delivered.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    fn any_socket(file: &std::fs::File) -> Socket {
        Socket::from_slot(u32::try_from(file.as_raw_fd()).unwrap()).unwrap()
    }

    #[test]
    fn more_bytes_than_a_socket_takes_arrive_whole_and_with_their_own_socket() {
        let (courier, delivered) = courier().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for number in 0..10 {
            courier.send(any_socket(&file), &vec![number; 528 << 10]).unwrap();
            courier.send(any_socket(&file), &[]).unwrap();
        }
        for number in 0..10 {
            assert!(delivered.receive().unwrap().1 == vec![number; 528 << 10], "{number}");
            assert_eq!(delivered.receive().unwrap().1, []);
        }
        assert_eq!(delivered.luggage.lock().bytes, 0);
    }

    /// By default the kernel holds some 270, and the rest of a load generator's first second was reset.
    #[test]
    fn clients_that_come_all_at_once_are_not_reset_before_the_receiver_runs() {
        let (courier, delivered) = courier().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for number in 0..450_u16 {
            courier.send(any_socket(&file), &number.to_ne_bytes()).unwrap();
        }
        for number in 0..450_u16 {
            assert_eq!(delivered.receive().unwrap().1, number.to_ne_bytes());
        }
    }

    #[test]
    fn a_courier_with_full_hands_says_so_instead_of_waiting() {
        let file = std::fs::File::open("/dev/null").unwrap();
        for length in [0, 1 << 20] {
            let (courier, delivered) = courier().unwrap();
            let refused = (0..100_000).find_map(|_| courier.send(any_socket(&file), &vec![0; length]).err()).unwrap();
            assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
            delivered.receive().unwrap();
            courier.send(any_socket(&file), &vec![0; length]).unwrap();
        }
    }
}
