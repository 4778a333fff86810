//! What is negotiated: RFC 6455, section 9.1, for the field, RFC 7692, sections 5 and 7.1, for what is in it.
use alloc::vec::Vec;

use super::Window;
use crate::response::write_field;
use crate::upgrade::UpgradeError;

/// The extension's name.
const NAME: &[u8] = b"permessage-deflate";

/// What client and server do, as far as it is not the same for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreement {
    /// How far back what the server sends may refer.
    pub window: Window,
    /// Whether the client set a bound for it, and is to be told ours.
    is_asked: bool,
}

impl Agreement {
    /// Writes the field of the answer that says so.
    pub fn write_field(self, out: &mut Vec<u8>) {
        // Both contexts are given up, whether or not the client asks for it: sections 7.1.1.1 and 7.1.1.2 let the server decide.
        // `client_max_window_bits` is not said: whatever window a client uses can be read.
        let terms = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let bits = match (self.is_asked, self.window) {
            (false, _) => "",
            (true, Window::Bits9) => "; server_max_window_bits=9",
            (true, Window::Bits12) => "; server_max_window_bits=12",
            (true, Window::Bits15) => "; server_max_window_bits=15",
        };
        write_field(out, "Sec-WebSocket-Extensions", &[terms, bits].concat());
    }
}

/// The first offer of the fields `Sec-WebSocket-Extensions` that can be accepted; `None` if there is none: then the connection does without.
/// An offer that RFC 7692 has no meaning for (section 7.1: a parameter that it does not know, with a wrong value, or twice) is declined.
///
/// # Errors
/// A field that does not have the form that RFC 6455, section 9.1, gives it: the connection is to be refused.
pub fn agree<'f>(fields: impl Iterator<Item = &'f [u8]>) -> Result<Option<Agreement>, UpgradeError> {
    let mut agreed = None;
    for field in fields {
        let mut rest = Rest(field);
        loop {
            // A list may have empty elements (RFC 9110, section 5.6.1).
            rest.skip_space();
            if !rest.take(b',') {
                if rest.0.is_empty() {
                    break;
                }
                let offer = rest.extension()?;
                agreed = agreed.or(offer);
                rest.skip_space();
                if !rest.0.is_empty() && !rest.take(b',') {
                    return Err(UpgradeError::ExtensionsMalformed);
                }
            }
        }
    }
    Ok(agreed)
}

/// What an offer's parameters say so far.
#[derive(Default)]
struct Parameters {
    server_no_context: bool,
    client_no_context: bool,
    server_bits: Option<u8>,
    /// Without a value it says only that the client can be bounded.
    client_bits: bool,
    is_declined: bool,
}

impl Parameters {
    fn add(&mut self, name: &[u8], value: Option<&[u8]>) {
        let is_new = match (name, value) {
            (b"server_no_context_takeover", None) => !core::mem::replace(&mut self.server_no_context, true),
            (b"client_no_context_takeover", None) => !core::mem::replace(&mut self.client_no_context, true),
            (b"client_max_window_bits", value) if value.is_none_or(|value| bits(value).is_some()) => {
                !core::mem::replace(&mut self.client_bits, true)
            }
            (b"server_max_window_bits", Some(value)) => match bits(value) {
                Some(bits) => self.server_bits.replace(bits).is_none(),
                None => false,
            },
            _ => false,
        };
        self.is_declined |= !is_new;
    }

    fn agreement(&self) -> Option<Agreement> {
        let window = self.server_bits.map_or(Some(Window::Bits15), Window::within)?;
        (!self.is_declined).then_some(Agreement { window, is_asked: self.server_bits.is_some() })
    }
}

/// A number of window bits: 8 to 15, without a leading zero.
fn bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// What of a field has not been read.
struct Rest<'f>(&'f [u8]);

impl<'f> Rest<'f> {
    fn skip_space(&mut self) {
        let space = self.0.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.0 = &self.0[space..];
    }

    fn take(&mut self, wanted: u8) -> bool {
        match self.0.split_first() {
            Some((byte, rest)) if *byte == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// One extension with its parameters; `None` for another one, and for an offer that is declined.
    fn extension(&mut self) -> Result<Option<Agreement>, UpgradeError> {
        let name = self.token()?;
        let mut parameters = Parameters::default();
        loop {
            self.skip_space();
            if !self.take(b';') {
                break;
            }
            self.skip_space();
            let parameter = self.token()?;
            self.skip_space();
            if self.take(b'=') {
                self.skip_space();
                let value = self.value()?;
                parameters.add(parameter, Some(&value));
            } else {
                parameters.add(parameter, None);
            }
        }
        Ok(if name == NAME { parameters.agreement() } else { None })
    }

    fn token(&mut self) -> Result<&'f [u8], UpgradeError> {
        let length = self.0.iter().take_while(|byte| is_token(**byte)).count();
        let (token, rest) = self.0.split_at(length);
        if token.is_empty() {
            return Err(UpgradeError::ExtensionsMalformed);
        }
        self.0 = rest;
        Ok(token)
    }

    /// A token, bare or quoted; what is quoted has to be a token too (RFC 6455, section 9.1).
    fn value(&mut self) -> Result<Vec<u8>, UpgradeError> {
        if !self.take(b'"') {
            return self.token().map(Vec::from);
        }
        let mut value = Vec::new();
        while !self.take(b'"') {
            self.take(b'\\');
            match self.0.split_first() {
                Some((byte, rest)) if is_token(*byte) => {
                    value.push(*byte);
                    self.0 = rest;
                }
                _ => return Err(UpgradeError::ExtensionsMalformed),
            }
        }
        if value.is_empty() { Err(UpgradeError::ExtensionsMalformed) } else { Ok(value) }
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
