//! What backends have done with clients.
use crate::support::Server;
use control::{Changes, ControlSettings, Order, Subscription, Whom};

fn server() -> Server {
    Server::start(ControlSettings { dev: true, ..ControlSettings::default() })
}

fn disconnect(code: u16, reason: &str, spared: &[&str]) -> Order {
    Order::Disconnect { code, reason: reason.into(), spared: spared.iter().map(|id| (*id).into()).collect() }
}

#[test]
fn a_disconnect_says_who_why_and_who_not() {
    let server = server();
    let whom = |user: &str, client: &str| Whom { user: user.into(), client: client.into(), ..Whom::default() };
    for (body, want) in [
        (r#"{"user":"ann"}"#, (whom("ann", ""), disconnect(3503, "", &[]))),
        (r#"{}"#, (whom("", ""), disconnect(3503, "", &[]))),
        (
            r#"{"user":"ann","client":"c","whitelist":["d","e"],"disconnect":{"code":4001,"reason":"go away"}}"#,
            (whom("ann", "c"), disconnect(4001, "go away", &["d", "e"])),
        ),
        (r#"{"user":"ann","disconnect":{"reason":"be gone"}}"#, (whom("ann", ""), disconnect(3503, "be gone", &[]))),
        (r#"{"user":"ann","disconnect":{}}"#, (whom("ann", ""), disconnect(3503, "", &[]))),
        (r#"{"user":"ann","disconnect":{"code":1}}"#, (whom("ann", ""), disconnect(1, "", &[]))),
        (r#"{"user":"ann","disconnect":{"code":3000}}"#, (whom("ann", ""), disconnect(3000, "", &[]))),
    ] {
        let answer = server.post("/api/disconnect", "", body);
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"result":{}}"#), "{body}");
        assert_eq!(server.recorder.ordered.lock().unwrap().pop(), Some(want), "{body}");
    }
}

#[test]
fn what_clients_would_not_understand_is_refused() {
    let server = server();
    let long = format!(r#"{{"disconnect":{{"code":3500,"reason":"{}"}}}}"#, "x".repeat(124));
    for body in [
        r#"{"disconnect":{"code":3500,"reason":"{\"reason\":\"x\"}"}}"#,
        r#"{"disconnect":{"code":3500,"reason":"1"}}"#,
        &long,
    ] {
        let answer = server.post("/api/disconnect", "", body);
        assert!(answer.body.starts_with(r#"{"error":{"code":107,"#), "{body}: {}", answer.body);
    }
    assert_eq!(server.post("/api/disconnect", "", r#"{"disconnect":[3500,"x"]}"#).status, 400);
    assert!(server.recorder.ordered.lock().unwrap().is_empty());
    let answer = server.post("/api/disconnect", "", r#"{"user":"away"}"#);
    assert!(answer.body.starts_with(r#"{"error":{"code":100,"#), "{}", answer.body);
}

#[test]
fn subscribe_unsubscribe_and_refresh_say_what_is_to_be_done() {
    let server = server();
    let ann = || Whom { user: "ann".into(), ..Whom::default() };
    let one = || Whom { user: "ann".into(), client: "c".into(), session: "s".into() };
    let plain = || Subscription { subject: "a".into(), ..Subscription::default() };
    let all = Subscription {
        info: b"{\"n\":1}".to_vec(),
        data: vec![0xff, 0],
        expire_at: Some(2_000_000_000),
        since: Some((7, "e".into())),
        changes: Changes {
            presence: Some(true),
            join_leave: Some(false),
            force_push_join_leave: None,
            force_positioning: Some(false),
            force_recovery: Some(true),
        },
        ..plain()
    };
    let refresh = |expire_at, info: Option<&str>| Order::Refresh { expire_at, info: info.map(|info| info.into()) };
    for (method, body, want) in [
        ("subscribe", r#"{"user":"ann","channel":"a"}"#, (ann(), Order::Subscribe(plain()))),
        (
            "subscribe",
            r#"{"user":"ann","client":"c","session":"s","channel":"a","info":1,"b64info":"eyJuIjoxfQ==","data":{},"b64data":"/wA=",
                "expire_at":2000000000,"recover_since":{"offset":7,"epoch":"e"},"override":{"presence":{"value":true},
                "join_leave":{},"force_positioning":{"value":false},"force_recovery":{"value":true}}}"#,
            (one(), Order::Subscribe(all)),
        ),
        ("unsubscribe", r#"{"user":"ann","channel":"a"}"#, (ann(), Order::Unsubscribe { subject: "a".into() })),
        ("refresh", r#"{"user":"ann","client":"c","session":"s"}"#, (one(), refresh(None, None))),
        (
            "refresh",
            r#"{"user":"ann","expire_at":2000000000,"info":[1]}"#,
            (ann(), refresh(Some(2_000_000_000), Some("[1]"))),
        ),
        ("refresh", r#"{"user":"ann","expired":true}"#, (ann(), disconnect(3005, "", &[]))),
    ] {
        let answer = server.post(&format!("/api/{method}"), "", body);
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"result":{}}"#), "{body}");
        assert_eq!(server.recorder.ordered.lock().unwrap().pop(), Some(want), "{body}");
    }
    for (method, body, code) in [
        ("subscribe", r#"{"user":"ann"}"#, 107),
        ("subscribe", r#"{"channel":"a","b64info":"e30"}"#, 107),
        ("subscribe", r#"{"channel":"a","b64info":"/wA="}"#, 107),
        ("subscribe", r#"{"channel":"a","b64data":"?"}"#, 107),
        ("subscribe", r#"{"channel":"a","user":"unknown"}"#, 102),
        ("refresh", r#"{"user":"over","expire_at":1}"#, 107),
        ("refresh", r#"{"user":"away"}"#, 100),
    ] {
        let answer = server.post(&format!("/api/{method}"), "", body);
        assert!(answer.body.starts_with(&format!(r#"{{"error":{{"code":{code},"#)), "{method} {body}: {}", answer.body);
    }
    assert_eq!(server.post("/api/unsubscribe", "", r#"{"user":"ann"}"#).body, r#"{"result":{}}"#, "as in Centrifugo");
    assert!(server.recorder.ordered.lock().unwrap().is_empty(), "nobody is subscribed to it");
    for body in [r#"{"channel":"a","override":[]}"#, r#"{"channel":"a","override":{"presence":true}}"#, r#"["a"]"#] {
        assert_eq!(server.post("/api/subscribe", "", body).status, 400, "{body}");
    }
}
