//! What the client of a stream sends beside it.
use serde::Deserialize;

use crate::centrifugo::Uplink;
use crate::centrifugo_json::DecodeError;
use base::Object;

use crate::centrifugo_json::line::Text;

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireUplink<'a> {
    #[serde(borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    node: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
}

/// Reads the body of a `POST /emulation`. The commands in it are a string that holds JSON, not JSON.
///
/// # Errors
/// Where it is something else.
pub fn uplink(body: &[u8]) -> Result<Uplink<'_>, DecodeError> {
    let Object(WireUplink { session, node, data }) = serde_json::from_slice::<Object<WireUplink<'_>>>(body)
        .map_err(|error| DecodeError::Malformed { column: error.column() })?;
    Ok(Uplink { session: session.0, node: node.0, commands: data.bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::Cow;

    #[test]
    fn commands_come_out_of_their_string() {
        let body = br#" {"session":"s","node":"n","more":1,"data":"{\"id\":2,\"rpc\":{}}\n{}"} "#;
        let Uplink { session, node, commands } = uplink(body).unwrap();
        assert_eq!((&*session, &*node, &*commands), ("s", "n", &b"{\"id\":2,\"rpc\":{}}\n{}"[..]));
        let plain = uplink(br#"{"data":"{}","node":null}"#).unwrap();
        assert_eq!(plain, Uplink { commands: Cow::Borrowed(b"{}"), ..Uplink::default() });
    }

    #[test]
    fn what_is_no_uplink_is_refused() {
        for body in ["", "[]", "null", "{\"data\":{}}", "{\"session\":1}", "{} {}", "{\"data\":\"", "\"data\""] {
            assert!(uplink(body.as_bytes()).is_err(), "{body}");
        }
    }
}
