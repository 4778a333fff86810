//! `Accept: text/event-stream`: ids, resuming, gaps, text of any kind.
use base::ConnId;
use protocol::plain::{read_position, subject_tag};
use shard::ShardConfig;

use crate::desk::{Desk, dev, frame, namespace, upgrade, with_history};

fn listen(desk: &mut Desk, subjects: &str, last_id: &str) -> (ConnId, String) {
    let conn = desk.connect();
    let last = if last_id.is_empty() { String::new() } else { format!("Last-Event-ID: {last_id}\r\n") };
    let request = format!("GET /sub/{subjects} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n{last}\r\n");
    let answer = desk.ask(conn, request);
    (conn, answer)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// Id, type and data of the events.
fn events(stream: &str) -> Vec<(Option<String>, Option<String>, Option<String>)> {
    let blocks = stream.split_terminator("\n\n");
    blocks
        .map(|block| {
            let values = |name: &str| {
                let all: Vec<_> =
                    block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect();
                (!all.is_empty()).then(|| all.join("\n"))
            };
            (values("id"), values("event"), values("data"))
        })
        .collect()
}

fn offsets(id: &str, subjects: &[&str]) -> Vec<u64> {
    let marks = read_position(id).unwrap();
    assert_eq!(marks.len(), subjects.len());
    let offset = |name: &&str| marks.iter().find(|mark| mark.subject_tag == subject_tag(name)).unwrap().offset;
    subjects.iter().map(offset).collect()
}

#[test]
fn the_stream_begins_with_advice_and_its_place() {
    let mut desk = Desk::new(&with_history());
    desk.publish("a", "before");
    let (_, answer) = listen(&mut desk, "a", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("\r\nCache-Control: no-cache, no-transform\r\n"), "{answer}");
    let begin = events(body(&answer));
    assert!(body(&answer).starts_with("retry: 1000\n\n"), "{answer}");
    let (id, None, None) = &begin[1] else { panic!("{begin:?}") };
    assert_eq!(offsets(id.as_ref().unwrap(), &["a"]), [1]);
}

#[test]
fn each_event_has_its_place_and_all_its_lines() {
    let mut desk = Desk::new(&with_history());
    let (conn, _) = listen(&mut desk, "a", "");
    desk.publish("a", "one\ntwo\r\nthree");
    let heard = events(&desk.hear_text(conn));
    let [(Some(id), None, Some(data))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((offsets(id, &["a"]), data.as_str()), (vec![1], "one\ntwo\nthree"));
}

#[test]
fn bytes_that_are_no_text_come_as_base64() {
    let mut desk = Desk::new(&with_history());
    let (conn, _) = listen(&mut desk, "a", "");
    let stream = desk.connect();
    desk.say(stream, [upgrade("/pub").into_bytes(), frame(0x82, b"\x01a\xff\x00")].concat());
    let heard = events(&desk.hear_text(conn));
    assert_eq!((heard[0].1.as_deref(), heard[0].2.as_deref()), (Some("base64"), Some("/wA=")));
}

#[test]
fn a_stream_of_several_subjects_tells_all_its_places() {
    let mut desk = Desk::new(&ShardConfig { shards: 3, ..with_history() });
    let owned: Vec<String> = (0..3).map(|owner| desk.subject_of(owner)).collect();
    let names: Vec<&str> = owned.iter().map(String::as_str).collect();
    desk.publish(names[1], "before");
    let (conn, answer) = listen(&mut desk, &names.join(","), "");
    let begin = events(body(&answer));
    assert_eq!(offsets(begin[1].0.as_ref().unwrap(), &names), [0, 1, 0]);
    desk.publish(names[2], "c");
    desk.publish(names[0], "a");
    let heard = events(&desk.hear_text(conn));
    let at = |event: usize| (offsets(heard[event].0.as_ref().unwrap(), &names), heard[event].2.clone().unwrap());
    assert_eq!(at(0), (vec![0, 1, 1], "c".to_owned()));
    assert_eq!(at(1), (vec![1, 1, 1], "a".to_owned()));
    // And it resumes in all of them from that one id.
    desk.publish(names[1], "missed");
    let (_, answer) = listen(&mut desk, &names.join(","), heard[0].0.as_ref().unwrap());
    let data: Vec<_> = events(body(&answer)).into_iter().filter_map(|event| event.2).collect();
    assert_eq!(data.len(), 2, "{answer}");
    assert!(data.contains(&"a".to_owned()) && data.contains(&"missed".to_owned()), "{answer}");
}

#[test]
fn the_header_is_newer_than_the_url() {
    let mut desk = Desk::new(&with_history());
    let id = |answer: &str| answer.split("\"position\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let first = id(&desk.publish("a", "1"));
    let second = id(&desk.publish("a", "2"));
    desk.publish("a", "3");
    let (_, answer) = listen(&mut desk, &format!("a?since={first}"), &second);
    let data: Vec<_> = events(body(&answer)).into_iter().filter_map(|event| event.2).collect();
    assert_eq!(data, ["3"]);
    let (_, answer) = listen(&mut desk, &format!("a?since={first}"), "");
    let data: Vec<_> = events(body(&answer)).into_iter().filter_map(|event| event.2).collect();
    assert_eq!(data, ["2", "3"]);
}

#[test]
fn a_gap_is_told_before_what_there_is() {
    let mut desk = Desk::new(&ShardConfig { namespaces: vec![namespace(">", 2)], ..dev() });
    let first = desk.publish("a", "1");
    let first = first.split("\"position\":\"").nth(1).unwrap().split('"').next().unwrap();
    for payload in ["2", "3", "4"] {
        desk.publish("a", payload);
    }
    let (_, answer) = listen(&mut desk, "a", first);
    let heard = events(body(&answer));
    assert_eq!(heard[1], (None, Some("reset".to_owned()), Some("{\"subject\":\"a\"}".to_owned())));
    let data: Vec<_> = heard[2..].iter().filter_map(|event| event.2.as_deref()).collect();
    assert_eq!(data, ["3", "4"]);
}

/// What outlives its age leaves a gap, even if nothing has been published since.
#[test]
fn a_history_that_is_too_old_is_a_gap() {
    let mut desk = Desk::new(&with_history());
    let (_keeps_the_subject, _) = listen(&mut desk, "a", "");
    let first = desk.publish("a", "1");
    let first = first.split("\"position\":\"").nth(1).unwrap().split('"').next().unwrap();
    desk.publish("a", "2");
    desk.now = desk.now + std::time::Duration::from_secs(61);
    let (_, answer) = listen(&mut desk, "a", first);
    assert!(answer.contains("event: reset\n"), "{answer}");
}

/// Readers in blocks, Python's requests for one, keep the last bytes of a body that only the connection's end ends.
#[test]
fn an_event_does_not_wait_in_a_client_that_reads_in_blocks_for_the_next_one() {
    let mut desk = Desk::new(&with_history());
    let conn = desk.connect();
    desk.tell(conn, "GET /sub/a HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    desk.settle();
    let begin = String::from_utf8(desk.hear_raw(conn)).unwrap();
    assert!(
        begin.contains("\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nd\r\nretry: 1000\n\n\r\n"),
        "{begin}"
    );
    desk.publish("a", "one");
    let event = String::from_utf8(desk.hear_raw(conn)).unwrap();
    let (size, chunk) = event.split_once("\r\n").unwrap();
    let chunk = chunk.strip_suffix("\r\n").unwrap();
    assert_eq!(usize::from_str_radix(size, 16).unwrap(), chunk.len());
    assert!(chunk.starts_with("id: ") && chunk.ends_with("\ndata: one\n\n"), "{event}");
}

/// It shows the reader that nothing is missing.
#[test]
fn a_stream_that_the_server_ends_has_a_last_chunk() {
    let mut desk = Desk::new(&with_history());
    let (conn, _) = listen(&mut desk, "a", "");
    desk.drain(std::time::Duration::ZERO);
    desk.pass(std::time::Duration::from_secs(1));
    let end = String::from_utf8(desk.hear_raw(conn)).unwrap();
    assert!(end.contains("retry: ") && end.ends_with("\n\n\r\n0\r\n\r\n"), "{end}");
    assert!(desk.is_shut(conn));
}

/// Proxies speak it, nginx unless it is told otherwise.
#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    let mut desk = Desk::new(&ShardConfig { shards: 3, ..with_history() });
    let streams = ["a", "a", "a,b"].map(|subjects| {
        let conn = desk.connect();
        desk.tell(conn, format!("GET /sub/{subjects} HTTP/1.0\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"));
        desk.settle();
        let begin = String::from_utf8(desk.hear_raw(conn)).unwrap();
        assert!(!begin.contains("Transfer-Encoding"), "{begin}");
        assert!(begin.contains("\r\nConnection: close\r\n\r\nretry: 1000\n\nid: "), "{begin}");
        conn
    });
    let stream = desk.connect();
    let frames = [frame(0x82, b"\x01aone"), frame(0x82, b"\x01atwo")].concat();
    desk.say(stream, [upgrade("/pub").into_bytes(), frames].concat());
    for conn in streams {
        let heard = String::from_utf8(desk.hear_raw(conn)).unwrap();
        let data: Vec<_> = events(&heard).into_iter().map(|(id, _, data)| (id.is_some(), data.unwrap())).collect();
        assert_eq!(data, [(true, "one".to_owned()), (true, "two".to_owned())], "{heard}");
    }
    desk.leave_nothing(&[streams[0], streams[1], streams[2], stream]);
}
