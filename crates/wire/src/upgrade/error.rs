//! What can be wrong with an upgrade.
use core::fmt;

/// A rule of RFC 6455, section 4.2.1, that a request breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpgradeError {
    /// It has a body.
    BodyPresent,
    /// `Connection` doesn't contain `upgrade`.
    ConnectionMissing,
    /// `Sec-WebSocket-Extensions` is not a list of extensions: section 9.1.
    ExtensionsMalformed,
    /// It is HTTP/1.0.
    HttpVersion,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64, or there are several.
    KeyInvalid,
    /// There is no `Sec-WebSocket-Key`.
    KeyMissing,
    /// The method is not GET.
    Method,
    /// `Upgrade` doesn't contain `websocket`, but other fields of the handshake are there.
    UpgradeMissing,
    /// `Sec-WebSocket-Version` is not 13.
    Version,
    /// There is no `Sec-WebSocket-Version`.
    VersionMissing,
}

impl UpgradeError {
    /// The status to answer with. With 426 goes the field `Sec-WebSocket-Version: 13` (section 4.4).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Version => 426,
            Self::BodyPresent
            | Self::ConnectionMissing
            | Self::ExtensionsMalformed
            | Self::HttpVersion
            | Self::KeyInvalid
            | Self::KeyMissing
            | Self::Method
            | Self::UpgradeMissing
            | Self::VersionMissing => 400,
        }
    }

    /// The reason in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BodyPresent => "a WebSocket upgrade has no body",
            Self::ConnectionMissing => "a WebSocket upgrade needs Connection: Upgrade",
            Self::ExtensionsMalformed => "Sec-WebSocket-Extensions is not a list of extensions",
            Self::HttpVersion => "a WebSocket upgrade needs HTTP/1.1",
            Self::KeyInvalid => "Sec-WebSocket-Key must be 16 bytes in base64, once",
            Self::KeyMissing => "a WebSocket upgrade needs Sec-WebSocket-Key",
            Self::Method => "a WebSocket upgrade must be a GET",
            Self::UpgradeMissing => "a WebSocket upgrade needs Upgrade: websocket (did a proxy remove it?)",
            Self::Version => "only WebSocket version 13 is spoken here",
            Self::VersionMissing => "a WebSocket upgrade needs Sec-WebSocket-Version: 13",
        }
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.reason())
    }
}

impl core::error::Error for UpgradeError {}
