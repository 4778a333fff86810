//! What can be wrong with a request's head or body.
use core::fmt;

/// Why a request is refused before anybody looks at what it wants. The connection can't go on: where the next request begins
/// is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeadError {
    /// A length and a transfer coding, or a transfer coding in HTTP/1.0: RFC 9112, section 6.1.
    BodyAmbiguous,
    /// A body over its bound.
    BodyTooLarge,
    /// A chunk that is not to the letter: RFC 9112, section 7.1.
    Chunk,
    /// A `Content-Length` that is no number, or several that differ: RFC 9112, section 6.3.
    ContentLength,
    /// A field that is not to the letter: RFC 9112, section 5.
    Field,
    /// HTTP/1.1 without a `Host`: RFC 9112, section 3.2.
    HostMissing,
    /// More than one `Host`.
    HostTwice,
    /// A first line that is no request line: RFC 9112, section 3.
    RequestLine,
    /// A target that is none of the forms a server takes: RFC 9112, section 3.2.
    Target,
    /// More bytes than [`super::HeadLimits::bytes_max`].
    TooLarge,
    /// More fields than [`super::HeadLimits::fields_max`].
    TooManyFields,
    /// A transfer coding other than `chunked`: RFC 9112, section 6.1.
    TransferCoding,
    /// Another version of HTTP than 1.0 and 1.1.
    Version,
}

impl HeadError {
    /// The status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BodyAmbiguous
            | Self::Chunk
            | Self::ContentLength
            | Self::Field
            | Self::HostMissing
            | Self::HostTwice
            | Self::RequestLine
            | Self::Target => 400,
            Self::BodyTooLarge => 413,
            Self::TooLarge | Self::TooManyFields => 431,
            Self::TransferCoding => 501,
            Self::Version => 505,
        }
    }

    /// The reason in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BodyAmbiguous => "the body's length is ambiguous",
            Self::BodyTooLarge => "the body is too large",
            Self::Chunk => "a chunk of the body is malformed",
            Self::ContentLength => "the Content-Length is not one number",
            Self::Field => "a header field is malformed",
            Self::HostMissing => "the Host field is missing",
            Self::HostTwice => "there is more than one Host field",
            Self::RequestLine => "the request line is malformed",
            Self::Target => "the request target is malformed",
            Self::TooLarge => "the request head is too large",
            Self::TooManyFields => "the request head has too many fields",
            Self::TransferCoding => "the transfer coding is not supported",
            Self::Version => "the HTTP version is not supported",
        }
    }

    /// What httparse means. It finds any unknown version to be one; only what looks like one is.
    pub(super) fn from_httparse(error: httparse::Error, bytes: &[u8]) -> Self {
        match error {
            httparse::Error::HeaderName | httparse::Error::HeaderValue => Self::Field,
            httparse::Error::TooManyHeaders => Self::TooManyFields,
            httparse::Error::Version => {
                let line = bytes.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap_or(&[]);
                if line.windows(6).any(|part| part == b" HTTP/") { Self::Version } else { Self::RequestLine }
            }
            httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token => Self::RequestLine,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.reason())
    }
}

impl core::error::Error for HeadError {}
