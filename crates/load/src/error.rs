//! Why a run could not be made, or did not give what it promised.
use std::{fmt, io};

/// What ends a run.
#[derive(Debug)]
pub enum LoadError {
    /// The arguments or the scenario contradict each other, or a value is out of its range.
    Argument(String),
    /// Some subscribers could not connect: how many of how many, and the first cause.
    Connect {
        /// Subscribers that gave up.
        failed: u64,
        /// Subscribers wanted.
        clients: u32,
        /// Why the first one failed.
        cause: String,
    },
    /// The run was interrupted by Ctrl-C.
    Interrupted,
    /// A system call failed.
    Io {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The publisher's connection was refused or ended.
    Publisher(String),
    /// The scenario file is not right.
    Scenario(Box<figment::Error>),
    /// The server did not come up, or ended by itself.
    Server(String),
    /// The result differs from what the scenario expects.
    Unexpected(Vec<String>),
    /// The peer's WebSocket (command line clients).
    WebSocket(Box<tungstenite::Error>),
}

impl LoadError {
    /// An I/O error with what was being done.
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    /// The same for the errors of `rustix`.
    pub(crate) fn os(doing: &'static str) -> impl Fn(rustix::io::Errno) -> Self {
        move |source| Self::Io { doing, source: source.into() }
    }

    /// The process's exit code: 1 for a result that is not what was expected, 130 after Ctrl-C, else 2.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unexpected(_) => 1,
            Self::Interrupted => 130,
            Self::Argument(_)
            | Self::Connect { .. }
            | Self::Io { .. }
            | Self::Publisher(_)
            | Self::Scenario(_)
            | Self::Server(_)
            | Self::WebSocket(_) => 2,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(what) | Self::Publisher(what) | Self::Server(what) => out.write_str(what),
            Self::Connect { failed, clients, cause } => {
                write!(out, "{failed} of {clients} subscribers could not connect: {cause}")
            }
            Self::Interrupted => out.write_str("interrupted"),
            Self::Io { doing, source } => {
                write!(out, "{doing}: {source}")?;
                if source.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) {
                    out.write_str("; a file table is full: raise `ulimit -n`, or spread over more --threads")?;
                }
                Ok(())
            }
            Self::Scenario(source) => write!(out, "scenario: {source}"),
            Self::Unexpected(differences) => write!(out, "not as expected: {}", differences.join("; ")),
            Self::WebSocket(source) => write!(out, "{source}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<tungstenite::Error> for LoadError {
    fn from(source: tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(source))
    }
}

impl From<figment::Error> for LoadError {
    fn from(source: figment::Error) -> Self {
        Self::Scenario(Box::new(source))
    }
}
