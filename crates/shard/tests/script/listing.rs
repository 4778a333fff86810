//! Which subjects have subscribers, as the control plane asks.
use shard::{Answer, Command, Input, ShardConfig, Ticket};

use crate::desk::{Desk, dev};
use crate::session::{open, say};

#[test]
fn each_shard_lists_its_own_subscriptions_and_the_owner_counts_the_subject() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let (near, far) = (desk.subject_of(0), desk.subject_of(1));
    let conns = [open(&mut desk), open(&mut desk)];
    for conn in conns {
        say(&mut desk, conn, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{near}\"}}}}"));
    }
    say(&mut desk, conns[0], &format!("{{\"id\":3,\"subscribe\":{{\"channel\":\"{far}\"}}}}"));
    for (glob, count) in [("", 2), ("subject*", 2), ("*x", 0), (near.as_str(), 1)] {
        desk.handle(Input::Command { ticket: Ticket(1), command: Command::Subjects { glob: glob.into(), from: 0 } });
        let Some(Answer::Subjects(listing)) = desk.world().answers.pop() else { panic!("no list") };
        assert_eq!((listing.subjects.len(), listing.next), (count, None), "{glob}");
        let clients = listing.subjects.iter().find(|(name, _)| **name == *near).map(|(_, count)| *count);
        assert_eq!(clients, (count > 0).then_some(2), "{glob}");
    }
    assert_eq!(desk.report().subjects_subscribed, 1, "the other one is its owner's to count");
    desk.finish(conns[0]);
    desk.finish(conns[1]);
    assert_eq!(desk.report().subjects_subscribed, 0);
}
