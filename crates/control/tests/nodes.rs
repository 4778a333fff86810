//! `/api/info` and `/api/channels`.
use crate::support::Server;
use control::ControlSettings;

fn server() -> Server {
    Server::start(ControlSettings { dev: true, uid: "u-1".into(), ..ControlSettings::default() })
}

#[test]
fn info_tells_of_this_node() {
    let answer = server().post("/api/info", "", "{}");
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let node = &answer["result"]["nodes"][0];
    assert_eq!((node["uid"].as_str(), node["version"].is_string()), (Some("u-1"), true));
    assert!(node["name"].as_str().unwrap().ends_with("_8000"), "{node}");
    for count in ["num_clients", "num_subs", "num_channels"] {
        assert_eq!(node[count], 5, "{count}: two shards with 2.5 each");
    }
    assert!(node["uptime"].is_u64());
}

#[test]
fn channels_are_those_that_the_data_plane_lists() {
    let server = server();
    let listed = server.post("/api/channels", "", "{}");
    assert_eq!(listed.body, r#"{"result":{"channels":{"a":{"num_clients":1},"b":{"num_clients":2}}}}"#);
    let some = server.post("/api/channels", "", r#"{"pattern":"x"}"#);
    assert!(some.body.contains(r#""bx":{"num_clients":2}"#), "{}", some.body);
    for (pattern, code) in [("away", 100), ("*", 107)] {
        let answer = server.post("/api/channels", "", &format!(r#"{{"pattern":"{pattern}"}}"#));
        assert!(answer.body.starts_with(&format!(r#"{{"error":{{"code":{code},"#)), "{}", answer.body);
    }
}
