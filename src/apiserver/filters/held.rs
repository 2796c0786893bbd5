//! A place is held until the answer is taken.
//!
//! HTTP/2 lets a client ask for much and take nothing. What he does not take waits with us, and hyper is done
//! with an answer as soon as it has handed on its last part, be there room for it or not. It hands on nothing,
//! though, while what it handed on before still waits:
//!
//! ```text
//! part of 20 KiB ──▶ 19 KiB, handed on ──▶ 1 KiB, handed on when the client has taken those before
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::apiserver::filters::in_flight::InFlight;

/// Of answers up to here a connection may leave as many unread as it has streams: a megabyte.
const SHORT_BYTES: usize = 4 << 10;
/// What is handed on last.
const TAIL_BYTES: usize = 1 << 10;

/// The same answer, which holds the place of its request until all but its tail is taken, or the client is gone.
pub(super) fn until_taken(response: Response, in_flight: InFlight) -> Response {
    let longest = response.body().size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    if longest.is_some_and(|bytes| bytes <= SHORT_BYTES) {
        return response;
    }
    response.map(|body| Body::new(Held { body, tail: Bytes::new(), _in_flight: in_flight }))
}

struct Held {
    body: Body,
    /// Of the part before.
    tail: Bytes,
    _in_flight: InFlight,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.tail.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.tail)))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|mut part| {
                    if part.len() > SHORT_BYTES {
                        self.tail = part.split_off(part.len() - TAIL_BYTES);
                    }
                    part
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (tail, rest) = (u64::try_from(self.tail.len()).unwrap_or(u64::MAX), self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(tail));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(tail));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_the_same_in_smaller_parts() {
        for length in [0, 1, SHORT_BYTES, SHORT_BYTES + 1, 100_000] {
            let whole: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0]).collect();
            let response = Response::new(Body::from(whole.clone()));
            let mut body = until_taken(response, InFlight::unlimited(Instant::now())).into_body();
            let mut taken = Vec::new();
            while !body.is_end_stream() {
                assert_eq!(body.size_hint().exact(), Some((length - taken.len()) as u64));
                taken.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            assert!(taken == whole && body.frame().await.is_none(), "{length}");
        }
    }
}
