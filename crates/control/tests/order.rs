//! What backends have done with clients.
#![allow(clippy::unwrap_used, reason = "these are tests")]
mod support;

use control::{ControlSettings, Order, Whom};
use support::Server;

fn server() -> Server {
    Server::start(ControlSettings { dev: true, ..ControlSettings::default() })
}

fn disconnect(code: u16, reason: &str, spared: &[&str]) -> Order {
    Order::Disconnect { code, reason: reason.into(), spared: spared.iter().map(|id| (*id).into()).collect() }
}

#[test]
fn a_disconnect_says_who_why_and_who_not() {
    let server = server();
    let whom = |user: &str, client: &str| Whom { user: user.into(), client: client.into() };
    for (body, want) in [
        (r#"{"user":"ann"}"#, (whom("ann", ""), disconnect(3503, "", &[]))),
        (r#"{}"#, (whom("", ""), disconnect(3503, "", &[]))),
        (
            r#"{"user":"ann","client":"c","whitelist":["d","e"],"disconnect":{"code":4001,"reason":"go away"}}"#,
            (whom("ann", "c"), disconnect(4001, "go away", &["d", "e"])),
        ),
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
        r#"{"disconnect":{"code":2999}}"#,
        r#"{"disconnect":{"code":5000}}"#,
        r#"{"disconnect":{"code":3500,"reason":"{\"reason\":\"x\"}"}}"#,
        r#"{"disconnect":{"code":3500,"reason":"1"}}"#,
        &long,
    ] {
        let answer = server.post("/api/disconnect", "", body);
        assert!(answer.body.starts_with(r#"{"error":{"code":107,"#), "{body}: {}", answer.body);
    }
    assert_eq!(server.post("/api/disconnect", "", r#"{"disconnect":{}}"#).status, 400);
    assert!(server.recorder.ordered.lock().unwrap().is_empty());
    let answer = server.post("/api/disconnect", "", r#"{"user":"away"}"#);
    assert!(answer.body.starts_with(r#"{"error":{"code":100,"#), "{}", answer.body);
}
