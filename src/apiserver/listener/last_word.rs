//! The end of a connection, in the order that loses nothing.
//!
//! A socket that is closed while its client still sends answers with a reset. The client's next write
//! fails then, and Go's HTTP/2 gives up every answer that it has not read to the end yet, be it there
//! already. So we say our last word, and listen on until the client has hung up.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A client hangs up as soon as it has read the last word; one that does not is left.
const LONGEST: Duration = Duration::from_secs(2);

/// A connection's socket. When it is dropped our side is closed, and the client's not yet.
#[derive(Debug)]
pub(super) struct Line {
    /// Taken by the end.
    socket: Option<TcpStream>,
    left_to: Option<oneshot::Sender<TcpStream>>,
}

/// The client's side of a [`Line`].
#[derive(Debug)]
pub(super) struct ClientSide(oneshot::Receiver<TcpStream>);

impl Line {
    pub(super) fn of(socket: TcpStream) -> (Self, ClientSide) {
        let (left_to, left) = oneshot::channel();
        (Self { socket: Some(socket), left_to: Some(left_to) }, ClientSide(left))
    }

    /// There until the end, after which nobody can ask.
    fn socket(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let (Some(mut socket), Some(left_to)) = (self.socket.take(), self.left_to.take()) {
            // Closes our side at once.
            let _ = Pin::new(&mut socket).poll_shutdown(&mut Context::from_waker(Waker::noop()));
            // Where nobody listens on, this closes the other.
            let _ = left_to.send(socket);
        }
    }
}

impl ClientSide {
    /// Waits until the client has hung up, for a while. What it still says is for nobody.
    pub(super) async fn hung_up(self) {
        // It never breaks off, so that nothing is left unread when the socket is closed.
        let _ = tokio::time::timeout(LONGEST, async {
            let Ok(mut socket) = self.0.await else { return };
            let mut unheard = [0; 4096];
            while let Ok(1..) = socket.read(&mut unheard).await {}
        })
        .await;
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}
