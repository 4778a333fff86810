//! `/api/history` and `/api/history_remove`.
use crate::support::Server;
use control::{ControlSettings, HistoryWanted};

fn server() -> Server {
    Server::start(ControlSettings { dev: true, ..ControlSettings::default() })
}

#[test]
fn a_history_is_told_as_centrifugo_tells_it() {
    let server = server();
    let answer = server.post("/api/history", "", r#"{"channel":"a","limit":-1}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        concat!(
            r#"{"result":{"publications":[{"data":{"a":1},"offset":1},"#,
            r#"{"data":"text","info":{"user":"","client":"c","conn_info":[1]},"offset":2,"tags":{"k":"v"}},{"b64data":"/wA=","offset":3}],"#,
            r#""epoch":"e","offset":3}}"#
        )
    );
    let answer = server.post("/api/history", "", r#"{"channel":"empty"}"#);
    assert_eq!(answer.body, r#"{"result":{"publications":[],"epoch":"e","offset":0}}"#);
}

#[test]
fn what_is_wanted_goes_to_the_data_plane() {
    let server = server();
    let wanted = |limit, since, reverse| HistoryWanted { subject: "a".into(), since, limit, reverse };
    for (body, want) in [
        (r#"{"channel":"a"}"#, wanted(0, None, false)),
        (r#"{"channel":"a","limit":-7}"#, wanted(u32::MAX, None, false)),
        (r#"{"channel":"a","limit":5000000000}"#, wanted(u32::MAX, None, false)),
        (r#"{"channel":"a","limit":2,"since":{"offset":0}}"#, wanted(2, Some((0, String::new())), false)),
        (
            r#"{"channel":"a","limit":2,"since":{"offset":9,"epoch":"x"},"reverse":true}"#,
            wanted(2, Some((9, "x".into())), true),
        ),
    ] {
        assert_eq!(server.post("/api/history", "", body).status, 200, "{body}");
        assert_eq!(server.recorder.wanted.lock().unwrap().pop(), Some(want), "{body}");
    }
}

#[test]
fn a_history_is_removed() {
    let server = server();
    assert_eq!(server.post("/api/history_remove", "", r#"{"channel":"a"}"#).body, r#"{"result":{}}"#);
    assert_eq!(*server.recorder.removed.lock().unwrap(), ["a"]);
    let stream = r#"{"id":1,"method":"history_remove","params":{"channel":"b"}}{"method":"history","params":{"channel":"empty"}}"#;
    assert_eq!(
        server.post("/api", "", stream).body,
        "{\"id\":1,\"result\":{}}\n{\"result\":{\"publications\":[],\"epoch\":\"e\",\"offset\":0}}"
    );
}

#[test]
fn errors_have_centrifugos_codes_and_statuses() {
    let server = server();
    for (method, body, code, status) in [
        ("history", "{}", 107, 400),
        ("history", r#"{"channel":"a","reverse":true,"since":{"offset":0}}"#, 107, 400),
        ("history", r#"{"channel":"bad"}"#, 107, 400),
        ("history", r#"{"channel":"unknown"}"#, 102, 404),
        ("history", r#"{"channel":"off"}"#, 108, 400),
        ("history", r#"{"channel":"other"}"#, 112, 416),
        ("history", r#"{"channel":"away"}"#, 100, 500),
        ("history_remove", "{}", 107, 400),
        ("history_remove", r#"{"channel":"off"}"#, 108, 400),
    ] {
        let path = format!("/api/{method}");
        let answer = server.post(&path, "", body);
        assert_eq!(answer.status, 200, "{body}");
        assert!(answer.body.starts_with(&format!(r#"{{"error":{{"code":{code},"message":"#)), "{}", answer.body);
        assert_eq!(server.post(&path, "X-Centrifugo-Error-Mode: transport\r\n", body).status, status, "{body}");
    }
    assert_eq!(server.post("/api/history", "", r#"{"channel":"a","limit":"all"}"#).status, 400);
}
