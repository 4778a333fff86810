//! More to send to other shards than their mailboxes take: publishers wait, and nothing is lost.
use std::time::Duration;

use shard::ShardConfig;
use shard::limits::BACKLOG_PARCELS_MAX;

use crate::desk::{Desk, dev, frame, upgrade};

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
