//! `history` of a Centrifugo session, and the control plane's reading and forgetting.
use hub::{Access, ExcerptError, ExcerptQuery, Namespace, OutboxPolicy, RecoveryBounds};
use shard::{Answer, Command, Input, Limits, ShardConfig, Ticket};

use crate::desk::{Desk, close_of, dev, frame, namespace, with_history, with_outbox};
use crate::session::{lines, open, say};

fn ask(desk: &mut Desk, conn: base::ConnId, wanted: &str) -> String {
    say(desk, conn, &format!("{{\"id\":5,\"history\":{{{wanted}}}}}"))
}

fn epoch_in(answer: &str) -> String {
    answer.split("\"epoch\":\"").nth(1).unwrap()[..6].to_owned()
}

#[test]
fn the_owner_tells_a_subjects_history_wherever_it_is() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..with_history() });
    for shard in [0, 1] {
        let subject = desk.subject_of(shard);
        let epoch = epoch_in(&desk.publish(&subject, "1"));
        for payload in ["{\"a\":2}", "text", "4"] {
            desk.publish(&subject, payload);
        }
        let conn = open(&mut desk);
        let first = format!("{{\"data\":1,\"offset\":1,\"epoch\":\"{epoch}\"}}");
        for (wanted, told) in [
            (String::new(), ""),
            (",\"limit\":1".into(), &*first),
            (
                ",\"limit\":-1".into(),
                &format!(
                    "{first},{}",
                    "{\"data\":{\"a\":2},\"offset\":2},{\"data\":\"text\",\"offset\":3},{\"data\":4,\"offset\":4}"
                ),
            ),
            (",\"limit\":1,\"reverse\":true".into(), "{\"data\":4,\"offset\":4}"),
            (format!(",\"limit\":9,\"since\":{{\"offset\":3,\"epoch\":\"{epoch}\"}}"), "{\"data\":4,\"offset\":4}"),
            (
                format!(",\"limit\":1,\"reverse\":true,\"since\":{{\"offset\":3,\"epoch\":\"{epoch}\"}}"),
                "{\"data\":{\"a\":2},\"offset\":2}",
            ),
            (",\"limit\":9,\"since\":{\"offset\":18446744073709551615}".into(), ""),
        ] {
            let answer = ask(&mut desk, conn, &format!("\"channel\":\"{subject}\"{wanted}"));
            let want =
                format!("{{\"id\":5,\"history\":{{\"publications\":[{told}],\"epoch\":\"{epoch}\",\"offset\":4}}}}");
            assert_eq!(answer, want, "{wanted}");
        }
        for (wanted, code) in [
            (",\"reverse\":true,\"since\":{}", 107),
            (",\"since\":{\"offset\":1,\"epoch\":\"AAAAAB\"}", 112),
            (",\"since\":{\"offset\":1,\"epoch\":\"foreign\"}", 112),
        ] {
            let answer = ask(&mut desk, conn, &format!("\"channel\":\"{subject}\"{wanted}"));
            assert!(answer.contains(&format!("\"error\":{{\"code\":{code},")), "{wanted}: {answer}");
        }
        desk.finish(conn);
        let holdings = desk.shard().holdings();
        assert_eq!((holdings.lent, holdings.sessions, holdings.frames), (0, 0, 0));
    }
}

#[test]
fn what_a_client_may_read_the_namespace_says() {
    let access = |client, subscriber, anonymous| Access { client, subscriber, anonymous };
    let with = |pattern, history_access| Namespace { history_access, ..namespace(pattern, 9) };
    let namespaces = vec![
        with("open.*", access(true, false, true)),
        with("named.*", access(true, true, false)),
        with("ours.*", access(false, true, true)),
        with("shut.*", access(false, false, true)),
        namespace("bare.*", 0),
    ];
    let mut desk = Desk::new(&ShardConfig { dev: false, anonymous: true, namespaces, ..dev() });
    let conn = open(&mut desk);
    for (channel, code) in [
        ("open.a", 0),
        ("named.a", 103),
        ("ours.a", 103),
        ("shut.a", 103),
        ("bare.a", 108),
        ("else", 102),
        ("open.*", 107),
    ] {
        let answer = ask(&mut desk, conn, &format!("\"channel\":\"{channel}\""));
        assert_eq!(answer.contains("\"history\":"), code == 0, "{channel}: {answer}");
        assert!(code == 0 || answer.contains(&format!("\"code\":{code},")), "{channel}: {answer}");
    }
    say(&mut desk, conn, "{\"id\":6,\"subscribe\":{\"channel\":\"ours.a\"}}");
    assert!(ask(&mut desk, conn, "\"channel\":\"ours.a\"").contains("\"publications\":[]"));
    assert!(ask(&mut desk, conn, "\"channel\":\"ours.b\"").contains("\"code\":103,"));
    let heard = desk.say(conn, frame(0x81, "{\"id\":7,\"history\":{}}"));
    assert_eq!(close_of(&heard).0, 3501);
}

