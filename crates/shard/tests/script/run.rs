//! Runs: publications of one subject that follow each other in a turn reach each subscriber as one frame, and nobody notices.
use hub::OutboxPolicy;
use shard::{End, Input};

use crate::desk::{Desk, frame, upgrade, with_history, with_outbox};

/// Frames of a publish stream.
fn publications(all: &[(&str, &str)]) -> Vec<u8> {
    let one = |(subject, payload): &(&str, &str)| {
        let length = char::from(u8::try_from(subject.len()).unwrap());
        frame(0x82, format!("{length}{subject}{payload}"))
    };
    all.iter().flat_map(one).collect()
}

/// As a listener gets them: binary frames.
fn frames(payloads: &[&str]) -> Vec<u8> {
    payloads.iter().flat_map(|text| [&[0x82, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()).collect()
}

#[test]
fn a_run_is_one_send_for_each_of_several_subscribers() {
    let mut desk = Desk::new(&with_history());
    let (one, two, other) = (desk.open("/sub/a"), desk.open("/sub/a"), desk.open("/sub/b"));
    let stream = desk.open("/pub");
    let before = desk.report().messages_out;
    desk.say(stream, publications(&[("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("a", "5"), ("a", "6")]));
    assert_eq!(desk.hear(one), frames(&["1", "2", "4", "5", "6"]));
    assert_eq!(desk.hear(two), frames(&["1", "2", "4", "5", "6"]));
    assert_eq!(desk.hear(other), frames(&["3"]));
    assert_eq!(desk.report().messages_out - before, 11);
}

#[test]
fn who_joins_in_the_turn_of_a_run_gets_what_comes_after_and_only_that() {
    let mut desk = Desk::new(&with_history());
    let first = [desk.open("/sub/a"), desk.open("/sub/a")];
    let (stream, late) = (desk.open("/pub"), desk.connect());
    desk.tell(stream, publications(&[("a", "1"), ("a", "2")]));
    desk.tell(late, upgrade("/sub/a"));
    desk.tell(stream, publications(&[("a", "3"), ("a", "4")]));
    desk.settle();
    for conn in first {
        assert_eq!(desk.hear(conn), frames(&["1", "2", "3", "4"]));
    }
    let heard = desk.hear(late);
    let head = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(heard[head..], frames(&["3", "4"]));
}

#[test]
fn a_connection_that_broke_in_the_turn_of_a_run_is_sent_nothing() {
    let mut desk = Desk::new(&with_outbox(8, OutboxPolicy::Close));
    let (broken, whole) = (desk.open("/sub/a"), desk.open("/sub/a"));
    let stream = desk.open("/pub");
    desk.tell(stream, publications(&[("a", "1234"), ("a", "5678")]));
    desk.tell(stream, publications(&[("a", "9012")]));
    desk.handle(Input::Ended { conn: broken, end: End::Broken });
    desk.settle();
    assert_eq!(desk.hear(whole), frames(&["1234", "5678", "9012"]));
    assert_eq!(desk.report().subscriptions, 1);
}

#[test]
fn a_run_that_a_full_socket_left_is_dropped_and_counted_by_publications() {
    let mut desk = Desk::new(&with_outbox(40, OutboxPolicy::DropOldest));
    let (slow, quick) = (desk.open("/sub/a"), desk.open("/sub/a"));
    let stream = desk.open("/pub");
    desk.world().room.insert(slow.0, 0);
    desk.say(stream, publications(&[("a", "12345678"), ("a", "22345678")]));
    desk.say(stream, publications(&[("a", "32345678")]));
    assert_eq!(desk.report().outbox_dropped, 0);
    desk.say(stream, publications(&[("a", "42345678"), ("a", "52345678")]));
    assert_eq!(desk.report().outbox_dropped, 2, "the run went as a whole");
    desk.writable(slow, 1_000);
    assert_eq!(desk.hear(slow), frames(&["32345678", "42345678", "52345678"]));
    assert_eq!(desk.hear(quick), frames(&["12345678", "22345678", "32345678", "42345678", "52345678"]));
}
