//! Other settings while the server runs.
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tungstenite::Message;

use crate::server::{Client, Server};

const CLOSED: &str = "[client]\nallow_anonymous_connect_without_token = true\n[http_api]\nkey = \"the first\"\n";
const OPEN: &str = "[client]\nallow_anonymous_connect_without_token = true\nchannel_limit = 2\n[http_api]\nkey = \"the second\"\n\
                    [channel.without_namespace]\nallow_subscribe_for_client = true\nallow_subscribe_for_anonymous = true\n";

struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("ringcast-reload-{}.toml", std::process::id())));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Says a command and reads its reply.
fn ask(client: &mut Client, command: &str) -> String {
    client.send(Message::text(command)).unwrap();
    client.read().unwrap().into_text().unwrap().to_string()
}

fn publish(server: &Server, key: &str) -> String {
    let body = "{\"channel\":\"a\",\"data\":1}";
    server.exchange(
        format!(
            "POST /api/publish HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-API-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
}

#[test]
fn sighup_changes_rules_under_open_connections_and_a_wrong_file_changes_nothing() {
    let file = File::new(CLOSED);
    let server = Server::start(&["--shards", "2", "--config", file.0.to_str().unwrap()]);
    let mut clients: Vec<_> = (0..8).map(|_| server.websocket("/connection/websocket")).collect();
    for client in &mut clients {
        assert!(ask(client, "{\"id\":1,\"connect\":{}}").contains("\"client\":"));
        assert!(ask(client, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}").contains("\"code\":103"));
    }
    assert!(publish(&server, "the first").starts_with("HTTP/1.1 200"));

    file.write(&OPEN.replace("channel_limit = 2", "channel_limit = 0"));
    server.signal("HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert!(ask(&mut clients[0], "{\"id\":3,\"subscribe\":{\"channel\":\"a\"}}").contains("\"code\":103"));
    assert!(publish(&server, "the first").starts_with("HTTP/1.1 200"), "nothing of a wrong file is taken");

    file.write(OPEN);
    server.signal("HUP");
    let began = Instant::now();
    while !publish(&server, "the second").starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < Duration::from_secs(10), "the second key is not taken");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(publish(&server, "the first").starts_with("HTTP/1.1 401"));
    for client in &mut clients {
        for (channel, expected) in [("a", "\"subscribe\":{}"), ("b", "\"subscribe\":{}"), ("c", "\"code\":106")] {
            let reply = ask(client, &format!("{{\"id\":4,\"subscribe\":{{\"channel\":\"{channel}\"}}}}"));
            assert!(reply.contains(expected), "{channel}: {reply}");
        }
    }
}
