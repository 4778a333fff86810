//! A ring against the kernel of this machine.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test says what failed, and looks at the clock")]
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ring::{Batch, Completion, EventFd, Kind, ListenerOptions, Received, Ring, Socket, Wait, Written};

const OPTIONS: ListenerOptions =
    ListenerOptions { shared: true, backlog: 128, user_timeout: Duration::from_secs(5), send_buffer_bytes: 0 };

fn enabled() -> Ring {
    let mut ring = Ring::new().unwrap();
    ring.enable().unwrap();
    ring
}

fn listener() -> (OwnedFd, SocketAddr) {
    let fd = ring::listen("127.0.0.1:0".parse().unwrap(), OPTIONS).unwrap();
    let listener = std::net::TcpListener::from(fd);
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

/// Waits for one completion, 2 s at most.
fn next(ring: &mut Ring) -> Completion {
    let mut one = [Completion::default()];
    if ring.reap(&mut one) == 0 {
        ring.wait(Wait { timeout: Some(Duration::from_secs(2)), batch: None }).unwrap();
        assert_eq!(ring.reap(&mut one), 1, "nothing completed in 2 s");
    }
    one[0]
}

/// A client and the server's end of its connection, as the ring accepted it.
fn pair(ring: &mut Ring) -> (TcpStream, Socket, u32) {
    let (fd, address) = listener();
    ring.accept(fd.as_raw_fd(), 9);
    let client = TcpStream::connect(address).unwrap();
    let accepted = next(ring);
    assert_eq!((accepted.token.kind(), accepted.token.slot()), (Some(Kind::Accept), 9));
    assert!(accepted.more);
    // The listener is dropped: the accept in flight keeps the kernel's file, which does no harm here.
    let slot = u32::try_from(accepted.result).unwrap();
    (client, Socket::from_slot(slot).unwrap(), slot)
}

#[test]
fn a_poll_brings_input_once_and_sees_what_was_there_before() {
    let mut ring = enabled();
    let (mut client, socket, slot) = pair(&mut ring);
    let mut scratch = [0; 64];
    assert_eq!(socket.receive(&mut scratch), Received::Nothing);
    for word in ["one", "two"] {
        client.write_all(word.as_bytes()).unwrap();
        ring.poll_input(socket, slot);
        let readable = next(&mut ring);
        assert_eq!((readable.token.kind(), readable.token.slot(), readable.more), (Some(Kind::Readable), slot, false));
        assert_eq!(socket.receive(&mut scratch), Received::Bytes(3));
        assert_eq!(&scratch[..3], word.as_bytes());
    }
    drop(client);
    ring.poll_input(socket, slot);
    assert!(!next(&mut ring).more);
    assert_eq!(socket.receive(&mut scratch), Received::End);
    socket.close();
}

#[test]
fn a_poll_that_goes_on_ends_only_when_it_is_stopped() {
    let mut ring = enabled();
    let (mut client, socket, slot) = pair(&mut ring);
    ring.poll_input_always(socket, slot);
    ring.submit().unwrap();
    for _ in 0..3 {
        client.write_all(b"x").unwrap();
        assert!(next(&mut ring).more);
    }
    drop(client);
    assert!(next(&mut ring).more);
    ring.stop_polling(Kind::Readable, slot);
    let ended = next(&mut ring);
    assert_eq!((ended.result, ended.more), (-libc::ECANCELED, false));
    socket.close();
}

#[test]
fn a_poll_that_goes_on_can_be_stopped_while_it_wakes_up() {
    let mut ring = enabled();
    let (client, socket, slot) = pair(&mut ring);
    ring.poll_input_always(socket, slot);
    ring.submit().unwrap();
    drop(client);
    socket.shutdown(Shutdown::Both);
    ring.stop_polling(Kind::Readable, slot);
    let completions = std::iter::repeat_with(|| next(&mut ring));
    assert!(completions.filter(|completion| completion.token.kind() == Some(Kind::Readable)).any(|last| !last.more));
    socket.close();
}

#[test]
fn shutting_down_and_resetting_complete_both_polls() {
    let mut ring = enabled();
    for how in [Some(Shutdown::Both), None] {
        let (mut client, socket, slot) = pair(&mut ring);
        // Fill it up, so that the poll for room waits.
        while socket.send(&[0; 65_536]) != Written::Bytes(0) {}
        ring.poll_input(socket, slot);
        ring.poll_output(socket, slot);
        ring.submit().unwrap();
        assert!(!ring.is_pending());
        match how {
            Some(how) => socket.shutdown(how),
            None => socket.reset(),
        }
        let mut kinds = [next(&mut ring), next(&mut ring)].map(|ended| {
            assert!(!ended.more);
            ended.token.kind().unwrap() as u8
        });
        kinds.sort_unstable();
        assert_eq!(kinds, [Kind::Readable as u8, Kind::Writable as u8]);
        socket.close();
        let read = client.read_to_end(&mut Vec::new());
        assert_eq!(read.is_err(), how.is_none(), "a reset is an error, an orderly end is not");
    }
}

#[test]
fn pieces_leave_in_order_and_a_full_socket_says_how_far_they_got() {
    let mut ring = enabled();
    let (mut client, socket, slot) = pair(&mut ring);
    let words: Vec<Vec<u8>> = (0..ring::SEND_PIECES_MAX).map(|n| vec![u8::try_from(n).unwrap(); n]).collect();
    let pieces: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let total = words.iter().map(Vec::len).sum();
    assert_eq!(socket.send_pieces(&pieces), Written::Bytes(total));
    let mut all = vec![0; total];
    client.read_exact(&mut all).unwrap();
    assert_eq!(all, words.concat());

    let large = vec![1; 65_536];
    let mut sent = 0;
    loop {
        match socket.send_pieces(&[&large, &large]) {
            Written::Bytes(131_072) => sent += 131_072,
            Written::Bytes(count) => {
                sent += count;
                break;
            }
            Written::Broken => panic!("the client is there"),
        }
    }
    ring.poll_output(socket, slot);
    ring.submit().unwrap();
    let mut left = vec![0; sent];
    client.read_exact(&mut left).unwrap();
    assert_eq!(next(&mut ring).token.kind(), Some(Kind::Writable));
    drop(client);
    std::thread::sleep(Duration::from_millis(20));
    let mut outcomes = (0..3).map(|_| socket.send(b"to nobody"));
    assert!(outcomes.any(|written| written == Written::Broken));
    socket.close();
}

#[test]
fn a_wait_ends_in_time_and_a_batch_after_its_window() {
    let mut ring = enabled();
    let start = Instant::now();
    ring.wait(Wait { timeout: Some(Duration::from_millis(30)), batch: None }).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(29));

    let (mut client, socket, slot) = pair(&mut ring);
    client.write_all(b"x").unwrap();
    ring.poll_input(socket, slot);
    let start = Instant::now();
    let batch = Batch { completions: 32, window: Duration::from_millis(20) };
    ring.wait(Wait { timeout: Some(Duration::from_secs(2)), batch: Some(batch) }).unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(next(&mut ring).token.kind(), Some(Kind::Readable));
    socket.close();
}

