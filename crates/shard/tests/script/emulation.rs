//! Sessions over event stream and HTTP stream, and what their clients say beside them: the protocol page, sections 1.3 to 1.6.
use std::time::Duration;

use base::ConnId;
use shard::{Endpoint, Endpoints, Heartbeat, Holdings, Limits, ShardConfig};

use crate::desk::{Desk, dev, with_history};

pub(crate) const CONNECT: &str = "{\"id\":1,\"connect\":{\"name\":\"script\"}}";
/// The same in a query.
const CONNECT_ENCODED: &str = "%7B%22id%22%3A1%2C%22connect%22%3A%7B%7D%7D";

/// After so long quiet connections of POSTs are gone.
const KEEP_ALIVE: Duration = Duration::from_secs(80);

pub(crate) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The body of a `POST /emulation`.
fn uplink(session: &str, node: &str, commands: &str) -> String {
    let data = commands.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    post("/emulation", &format!("{{\"session\":\"{session}\",\"node\":\"{node}\",\"data\":\"{data}\"}}"))
}

fn field(json: &str, name: &str) -> String {
    let start = json.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {json}"));
    start.split('"').next().unwrap().to_owned()
}

/// An open stream and what names its session.
struct Stream {
    conn: ConnId,
    session: String,
}

impl Stream {
    fn open(desk: &mut Desk, path: &str) -> Self {
        let conn = desk.connect();
        let heard = desk.ask(conn, post(path, CONNECT));
        Self { conn, session: field(&heard, "session") }
    }

    /// Says commands on a connection of their own, which has to be answered with 204, and tells what the stream brings.
    fn say(&self, desk: &mut Desk, commands: &str) -> String {
        let answer = desk.request(uplink(&self.session, "node", commands));
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
        desk.hear_text(self.conn)
    }
}

#[test]
fn an_event_stream_begins_by_get_or_post() {
    let get = format!("GET /connection/sse?cf_connect={CONNECT_ENCODED} HTTP/1.1\r\nHost: h\r\n\r\n");
    for request in [get, post("/connection/sse", CONNECT)] {
        let mut desk = Desk::new(&dev());
        let conn = desk.connect();
        let heard = desk.ask(conn, request);
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        for line in [
            "Content-Type: text/event-stream; charset=utf-8",
            "Cache-Control: private, no-cache, no-store, must-revalidate, max-age=0",
            "Pragma: no-cache",
            "X-Accel-Buffering: no",
            "Expire: 0",
            "Connection: close",
        ] {
            assert!(head.lines().any(|other| other == line), "{line}: {head}");
        }
        assert!(body.starts_with("\ndata: {\"id\":1,\"connect\":{\"client\":\""), "{body}");
        assert!(body.contains("\"node\":\"node\"") && body.ends_with("}}\n\n"), "{body}");
        assert_ne!(field(body, "session"), field(body, "client"));
    }
}

#[test]
fn a_stream_carries_replies_pushes_and_recovery() {
    for (path, before, after) in [("/connection/sse", "data: ", "\n\n"), ("/connection/http_stream", "", "\n")] {
        let mut desk = Desk::new(&with_history());
        desk.publish("a", "1");
        let stream = Stream::open(&mut desk, path);
        let heard = stream.say(
            &mut desk,
            "{\"id\":2,\"subscribe\":{\"channel\":\"a\",\"recover\":true}}\n{\"id\":3,\"publish\":{\"channel\":\"a\",\"data\":\"it's \\\"2\\\"\"}}",
        );
        let lines: Vec<&str> = heard.split_terminator(after).collect();
        assert_eq!(lines.len(), 3, "{heard}");
        assert!(lines[0].starts_with(&format!("{before}{{\"id\":2,\"subscribe\":")), "{heard}");
        assert!(lines[0].contains("\"publications\":[{\"data\":1,\"offset\":1,\"epoch\":"), "{heard}");
        assert!(lines[1].contains("\"pub\":{\"data\":\"it's \\\"2\\\"\",\"info\":"), "{heard}");
        assert_eq!(lines[2], format!("{before}{{\"id\":3,\"publish\":{{}}}}"));
        desk.publish("a", "3");
        let push = format!("{before}{{\"push\":{{\"channel\":\"a\",\"pub\":{{\"data\":3,\"offset\":3}}}}}}{after}");
        assert_eq!(desk.hear_text(stream.conn), push);
    }
}

