//! What the client of a stream sends beside it.
use alloc::borrow::Cow;

use prost::Message as _;

use crate::centrifugo::Uplink;
use crate::centrifugo_protobuf::DecodeError;
use crate::centrifugo_protobuf::message::EmulationRequest;

/// Reads the body of a `POST /emulation`: one message, without a length before it.
///
/// # Errors
/// If it is something else.
pub fn uplink(body: &[u8]) -> Result<Uplink<'static>, DecodeError> {
    let EmulationRequest { node, session, data } =
        EmulationRequest::decode(body).map_err(|_| DecodeError::Malformed)?;
    Ok(Uplink { session: Cow::Owned(session), node: Cow::Owned(node), commands: Cow::Owned(data) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_as_they_are() {
        let body = b"\x0a\x01n\x12\x01s\x1a\x02\x00\x01";
        let want = Uplink { session: "s".into(), node: "n".into(), commands: b"\x00\x01"[..].into() };
        assert_eq!(uplink(body), Ok(want));
        assert_eq!(uplink(b""), Ok(Uplink::default()));
    }

    #[test]
    fn what_is_no_uplink_is_refused() {
        for body in [&b"\x0a\x01"[..], b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff", b"\x08\x80", b"{\"node\":\"n\"}"] {
            assert_eq!(uplink(body), Err(DecodeError::Malformed), "{}", body.escape_ascii());
        }
    }
}
