//! Answers that are written in turns and sent in chunks.
//!
//! ```text
//! Turns (what to write) ──turns──▶ Stream ──32 KiB──▶ channel of 1 ──▶ body
//! ```
//!
//! What writes holds an immutable [`Moment`](super::join::Moment) and where it stands, nothing else:
//! memory per request is two chunks whatever the length. What fits in one chunk is sent at once
//! with its length; the rest by a task that ends with the request's time, so that a client who
//! does not read keeps no snapshot.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http::header;
use http_body::Frame;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, Span};

use crate::apiserver::filters::InFlight;
use crate::apiserver::resources::json::Indenter;

/// One TLS record is 16 KiB, one HTTP/2 window of a Go client 4 MiB: large enough to be cheap per
/// byte, small enough for the 16 that HTTP/1 holds for a client who does not read.
pub(super) const CHUNK_BYTES: usize = 32 << 10;
/// What is written in a turn may begin just below a chunk's limit.
pub(super) const CHUNK_CAPACITY_BYTES: usize = CHUNK_BYTES + (8 << 10);
/// Indented, that is a chunk or so.
const COMPACT_CHUNK_BYTES: usize = CHUNK_BYTES / 2;

/// Something that writes a document, some of it at a time.
pub(crate) trait Turns: Send + 'static {
    /// Writes on, for well under a millisecond. Returns whether there is more.
    fn turn(&mut self) -> bool;

    /// What was written and not yet taken.
    fn written(&mut self) -> &mut BytesMut;
}

/// A document on its way out.
pub(crate) struct Stream<T> {
    turns: T,
    /// For people who read it.
    indenter: Option<Indenter>,
    /// The first chunk.
    first: Bytes,
    has_more: bool,
    span: Span,
}

impl<T: Turns> Stream<T> {
    /// Makes the first chunk; `pretty` is for JSON alone.
    pub(crate) async fn begin(turns: T, pretty: bool) -> Self {
        let span = tracing::info_span!("encode");
        let indenter = pretty.then(Indenter::default);
        let mut stream = Self { turns, indenter, first: Bytes::new(), has_more: true, span: span.clone() };
        stream.first = stream.chunk().instrument(span).await;
        stream
    }

    /// Whether there is more than the first chunk.
    pub(crate) const fn is_longer(&self) -> bool {
        self.has_more
    }

    /// The answer; `in_flight` is held until the last byte is made.
    pub(crate) fn answer(mut self, content_type: &'static str, in_flight: InFlight) -> Response {
        let first = std::mem::take(&mut self.first);
        let body = if self.has_more { self.stream(first, in_flight) } else { Body::from(first) };
        ([(header::CONTENT_TYPE, content_type)], body).into_response()
    }

    /// The next bytes: a full chunk, or all that is left. Other tasks get their turn in between.
    async fn chunk(&mut self) -> Bytes {
        let full = if self.indenter.is_some() { COMPACT_CHUNK_BYTES } else { CHUNK_BYTES };
        while self.has_more && self.turns.written().len() < full {
            self.has_more = self.turns.turn();
            tokio::task::yield_now().await;
        }
        let written = self.turns.written();
        // What is left of a buffer would be too small for the next chunk, which then would move.
        let next = if self.has_more { BytesMut::with_capacity(CHUNK_CAPACITY_BYTES) } else { BytesMut::new() };
        let chunk = std::mem::replace(written, next).freeze();
        self.indenter.as_mut().map_or(chunk.clone(), |indenter| indenter.indent(&chunk).into())
    }

    fn stream(mut self, first: Bytes, in_flight: InFlight) -> Body {
        let span = self.span.clone();
        let (sender, chunks) = mpsc::channel(1);
        let write = async move {
            let all = async {
                let mut chunk = first;
                // An error means that the client is gone.
                while sender.send(Some(chunk)).await.is_ok() {
                    if !self.has_more {
                        let _ = sender.send(None).await;
                        return;
                    }
                    chunk = self.chunk().await;
                }
            };
            let _in_time = tokio::time::timeout_at(in_flight.deadline, all).await;
            // The place is free again, whether or not the client has read to the end.
            drop(in_flight);
        };
        body(chunks, write.instrument(span))
    }
}

/// A body of what `write` sends, `None` behind the last; cut off, not ended, if that does not come.
pub(super) fn body(chunks: mpsc::Receiver<Option<Bytes>>, write: impl Future<Output = ()> + Send + 'static) -> Body {
    let writer = AbortOnDropHandle::new(tokio::spawn(write.in_current_span()));
    Body::new(Streamed { chunks, is_complete: false, _writer: writer })
}

/// The receiving end.
struct Streamed {
    chunks: mpsc::Receiver<Option<Bytes>>,
    is_complete: bool,
    /// A client that goes away takes the writer with it.
    _writer: AbortOnDropHandle<()>,
}

/// The answer was not written in the time that its request had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer was not written in time")]
struct CutOff;

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if self.is_complete {
            return Poll::Ready(None);
        }
        let received = ready!(self.chunks.poll_recv(context));
        self.is_complete = !matches!(received, Some(Some(_)));
        Poll::Ready(match received {
            Some(Some(chunk)) => Some(Ok(Frame::data(chunk))),
            Some(None) => None,
            None => Some(Err(CutOff)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests;
