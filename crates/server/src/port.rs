//! The port, before the shards share it.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::error::StartError;

/// How long the listener of a process that has just died may stay around: its rings are taken down after its end, and what is
/// in flight in them holds it. A connection that it gets is lost.
const LINGER_MAX: Duration = Duration::from_secs(3);

const STEP: Duration = Duration::from_millis(50);

/// Makes sure that nobody listens at `address`, and chooses a port if it says 0.
///
/// # Errors
/// Why one can't listen there, after waiting for a listener that is about to go.
pub(crate) fn claim(address: SocketAddr) -> Result<SocketAddr, StartError> {
    let mut waited = Duration::ZERO;
    loop {
        match ring::claim(address) {
            Ok(claimed) => return Ok(claimed),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && waited < LINGER_MAX => {
                std::thread::sleep(STEP);
                waited += STEP;
            }
            Err(error) => return Err(StartError::listening(address, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_goes_is_waited_for() {
        let old =
            ring::ListenerOptions { shared: true, backlog: 8, user_timeout: Duration::ZERO, send_buffer_bytes: 0 };
        let address = claim("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = ring::listen(address, old).unwrap();
        let going = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(120));
            drop(listener);
        });
        assert_eq!(claim(address).unwrap(), address);
        going.join().unwrap();
    }
}
