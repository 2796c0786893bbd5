//! Lists, written in turns and sent in chunks.
//!
//! ```text
//! Rows (what to write) ──turns──▶ List (one JSON document) ──64 KiB──▶ channel of 1 ──▶ body
//! ```
//!
//! A list holds an immutable [`Moment`](super::join::Moment) and where it stands, nothing else:
//! memory per request is two chunks whatever the length. What fits in one chunk is sent at once
//! with its length; the rest by a task that ends with the request's time, so that a client who
//! does not read keeps neither a snapshot nor a place among the requests in flight.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header;
use http_body::Frame;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::apiserver::filters::InFlight;
use crate::apiserver::negotiate::JSON;
use crate::apiserver::resources::json::{Json, indent};

/// One TLS record is 16 KiB, one HTTP/2 window of a Go client 4 MiB: large enough to be cheap per
/// byte, small enough to be held for each request in flight.
const CHUNK_BYTES: usize = 64 << 10;
/// A row may begin just below a chunk's limit.
const CHUNK_CAPACITY_BYTES: usize = CHUNK_BYTES + (8 << 10);
/// Longer lists are not indented: nobody reads them.
const PRETTY_LIMIT_BYTES: usize = 1 << 20;

/// The parts of a list that are made of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What is there.
    Items,
    /// What should be there and is not.
    Missing,
}

/// The rows of one list.
pub(super) trait Rows: Send + 'static {
    /// Writes `kind`, `apiVersion` and `metadata`.
    fn head(&self, json: &mut Json);

    /// Writes the next rows of `section`, for well under a millisecond. Returns whether there are
    /// more of it; if not, the next call begins a section anew.
    fn turn(&mut self, section: Section, json: &mut Json) -> bool;

    /// Whether the items just written left anything out that is to be named.
    fn has_missing(&self) -> bool;
}

/// A list on its way into JSON.
pub(super) struct List<R> {
    rows: R,
    json: Json,
    next: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Head,
    Rows(Section),
    Tail,
    Done,
}

impl<R: Rows> List<R> {
    pub(super) fn new(rows: R) -> Self {
        Self { rows, json: Json::with_capacity(CHUNK_CAPACITY_BYTES), next: Step::Head }
    }

    /// The answer; `in_flight` is held until the last byte is made.
    pub(super) async fn answer(mut self, pretty: bool, in_flight: InFlight) -> Response {
        let mut first = self.chunk().await;
        if pretty {
            let mut document = first.to_vec();
            while self.next != Step::Done && document.len() <= PRETTY_LIMIT_BYTES {
                document.extend_from_slice(&self.chunk().await);
            }
            first = if self.next == Step::Done { indent(&document).into() } else { document.into() };
        }
        let body = if self.next == Step::Done { Body::from(first) } else { self.stream(first, in_flight) };
        ([(header::CONTENT_TYPE, JSON)], body).into_response()
    }

    /// The next bytes: a full chunk, or all that is left. Other tasks get their turn in between.
    async fn chunk(&mut self) -> Bytes {
        while self.json.len() < CHUNK_BYTES && self.next != Step::Done {
            self.step();
            tokio::task::yield_now().await;
        }
        self.json.take()
    }

    fn step(&mut self) {
        self.next = match self.next {
            Step::Head => {
                self.json.open(b'{');
                self.rows.head(&mut self.json);
                self.json.key("items").open(b'[');
                Step::Rows(Section::Items)
            }
            Step::Rows(section) if self.rows.turn(section, &mut self.json) => Step::Rows(section),
            Step::Rows(Section::Items) if self.rows.has_missing() => {
                self.json.close(b']');
                self.json.key("missing").open(b'[');
                Step::Rows(Section::Missing)
            }
            Step::Rows(_) => {
                self.json.close(b']');
                Step::Tail
            }
            Step::Tail | Step::Done => {
                self.json.close(b'}');
                self.json.end_line();
                Step::Done
            }
        };
    }

    fn stream(mut self, first: Bytes, in_flight: InFlight) -> Body {
        let (sender, chunks) = mpsc::channel(1);
        let write = async move {
            let all = async {
                let mut chunk = first;
                // An error means that the client is gone.
                while sender.send(Some(chunk)).await.is_ok() {
                    if self.next == Step::Done {
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
        let writer = AbortOnDropHandle::new(tokio::spawn(write.in_current_span()));
        Body::new(Streamed { chunks, is_complete: false, _writer: writer })
    }
}

/// The receiving end: a body that is cut off, not ended, if its writer runs out of time.
struct Streamed {
    /// `None` follows the last chunk.
    chunks: mpsc::Receiver<Option<Bytes>>,
    is_complete: bool,
    /// A client that goes away takes the writer with it.
    _writer: AbortOnDropHandle<()>,
}

/// The list was not written in the time that its request had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list was not written in time")]
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
