//! What a publication may have beside its payload: tags, a version, no place in the history.
use base::ConnId;
use hub::{Draft, Extra, Kind, Version};
use shard::{Answer, Command, Input, ShardConfig, Ticket};

use crate::desk::{Desk, with_history};
use crate::session::{lines, open, say};

/// Publishes as the control plane does; says the offset of the answer.
pub(crate) fn publish(desk: &mut Desk, subject: &str, payload: &str, extra: Extra) -> u64 {
    let draft = Draft { payload: payload.as_bytes().into(), kind: Kind::Text, extra: Some(extra.into()) };
    let command = Command::Publish { subject: subject.into(), draft };
    desk.handle(Input::Command { ticket: Ticket(1), command });
    desk.settle();
    match desk.world().answers.pop() {
        Some(Answer::Published(position)) => position.offset,
        other => panic!("not published: {other:?}"),
    }
}

/// All lines that have come.
pub(crate) fn hear(desk: &mut Desk, conn: ConnId) -> String {
    lines(&desk.hear(conn)).join("\n")
}

fn tags(pairs: &[(&str, &str)]) -> Extra {
    Extra { tags: pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect(), ..Extra::default() }
}

fn subscribed(desk: &mut Desk, subject: &str) -> ConnId {
    let conn = open(desk);
    let answer = say(desk, conn, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{subject}\"}}}}"));
    assert!(answer.starts_with("{\"id\":2,\"subscribe\":{"), "{answer}");
    conn
}

#[test]
fn tags_come_with_the_publication_live_recovered_and_read() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..with_history() });
        let subject = desk.subject_of(shards - 1);
        let conn = subscribed(&mut desk, &subject);
        publish(&mut desk, &subject, "1", tags(&[("a\"", "ä"), ("b", "")]));
        let told = "{\"data\":1,\"offset\":1,\"tags\":{\"a\\\"\":\"ä\",\"b\":\"\"},\"epoch\":\"";
        assert!(hear(&mut desk, conn).contains(told));
        let other = open(&mut desk);
        let command = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{subject}\",\"recover\":true}}}}");
        let answer = say(&mut desk, other, &command);
        assert!(answer.contains(told), "{answer}");
        let answer =
            say(&mut desk, other, &format!("{{\"id\":3,\"history\":{{\"channel\":\"{subject}\",\"limit\":1}}}}"));
        assert!(answer.contains(told), "{answer}");
    }
}

#[test]
fn what_is_not_kept_is_heard_without_a_place_and_leaves_no_hole() {
    let mut desk = Desk::new(&with_history());
    let conn = subscribed(&mut desk, "a");
    let skip = Extra { skip_history: true, ..Extra::default() };
    assert_eq!(publish(&mut desk, "a", "1", Extra::default()), 1);
    assert_eq!(publish(&mut desk, "a", "2", skip), 1);
    assert_eq!(publish(&mut desk, "a", "3", Extra::default()), 2);
    let heard = hear(&mut desk, conn);
    for line in
        ["\"pub\":{\"data\":1,\"offset\":1,\"epoch\":", "\"pub\":{\"data\":2}}}", "\"pub\":{\"data\":3,\"offset\":2}"]
    {
        assert!(heard.contains(line), "{heard}");
    }
    let answer = say(&mut desk, conn, "{\"id\":3,\"history\":{\"channel\":\"a\",\"limit\":-1}}");
    assert!(
        answer.contains("\"},{\"data\":3,\"offset\":2}]") && answer.contains("[{\"data\":1,\"offset\":1,"),
        "{answer}"
    );
}

#[test]
fn an_older_version_goes_nowhere_until_a_publication_has_none() {
    let mut desk = Desk::new(&with_history());
    let conn = subscribed(&mut desk, "a");
    let version =
        |number, epoch: &str| Extra { version: Some(Version { number, epoch: epoch.into() }), ..Extra::default() };
    for (extra, offset, why) in [
        (version(5, "e"), 1, "the first"),
        (version(5, "e"), 1, "the same"),
        (version(4, ""), 1, "an older one, of whatever epoch"),
        (version(6, "e"), 2, "a newer one"),
        (version(1, "f"), 3, "another epoch"),
        (version(1, "f"), 3, "the same of that"),
        (Extra::default(), 4, "none: the guard is off"),
        (version(1, "f"), 5, "the first after that"),
        (Extra { skip_history: true, ..version(9, "f") }, 5, "not kept, so nothing to compare with"),
        (version(2, "f"), 6, "newer than what was kept"),
    ] {
        assert_eq!(publish(&mut desk, "a", "0", extra), offset, "{why}");
    }
    assert_eq!(hear(&mut desk, conn).matches("\"push\"").count(), 7);
    assert_eq!(desk.report().outdated, 3);
}

#[test]
fn header_fields_of_a_post_are_taken_over() {
    let mut desk = Desk::new(&with_history());
    let conn = subscribed(&mut desk, "a");
    let post = |desk: &mut Desk, fields: &str| {
        let request = format!("POST /pub/a HTTP/1.1\r\nHost: h\r\n{fields}\r\nContent-Length: 1\r\n\r\n7");
        desk.request(request)
    };
    assert!(post(&mut desk, "Ringcast-Tags: kind=a%20b\r\nRingcast-Version: 3").contains("\"offset\":1"));
    let heard = hear(&mut desk, conn);
    assert!(heard.contains("\"version\":3}"), "{heard}");
    assert!(heard.contains("\"pub\":{\"data\":7,\"offset\":1,\"tags\":{\"kind\":\"a b\"},\"epoch\":"));
    assert!(post(&mut desk, "Ringcast-Version: 3").contains("\"offset\":1"));
    assert!(post(&mut desk, "Ringcast-Version: three").starts_with("HTTP/1.1 400 "));
    assert_eq!(hear(&mut desk, conn), "");
}
