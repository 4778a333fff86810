//! Listeners of hooks.
use super::*;

#[test]
fn by_a_door_of_its_own_nothing_else_is_served_and_it_is_not_served_elsewhere() {
    let alone = Hook { door: 1, prefix: "/".into(), ..hook() };
    let other = Hook { door: 2, prefix: "/ws/".into(), ..hook() };
    let mut desk = Desk::new(&ShardConfig { hooks: Arc::from([hook(), alone, other]), ..dev() });
    let at = |desk: &mut Desk, door, request: &str| {
        let conn = desk.connect();
        desk.world().doors.insert(conn.0, door);
        (conn, desk.ask(conn, request))
    };
    for (door, target, address) in [(0, "/ws/a", "0/a"), (1, "/a", "1/a"), (1, "/sub/x", "1/sub"), (2, "/ws/a", "2/a")]
    {
        events(&mut desk);
        let (conn, heard) = at(&mut desk, door, &upgrade(target));
        assert!(heard.is_empty(), "{door} {target}: {heard}");
        let [HookEvent::Connect { address: asked, .. }] = &events(&mut desk)[..] else { panic!("{door} {target}") };
        assert_eq!(asked, address);
        desk.break_off(conn);
    }
    for (door, request) in [
        (2, "GET /sub/x HTTP/1.1\r\nHost: h\r\n\r\n"),
        (2, "GET /api/info HTTP/1.1\r\nHost: h\r\n\r\n"),
        (1, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (3, "GET /ws/a HTTP/1.1\r\nHost: h\r\n\r\n"),
    ] {
        let (_, heard) = at(&mut desk, door, request);
        assert!(heard.starts_with("HTTP/1.1 404 "), "{door} {request}: {heard}");
    }
    assert!(desk.world().handed_over.is_empty());
    // A push comes by the same door as its client.
    let (conn, _) = at(&mut desk, 1, &upgrade("/a"));
    let [HookEvent::Connect { of, .. }] = events(&mut desk)[..] else { panic!() };
    verdict(&mut desk, of, "1/a", YES);
    desk.hear(conn);
    let (_, heard) = at(&mut desk, 1, &push("a", KEY, "hi").replace("/ws/a", "/a"));
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    assert_eq!(text_of(&desk.hear(conn)), "hi");
    let (_, heard) = at(&mut desk, 0, &push("a", KEY, "hi"));
    assert!(heard.starts_with("HTTP/1.1 404 "), "{heard}");
    desk.break_off(conn);
}
