//! What an operator sees: start, refusal to start, drain.
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::server::Server;

fn refused(arguments: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_ringcast"))
        .arg("serve")
        .args(arguments)
        .stdout(Stdio::null())
        .output()
        .unwrap();
    assert!(!out.status.success(), "{arguments:?} must not start");
    String::from_utf8(out.stderr).unwrap()
}

#[test]
fn sigterm_closes_with_advice_and_ends() {
    let mut server = Server::dev(&[]);
    let mut clients: Vec<_> = (0..20).map(|n| server.websocket(&format!("/sub/s{n}"))).collect();
    let began = Instant::now();
    server.signal("TERM");
    for client in &mut clients {
        loop {
            match client.read() {
                Ok(Message::Close(Some(frame))) => {
                    assert_eq!(frame.code, CloseCode::Restart);
                    assert!(frame.reason.contains("reconnect"));
                    break;
                }
                Ok(_) => {}
                Err(error) => panic!("no close frame: {error}"),
            }
        }
        // The closing handshake, as a client does it.
        while client.read().is_ok() {}
    }
    assert!(server.process.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::dev(&[]);
    let _client = server.websocket("/sub/quiet");
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    let began = Instant::now();
    let _ = server.process.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_wrong_setting_is_refused_with_key_value_and_range() {
    let file = std::env::temp_dir().join(format!("ringcast-wrong-{}.toml", std::process::id()));
    let path = file.to_str().unwrap();
    std::fs::write(&file, "[server]\nshards = 4000\n").unwrap();
    let words = refused(&["--config", path]);
    assert!(words.contains("shards") && words.contains("4000") && words.contains("128"), "{words}");
    std::fs::write(&file, "[server]\nprot = 9\n").unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_ringcast")).args(["config", "check", path]).output().unwrap();
    assert_eq!(check.status.code(), Some(1), "a part has no effect");
    let words = String::from_utf8_lossy(&check.stderr);
    assert!(words.contains("prot") && words.contains("port"), "{words}");
    std::fs::remove_file(file).unwrap();
    let words = refused(&["--http_server.prot=9"]);
    assert!(words.contains("--http_server.port"), "{words}");
}

#[test]
fn a_port_in_use_is_said_so() {
    let server = Server::dev(&[]);
    let words = refused(&["--dev", "--port", &server.port.to_string()]);
    assert!(words.contains(&server.port.to_string()), "{words}");
}
