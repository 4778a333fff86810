//! The HTTP API over real sockets.
use std::time::Duration;

use crate::support::{Server, post};
use control::{ApiAccess, ApiRules, ControlSettings, PayloadKind};

const KEY: &str = "X-API-Key: secret\r\n";

fn server() -> Server {
    Server::start(ControlSettings {
        access: ApiAccess::new(ApiRules { keys: vec!["secret".into()], ..ApiRules::default() }),
        ..ControlSettings::default()
    })
}

#[test]
fn publish_answers_with_the_position() {
    let server = server();
    let answer = server.post("/api/publish", KEY, r#"{"channel":"news","data":{"a": 1},"idempotency_key":"k"}"#);
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"result":{"offset":1,"epoch":"e"}}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let published = server.last_published();
    assert_eq!((published.subject.as_str(), published.payload.as_slice()), ("news", br#"{"a": 1}"#.as_slice()));
    assert_eq!((published.kind, published.extra.idempotency_key.as_deref()), (PayloadKind::Text, Some("k")));
}

#[test]
fn base64_goes_before_data_and_may_be_binary() {
    let server = server();
    server.post("/api/publish", KEY, r#"{"channel":"news","data":1,"b64data":"/wA="}"#);
    let published = server.last_published();
    assert_eq!((published.payload.as_slice(), published.kind), ([0xff, 0].as_slice(), PayloadKind::Binary));
    server.post("/api/publish", KEY, r#"{"channel":"news","b64data":"e30="}"#);
    assert_eq!(
        (server.last_published().payload.as_slice(), server.last_published().kind),
        (b"{}".as_slice(), PayloadKind::Text)
    );
    let answer = server.post("/api/publish", KEY, r#"{"channel":"news","b64data":"?"}"#);
    assert!(answer.body.starts_with(r#"{"error":{"code":107,"#), "{}", answer.body);
}

#[test]
fn broadcast_answers_in_the_order_asked() {
    let server = server();
    let answer = server.post("/api/broadcast", KEY, r#"{"channels":["a","bad","away","","b"],"data":"x"}"#);
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let responses = answer["result"]["responses"].as_array().unwrap();
    let codes: Vec<_> = responses.iter().map(|response| response["error"]["code"].as_u64()).collect();
    assert_eq!(codes, [None, Some(107), Some(100), Some(107), None]);
    assert_eq!(responses[0]["result"]["epoch"], "e");
    let empty = server.post("/api/broadcast", KEY, r#"{"channels":[],"data":"x"}"#);
    assert!(empty.body.contains("\"code\":107"));
}

#[test]
fn a_thousand_subjects_each_get_it_once() {
    let server = server();
    let channels: Vec<String> = (0..1_000).map(|number| format!("c{number}")).collect();
    let body = serde_json::json!({"channels": channels, "data": 1}).to_string();
    assert_eq!(server.post("/api/broadcast", KEY, &body).status, 200);
    let mut subjects: Vec<_> = server.recorder.published.lock().unwrap().iter().map(|p| p.subject.clone()).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 1_000);
}

#[test]
fn what_a_publication_may_have_goes_to_the_data_plane() {
    let server = server();
    let body = r#"{"channel":"a","data":1,"tags":{"b":"2","a":"1"},"version":7,"version_epoch":"e","skip_history":true,"delta":true}"#;
    assert_eq!(server.post("/api/publish", KEY, body).body, r#"{"result":{}}"#, "what is not kept has no place");
    let body = r#"{"channels":["a"],"data":1,"tags":null,"version":1}"#;
    assert_eq!(server.post("/api/broadcast", KEY, body).status, 200);
    let published = server.recorder.published.lock().unwrap().clone();
    let tags = [("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let wanted = control::Extra {
        idempotency_key: None,
        tags: tags.into(),
        version: 7,
        version_epoch: "e".into(),
        skip_history: true,
        delta: true,
    };
    assert_eq!(published[0].extra, wanted);
    assert_eq!(published[1].extra, control::Extra { version: 1, ..control::Extra::default() });
}

#[test]
fn errors_have_centrifugos_codes_and_statuses() {
    let server = server();
    let long_key = serde_json::json!({"channel": "a", "data": 1, "idempotency_key": "k".repeat(256)}).to_string();
    let transport = "X-API-Key: secret\r\nX-Centrifugo-Error-Mode: transport\r\n";
    for (body, code, status) in [
        (r#"{"data":1}"#, 107, 400),
        (r#"{"channel":"a"}"#, 107, 400),
        (r#"{"channel":null,"data":1}"#, 107, 400),
        (r#"{"channel":"bad","data":1}"#, 107, 400),
        (r#"{"channel":"large","data":1}"#, 107, 400),
        (r#"{"channel":"away","data":1}"#, 100, 500),
        ("null", 107, 400),
        (long_key.as_str(), 107, 400),
    ] {
        let answer = server.post("/api/publish", KEY, body);
        assert_eq!(answer.status, 200, "{body}");
        assert!(
            answer.body.starts_with(&format!(r#"{{"error":{{"code":{code},"message":"#)),
            "{body}: {}",
            answer.body
        );
        let answer = server.post("/api/publish", transport, body);
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.starts_with(&format!(r#"{{"code":{code},"message":"#)), "{body}: {}", answer.body);
    }
    assert!(server.recorder.published.lock().unwrap().is_empty());
}

#[test]
fn a_body_that_is_no_request_is_refused_in_words() {
    let server = server();
    let deep = "[".repeat(10_000);
    for body in ["", "{", "[]", "7", r#"{"channel":5,"data":1}"#, r#"{"channel":"a","data":1}x"#, deep.as_str()] {
        let answer = server.post("/api/publish", KEY, body);
        assert_eq!(answer.status, 400, "{body:.20}");
        assert!(answer.body.starts_with(r#"{"error":""#), "{}", answer.body);
    }
}

#[test]
fn the_stream_form_runs_in_order_or_not_at_all() {
    let server = server();
    let body = r#"{"id":1,"method":"publish","params":{"channel":"a","data":1}}
        {"method":"presence","params":[]}{"id":3,"method":"broadcast","params":{"channels":["b"],"data":2}}"#;
    let answer = server.post("/api", KEY, body);
    let lines: Vec<&str> = answer.body.lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"id":1,"result":{"offset":1,"epoch":"e"}}"#,
            r#"{"error":{"code":107,"message":"bad request: invalid type: sequence, expected an object at line 1 column 0"}}"#,
            r#"{"id":3,"result":{"responses":[{"result":{"offset":2,"epoch":"e"}}]}}"#,
        ]
    );
    let half = r#"{"method":"publish","params":{"channel":"a","data":1}} {"method":"#;
    assert_eq!(server.post("/api", KEY, half).status, 400);
    for method in [r#""nonsense""#, r#""""#] {
        let body = format!(r#"{{"method":"publish","params":{{"channel":"a","data":1}}}}{{"method":{method}}}"#);
        assert_eq!(server.post("/api", KEY, &body).status, 400, "{method}");
    }
    assert_eq!(server.post("/api", KEY, "").status, 400);
    assert_eq!(server.recorder.published.lock().unwrap().len(), 2);
    let nameless = server.post("/api", KEY, r#"{"params":{"channel":"a","data":1}}"#).body;
    assert_eq!(nameless, r#"{"result":{"offset":3,"epoch":"e"}}"#, "without a method it is `publish`");
}

#[test]
fn null_is_as_good_as_not_there_but_as_data() {
    let server = server();
    for body in [
        r#"{"channel":"a","data":null,"b64data":null,"idempotency_key":null,"tags":null,"version":null,"version_epoch":null,"skip_history":null,"delta":null}"#,
        r#"{"channel":"a","data": null }"#,
    ] {
        assert_eq!(server.post("/api/publish", KEY, body).status, 200, "{body}");
        let published = server.last_published();
        assert_eq!((published.payload.as_slice(), &published.extra), (b"null".as_slice(), &control::Extra::default()));
    }
    let all = r#"{"channels":["a","b"],"data":null}"#;
    assert_eq!(server.post("/api/broadcast", KEY, all).status, 200);
    let batch = r#"{"commands":[{"publish":{"channel":"a","data":null},"presence":null}],"parallel":null}"#;
    assert_eq!(server.post("/api/batch", KEY, batch).status, 200);
    let published = server.recorder.published.lock().unwrap().clone();
    assert_eq!(published.len(), 5);
    assert!(published.iter().all(|one| one.payload == b"null"));
    for (method, body) in [
        ("disconnect", r#"{"user":null,"client":null,"session":null,"whitelist":null,"disconnect":null}"#),
        ("refresh", r#"{"user":null,"expired":null,"expire_at":null,"info":null}"#),
        (
            "subscribe",
            r#"{"user":null,"channel":"a","info":null,"b64info":null,"recover_since":null,"override":{"presence":null}}"#,
        ),
        ("unsubscribe", r#"{"user":null,"channel":null}"#),
        ("channels", r#"{"pattern":null}"#),
        ("history", r#"{"channel":"a","limit":null,"since":null,"reverse":null}"#),
    ] {
        let answer = server.post(&format!("/api/{method}"), KEY, body);
        assert_eq!(answer.status, 200, "{method}");
        assert!(answer.body.starts_with(r#"{"result":"#), "{method}: {}", answer.body);
    }
    let missing = server.post("/api/broadcast", KEY, r#"{"channels":["a","b"]}"#).body;
    assert_eq!(missing.matches(r#""code":107"#).count(), 2, "each channel is told: {missing}");
}

#[test]
fn without_a_key_nothing_is_read() {
    let server = server();
    for headers in ["", "X-API-Key: wrong\r\n", "Authorization: apikey wrong\r\n", "Authorization: Bearer secret\r\n"] {
        let answer = server.post("/api/publish", headers, r#"{"channel":"a","data":1}"#);
        assert_eq!(answer.status, 401, "{headers}");
        assert!(answer.body.starts_with(r#"{"error":""#));
    }
    for (path, headers) in [
        ("/api/publish", "Authorization: apikey secret\r\n"),
        ("/api/publish?api_key=secret", ""),
        ("/api/publish?x=%GG&api_key=secret", ""),
    ] {
        assert_eq!(server.post(path, headers, r#"{"channel":"a","data":1}"#).status, 200, "{path}");
    }
    let keyless = Server::start(ControlSettings::default());
    assert_eq!(keyless.post("/api/publish", "X-API-Key: \r\n", "{}").status, 401);
}

#[test]
fn dev_mode_wants_no_key() {
    let server = Server::start(ControlSettings { dev: true, ..ControlSettings::default() });
    assert_eq!(server.post("/api/publish", "", r#"{"channel":"a","data":1}"#).status, 200);
}

#[test]
fn wrong_methods_and_paths() {
    let server = server();
    let answer = server.get("/api/publish");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(server.get("/api").status, 405);
    assert_eq!(server.post("/api/nonsense", KEY, "{}").status, 404);
    assert_eq!(server.post("/api/nonsense", "", "{}").status, 401);
    assert_eq!(server.post("/api/a/b", KEY, "{}").status, 404);
    assert_eq!(server.post("/healthz", "", "").status, 405);
}

#[test]
fn bodies_are_bounded_in_bytes_time_and_form() {
    let settings = ControlSettings {
        dev: true,
        body_bytes_max: 1_000,
        body_timeout: Duration::from_millis(200),
        ..ControlSettings::default()
    };
    let server = Server::start(settings);
    assert_eq!(server.post("/api/publish", "", &"x".repeat(1_001)).status, 413);
    let gzip = server.post("/api/publish", "Content-Encoding: gzip\r\n", "{}");
    assert_eq!(gzip.status, 415);
    let mut slow = server.connect();
    slow.send("POST /api/publish HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{");
    assert_eq!(slow.answer().status, 408);
    let mut chunked = server.connect();
    chunked.send("POST /api/publish HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..3 {
        chunked.send(&format!("190\r\n{}\r\n", "x".repeat(0x190)));
    }
    assert_eq!(chunked.answer().status, 413);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut peer = server.connect();
    let one = post("/api/publish", KEY, r#"{"channel":"a","data":1}"#);
    peer.send(&format!("{one}{one}{one}"));
    for offset in 1..=3 {
        assert_eq!(peer.answer().body, format!(r#"{{"result":{{"offset":{offset},"epoch":"e"}}}}"#));
    }
}
