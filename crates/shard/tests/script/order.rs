//! What the control plane has done with the clients of a user.
use base::ConnId;
use shard::{Answer, Command, Holdings, Input, Order, Ticket, Whom};

use crate::desk::{Desk, close_of, frame};
use crate::presence::{config, subscribe, user};

fn order(desk: &mut Desk, user: &str, client: &str, order: Order) -> usize {
    let whom = Box::new(Whom { user: user.into(), client: client.into(), ..Whom::default() });
    desk.handle(Input::Command { ticket: Ticket(1), command: Command::Order { whom, order: Box::new(order) } });
    match desk.world().answers.pop() {
        Some(Answer::Obeyed(count)) => {
            desk.settle();
            count
        }
        other => panic!("not obeyed: {other:?}"),
    }
}

fn disconnect(code: u16, reason: &str, spared: &[&str]) -> Order {
    Order::Disconnect { code, reason: reason.into(), spared: spared.iter().map(|id| (*id).into()).collect() }
}

/// The id that the client was given.
fn id_of(desk: &mut Desk, conn: ConnId, channel: &str) -> String {
    subscribe(desk, conn, channel);
    let command = format!("{{\"id\":5,\"presence\":{{\"channel\":\"{channel}\"}}}}");
    let told = desk.say(conn, frame(0x81, command));
    let told = String::from_utf8_lossy(&told);
    told.split("\"client\":\"").nth(1).unwrap()[..36].to_owned()
}

#[test]
fn the_connections_of_a_user_are_disconnected_but_those_that_are_spared() {
    let mut desk = Desk::new(&config(2));
    let [ann, annie, bob, nobody] = ["ann", "ann", "bob", ""].map(|token| user(&mut desk, token));
    let spared = id_of(&mut desk, annie, "private");
    assert_eq!(order(&mut desk, "ann", "", disconnect(3503, "", &[&spared])), 1);
    assert_eq!(close_of(&desk.hear(ann)), (3503, "force disconnect".to_owned()));
    assert_eq!(order(&mut desk, "ann", &spared, disconnect(4001, "be gone", &[])), 1);
    assert_eq!(close_of(&desk.hear(annie)), (4001, "be gone".to_owned()));
    assert_eq!(order(&mut desk, "ann", "", disconnect(3503, "", &[])), 0, "those are on their way");
    assert_eq!(order(&mut desk, "bob", &spared, disconnect(3503, "", &[])), 0);
    assert_eq!(order(&mut desk, "", "", disconnect(4002, "", &[])), 1);
    assert_eq!(close_of(&desk.hear(nobody)), (4002, "disconnected".to_owned()));
    assert_eq!(desk.hear(bob), b"");
    for conn in [ann, annie, bob, nobody] {
        desk.finish(conn);
    }
    assert_eq!(desk.holdings(), [Holdings::default(); 2]);
}

/// Java's client takes the code of a close frame for the cause, and expects the transport's own for this one.
#[test]
fn connection_closed_is_told_by_the_end_of_the_connection_alone() {
    let mut desk = Desk::new(&config(1));
    let conn = user(&mut desk, "ann");
    assert_eq!(order(&mut desk, "ann", "", disconnect(3000, "test", &[])), 1);
    assert!(desk.hear(conn).is_empty() && desk.is_shut(conn));
    desk.finish(conn);
    assert_eq!(desk.holdings(), [Holdings::default()]);
}

/// What it has asked an owner for is not answered behind its close frame.
#[test]
fn who_waits_for_an_owner_is_disconnected_all_the_same() {
    let mut desk = Desk::new(&config(2));
    let channel = desk.subject_of(1);
    let conn = user(&mut desk, "ann");
    desk.tell(conn, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}")));
    assert_eq!(order(&mut desk, "ann", "", disconnect(3503, "", &[])), 1);
    assert_eq!(close_of(&desk.hear(conn)).0, 3503);
    desk.finish(conn);
    assert_eq!(desk.holdings(), [Holdings::default(); 2]);
}

/// A backend may give any number; what can't be in a close frame ends a WebSocket without one, and SDKs come back from that.
#[test]
fn a_code_that_no_close_frame_can_have_ends_the_connection_without_one() {
    for (code, is_told) in [(1, false), (1000, true), (1006, false), (2999, false), (5000, false), (u16::MAX, false)] {
        let mut desk = Desk::new(&config(1));
        let conn = user(&mut desk, "ann");
        assert_eq!(order(&mut desk, "ann", "", disconnect(code, "reason", &[])), 1);
        let heard = desk.hear(conn);
        if is_told {
            assert_eq!(close_of(&heard), (code, "reason".to_owned()));
        } else {
            assert_eq!(heard, b"", "{code}");
        }
        assert!(desk.is_shut(conn), "{code}");
    }
}
