//! The control plane's receiving end of the connections that shards give away.
use std::io;

use control::Handed;
use ring::Delivered;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// The largest hand-over: what one read brings on top of a head that was not complete before it.
const BYTES_MAX: usize = 256 << 10;

/// Receives connections and passes them on, until nobody wants them any more. If the control plane is behind, they wait here and
/// then in the socket; when that is full the shards close them.
///
/// # Errors
/// If the socket can't be waited for, or every shard is gone.
pub(crate) async fn receive(delivered: Delivered, to: mpsc::Sender<Handed>) -> io::Result<()> {
    #[expect(deprecated, reason = "unsound only for types that change their descriptor; `Delivered` owns one for life")]
    let delivered = AsyncFd::with_interest(delivered, Interest::READABLE)?;
    let mut bytes = vec![0; BYTES_MAX];
    loop {
        let mut ready = delivered.readable().await?;
        let received = ready.try_io(|delivered| delivered.get_ref().receive(&mut bytes));
        match received {
            Ok(Ok((socket, count))) => {
                let handed = Handed { socket, head: bytes[..count].to_vec() };
                if to.send(handed).await.is_err() {
                    return Ok(());
                }
            }
            // No room for the descriptor in the table: that connection is lost, the next one may fit.
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {}
            Ok(Err(error)) => return Err(error),
            Err(_nothing_yet) => {}
        }
    }
}
