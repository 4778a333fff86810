//! Keeping users and tokens out.
use crate::support::Server;
use control::{Ban, ControlSettings};

fn server() -> Server {
    Server::start(ControlSettings { dev: true, ..ControlSettings::default() })
}

#[test]
fn every_method_says_who_and_until_when() {
    let server = server();
    let invalidate = |user: &str, channel: Option<&str>, issued_before, expire_at| Ban::Invalidate {
        user: user.into(),
        channel: channel.map(Into::into),
        issued_before,
        expire_at,
    };
    for (method, body, want) in [
        ("block_user", r#"{"user":"ann"}"#, Ban::Block { user: "ann".into(), expire_at: None }),
        ("block_user", r#"{"user":"","expire_at":7}"#, Ban::Block { user: String::new(), expire_at: Some(7) }),
        ("block_user", r#"{"user":"ann","expire_at":null}"#, Ban::Block { user: "ann".into(), expire_at: None }),
        ("unblock_user", r#"{"user":"ann"}"#, Ban::Unblock { user: "ann".into() }),
        ("revoke_token", r#"{"uid":"t","expire_at":9}"#, Ban::Revoke { token: "t".into(), expire_at: Some(9) }),
        ("invalidate_user_tokens", r#"{"user":"ann"}"#, invalidate("ann", None, None, None)),
        (
            "invalidate_user_tokens",
            r#"{"user":"ann","channel":"c","issued_before":5,"expire_at":6}"#,
            invalidate("ann", Some("c"), Some(5), Some(6)),
        ),
    ] {
        let answer = server.post(&format!("/api/{method}"), "", body);
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"result":{}}"#), "{method} {body}");
        assert_eq!(server.recorder.banned.lock().unwrap().pop(), Some(want), "{method} {body}");
    }
}

#[test]
fn what_is_not_done_is_told() {
    let server = server();
    for (method, body, code) in [
        ("block_user", "{}", 107),
        ("block_user", r#"{"user":null}"#, 107),
        ("unblock_user", "{}", 107),
        ("invalidate_user_tokens", "{}", 107),
        ("revoke_token", r#"{"user":"ann"}"#, 107),
        ("block_user", r#"{"user":"full"}"#, 108),
        ("block_user", r#"{"user":"over"}"#, 107),
        ("block_user", r#"{"user":"long"}"#, 107),
        ("block_user", r#"{"user":"unsaved"}"#, 100),
        ("block_user", r#"{"user":"away"}"#, 100),
    ] {
        let answer = server.post(&format!("/api/{method}"), "", body);
        assert!(answer.body.contains(&format!("{{\"error\":{{\"code\":{code},")), "{method} {body}: {}", answer.body);
    }
    assert!(server.post("/api/block_user", "", r#"{"user":"full"}"#).body.contains("bans.count_max"));
    assert!(server.post("/api/block_user", "", r#"{"user":"unsaved"}"#).body.contains("no room"));
    assert_eq!(server.post("/api/block_user", "", r#"{"user":7}"#).status, 400);
    assert!(server.recorder.banned.lock().unwrap().is_empty());
}
