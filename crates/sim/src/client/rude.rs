//! Peers that break the rules, or want something else: nothing is asked of them but that they leave no trace.
use wire::frame::{Kind, Opcode};

use crate::client::frames::{frame, message};
use crate::client::{Dialect, Ended, Reaction, Scene};

/// Bytes that are no good request, or one for somebody else.
const REQUESTS: &[&str] = &[
    "GET /metrics HTTP/1.1\r\nHost: sim\r\n\r\n",
    "OPTIONS /pub/a HTTP/1.1\r\nHost: sim\r\n\r\n",
    "OPTIONS /pub/a HTTP/1.1\r\nHost: sim\r\n\r\nPOST /pub/a HTTP/1.1\r\nHost: sim\r\n\r\nGET / HTTP/1.1\r\nHost: sim\r\n\r\n",
    "GET /sub/ HTTP/1.1\r\nHost: sim\r\n\r\n",
    "GET /sub/s0?since=nowhere HTTP/1.1\r\nHost: sim\r\n\r\n",
    "POST /pub/elsewhere HTTP/1.1\r\nHost: sim\r\nContent-Length: 10\r\n\r\nhalf",
    "POST /pub/elsewhere HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "GET /sub/s0 HTTP/1.1\r\nHo",
    "PUT /ws/client0 HTTP/1.1\r\nHost: sim\r\n\r\nGET /ws/ HTTP/1.1\r\nHost: sim\r\n\r\n",
    "HEAD /ws/client%30 HTTP/1.1\r\nHost: sim\r\n\r\n",
    "GET /ws/ HTTP/1.1\r\nHost: sim\r\n\r\n",
    "\r\n\r\n\r\n",
    "nonsense",
];

#[derive(Default, Debug)]
pub(crate) struct Rude {
    connected: bool,
}

impl Rude {
    fn upgrade(path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::upgrade::write_request(&mut bytes, "sim", path, b"dGhlIHNhbXBsZSBub25jZQ==", &[]);
        bytes
    }
}

impl Dialect for Rude {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.connected = true;
        match scene.random.below(6) {
            0 => Self::upgrade("/sub/s0,s1"),
            1 => Self::upgrade("/echo"),
            2 => {
                let mut bytes = Self::upgrade("/connection/websocket");
                let commands = "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"s0\"}}\nnonsense";
                bytes.extend(message(Kind::Text, commands.as_bytes(), scene.random));
                bytes
            }
            _ => {
                let at = usize::try_from(scene.random.below(REQUESTS.len() as u64)).unwrap_or(0);
                REQUESTS[at].into()
            }
        }
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        match scene.random.below(6) {
            0 => {
                let mut bytes = vec![0; 1 + usize::try_from(scene.random.below(40)).unwrap_or(0)];
                scene.random.fill(&mut bytes);
                bytes
            }
            1 => frame(Opcode::Text, true, b"{}\n\n{\"id\":1}", scene.random),
            2 => frame(Opcode::Ping, true, &[b'p'; 125], scene.random),
            3 => frame(Opcode::Binary, true, &[b'e'; 3_000], scene.random),
            4 => frame(Opcode::Text, true, b"\xff\xfe", scene.random),
            _ => Self::upgrade("/sub/s1"),
        }
    }

    fn received(&mut self, inbox: &mut Vec<u8>, _scene: &mut Scene<'_>) -> Reaction {
        inbox.clear();
        Reaction::default()
    }

    fn ended(&mut self, _how: Ended, _scene: &mut Scene<'_>) {
        self.connected = false;
    }

    fn settled(&mut self, _scene: &mut Scene<'_>) {}

    fn is_open(&self) -> bool {
        self.connected
    }

    fn holds(&self) -> bool {
        true
    }
}