#[test]
fn no_completion_is_lost_when_more_come_than_fit() {
    let mut ring = enabled();
    let other = enabled();
    let (_client, socket, slot) = pair(&mut ring);
    // Each poll for room completes at once: 40,000 into 16,384 places.
    for _ in 0..40_000 {
        ring.poll_output(socket, slot);
    }
    ring.submit().unwrap();
    let mut some = [Completion::default(); 64];
    let mut count = 0;
    while ring.is_pending() {
        let reaped = ring.reap(&mut some);
        count += reaped;
        if reaped < some.len() {
            ring.flush().unwrap();
        }
    }
    assert_eq!(count, 40_000);
    drop(other);
    socket.close();
}

#[test]
fn doorbells_ring_from_another_ring_and_from_a_thread_without_one() {
    let mut ring = enabled();
    let address = ring.address();
    std::thread::spawn(move || {
        let mut other = enabled();
        other.ring(address, 3);
        other.submit().unwrap();
    })
    .join()
    .unwrap();
    let rung = next(&mut ring);
    assert_eq!((rung.token.kind(), rung.token.slot()), (Some(Kind::Doorbell), 3));

    let doorbell = ring::Doorbell::new().unwrap();
    let ringing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        for _ in 0..10 {
            doorbell.ring(address).unwrap();
        }
        doorbell
    });
    for _ in 0..10 {
        assert_eq!(next(&mut ring).token.slot(), u32::MAX);
    }
    drop(ring);
    let doorbell = ringing.join().unwrap();
    assert!(doorbell.ring(address).is_err());
}

#[test]
fn a_registered_signal_is_written_while_it_is_on() {
    let mut ring = enabled();
    let signal = EventFd::new().unwrap();
    ring.register(&signal).unwrap();
    ring.signal(true);
    let doorbell = ring::Doorbell::new().unwrap();
    doorbell.ring(ring.address()).unwrap();
    let mut file: std::fs::File = signal.into_file();
    let mut count = [0; 8];
    file.read_exact(&mut count).unwrap();
    assert!(u64::from_ne_bytes(count) > 0);
    assert!(ring.is_pending());
    ring.flush().unwrap();
    assert_eq!(next(&mut ring).token.kind(), Some(Kind::Doorbell));
}

#[test]
fn a_listener_that_is_not_shared_finds_the_port_taken() {
    let (taken, address) = listener();
    let alone = ListenerOptions { shared: false, ..OPTIONS };
    let refused = ring::listen(address, alone).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    let second = ring::listen(address, OPTIONS).unwrap();
    drop((taken, second));
    let v6 = ring::listen("[::1]:0".parse().unwrap(), alone);
    assert!(v6.is_ok() || v6.is_err_and(|error| error.raw_os_error() == Some(libc::EADDRNOTAVAIL)));
}

#[test]
fn an_unshared_file_table_is_a_threads_own() {
    let opened = std::thread::spawn(|| {
        ring::unshare().unwrap();
        let signal = EventFd::new().unwrap();
        let fd = signal.as_raw_fd();
        std::mem::forget(signal);
        fd
    })
    .join()
    .unwrap();
    let socket = Socket::from_slot(u32::try_from(opened).unwrap()).unwrap();
    // The number means nothing here, or something else: never that eventfd.
    assert_eq!(socket.receive(&mut [0; 8]), Received::Broken);
}
