//! What a connection holds, and when.
use wire::frame::{Decoder, Opcode};

use crate::feed::{Feed, SERVER, client, client_begin};

const LARGE: Decoder = Decoder { frame_bytes_max: 1 << 40, message_bytes_max: 1 << 40, ..SERVER };

#[test]
fn a_whole_frame_leaves_nothing_held() {
    let mut feed = Feed::new(SERVER);
    feed.push(&client(Opcode::Text, b"Hello"));
    assert!(feed.partial.is_none());
}

#[test]
fn a_header_in_pieces_holds_no_payload() {
    let frame = client(Opcode::Binary, &[7; 1_000]);
    let mut feed = Feed::new(SERVER);
    feed.push(&frame[..5]);
    assert!(feed.partial.as_ref().is_some_and(|held| held.bytes() <= 128));
    feed.push(&frame[5..]);
    assert!(feed.partial.is_none());
    assert_eq!(feed.outcome.events.len(), 1);
}

/// A terabyte is announced, and memory is made for what comes only.
#[test]
fn an_announced_length_reserves_nothing() {
    let mut feed = Feed::new(LARGE);
    feed.push(&[0x82, 0xff, 0, 0, 0, 0xff, 0, 0, 0, 0, 1, 2, 3, 4]);
    let mut arrived = 0;
    for _ in 0..1_000 {
        feed.push(&[0; 1_000]);
        arrived += 1_000;
        let held = feed.partial.as_ref().unwrap().bytes();
        assert!(held <= 2 * arrived + 200, "{held} bytes held for {arrived}");
    }
}

/// The last frame's length is known, so the message's buffer never grows beyond it.
#[test]
fn a_buffer_ends_at_its_length() {
    let frame = client(Opcode::Binary, &[7; 10_000]);
    let mut feed = Feed::new(LARGE);
    for piece in frame[..frame.len() - 1].chunks(700) {
        feed.push(piece);
        assert!(feed.partial.as_ref().unwrap().bytes() <= 10_128);
    }
}

/// Doubling: a message in many small fragments is copied a bounded number of times.
#[test]
fn many_small_fragments_grow_the_buffer_seldom() {
    let mut feed = Feed::new(LARGE);
    feed.push(&client_begin(Opcode::Binary, b"a"));
    let (mut capacities, mut last) = (0, 0);
    for _ in 0..100_000 {
        feed.push(&client_begin(Opcode::Continuation, b"b"));
        let held = feed.partial.as_ref().unwrap().bytes();
        capacities += u32::from(held != last);
        last = held;
    }
    assert!(capacities < 20, "{capacities} buffers for 100 kB");
}
