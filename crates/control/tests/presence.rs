//! `/api/presence` and `/api/presence_stats`.
use crate::support::Server;
use control::ControlSettings;

#[test]
fn presence_is_told_as_centrifugo_tells_it() {
    let server = Server::start(ControlSettings { dev: true, ..ControlSettings::default() });
    for (method, channel, body) in [
        (
            "presence",
            "a",
            concat!(
                r#"{"result":{"presence":{"c1":{"user":"","client":"c1"},"#,
                r#""c2":{"user":"ann","client":"c2","conn_info":{"a": 1}}}}}"#
            ),
        ),
        ("presence", "empty", r#"{"result":{"presence":{}}}"#),
        ("presence_stats", "a", r#"{"result":{"num_clients":3,"num_users":2}}"#),
        ("presence_stats", "empty", r#"{"result":{"num_clients":0,"num_users":0}}"#),
    ] {
        let answer = server.post(&format!("/api/{method}"), "", &format!("{{\"channel\":\"{channel}\"}}"));
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{method} {channel}");
    }
}

#[test]
fn refusals_have_their_codes() {
    let server = Server::start(ControlSettings { dev: true, ..ControlSettings::default() });
    for method in ["presence", "presence_stats"] {
        for (channel, code) in [("", 107), ("bad", 107), ("crowd", 107), ("unknown", 102), ("off", 108), ("away", 100)]
        {
            let answer = server.post(&format!("/api/{method}"), "", &format!("{{\"channel\":\"{channel}\"}}"));
            assert!(answer.body.starts_with(&format!("{{\"error\":{{\"code\":{code},")), "{channel}: {}", answer.body);
        }
    }
}
