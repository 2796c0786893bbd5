//! Long answers are compressed for clients that ask for it.
//!
//! ```text
//! body ──up to 128 KiB ahead──▶ ended: sent as it is
//!                               goes on: head with Content-Encoding, then turn by turn
//! ```
//!
//! Short answers and watches never are: they would come later, and no cheaper.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{io::Write as _, mem};

use axum::Error;
use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers up to here are sent as they are, as by kube-apiserver.
const THRESHOLD_BYTES: usize = 128 << 10;
/// Compressed at one go, in some 0.1 ms; other tasks get their turn in between.
const TURN_BYTES: usize = 32 << 10;
/// Sent at one go: usage compresses ten times and more, and tiny frames are dear.
const FRAME_BYTES: usize = 16 << 10;
/// Each encoder holds some 350 KiB. Answers beyond so many are sent as they are, which any client
/// understands.
const MAX_ENCODERS: usize = 16;

/// Compresses answers.
#[derive(Debug)]
pub(super) struct Gzip {
    encoders: Arc<Semaphore>,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { encoders: Arc::new(Semaphore::new(MAX_ENCODERS)) }
    }
}

/// Whether the client names gzip among the encodings that it takes.
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        is_gzip && weight.is_none_or(|weight| weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0))
    })
}

impl Gzip {
    /// `response` for a client that takes gzip: compressed if it is long.
    pub(super) async fn encode(&self, response: Response) -> Response {
        if response.headers().contains_key(header::CONTENT_ENCODING) {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let body = match look_ahead(body).await {
            Measured::Short(body) => body,
            Measured::Long(chunks) => match Arc::clone(&self.encoders).try_acquire_owned() {
                Err(_) => Body::from_stream(chunks),
                Ok(permit) => {
                    head.headers.remove(header::CONTENT_LENGTH);
                    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    head.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
                    Body::from_stream(Compressed::new(chunks, permit))
                }
            },
        };
        Response::from_parts(head, body)
    }
}

type Chunks = BoxStream<'static, Result<Bytes, Error>>;

enum Measured {
    Short(Body),
    Long(Chunks),
}

/// Takes no more of `body` than tells whether it is long.
async fn look_ahead(body: Body) -> Measured {
    let told = body.size_hint();
    let threshold = u64::try_from(THRESHOLD_BYTES).unwrap_or(u64::MAX);
    if told.upper().is_some_and(|upper| upper <= threshold) {
        return Measured::Short(body);
    }
    let mut rest: BodyDataStream = body.into_data_stream();
    let (mut ahead, mut ahead_bytes) = (Vec::new(), 0);
    while ahead_bytes <= THRESHOLD_BYTES {
        match rest.next().await {
            Some(Ok(chunk)) => {
                ahead_bytes += chunk.len();
                ahead.push(Ok(chunk));
            }
            Some(Err(error)) => {
                ahead.push(Err(error));
                return Measured::Short(Body::from_stream(stream::iter(ahead)));
            }
            None => {
                let whole: Vec<u8> = ahead.iter().flatten().flatten().copied().collect();
                return Measured::Short(Body::from(whole));
            }
        }
    }
    Measured::Long(stream::iter(ahead).chain(rest).boxed())
}

/// The compressed form of `source`, made as it is asked for.
struct Compressed {
    source: Chunks,
    /// Taken from the source, not compressed yet.
    chunk: Bytes,
    /// `None` once all is said, or the source failed.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// Whether something was compressed since other tasks had their turn.
    is_due: bool,
    _permit: OwnedSemaphorePermit,
}

impl Compressed {
    fn new(source: Chunks, permit: OwnedSemaphorePermit) -> Self {
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        Self { source, chunk: Bytes::new(), encoder: Some(encoder), is_due: false, _permit: permit }
    }

    /// Compresses a little; what is ready to be sent, if it is enough.
    fn turn(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(encoder) = &mut self.encoder else { return Ok(None) };
        let part = self.chunk.split_to(self.chunk.len().min(TURN_BYTES));
        encoder.write_all(&part).map_err(Error::new)?;
        self.is_due = true;
        let made = encoder.get_mut();
        Ok((made.len() >= FRAME_BYTES).then(|| mem::take(made).into()))
    }
}

impl Stream for Compressed {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if mem::take(&mut self.is_due) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.chunk.is_empty() {
                match self.turn() {
                    Ok(None) => continue,
                    Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            if self.encoder.is_none() {
                return Poll::Ready(None);
            }
            match ready!(self.source.poll_next_unpin(context)) {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => {
                    // Without its end, the client must not take the part for the whole.
                    self.encoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    let last = self.encoder.take().map(|encoder| encoder.finish().map(Bytes::from).map_err(Error::new));
                    return Poll::Ready(last);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
