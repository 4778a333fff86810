//! The control plane's receiving end of the connections that shards give away.
use std::io;
use std::time::Duration;

use control::Handed;
use ring::Delivered;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// After so long a receive that failed is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Receives connections and passes them on, until nobody wants them any more. If the control plane is behind, they wait here and
/// then in the socket; when that is full the shards close them.
///
/// # Errors
/// If the socket can't be waited for, or every shard is gone.
pub(crate) async fn receive(delivered: Delivered, to: mpsc::Sender<Handed>) -> io::Result<()> {
    #[expect(deprecated, reason = "unsound only for types that change their descriptor; `Delivered` owns one for life")]
    let delivered = AsyncFd::with_interest(delivered, Interest::READABLE)?;
    loop {
        let mut ready = delivered.readable().await?;
        let received = ready.try_io(|delivered| delivered.get_ref().receive());
        match received {
            Ok(Ok((socket, head))) => {
                if to.send(Handed { socket, head }).await.is_err() {
                    return Ok(());
                }
            }
            // No room for the descriptor in the table: that connection is lost, the next one may fit.
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(error),
            // The kernel is out of memory for a moment: the API must outlive it.
            Ok(Err(error)) => {
                eprintln!("ringcast: a connection could not be taken over: {error}");
                tokio::time::sleep(TRY_AGAIN).await;
            }
            Err(_nothing_yet) => {}
        }
    }
}
