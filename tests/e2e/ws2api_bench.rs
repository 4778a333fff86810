//! `ringcast bench ws2api` against our own server: what it says of a run, and of one that can't be.
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::server::Server;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server whose back end is at `port`.
fn serve(port: u16) -> (Server, PathBuf) {
    let file = std::env::temp_dir().join(format!("ringcast-ws2api-{}-{port}.toml", std::process::id()));
    let hook =
        format!("[[ws2api]]\nprefix = \"/ws/\"\nbackends = [\"http://127.0.0.1:{port}/hooks\"]\ninsecure = true\n");
    std::fs::write(&file, hook).unwrap();
    (Server::start(&["--shards", "2", "--config", file.to_str().unwrap()]), file)
}

fn bench(server: &Server, back_end: u16, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringcast"));
    command.args(["bench", "ws2api", "--quiet", "--clients", "40", "--rate", "400", "--warmup", "1", "--secs", "1"]);
    command.args(["--target", &format!("127.0.0.1:{}", server.port), "--back-end-port", &back_end.to_string()]);
    command.args(["--server-pid", &server.process.id().to_string()]).args(more);
    command.output().unwrap()
}

#[test]
fn every_message_arrives_and_comes_back_and_every_end_is_told() {
    let back_end = free_port();
    let (server, file) = serve(back_end);
    for answer in ["echo", "empty"] {
        let out = bench(&server, back_end, &["--answer", answer]);
        let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{answer}: {wrong}{said}");
        assert!(said.contains("40 let in, 40 ended: of 0 clients no end, of 0 more than one"), "{said}");
        assert!(said.contains("published, received                800, 800"), "{said}");
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_server_that_asks_another_back_end_lets_nobody_in() {
    let (server, file) = serve(free_port());
    let out = bench(&server, free_port(), &[]);
    let wrong = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{wrong}");
    assert!(wrong.contains("status 502"), "{wrong}");
    std::fs::remove_file(file).unwrap();
}
