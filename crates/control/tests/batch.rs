//! `batch`, and the methods of which there is nothing here.
use crate::support::Server;
use control::ControlSettings;

fn server() -> Server {
    Server::start(ControlSettings { dev: true, ..ControlSettings::default() })
}

#[test]
fn a_batch_is_answered_in_the_order_asked_without_a_result_around_it() {
    let server = server();
    for parallel in ["", r#","parallel":true"#] {
        let body = format!(
            r#"{{"commands":[{{"publish":{{"channel":"a","data":1}}}},{{"nonsense":{{}}}},null,{{"presence_stats":{{"channel":"a"}}}},
                {{"publish":{{"channel":"unknown","data":1}}}},{{"publish":null}},{{"rpc":{{"method":"m"}}}},
                {{"publish":{{"channel":"two","data":1}},"info":{{}}}},{{"info":null,"presence_stats":{{"channel":"a"}},"id":1}}]{parallel}}}"#
        );
        let answer = server.post("/api/batch", "X-Centrifugo-Error-Mode: transport\r\n", &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let replies = answer["replies"].as_array().unwrap();
        assert_eq!(replies[0]["publish"]["epoch"], "e");
        assert_eq!(replies[3], serde_json::json!({"presence_stats": {"num_clients": 3, "num_users": 2}}));
        let codes: Vec<_> = replies.iter().map(|reply| reply["error"]["code"].as_u64()).collect();
        assert_eq!(codes, [None, Some(104), Some(107), None, Some(102), Some(104), Some(104), Some(107), None]);
        assert!(server.recorder.published.lock().unwrap().iter().all(|one| one.subject != "two"), "neither is run");
    }
    let lines = server.post("/api", "", r#"{"id":1,"method":"batch","params":{"commands":[]}}"#);
    assert_eq!(lines.body, r#"{"id":1,"result":{"replies":[]}}"#);
}

#[test]
fn a_batch_is_bounded_and_read_whole_before_it_is_run() {
    let server = server();
    let many = |count: usize| format!(r#"{{"commands":[{}]}}"#, vec![r#"{"info":{}}"#; count].join(","));
    assert!(server.post("/api/batch", "", &many(1_001)).body.starts_with(r#"{"error":{"code":107,"#));
    for body in [
        r#"{"commands":[{"publish":{"channel":"a","data":1}},{"publish":{"channel":5}}]}"#,
        r#"{"commands":[{"publish":{"channel":"a","data":1}},["publish"]]}"#,
        r#"{"commands":{}}"#,
        r#"[]"#,
    ] {
        assert_eq!(server.post("/api/batch", "", body).status, 400, "{body}");
    }
    assert!(server.recorder.published.lock().unwrap().is_empty());
}

#[test]
fn what_is_not_here_says_so() {
    let server = server();
    for (method, body, code) in [
        ("rpc", "{}", 107),
        ("rpc", r#"{"method":"m","params":{}}"#, 104),
        ("map_publish", r#"{"channel":"a","key":"k","data":1}"#, 107),
        ("map_remove", "{}", 107),
        ("map_read_state", "{}", 107),
        ("map_read_stream", "{}", 107),
        ("map_stats", "{}", 107),
        ("map_clear", "{}", 107),
        ("shared_poll_publish", "{}", 107),
    ] {
        let answer = server.post(&format!("/api/{method}"), "", body);
        assert!(answer.body.starts_with(&format!(r#"{{"error":{{"code":{code},"#)), "{method}: {}", answer.body);
    }
    assert_eq!(server.post("/api/update_user_status", "", "{}").status, 404);
}

#[test]
fn arrays_are_no_objects() {
    let server = server();
    for (method, body) in [
        ("publish", r#"["a",[],1]"#),
        ("history", r#"{"channel":"a","since":[1,"e"]}"#),
        ("presence", r#"["a"]"#),
        ("info", "[]"),
        ("channels", r#"[""]"#),
    ] {
        assert_eq!(server.post(&format!("/api/{method}"), "", body).status, 400, "{method} {body}");
    }
    assert_eq!(server.post("/api", "", r#"[1,"info",null]"#).status, 400);
    let info = server.post("/api/info", "", "{}").body;
    assert!(info.contains("\"num_users\":7,") && info.contains("\"uptime\":"), "{info}");
}
