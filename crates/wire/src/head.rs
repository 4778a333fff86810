//! Heads and bodies of HTTP/1.1 requests: RFC 9110 and RFC 9112.
mod body;
mod chunked;
mod error;
mod percent;
mod target;

use alloc::borrow::Cow;

pub use body::Body;
pub use chunked::{ChunkedDecoder, Progress};
pub use error::HeadError;
pub use percent::{PercentError, percent_decode};

use target::Target;

/// Most fields that a [`Head`] has room for.
pub const FIELDS_MAX: usize = 64;

/// Largest head of all: places in it are two bytes.
pub const HEAD_BYTES_MAX: usize = u16::MAX as usize;

/// Bounds of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadLimits {
    /// Largest head in bytes, with the empty line at its end; at most [`HEAD_BYTES_MAX`].
    pub bytes_max: usize,
    /// Most fields; at most [`FIELDS_MAX`].
    pub fields_max: usize,
}

/// Where a field is in the head.
#[derive(Clone, Copy, Default, Debug)]
struct Place {
    name: u16,
    name_len: u16,
    value: u16,
    value_len: u16,
}

/// A request's head. It borrows the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    bytes: &'a [u8],
    method: &'a str,
    target: Target<'a>,
    minor_version: u8,
    count: u8,
    places: [Place; FIELDS_MAX],
}

/// Reads the head at the begin of `bytes`; `None` if its end has not come. Empty lines before it are part of it (RFC 9112,
/// section 2.2).
///
/// # Errors
/// What is wrong with it, and what to answer ([`HeadError::status`]).
pub fn parse<'a>(bytes: &'a [u8], limits: &HeadLimits) -> Result<Option<Head<'a>>, HeadError> {
    let bytes_max = limits.bytes_max.min(HEAD_BYTES_MAX);
    let mut room = [const { core::mem::MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    // One byte more than allowed, so that a head that just fits is told from one that doesn't.
    let within = &bytes[..bytes.len().min(bytes_max + 1)];
    let len = match request.parse_with_uninit_headers(within, &mut room[..limits.fields_max.min(FIELDS_MAX)]) {
        Ok(httparse::Status::Complete(len)) if len <= bytes_max => len,
        Ok(httparse::Status::Partial) if bytes.len() <= bytes_max => return Ok(None),
        Ok(_) => return Err(HeadError::TooLarge),
        Err(error) => return Err(HeadError::from_httparse(error, bytes)),
    };
    let (Some(method), Some(target), Some(minor_version)) = (request.method, request.path, request.version) else {
        return Err(HeadError::RequestLine);
    };
    let bytes = &bytes[..len];
    let mut head = Head {
        bytes,
        method,
        target: Target::parse(target)?,
        minor_version,
        count: 0,
        places: [Place::default(); FIELDS_MAX],
    };
    for (place, field) in head.places.iter_mut().zip(request.headers.iter()) {
        *place = Place {
            name: offset(bytes, field.name.as_bytes()),
            name_len: short(field.name.len()),
            value: offset(bytes, field.value),
            value_len: short(field.value.len()),
        };
        head.count += 1;
    }
    head.check_host()?;
    Ok(Some(head))
}

/// Where `part` is in `whole`, which it was cut out of.
fn offset(whole: &[u8], part: &[u8]) -> u16 {
    short((part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize))
}

/// A head has at most [`HEAD_BYTES_MAX`] bytes.
fn short(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(0)
}

impl<'a> Head<'a> {
    /// The method, in the case that it came in.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The path as it came, not decoded; `/` for an absolute target without one; `*` for `OPTIONS *`.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.target.path
    }

    /// What follows the first `?` of the target.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.target.query
    }

    /// The first parameter `name` of the query, percent-decoded; empty if it has no `=`. A `+` is a `+`, and a value whose
    /// escapes don't make UTF-8 is given as it came.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The same as forms write it, where a `+` is a space (WHATWG URL, section 5.1).
    #[must_use]
    pub fn form_param(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.pairs().find(|(key, _)| percent::decode_text(key) == name)?;
        Some(if value.contains('+') {
            Cow::Owned(percent::decode_text(&value.replace('+', " ")).into_owned())
        } else {
            percent::decode_text(value)
        })
    }

    /// The parameters of the query in order, decoded as [`Head::param`] does.
    pub fn params(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        self.pairs().map(|(name, value)| (percent::decode_text(name), percent::decode_text(value)))
    }

    /// The same as they came.
    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let pairs = self.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The first field called `name`, whatever the case, without the white space around its value.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields(name).next()
    }

    /// Every field called `name`, in order.
    pub fn fields<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'h> {
        let bytes = self.bytes;
        self.places[..usize::from(self.count)].iter().filter_map(move |place| {
            // The length first: most fields differ in it.
            let is_it = usize::from(place.name_len) == name.len()
                && cut(bytes, place.name, place.name_len).eq_ignore_ascii_case(name.as_bytes());
            is_it.then(|| cut(bytes, place.value, place.value_len))
        })
    }

    /// The elements of the comma-separated list that the fields called `name` are together: RFC 9110, section 5.6.1.
    pub fn tokens<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'h> {
        self.fields(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|token| !token.is_empty())
    }

    /// True if the list that the fields called `name` are contains `token`, whatever the case.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|one| one.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The head's length in bytes; what follows is the body.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a head is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    #[must_use]
    pub fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// True if the connection stays open after the answer: RFC 9112, section 9.3.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        let default = self.minor_version > 0;
        !self.has_token("connection", "close") && (default || self.has_token("connection", "keep-alive"))
    }

    /// True if the client waits for `100 Continue` before it sends the body: RFC 9110, section 10.1.1.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.minor_version > 0 && self.has_token("expect", "100-continue")
    }

    /// How the body's end is found: RFC 9112, section 6.3.
    ///
    /// # Errors
    /// A framing that two readers could read differently, or a transfer coding other than `chunked`.
    pub fn body(&self) -> Result<Body, HeadError> {
        body::framing(self)
    }

    /// RFC 9112, section 3.2: HTTP/1.1 has one `Host`, and no version has two.
    fn check_host(&self) -> Result<(), HeadError> {
        match (self.fields("host").count(), self.minor_version) {
            (1, _) | (0, 0) => Ok(()),
            (0, _) => Err(HeadError::HostMissing),
            _ => Err(HeadError::HostTwice),
        }
    }
}

fn cut(bytes: &[u8], start: u16, len: u16) -> &[u8] {
    let start = usize::from(start);
    bytes.get(start..start + usize::from(len)).unwrap_or(&[])
}
