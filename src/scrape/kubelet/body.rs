//! A kubelet's answer in memory, and how many long ones there may be.

use std::ops::Deref;
use std::sync::Arc;

use http::Response;
use http::header::{CONTENT_TYPE, DATE};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cut_off;
use crate::clock::UnixMillis;
use crate::promtext::kubelet::Form;
use crate::scrape::node_clock;
use crate::usage::Failure;

/// A first guess at a body's size: a kubelet of thirty pods.
const USUAL_BYTES: usize = 48 << 10;
/// Room for 1,600 containers, far beyond what a kubelet is made for: whatever is longer is rare, or
/// wrong.
pub(super) const SHORT_BYTES: usize = 1 << 20;
/// A long body gets this much at once, the usual limit, so that it need not be moved as it grows.
const LONG_BYTES: usize = 16 << 20;
/// Long bodies held at once. Without a bound, a fleet of kubelets gone wrong together would take
/// the limit of one body times the requests in flight: gigabytes.
pub(super) const LONG_AT_ONCE: usize = 4;

/// Reads bodies; keeps the room for long ones.
pub(super) struct Reader {
    limit_bytes: u64,
    long: Arc<Semaphore>,
}

/// A body read to its end. A long one holds its place until it is dropped.
#[derive(Debug)]
pub(in crate::scrape) struct Body {
    /// As its content type told.
    pub(in crate::scrape) form: Form,
    /// What the kubelet's clock showed when it began to answer, to the second.
    pub(in crate::scrape) date: Option<UnixMillis>,
    bytes: Vec<u8>,
    place: Option<OwnedSemaphorePermit>,
}

impl Reader {
    /// Refuses bodies of more than `limit_bytes`.
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, long: Arc::new(Semaphore::new(LONG_AT_ONCE)) }
    }

    /// Reads an answer's body, up to `limit_bytes` if the usual limit is more than it deserves. A
    /// long one waits for its place; short ones never wait.
    pub(super) async fn read(&self, answer: Response<Incoming>, limit_bytes: Option<u64>) -> Result<Body, Failure> {
        let form = answer.headers().get(CONTENT_TYPE).map_or(Form::Text, |told| Form::of(told.as_bytes()));
        let date = answer.headers().get(DATE).and_then(node_clock::date);
        let mut incoming = answer.into_body();
        let limit_bytes = limit_bytes.unwrap_or(self.limit_bytes);
        let told = incoming.size_hint().exact();
        if told.is_some_and(|told| told > limit_bytes) {
            return Err(Failure::BodyTooLarge(limit_bytes));
        }
        let told = told.map(|told| usize::try_from(told).unwrap_or(SHORT_BYTES));
        let bytes = Vec::with_capacity(told.unwrap_or(USUAL_BYTES).min(SHORT_BYTES));
        let mut body = Body { form, date, bytes, place: None };
        while let Some(frame) = incoming.frame().await {
            let Ok(chunk) = frame.map_err(|error| cut_off(&error))?.into_data() else { continue };
            let length = body.bytes.len() + chunk.len();
            if length as u64 > limit_bytes {
                return Err(Failure::BodyTooLarge(limit_bytes));
            }
            if length > SHORT_BYTES && body.place.is_none() {
                // Never closed: the semaphore lives as long as the reader.
                body.place = Arc::clone(&self.long).acquire_owned().await.ok();
                body.bytes.reserve_exact(LONG_BYTES);
            }
            body.bytes.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