/// The bytes are those of the protocol page, section 11.
#[test]
fn an_http_stream_in_protobuf() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let binary = |path: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let conn = desk.connect();
    let heard = desk.say(conn, binary("/connection/http_stream", b"\x08\x08\x01\x22\x04\x22\x02js"));
    let begin = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let reply = &heard[begin..];
    assert_eq!((usize::from(reply[0]), &reply[1..3]), (reply.len() - 1, &b"\x08\x01"[..]), "{}", reply.escape_ascii());
    // Field 9 of the result is the session's name, field 10 the node's.
    let start = reply.windows(2).rposition(|two| two == b"\x4a\x20").unwrap() + 2;
    let session = core::str::from_utf8(&reply[start..start + 32]).unwrap();
    assert_eq!(&reply[start + 32..], b"\x52\x04node");
    let mut uplink = b"\x0a\x04node\x12\x20".to_vec();
    uplink.extend(session.as_bytes());
    uplink.extend(b"\x1a\x0b\x0a\x08\x02\x2a\x06\x0a\x04news");
    desk.turn_to(1);
    let answer = desk.request(binary("/emulation", &uplink));
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    desk.turn_to(0);
    assert_eq!(desk.hear(conn), b"\x04\x08\x02\x32\x00");
    desk.publish("news", "{\"a\":1}");
    assert_eq!(desk.hear(conn), b"\x13\x22\x11\x12\x04news\x22\x09\x22\x07{\"a\":1}");
    let answer = desk.request(binary("/emulation", b"\x0a\xff"));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut nonsense = b"\x0a\x04node\x12\x20".to_vec();
    nonsense.extend(session.as_bytes());
    nonsense.extend(b"\x1a\x02\xff\xff");
    assert!(desk.request(binary("/emulation", &nonsense)).starts_with("HTTP/1.1 204 "));
    let end = desk.hear(conn);
    assert!(end.ends_with(b"bad request") && end.contains(&0x5a), "{}", end.escape_ascii());
}

#[test]
fn commands_may_come_with_the_request() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let conn = desk.connect();
    let both = format!("{CONNECT}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{far}\"}}}}\n{{\"id\":3,\"rpc\":{{}}}}");
    let heard = desk.ask(conn, post("/connection/http_stream", &both));
    let body: Vec<&str> = heard.split_once("\r\n\r\n").unwrap().1.lines().collect();
    assert!(body[0].starts_with("{\"id\":1,\"connect\":"), "{heard}");
    assert_eq!(body[1], "{\"id\":2,\"subscribe\":{}}");
    assert!(body[2].starts_with("{\"id\":3,\"error\":"), "{heard}");
}

#[test]
fn a_post_may_come_to_any_shard_and_is_answered_when_its_commands_are_done() {
    let mut desk = Desk::new(&ShardConfig { shards: 3, ..dev() });
    let (here, far) = (desk.subject_of(0), desk.subject_of(2));
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    for shard in [1, 2, 0] {
        desk.turn_to(shard);
        let conn = desk.connect();
        let commands = format!(
            "{{\"id\":2,\"subscribe\":{{\"channel\":\"{far}\"}}}}\n{{\"id\":3,\"subscribe\":{{\"channel\":\"{here}\"}}}}\n\
             {{\"id\":4,\"publish\":{{\"channel\":\"{far}\",\"data\":1}}}}\n{{\"id\":5,\"unsubscribe\":{{\"channel\":\"{far}\"}}}}\n\
             {{\"id\":6,\"unsubscribe\":{{\"channel\":\"{here}\"}}}}"
        );
        desk.tell(conn, uplink(&stream.session, "node", &commands));
        assert_eq!(desk.hear(conn), b"", "not done yet");
        desk.settle();
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 204 "), "shard {shard}");
        desk.turn_to(0);
        let heard = desk.hear_text(stream.conn);
        let heads: Vec<_> = heard.lines().map(|line| &line[..8]).collect();
        assert_eq!(
            heads,
            ["{\"id\":2,", "{\"id\":3,", "{\"push\":", "{\"id\":4,", "{\"id\":5,", "{\"id\":6,"],
            "{heard}"
        );
    }
    desk.pass(KEEP_ALIVE);
    assert_eq!(desk.shard().holdings(), Holdings { sessions: 1, users: 1, ..Holdings::default() });
}

#[test]
fn messages_of_one_session_are_handled_one_after_the_other() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    let posts: Vec<ConnId> = (0..3).map(|_| desk.connect()).collect();
    for (at, conn) in posts.iter().enumerate() {
        let id = 2 + at;
        let command = format!("{{\"id\":{id},\"publish\":{{\"channel\":\"{far}\",\"data\":{id}}}}}");
        desk.tell(*conn, uplink(&stream.session, "node", &command));
    }
    desk.finish_turn();
    assert_eq!(desk.shard().holdings().uplinks, 1);
    desk.settle();
    assert_eq!(
        desk.hear_text(stream.conn),
        "{\"id\":2,\"publish\":{}}\n{\"id\":3,\"publish\":{}}\n{\"id\":4,\"publish\":{}}\n"
    );
    for conn in posts {
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 204 "));
    }
}

