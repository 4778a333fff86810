//! Strict mode: what the original does.
use super::*;

fn strict() -> Desk {
    Desk::new(&config(1, Hook { strict: true, open: true, duplicates: Duplicates::Keep, ..hook() }))
}

#[test]
fn strictly_the_back_end_is_asked_before_the_request_is_looked_at() {
    let mut desk = strict();
    for request in [
        "GET /ws/a?b=c HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\n\r\n",
        "PUT /ws/%61/b HTTP/1.1\r\nHost: h\r\n\r\n",
        &upgrade("/ws/a").replace("Upgrade: websocket", "Upgrade: WebSocket"),
        &upgrade("/ws/a").replace("Version: 13", "Version: 12"),
    ] {
        let conn = desk.connect();
        assert_eq!(desk.ask(conn, request), "", "{request}");
        let asked = events(&mut desk);
        let [HookEvent::Connect { of, upgrades: false, address, query: None, fields }] = &asked[..] else {
            panic!("{request}: {asked:?}")
        };
        assert_eq!((&**address, fields.len()), ("0/a", 0), "{request}");
        let refused = Verdict::Refuse { status: 400, reason: "no upgrade requested".into() };
        verdict(&mut desk, *of, address, refused);
        let heard = desk.hear_text(conn);
        assert!(heard.starts_with("HTTP/1.1 400 ") && heard.ends_with("\r\n\r\nno upgrade requested"), "{heard}");
        desk.finish(conn);
        assert!(ends(&events(&mut desk)).is_empty());
    }
    let conn = desk.connect();
    desk.say(conn, "HEAD /ws/a HTTP/1.1\r\nHost: h\r\n\r\n");
    let [HookEvent::Connect { of, .. }] = events(&mut desk)[..] else { panic!() };
    verdict(&mut desk, of, "0/a", Verdict::Refuse { status: 403, reason: "forbidden".into() });
    let heard = desk.hear_text(conn);
    assert!(heard.starts_with("HTTP/1.1 403 ") && heard.ends_with("\r\n\r\n"), "{heard}");
    desk.finish(conn);
    let heard = desk.request("GET /ws/%zz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
    let long = "a".repeat(256);
    let heard = desk.request(upgrade(&format!("/ws/{long}")));
    assert!(heard.starts_with("HTTP/1.1 414 "), "{heard}");
}

#[test]
fn strictly_counters_are_asked_for_without_an_id() {
    let mut desk = strict();
    let conn = desk.connect();
    desk.say(conn, "GET /ws/ HTTP/1.1\r\nHost: h\r\n\r\n");
    let asked = events(&mut desk);
    let [HookEvent::Connect { of, upgrades: false, address, .. }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(address, "0/");
    verdict(&mut desk, *of, address, Verdict::Refuse { status: 200, reason: "connections_opened 0\n".into() });
    let heard = desk.hear_text(conn);
    assert!(heard.starts_with("HTTP/1.1 200 ") && heard.ends_with("\r\n\r\nconnections_opened 0\n"), "{heard}");
    assert_eq!(desk.refusals(Refusal::BackEnd), 0);
    desk.finish(conn);
    assert!(desk.request(push("", "", "hi")).starts_with("HTTP/1.1 404 "));
}

#[test]
fn strictly_frames_are_answered_as_the_original_does() {
    let mut desk = strict();
    let (conn, _) = open(&mut desk, "a");
    assert_eq!(desk.say(conn, frame(0x89, "a ping")), [0x8a, 0]);
    assert!(desk.say(conn, [frame(0x82, "bytes"), frame(0x81, "text")].concat()).is_empty());
    assert_eq!(payloads(&events(&mut desk)), ["text"]);
    assert_eq!(desk.say(conn, frame(0x88, b"\x03\xe9bye")), [0x88, 2, 3, 232]);
    assert!(matches!(ends(&events(&mut desk))[..], [(_, ending)] if &*ending.reason == "bye"));

    for (bytes, reset, reason) in [
        (&[][..], false, "EOF"),
        (&frame(0x81, "text")[..4], false, "unexpected EOF"),
        (&frame(0x81, "text")[..8], false, "unexpected EOF"),
        (&[][..], true, "read: connection reset by peer"),
    ] {
        let (conn, _) = open(&mut desk, "a");
        if !bytes.is_empty() {
            desk.say(conn, bytes);
        }
        if reset {
            desk.break_off(conn)
        } else {
            desk.finish(conn)
        }
        desk.settle();
        let ended = events(&mut desk);
        assert!(matches!(ends(&ended)[..], [(_, ending)] if &*ending.reason == reason), "{reason}: {ended:?}");
    }
    let (conn, _) = open(&mut desk, "a");
    assert_eq!(desk.say(conn, [0x81, 1, b'x']), [0x88, 2, 3, 234]);
    desk.finish(conn);
}

#[test]
fn strictly_pushes_go_to_the_newest_and_what_is_no_text_closes_it() {
    let mut desk = strict();
    let (older, _) = open(&mut desk, "a");
    let (newer, _) = open(&mut desk, "a");
    assert!(desk.request(push("%61", "", "hi")).starts_with("HTTP/1.1 200 "));
    assert_eq!((text_of(&desk.hear(newer)), desk.hear(older).len()), ("hi", 0));
    desk.finish(older);
    assert!(
        desk.request(push("a", "Content-Type: application/octet-stream\r\n", "still")).starts_with("HTTP/1.1 200 ")
    );
    assert_eq!(text_of(&desk.hear(newer)), "still", "and it is a text, whatever its Content-Type");
    let bad = [push("a", "", "x").as_bytes(), &[]].concat();
    let bad: Vec<u8> = bad.iter().map(|byte| if *byte == b'x' { 0xff } else { *byte }).collect();
    assert!(desk.request(&bad).starts_with("HTTP/1.1 200 "));
    assert_eq!(close_of(&desk.hear(newer)).0, 1_001);
    assert!(desk.request(push("a", "", "gone")).starts_with("HTTP/1.1 404 "));
    desk.finish(newer);
}
