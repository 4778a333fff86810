//! HTTP responses, read.

/// A response. For a stream: its head.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn keeps_alive(&self) -> bool {
        self.field("connection") == Some("keep-alive")
    }
}

/// Takes the first response out of `inbox`, once it is complete. One without a length has no body here.
pub(crate) fn take(inbox: &mut Vec<u8>) -> Option<Response> {
    let end = inbox.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = core::str::from_utf8(&inbox[..end]).expect("a response's head is text");
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no response begins with {first:?}"));
    let fields: Vec<(String, String)> = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut response = Response { status, fields, body: Vec::new() };
    let length = response.field("content-length").map_or(0, |length| length.parse().expect("a length is a number"));
    if inbox.len() < end + length {
        return None;
    }
    response.body = inbox[end..end + length].to_vec();
    inbox.drain(..end + length);
    Some(response)
}

/// A subject's name in a path.
pub(crate) fn encode(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