#[test]
fn a_kept_alive_connection_brings_one_post_after_the_other() {
    let mut desk = Desk::new(&dev());
    let stream = Stream::open(&mut desk, "/connection/sse");
    let conn = desk.connect();
    let one = uplink(&stream.session, "node", "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    let other = uplink(&stream.session, "node", "{\"id\":3,\"unsubscribe\":{\"channel\":\"a\"}}");
    let answers = desk.ask(conn, one + &other);
    assert_eq!(answers.matches("HTTP/1.1 204 No Content\r\n").count(), 2, "{answers}");
    assert_eq!(answers.matches("Connection: keep-alive\r\n").count(), 2, "{answers}");
    let heard = desk.hear_text(stream.conn);
    assert_eq!(heard, "data: {\"id\":2,\"subscribe\":{}}\n\ndata: {\"id\":3,\"unsubscribe\":{}}\n\n");
}

#[test]
fn a_session_is_not_guessed() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    let mut digits = stream.session.clone().into_bytes();
    for at in [0, 15, 16, 31] {
        let right = digits[at];
        digits[at] = if right == b'0' { b'1' } else { b'0' };
        let guess = String::from_utf8(digits.clone()).unwrap();
        let answer = desk.request(uplink(&guess, "node", "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}"));
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
        digits[at] = right;
    }
    for none in ["", "0", "nonsense", &"f".repeat(32), &"0".repeat(32)] {
        let answer = desk.request(uplink(none, "node", "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}"));
        assert!(answer.starts_with("HTTP/1.1 204 "), "{none}: {answer}");
    }
    assert_eq!(desk.hear(stream.conn), b"");
    let answer = desk.request(uplink(&stream.session, "other", "{}"));
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("\r\nConnection: keep-alive\r\n"), "{answer}");
    // Its name ends with the session, also if the slot is used again.
    desk.finish(stream.conn);
    assert!(desk.is_closed(stream.conn));
    assert!(desk.request(uplink(&stream.session, "node", "{}")).starts_with("HTTP/1.1 204 "));
    desk.pass(KEEP_ALIVE);
    assert_eq!(desk.shard().holdings(), Holdings::default());
}

#[test]
fn a_websocket_session_has_no_uplink() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/connection/websocket");
    let reply = desk.say(conn, crate::desk::frame(0x81, CONNECT));
    let reply = crate::desk::text_of(&reply);
    assert!(!reply.contains("session") && !reply.contains("node"), "{reply}");
}

