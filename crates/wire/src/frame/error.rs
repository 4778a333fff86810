//! What a peer can do wrong with frames.
use core::fmt;

/// A rule of RFC 6455, or one of the decoder's bounds, that the peer broke. The connection can't go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// A close code that may not be sent: section 7.4.
    CloseCodeInvalid,
    /// A close reason that is not UTF-8: section 5.5.1.
    CloseReasonNotUtf8,
    /// A close frame of one byte: section 5.5.1.
    CloseTooShort,
    /// A continuation frame without a message to continue: section 5.4.
    ContinuationUnexpected,
    /// A control frame that is only a part: section 5.5.
    ControlFragmented,
    /// A control frame of more than 125 bytes: section 5.5.
    ControlTooLong,
    /// A compressed message that is no deflate stream, or not all of one: RFC 7692, section 7.2.2.
    DeflateInvalid,
    /// A payload over [`super::Decoder::frame_bytes_max`].
    FrameTooLarge,
    /// A length with its top bit set: section 5.2.
    LengthInvalid,
    /// A length in more bytes than it needs: section 5.2.
    LengthNotMinimal,
    /// A frame from a client that is not masked: section 5.1.
    MaskMissing,
    /// A frame from a server that is masked: section 5.1.
    MaskUnexpected,
    /// A new message in the middle of a fragmented one: section 5.4.
    MessageInterrupted,
    /// A message over [`super::Decoder::message_bytes_max`], or a compressed one that is over
    /// [`super::Decoder::inflated_bytes_max`].
    MessageTooLarge,
    /// An opcode that means nothing: section 5.2.
    OpcodeReserved,
    /// A reserved bit set without an extension that gives it a meaning: section 5.2.
    ReservedBitSet,
    /// A text message that is not UTF-8: section 8.1.
    TextNotUtf8,
}

impl FrameError {
    /// The code to close with: RFC 6455, section 7.4.1.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::CloseCodeInvalid
            | Self::CloseTooShort
            | Self::ContinuationUnexpected
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::LengthInvalid
            | Self::LengthNotMinimal
            | Self::MaskMissing
            | Self::MaskUnexpected
            | Self::MessageInterrupted
            | Self::OpcodeReserved
            | Self::ReservedBitSet => 1002,
            Self::CloseReasonNotUtf8 | Self::DeflateInvalid | Self::TextNotUtf8 => 1007,
            Self::FrameTooLarge | Self::MessageTooLarge => 1009,
        }
    }

    /// The reason in words, short enough for a close frame.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::CloseCodeInvalid => "a close code that may not be sent",
            Self::CloseReasonNotUtf8 => "a close reason that is not UTF-8",
            Self::CloseTooShort => "a close frame of one byte",
            Self::ContinuationUnexpected => "a continuation frame without a message to continue",
            Self::ControlFragmented => "a fragmented control frame",
            Self::ControlTooLong => "a control frame of more than 125 bytes",
            Self::DeflateInvalid => "a compressed message that is no deflate stream",
            Self::FrameTooLarge => "a frame larger than allowed",
            Self::LengthInvalid => "a frame length with its top bit set",
            Self::LengthNotMinimal => "a frame length in more bytes than it needs",
            Self::MaskMissing => "a frame that is not masked",
            Self::MaskUnexpected => "a masked frame from a server",
            Self::MessageInterrupted => "a new message in the middle of a fragmented one",
            Self::MessageTooLarge => "a message larger than allowed",
            Self::OpcodeReserved => "a reserved opcode",
            Self::ReservedBitSet => "a reserved bit set without an extension",
            Self::TextNotUtf8 => "a text message that is not UTF-8",
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.reason())
    }
}

impl core::error::Error for FrameError {}
