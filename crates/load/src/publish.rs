//! `ringcast pub`: publishes from the command line.
use std::io::{self, BufRead as _};
use std::net::TcpStream;
use std::time::Duration;

use tungstenite::{Message, WebSocket};

use crate::LoadError;
use crate::cli::{PubArgs, ServerArgs};
use crate::http::{Answer, HttpClient, Request, dial, path_segment};
use crate::report::say;

/// How long the publish stream may take to confirm.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// Publishes the message, or each line of standard input; prints the server's answer to a single message.
///
/// # Errors
/// If the server can't be reached or refuses.
pub fn publish(args: &PubArgs) -> Result<(), LoadError> {
    let mut outlet = Outlet::open(args)?;
    let mut published = 0_u64;
    match &args.message {
        Some(message) => {
            for _ in 0..args.count {
                let answer = outlet.send(args, message.as_bytes())?;
                published += 1;
                if let Some(answer) = answer.filter(|_| args.count == 1) {
                    say(&format!("{answer}\n"));
                }
            }
        }
        None => {
            for line in io::stdin().lock().split(b'\n') {
                let line = line.map_err(LoadError::io("reading standard input"))?;
                for _ in 0..args.count {
                    outlet.send(args, &line)?;
                    published += 1;
                }
            }
        }
    }
    outlet.finish(published)?;
    if args.message.is_none() || args.count > 1 {
        eprintln!("{published} published to {}", args.subject);
    }
    Ok(())
}

/// How messages leave.
enum Outlet {
    /// `POST /pub/<subject>`, one after the other's answer.
    Post(HttpClient),
    /// The publish stream, with confirmations.
    Stream(Box<WebSocket<TcpStream>>),
}

impl Outlet {
    fn open(args: &PubArgs) -> Result<Self, LoadError> {
        if args.subject.is_empty() || args.subject.len() > base::SUBJECT_BYTES_MAX {
            return Err(LoadError::Argument(format!("a subject has 1 to {} bytes", base::SUBJECT_BYTES_MAX)));
        }
        if args.stream {
            let socket = open_websocket(&args.server, "/pub?ack=1")?;
            socket.get_ref().set_read_timeout(Some(CONFIRM_TIMEOUT)).map_err(LoadError::io("SO_RCVTIMEO"))?;
            return Ok(Self::Stream(Box::new(socket)));
        }
        Ok(Self::Post(HttpClient::connect(&args.server.url, &args.server.key)?))
    }

    /// Publishes; the server's answer, if it gives one to each message.
    fn send(&mut self, args: &PubArgs, message: &[u8]) -> Result<Option<String>, LoadError> {
        if args.json
            && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(message)
        {
            return Err(LoadError::Argument(format!("the message is not JSON: {error}")));
        }
        match self {
            Self::Post(client) => {
                let path = format!("/pub/{}", path_segment(&args.subject));
                let content_type = if args.json { "application/json" } else { "" };
                let answer = client.send(Request { method: "POST", path: &path, content_type, body: message })?;
                accepted(answer).map(Some)
            }
            Self::Stream(socket) => {
                let length = u8::try_from(args.subject.len())
                    .map_err(|_| LoadError::Argument("the subject is too long".to_owned()))?;
                let frame = [&[length][..], args.subject.as_bytes(), message].concat();
                socket.write(Message::Binary(frame.into()))?;
                Ok(None)
            }
        }
    }

    /// Waits until everything is confirmed.
    fn finish(self, published: u64) -> Result<(), LoadError> {
        let Self::Stream(mut socket) = self else { return Ok(()) };
        socket.flush()?;
        let mut confirmed = 0;
        while confirmed < published {
            if let Message::Binary(count) = socket.read()?
                && let Some(count) = count.first_chunk()
            {
                confirmed = u64::from_le_bytes(*count);
            }
        }
        socket.close(None)?;
        Ok(())
    }
}

fn accepted(answer: Answer) -> Result<String, LoadError> {
    match answer.status {
        200..=299 => Ok(answer.body),
        status => Err(LoadError::Server(format!("the server refused with status {status}: {}", answer.body.trim()))),
    }
}

/// Opens a WebSocket on `path` of the server.
pub(crate) fn open_websocket(server: &ServerArgs, path: &str) -> Result<WebSocket<TcpStream>, LoadError> {
    let (stream, host) = dial(&server.url)?;
    let uri = format!("ws://{host}{path}")
        .parse()
        .map_err(|error| LoadError::Argument(format!("{host}{path} is no address: {error}")))?;
    let mut request = tungstenite::ClientRequestBuilder::new(uri);
    if !server.key.is_empty() {
        request = request.with_header("X-API-Key", &server.key);
    }
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            Err(LoadError::Server(format!("the server refused with status {}: {}", answer.status(), body.trim())))
        }
        Err(tungstenite::HandshakeError::Failure(error)) => Err(error.into()),
        Err(tungstenite::HandshakeError::Interrupted(_)) => {
            Err(LoadError::Server("the handshake was cut short".to_owned()))
        }
    }
}
