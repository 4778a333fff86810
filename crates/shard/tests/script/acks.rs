//! `GET /pub?ack=1`: counts, soon and as a prefix.
use std::time::Duration;

use shard::ShardConfig;

use crate::desk::{Desk, dev, frame};

fn publication(subject: &str) -> Vec<u8> {
    frame(0x82, [&[u8::try_from(subject.len()).unwrap()], subject.as_bytes(), b"x"].concat())
}

fn counts(bytes: &[u8]) -> Vec<u64> {
    bytes
        .chunks(10)
        .map(|frame| {
            assert_eq!(frame[..2], [0x82, 8]);
            u64::from_le_bytes(frame[2..].try_into().unwrap())
        })
        .collect()
}

#[test]
fn counts_come_within_100_ms_and_only_if_there_is_news() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/pub?ack=1");
    assert_eq!(desk.say(conn, publication("a").repeat(3)), b"");
    desk.pass(Duration::from_millis(100));
    assert_eq!(counts(&desk.hear(conn)), [3]);
    desk.pass(Duration::from_secs(10));
    assert_eq!(desk.hear(conn), b"");
    for _ in 0..20 {
        desk.say(conn, publication("a"));
        desk.pass(Duration::from_millis(10));
    }
    desk.pass(Duration::from_millis(100));
    let heard = counts(&desk.hear(conn));
    assert_eq!(heard.last(), Some(&23));
    assert!(heard.len() < 8, "many publications, few counts: {heard:?}");
}

#[test]
fn without_ack_there_is_silence() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/pub");
    desk.say(conn, publication("a"));
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.hear(conn), b"");
    assert_eq!(desk.next_timeout(), None, "nothing to wake up for");
}

#[test]
fn owners_far_and_near_are_counted_together() {
    let mut desk = Desk::new(&ShardConfig { shards: 4, ..dev() });
    let conn = desk.open("/pub?ack=1");
    let all: Vec<u8> = (0..4).flat_map(|owner| publication(&desk.subject_of(owner))).collect();
    desk.say(conn, all.repeat(5));
    desk.pass(Duration::from_millis(100));
    assert_eq!(counts(&desk.hear(conn)), [20]);
}

#[test]
fn the_last_count_comes_before_the_close() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/pub?ack=1");
    desk.say(conn, publication("a"));
    let heard = desk.say(conn, frame(0x88, 1000_u16.to_be_bytes()));
    assert_eq!(counts(&heard[..10]), [1]);
    assert_eq!(heard[10], 0x88);
}

/// Whoever owns the subjects, and whether or not the client still sends: what it closed behind has been counted when it is answered.
#[test]
fn what_came_just_before_the_close_is_counted_too() {
    for (shards, is_finished) in [(1, false), (1, true), (4, false), (4, true)] {
        let mut desk = Desk::new(&ShardConfig { shards, ..dev() });
        let conn = desk.open("/pub?ack=1");
        let mut bytes: Vec<u8> = (0..shards).flat_map(|owner| publication(&desk.subject_of(owner))).collect();
        bytes.extend(frame(0x88, 1000_u16.to_be_bytes()));
        desk.tell(conn, bytes);
        if is_finished {
            desk.handle(shard::Input::Ended { conn, end: shard::End::Finished });
        }
        desk.settle();
        let heard = desk.hear(conn);
        assert_eq!(counts(&heard[..10]), [u64::from(shards)], "{shards} shards");
        assert_eq!(heard[10..], [0x88, 2, 3, 232], "{shards} shards");
        assert_eq!((desk.is_shut(conn), desk.is_closed(conn)), (!is_finished, is_finished));
    }
}

/// An owner whose mailbox stays full: the stream ends all the same.
#[test]
fn a_close_waits_for_the_last_count_in_bounds() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let (near, far) = (desk.subject_of(0), desk.subject_of(1));
    let conn = desk.open("/pub?ack=1");
    desk.world().mail_room = 0;
    let mut bytes = [publication(&near), publication(&far)].concat();
    bytes.extend(frame(0x88, 1000_u16.to_be_bytes()));
    assert_eq!(desk.say(conn, bytes), b"");
    assert_eq!(desk.say(conn, publication(&near)), b"", "nothing is heard behind a close");
    desk.pass(Duration::from_secs(6));
    let heard = desk.hear(conn);
    assert_eq!((counts(&heard[..10]), heard[10]), (vec![1], 0x88));
}
