//! The end of a connection, in the order that loses nothing.
//!
//! A socket that is closed while its client still sends answers with a reset. The client's next write
//! fails then, and Go's HTTP/2 gives up every answer that it has not read to the end yet, be it there
//! already. So we say our last word, and listen on until the client has hung up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A client hangs up as soon as it has read the last word; one that does not is left.
const LONGEST: Duration = Duration::from_secs(2);

/// A connection's socket. When it is dropped our side is closed, and the client's not yet.
#[derive(Debug)]
pub(super) struct Line {
    reading: Arc<OwnedReadHalf>,
    writing: OwnedWriteHalf,
}

/// The client's side of a [`Line`].
#[derive(Debug)]
pub(super) struct ClientSide(Arc<OwnedReadHalf>);

impl Line {
    pub(super) fn of(socket: TcpStream) -> (Self, ClientSide) {
        let (reading, writing) = socket.into_split();
        let reading = Arc::new(reading);
        (Self { reading: Arc::clone(&reading), writing }, ClientSide(reading))
    }
}

impl ClientSide {
    /// Waits until the client has hung up, for a while. What it still says is for nobody.
    pub(super) async fn hung_up(self) {
        // It never breaks off, so that nothing is left unread when the socket is closed.
        let _ = tokio::time::timeout(LONGEST, async {
            let mut unheard = [0; 4096];
            loop {
                match self.0.try_read(&mut unheard) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if self.0.readable().await.is_err() {
                            return;
                        }
                    }
                    Ok(0) | Err(_) => return,
                }
            }
        })
        .await;
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket: &TcpStream = (*self.reading).as_ref();
        loop {
            ready!(socket.poll_read_ready(context))?;
            match socket.try_read(buffer.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|bytes| buffer.advance(bytes))),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writing).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writing).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writing).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writing).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.writing.is_write_vectored()
    }
}
