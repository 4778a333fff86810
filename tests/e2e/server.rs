//! A server process of its own for each test, and the few lines of client that the tests share.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A client of tungstenite's.
pub(crate) type Client = WebSocket<MaybeTlsStream<TcpStream>>;

/// A running server; ended when dropped.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) port: u16,
}

impl Server {
    /// `ringcast serve --dev` with two shards, so that half of all subjects hop.
    pub(crate) fn dev(more: &[&str]) -> Self {
        let mut arguments = vec!["--dev", "--shards", "2"];
        arguments.extend_from_slice(more);
        Self::start(&arguments)
    }

    /// `ringcast serve` on a free port with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ringcast"))
            .args(["serve", "--port", "0", "--address", "127.0.0.1"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        // Read to the end, so that the server never blocks on what it says.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let port = loop {
            let line = told.recv_timeout(Duration::from_secs(30)).expect("the server says where it serves");
            if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
                break rest.split(':').next().unwrap().parse().unwrap();
            }
        };
        Self { process, port }
    }

    /// A WebSocket client on `path`.
    pub(crate) fn websocket(&self, path: &str) -> Client {
        let (client, _) = tungstenite::connect(format!("ws://127.0.0.1:{}{path}", self.port)).unwrap();
        if let MaybeTlsStream::Plain(stream) = client.get_ref() {
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        client
    }

    /// A connection for bytes by hand.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends a request whose response ends with the connection; gives all of it.
    pub(crate) fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut response = Vec::new();
        // A reset after the response is an end like another.
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }

    /// Publishes and gives the response's body.
    pub(crate) fn publish(&self, subject: &str, body: &str) -> String {
        let length = body.len();
        let request = format!(
            "POST /pub/{subject} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let response = self.exchange(request.as_bytes());
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// A long poll or another GET; gives the whole response.
    pub(crate) fn get(&self, path: &str) -> String {
        self.exchange(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
    }

    /// A metric's value, summed over shards; `label` picks among its series.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.get("/metrics");
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
        let values: Vec<f64> = lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert!(!values.is_empty(), "{name} with {label} in {text}");
        values.iter().sum()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next data message, as text.
pub(crate) fn next_text(client: &mut Client) -> String {
    loop {
        match client.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Binary(bytes) => return String::from_utf8(bytes.to_vec()).unwrap(),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            Message::Close(frame) => panic!("closed: {frame:?}"),
        }
    }
}

/// A member of a flat JSON object, as text.
pub(crate) fn member<'a>(json: &'a str, name: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("{name} in {json}"));
    rest.split('"').next().unwrap()
}