#[test]
fn what_is_no_uplink_is_refused() {
    let endpoint = |path| Endpoint { body_bytes: 100, ..Endpoint::at(path, true) };
    let endpoints = Endpoints {
        emulation: endpoint("/emulation"),
        sse: endpoint("/connection/sse"),
        http_stream: endpoint("/connection/http_stream"),
        ..dev().endpoints
    };
    let limits = Limits { head_timeout: Duration::from_secs(3), ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { endpoints, limits, ..dev() });
    let chunked = |path: &str, chunk: usize| {
        let chunk = "x".repeat(chunk);
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n", chunk.len())
    };
    for path in ["/emulation", "/connection/sse", "/connection/http_stream"] {
        for (request, status) in [
            (post(path, &"x".repeat(101)), "413"),
            (chunked(path, 101), "413"),
            (format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), "405"),
            (
                format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
                "400",
            ),
        ] {
            let answer = desk.request(&request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        }
        let conn = desk.connect();
        desk.tell(conn, format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n{{"));
        desk.pass(Duration::from_millis(3_100));
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 408 "), "{path}");
    }
    for body in ["", "[]", "{\"data\":{}}", "\u{0}", "{\"session\":[[[[[[["] {
        let answer = desk.request(post("/emulation", body));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body}: {answer}");
    }
    for (method, path, status) in
        [("GET", "/emulation", 405), ("GET", "/connection/http_stream", 405), ("GET", "/connection/sse", 400)]
    {
        let answer = desk.request(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    desk.pass(KEEP_ALIVE);
    assert_eq!(desk.shard().holdings(), Holdings::default());
}

#[test]
fn what_breaks_the_protocol_ends_the_stream_with_a_push() {
    for (path, before, after) in [("/connection/sse", "data: ", "\n\n"), ("/connection/http_stream", "", "\n")] {
        let push = |code: u16, reason: &str| {
            format!("{before}{{\"push\":{{\"disconnect\":{{\"code\":{code},\"reason\":\"{reason}\"}}}}}}{after}")
        };
        for first in ["nonsense", "{\"id\":1,\"subscribe\":{\"channel\":\"a\"}}", "{}", ""] {
            let mut desk = Desk::new(&dev());
            let conn = desk.connect();
            let heard = desk.ask(conn, post(path, first));
            assert!(heard.starts_with("HTTP/1.1 200 OK\r\n"), "{first}: {heard}");
            assert!(heard.ends_with(&push(3501, "bad request")), "{first}: {heard}");
            assert!(desk.is_shut(conn), "{first}");
        }
        for (commands, code, reason) in [
            ("{\"id\":2,\"connect\":{}}", 3501, "bad request"),
            ("", 3501, "bad request"),
            ("{\"send\":{}}", 3508, "not available"),
        ] {
            let mut desk = Desk::new(&dev());
            let stream = Stream::open(&mut desk, path);
            assert_eq!(stream.say(&mut desk, commands), push(code, reason), "{commands}");
            assert!(desk.is_shut(stream.conn), "{commands}");
            // Nothing is heard of what comes later, and nobody is told.
            assert_eq!(stream.say(&mut desk, "{\"id\":9,\"rpc\":{}}"), "");
            desk.finish(stream.conn);
            desk.pass(KEEP_ALIVE);
            assert_eq!(desk.shard().holdings(), Holdings::default(), "{commands}");
        }
        let mut desk = Desk::new(&dev());
        let stream = Stream::open(&mut desk, path);
        stream.say(&mut desk, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
        desk.say_alone(b"POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\xff");
        assert_eq!(desk.hear_text(stream.conn), push(3506, "inappropriate protocol"));
    }
}

#[test]
fn pings_are_answered_beside_the_stream() {
    let heartbeat = Heartbeat {
        ping_interval: Duration::from_secs(10),
        pong_timeout: Duration::from_secs(5),
        ..Heartbeat::default()
    };
    let mut desk = Desk::new(&ShardConfig { heartbeat, ..dev() });
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    desk.pass(Duration::from_millis(9_990));
    assert_eq!(desk.hear_text(stream.conn), "{}\n");
    assert_eq!(stream.say(&mut desk, "{}"), "");
    desk.pass(Duration::from_secs(10));
    assert_eq!(desk.hear_text(stream.conn), "{}\n", "the next one");
    desk.pass(Duration::from_secs(6));
    assert!(desk.hear_text(stream.conn).contains("{\"disconnect\":{\"code\":3012,\"reason\":\"no pong\"}}"));
    let other = Stream::open(&mut desk, "/connection/http_stream");
    assert!(other.say(&mut desk, "{}").contains("3501"), "a pong that nobody asked for");
}

#[test]
fn who_keeps_its_connection_without_connecting_is_stale() {
    let mut desk = Desk::new(&ShardConfig { dev: false, ..dev() });
    let conn = desk.connect();
    let heard = desk.ask(conn, post("/connection/http_stream", "{\"id\":1,\"connect\":{}}"));
    assert!(heard.ends_with("{\"push\":{\"disconnect\":{\"code\":3501,\"reason\":\"bad request\"}}}\n"), "{heard}");
}

/// The published client was disconnected with 3013 when it published to a hundred channels at once: a request each.
#[test]
fn a_burst_of_posts_is_handled_whole() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    let mut posts = Vec::new();
    for id in 2..502 {
        let conn = desk.connect();
        let command = format!("{{\"id\":{id},\"publish\":{{\"channel\":\"{far}\",\"data\":1}}}}");
        desk.tell(conn, uplink(&stream.session, "node", &command));
        posts.push(conn);
    }
    desk.settle();
    let heard = desk.hear_text(stream.conn);
    let answers: Vec<_> = heard.lines().filter(|line| line.starts_with("{\"id\":")).collect();
    assert_eq!(answers.len(), 500, "{heard}");
    assert!(answers.iter().zip(2..).all(|(line, id)| **line == format!("{{\"id\":{id},\"publish\":{{}}}}")), "{heard}");
    for conn in posts {
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 204 "));
    }
}

/// What waits for one session is bounded: over the bound the session has to begin anew, and every POST is answered.
#[test]
fn a_flood_of_posts_ends_its_session_only() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    let other = Stream::open(&mut desk, "/connection/http_stream");
    let command = format!("{{\"id\":2,\"publish\":{{\"channel\":\"{far}\",\"data\":\"{}\"}}}}", "x".repeat(60_000));
    let mut posts = Vec::new();
    let mut most = 0;
    for _ in 0..100 {
        let conn = desk.connect();
        desk.tell(conn, uplink(&stream.session, "node", &command));
        most = most.max(desk.report().memory_lent);
        posts.push(conn);
    }
    assert!(most < 5 << 18, "{most} bytes are held for one session's uplinks");
    desk.settle();
    let heard = desk.hear_text(stream.conn);
    assert!(
        heard.ends_with("{\"push\":{\"disconnect\":{\"code\":3013,\"reason\":\"too many requests\"}}}\n"),
        "{heard}"
    );
    for conn in posts {
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 204 "));
    }
    assert!(other.say(&mut desk, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}").starts_with("{\"id\":2,"));
    desk.finish(stream.conn);
    desk.finish(other.conn);
    assert_eq!(desk.shard().holdings().uplinks, 0);
}

/// A client that doesn't read its replies is not served, and its commands wait, until it reads.
#[test]
fn who_does_not_read_its_replies_waits() {
    let mut desk = Desk::new(&ShardConfig { outbox: shard::Outbox { bytes: 4096, ..dev().outbox }, ..dev() });
    let stream = Stream::open(&mut desk, "/connection/http_stream");
    desk.world().room.insert(stream.conn.0, 0);
    let many: Vec<String> = (2..202).map(|id| format!("{{\"id\":{id},\"rpc\":{{}}}}")).collect();
    let posts = [desk.connect(), desk.connect()];
    for conn in posts {
        desk.tell(conn, uplink(&stream.session, "node", &many.join("\n")));
    }
    desk.settle();
    assert_eq!((desk.hear(posts[0]).len(), desk.hear(posts[1]).len()), (0, 0));
    assert!(desk.report().outbox_bytes < 8_192);
    let mut heard = String::new();
    while heard.lines().count() < 400 {
        desk.writable(stream.conn, 1 << 20);
        let more = desk.hear_text(stream.conn);
        assert!(!more.is_empty(), "after {} replies", heard.lines().count());
        heard += &more;
    }
    for conn in posts {
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 204 "));
    }
    desk.pass(KEEP_ALIVE);
    assert_eq!(desk.shard().holdings(), Holdings { sessions: 1, users: 1, ..Holdings::default() });
}

#[test]
fn a_broken_post_or_session_leaves_nothing() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let command = format!("{{\"id\":2,\"publish\":{{\"channel\":\"{far}\",\"data\":1}}}}");
    let stream = Stream::open(&mut desk, "/connection/sse");
    let conn = desk.connect();
    desk.tell(conn, uplink(&stream.session, "node", &command));
    desk.break_off(conn);
    desk.settle();
    assert_eq!(desk.hear_text(stream.conn), "data: {\"id\":2,\"publish\":{}}\n\n");
    let posts = [desk.connect(), desk.connect()];
    for conn in posts {
        desk.tell(conn, uplink(&stream.session, "node", &command));
    }
    desk.break_off(stream.conn);
    desk.settle();
    for conn in posts {
        assert!(desk.hear(conn).starts_with(b"HTTP/1.1 204 "));
    }
    desk.pass(KEEP_ALIVE);
    assert_eq!(desk.shard().holdings(), Holdings::default());
}

#[test]
fn a_drain_hears_the_sessions_that_are_left() {
    let mut desk = Desk::new(&dev());
    let stream = Stream::open(&mut desk, "/connection/sse");
    desk.drain(Duration::from_secs(10));
    assert!(stream.say(&mut desk, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}").contains("\"subscribe\":{}"));
    assert!(desk.request(post("/connection/sse", CONNECT)).starts_with("HTTP/1.1 503 "));
    desk.pass(Duration::from_secs(11));
    let heard = desk.hear_text(stream.conn);
    assert!(
        heard.ends_with("data: {\"push\":{\"disconnect\":{\"code\":3001,\"reason\":\"shutdown\"}}}\n\n"),
        "{heard}"
    );
}

#[test]
fn what_is_not_enabled_is_not_there() {
    let mut desk = Desk::new(&ShardConfig { endpoints: Endpoints::default(), ..dev() });
    for path in ["/emulation", "/connection/sse", "/connection/http_stream"] {
        let conn = desk.connect();
        let request = post(path, CONNECT);
        assert_eq!(desk.ask(conn, &request), "");
        assert_eq!(desk.world().handed_over.pop(), Some((conn.0, request.into_bytes())), "{path}");
    }
}
