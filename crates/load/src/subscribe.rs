//! `ringcast sub`: prints what is published.
use std::io::{self, Write as _};
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tungstenite::Message;

use crate::LoadError;
use crate::cli::{ServerArgs, SubArgs};
use crate::http::path_segment;
use crate::publish::open_websocket;

/// Most subjects of one command: a connection and a thread each, so that each message is known by its subject.
const SUBJECTS_MAX: usize = 64;

/// Messages that wait to be printed before reading stops.
const QUEUE_MAX: usize = 1_024;

/// The first pause before a connection is made again, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// What a listener tells.
enum Event {
    Message(usize, Message),
    /// The connection ended and will be made again after the pause.
    Lost(String, Duration),
    /// The server refuses for good.
    Refused(LoadError),
}

/// Prints messages until as many as wanted have come, or for ever.
///
/// # Errors
/// If the server refuses the subscription. Lost connections are made again.
pub fn subscribe(args: &SubArgs) -> Result<(), LoadError> {
    if args.subjects.len() > SUBJECTS_MAX {
        return Err(LoadError::Argument(format!("at most {SUBJECTS_MAX} subjects")));
    }
    let (sender, events) = mpsc::sync_channel(QUEUE_MAX);
    for (number, subject) in args.subjects.iter().enumerate() {
        let (sender, server) = (sender.clone(), args.server.clone());
        let path = format!("/sub/{}", path_segment(subject));
        let listen = move || listen(&server, &path, number, &sender);
        let thread = std::thread::Builder::new().name(format!("sub-{number}"));
        thread.spawn(listen).map_err(LoadError::io("starting a thread"))?;
    }
    drop(sender);
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut out = io::stdout().lock();
    while left > 0 {
        match events.recv() {
            Ok(Event::Message(number, message)) => {
                let line = if args.json { as_json(&args.subjects[number], &message) } else { as_text(message) };
                left -= 1;
                match out.write_all(&line).and_then(|()| out.flush()) {
                    // Whoever read us has seen enough.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written.map_err(LoadError::io("writing to standard output"))?,
                }
            }
            Ok(Event::Lost(cause, pause)) => {
                eprintln!("ringcast: {cause}; again in {:.1} s", pause.as_secs_f64());
            }
            Ok(Event::Refused(error)) => return Err(error),
            Err(mpsc::RecvError) => return Ok(()),
        }
    }
    Ok(())
}

/// Listens on one subject for as long as somebody reads `events`.
fn listen(server: &ServerArgs, path: &str, number: usize, events: &SyncSender<Event>) {
    let mut random = base::Prng::new(crate::clock::now().as_nanos() ^ number as u64, "backoff");
    let mut pause = BACKOFF.0;
    loop {
        let cause = match open_websocket(server, path) {
            Ok(mut socket) => {
                pause = BACKOFF.0;
                loop {
                    match socket.read() {
                        Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                            if events.send(Event::Message(number, message)).is_err() {
                                return;
                            }
                        }
                        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
                        Err(error) => break error.to_string(),
                    }
                }
            }
            Err(error @ LoadError::Server(_)) if error.to_string().contains("status 4") => {
                let _ = events.send(Event::Refused(error));
                return;
            }
            Err(error @ LoadError::Argument(_)) => {
                let _ = events.send(Event::Refused(error));
                return;
            }
            Err(error) => error.to_string(),
        };
        // Between half of it and all: those who lost the server together don't come back together.
        let span = pause.as_millis() as u64 / 2;
        let jittered = Duration::from_millis(span + random.below(span + 1));
        if events.send(Event::Lost(cause, jittered)).is_err() {
            return;
        }
        std::thread::sleep(jittered);
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// A message as JSON; in this order.
#[derive(serde::Serialize)]
struct Line<'a> {
    subject: &'a str,
    data: Value,
}

fn as_text(message: Message) -> Vec<u8> {
    let mut line = message.into_data().to_vec();
    line.push(b'\n');
    line
}

fn as_json(subject: &str, message: &Message) -> Vec<u8> {
    let data = match message {
        Message::Text(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        Message::Binary(bytes) => binary_as_json(bytes),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Value::Null,
    };
    let line = Line { subject, data };
    let mut line = serde_json::to_vec(&line).expect("strings and JSON values are JSON");
    line.push(b'\n');
    line
}

/// As the long poll does: a JSON value, else a string, else base64.
fn binary_as_json(bytes: &[u8]) -> Value {
    match (serde_json::from_slice(bytes), std::str::from_utf8(bytes)) {
        (Ok(value), _) => value,
        (Err(_), Ok(text)) => Value::from(text),
        (Err(_), Err(_)) => json!({"base64": base64::engine::general_purpose::STANDARD.encode(bytes)}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_line() {
        let text = |message| String::from_utf8(as_json("a", &message)).unwrap();
        assert_eq!(text(Message::text("{\"x\": 1}")), "{\"subject\":\"a\",\"data\":{\"x\":1}}\n");
        assert_eq!(text(Message::text("hello")), "{\"subject\":\"a\",\"data\":\"hello\"}\n");
        assert_eq!(text(Message::binary(vec![0xff])), "{\"subject\":\"a\",\"data\":{\"base64\":\"/w==\"}}\n");
        assert_eq!(as_text(Message::text("hello")), b"hello\n");
    }
}