#[test]
fn a_reply_is_bounded_in_publications() {
    let limits = Limits { history_publications: 2, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { limits, ..with_history() });
    for payload in ["1", "2", "3"] {
        desk.publish("a", payload);
    }
    let conn = open(&mut desk);
    for limit in ["-1", "3", "2147483647"] {
        let answer = ask(&mut desk, conn, &format!("\"channel\":\"a\",\"limit\":{limit}"));
        assert!(
            answer.contains("[{\"data\":1,\"offset\":1,") && answer.contains("\"},{\"data\":2,\"offset\":2}]"),
            "{limit}: {answer}"
        );
    }
}

/// And no command behind it is heard.
#[test]
fn bytes_that_are_no_text_end_the_session_that_reads_them() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..with_history() });
        let subject = desk.subject_of(shards - 1);
        let head = format!("POST /pub/{subject} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
        desk.say_alone(&[head.as_bytes(), b"\xff"].concat());
        let conn = open(&mut desk);
        let commands = format!(
            "{{\"id\":2,\"history\":{{\"channel\":\"{subject}\",\"limit\":1}}}}\n{{\"id\":3,\"publish\":{{\"channel\":\"a\",\"data\":1}}}}"
        );
        let heard = desk.say(conn, frame(0x81, commands));
        assert_eq!(close_of(&heard), (3506, "inappropriate protocol".to_owned()));
        assert_eq!(desk.shard().holdings().lent, 0);
    }
}

/// A hundred short commands ask for a hundred long replies: they are made as the client reads them.
#[test]
fn who_does_not_read_the_replies_is_not_served_more_of_them() {
    const BOUND: usize = 8_192;
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..with_outbox(BOUND, OutboxPolicy::Close) });
        let subject = desk.subject_of(shards - 1);
        desk.publish(&subject, &format!("\"{}\"", "x".repeat(3_000)));
        let conn = open(&mut desk);
        desk.world().room.insert(conn.0, 0);
        let command = format!("{{\"id\":2,\"history\":{{\"channel\":\"{subject}\",\"limit\":1}}}}");
        let commands = vec![command; 100].join("\n");
        desk.say(conn, frame(0x81, commands));
        let waiting = desk.report().outbox_bytes;
        assert!(waiting > 3_000 && waiting < 2 * BOUND as u64, "{waiting} bytes wait");
        let mut heard = Vec::new();
        for _ in 0..200 {
            desk.writable(conn, usize::MAX);
            heard.extend(desk.hear(conn));
        }
        let lines = lines(&heard);
        assert_eq!(lines.len(), 100);
        assert!(lines.iter().all(|line| line.starts_with("{\"id\":2,\"history\":")));
        assert_eq!(desk.shard().holdings().lent, 0);
    }
}

#[test]
fn the_control_plane_reads_and_forgets() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..with_history() });
    let bounds = RecoveryBounds { publications: 9, bytes: 99, newest_only: false };
    let query = ExcerptQuery { since: None, reverse: false, bounds };
    let read = |desk: &mut Desk, subject: &str| {
        let command = Command::History { subject: subject.into(), query };
        desk.handle(Input::Command { ticket: Ticket(1), command });
        desk.settle();
        match desk.world().answers.pop() {
            Some(Answer::History(Ok(excerpt))) => (excerpt.publications.len(), excerpt.top.offset),
            other => panic!("no history: {other:?}"),
        }
    };
    for shard in [0, 1] {
        let subject = desk.subject_of(shard);
        desk.publish(&subject, "1");
        desk.publish(&subject, "2");
        assert_eq!(read(&mut desk, &subject), (2, 2));
    }
    let subject = desk.subject_of(0);
    let command = Command::RemoveHistory { subject: subject.as_str().into() };
    desk.handle(Input::Command { ticket: Ticket(2), command });
    assert!(matches!(desk.world().answers.pop(), Some(Answer::HistoryRemoved(Ok(())))));
    assert_eq!(read(&mut desk, &subject), (0, 2));
    desk.publish(&subject, "3");
    assert_eq!(read(&mut desk, &subject), (1, 3));

    let mut bare = Desk::new(&ShardConfig { namespaces: vec![namespace("bare", 0)], ..dev() });
    for (subject, error) in [("bare", ExcerptError::NotKept), ("else", ExcerptError::NoNamespace)] {
        let command = Command::RemoveHistory { subject: subject.into() };
        bare.handle(Input::Command { ticket: Ticket(3), command });
        assert!(matches!(bare.world().answers.pop(), Some(Answer::HistoryRemoved(Err(why))) if why == error));
    }
}
