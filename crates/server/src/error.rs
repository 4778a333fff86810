//! Why a server does not start, and what to type.
use std::fmt;
use std::io;
use std::net::SocketAddr;

use glommio::GlommioError;
use ring::Obstacle;
use rustix::io::Errno;

/// What stands in the way of a start. The message says the cause and, where there is one, the command.
#[derive(Debug)]
pub enum StartError {
    /// io_uring can't be used.
    Ring(Obstacle),
    /// Somebody else listens on the port.
    PortInUse {
        /// Where we wanted to listen.
        address: SocketAddr,
    },
    /// The port is for administrators.
    PortForbidden {
        /// Where we wanted to listen.
        address: SocketAddr,
    },
    /// The address is none of this host's.
    NoSuchAddress {
        /// Where we wanted to listen.
        address: SocketAddr,
    },
    /// glommio's executor can't be made.
    Executor {
        /// What glommio says.
        reason: String,
    },
    /// Back ends can't be reached at all.
    BackEnds {
        /// Why.
        reason: String,
    },
    /// A shard's thread ended by itself.
    ShardLost,
    /// Anything else that the system refuses.
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

impl StartError {
    /// Names what was to be done when the system refused it.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, error }
    }

    /// Why back ends can't be reached.
    pub(crate) fn back_ends(error: hook::SettingsError) -> Self {
        Self::BackEnds { reason: error.to_string() }
    }

    /// Why an executor can't be made. Its rings meet the same limits as ours, whichever comes last.
    pub(crate) fn executor(error: GlommioError<()>) -> Self {
        if let GlommioError::IoError(refused) = &error
            && let Some(Errno::NOMEM | Errno::MFILE | Errno::NFILE) =
                refused.raw_os_error().map(Errno::from_raw_os_error)
        {
            return Self::Ring(Obstacle::of(refused));
        }
        Self::Executor { reason: error.to_string() }
    }

    /// Why one can't listen at `address`.
    pub(crate) fn listening(address: SocketAddr, error: io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::ADDRINUSE) => Self::PortInUse { address },
            Some(Errno::ACCESS) => Self::PortForbidden { address },
            Some(Errno::ADDRNOTAVAIL) => Self::NoSuchAddress { address },
            Some(_) | None => Self::System { what: "listen", error },
        }
    }
}

impl From<Obstacle> for StartError {
    fn from(obstacle: Obstacle) -> Self {
        Self::Ring(obstacle)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(obstacle) => obstacle.fmt(out),
            Self::PortInUse { address } => write!(
                out,
                "cannot listen on {address}: somebody else does. See who: ss -ltnp 'sport = :{port}'; or choose another port: \
                 --port {other}",
                port = address.port(),
                other = address.port().checked_add(1).unwrap_or(8_000)
            ),
            Self::PortForbidden { address } => write!(
                out,
                "cannot listen on {address}: ports below 1024 are for administrators. Choose another: --port 8000; or allow it: \
                 sysctl -w net.ipv4.ip_unprivileged_port_start={}",
                address.port()
            ),
            Self::NoSuchAddress { address } => write!(
                out,
                "cannot listen on {address}: this host has no such address. See which it has: ip -brief address; or listen on \
                 all: --address 0.0.0.0"
            ),
            Self::Executor { reason } => write!(out, "glommio cannot start an executor: {reason}"),
            Self::BackEnds { reason } => write!(out, "no back end can be reached: {reason}"),
            Self::ShardLost => write!(out, "a shard ended by itself; what it said last is above"),
            Self::System { what, error } => write!(out, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Ring(obstacle) => Some(obstacle),
            Self::System { error, .. } => Some(error),
            Self::PortInUse { .. }
            | Self::PortForbidden { .. }
            | Self::NoSuchAddress { .. }
            | Self::Executor { .. }
            | Self::BackEnds { .. }
            | Self::ShardLost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executor_without_memory_or_descriptors_says_what_to_type() {
        for (errno, command) in [(Errno::NOMEM, "ulimit -l unlimited"), (Errno::MFILE, "ulimit -n")] {
            let text = StartError::executor(GlommioError::IoError(errno.into())).to_string();
            assert!(text.contains(command), "{text}");
        }
        let other = StartError::executor(GlommioError::IoError(Errno::INVAL.into())).to_string();
        assert!(other.contains("glommio cannot start"), "{other}");
    }
}
