//! More to send to other shards than their mailboxes take: publishers wait, and nothing is lost.
use std::time::Duration;

use shard::ShardConfig;
use shard::limits::BACKLOG_PARCELS_MAX;

use crate::desk::{Desk, dev, frame, upgrade};
use crate::session;

#[test]
fn a_publisher_is_pushed_back_and_goes_on_where_it_stopped() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let stream = desk.connect();
    desk.say(stream, upgrade("/pub?ack=1"));
    let listener = desk.connect();
    desk.say(listener, upgrade(&format!("/sub/{far}")));
    desk.world().mail_room = 0;
    let publication = [&[u8::try_from(far.len()).unwrap()], far.as_bytes(), b"x"].concat();
    let count = BACKLOG_PARCELS_MAX + 1_000;
    desk.tell(stream, frame(0x82, &publication).repeat(count));
    let (shard, waiting) = (desk.shard(), BACKLOG_PARCELS_MAX);
    assert!(!shard.accepts_requests() && shard.has_backlog());
    desk.finish_turn();
    assert_eq!(
        usize::try_from(desk.report().backlog_parcels).unwrap(),
        waiting,
        "one publication over is one too many"
    );
    assert!(desk.world().paused.contains(&stream.0), "the publisher is not read");
    // Half of it is taken: the publisher goes on, and fills it up again.
    desk.world().mail_room = usize::MAX;
    desk.settle();
    assert!(!desk.world().paused.contains(&stream.0));
    assert_eq!(desk.hear(listener).len(), 3 * count);
    desk.pass(Duration::from_millis(100));
    let counts = desk.hear(stream);
    assert_eq!(counts[counts.len() - 8..], (count as u64).to_le_bytes());
    assert_eq!(desk.report().backlog_parcels, 0);
}

#[test]
fn who_publishes_by_request_or_session_waits_too() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let (stream, poster) = (desk.open("/pub"), desk.connect());
    let client = session::open(&mut desk);
    let listener = desk.open(&format!("/sub/{far}"));
    desk.world().mail_room = 0;
    let publication = [&[u8::try_from(far.len()).unwrap()], far.as_bytes(), b"x"].concat();
    desk.tell(stream, frame(0x82, &publication).repeat(BACKLOG_PARCELS_MAX));
    let full = desk.report().backlog_parcels;

    let command = |id: u32| format!("{{\"id\":{id},\"publish\":{{\"channel\":\"{far}\",\"data\":1}}}}\n");
    desk.tell(client, frame(0x81, [command(2), command(3)].concat()));
    let post = format!("POST /pub/{far} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny");
    desk.tell(poster, post.repeat(3));
    desk.finish_turn();
    assert_eq!(
        desk.report().backlog_parcels,
        full + 1,
        "one request had been read before it was known that it had to wait"
    );
    assert!(desk.hear(client).is_empty() && desk.hear(poster).is_empty());

    desk.world().mail_room = usize::MAX;
    desk.settle();
    assert_eq!(session::lines(&desk.hear(client)), ["{\"id\":2,\"publish\":{}}", "{\"id\":3,\"publish\":{}}"]);
    assert_eq!(desk.hear_text(poster).matches("HTTP/1.1 200 ").count(), 3);
    assert!(!desk.hear(listener).is_empty());
    assert_eq!(desk.report().backlog_parcels, 0);
}
