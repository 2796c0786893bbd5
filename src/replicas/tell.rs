//! The telling side of shared scrapes: all that was scraped here, then each scrape as it is made.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Refusal;
use super::frames::frame;
use super::message::NodeSamples;
use super::metrics::Metrics;
use super::offer::{LONGEST, TooSlow};
use super::presence::MAX_LEASES;
use crate::clock::Clock;
use crate::store::{NodeRecord, Store};
use crate::usage::NodeName;

/// Whoever listens has to show himself again after this: a certificate is looked at when a stream
/// begins, and not as long as it lasts.
const LONGEST_STREAM: Duration = Duration::from_hours(1);

/// Tells scrapes to all who listen, until it leaves. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    store: Arc<Store>,
    clock: Clock,
    beat: Duration,
    leaving: CancellationToken,
    permits: Arc<Semaphore>,
    metrics: Metrics,
}

/// One listener's stream.
struct Telling {
    teller: Teller,
    scraped: broadcast::Receiver<NodeName>,
    /// What is left of all that was known at the beginning; `None` = all is told.
    known: Option<std::vec::IntoIter<NodeName>>,
    end: Instant,
    /// When the listener took what it got last.
    given: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Teller {
    /// Of `store`; says something every `beat`, and ends all streams when `leaving`.
    pub(super) fn new(
        store: Arc<Store>,
        clock: Clock,
        beat: Duration,
        leaving: CancellationToken,
        metrics: Metrics,
    ) -> Self {
        // As many as there can be others.
        let permits = Arc::new(Semaphore::new(MAX_LEASES as usize));
        Self { store, clock, beat, leaving, permits, metrics }
    }

    /// A stream of messages. It ends when we leave, and after an hour, and breaks for one who does not
    /// read it.
    pub(super) fn tell(&self) -> Result<impl Stream<Item = Result<Bytes, TooSlow>> + use<>, Refusal> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        // Before the names are gathered, so that none is lost between.
        let scraped = self.store.subscribe_scraped();
        let snapshot = self.store.snapshot();
        let own = snapshot.nodes().filter(|(_, record)| !record.is_told());
        let known: Vec<_> = own.map(|(name, _)| name.clone()).collect();
        let now = Instant::now();
        let telling = Telling {
            teller: self.clone(),
            scraped,
            known: Some(known.into_iter()),
            end: now + LONGEST_STREAM,
            given: now,
            _permit: permit,
        };
        Ok(stream::unfold(Some(telling), async |telling| telling?.next().await))
    }

    /// The message about a node; `None` for one that is gone, that others scrape by now, or that no
    /// replica would take.
    fn message(&self, node: &NodeName) -> Option<Bytes> {
        let snapshot = self.store.snapshot();
        let record: &NodeRecord = snapshot.node(node).filter(|record| !record.is_told())?;
        frame(&NodeSamples::of(node, record, self.clock.now()))
    }
}

impl Telling {
    /// The next message, and the stream after it; `None` instead of the stream after an error.
    async fn next(mut self) -> Option<(Result<Bytes, TooSlow>, Option<Self>)> {
        let is_slow = self.given.elapsed() > LONGEST;
        let message = if is_slow { Err(TooSlow) } else { self.message().await.transpose()? };
        self.given = Instant::now();
        Some(match message {
            Ok(message) => {
                self.teller.metrics.told(message.len());
                (Ok(message), Some(self))
            }
            Err(slow) => {
                self.teller.metrics.cut();
                (Err(slow), None)
            }
        })
    }

    /// `None` at the end.
    async fn message(&mut self) -> Result<Option<Bytes>, TooSlow> {
        if let Some(known) = &mut self.known {
            if let Some(message) = known.find_map(|node| self.teller.message(&node)) {
                return Ok(Some(message));
            }
            self.known = None;
            return Ok(Some(nothing_new()));
        }
        let beat = Instant::now() + self.teller.beat;
        loop {
            tokio::select! {
                () = self.teller.leaving.cancelled() => return Ok(None),
                () = tokio::time::sleep_until(self.end) => return Ok(None),
                () = tokio::time::sleep_until(beat) => return Ok(Some(nothing_new())),
                node = self.scraped.recv() => match node {
                    Ok(node) => if let Some(message) = self.teller.message(&node) {
                        return Ok(Some(message));
                    },
                    // What was missed is told when it begins again.
                    Err(RecvError::Lagged(_)) => return Err(TooSlow),
                    Err(RecvError::Closed) => return Ok(None),
                },
            }
        }
    }
}

/// That we are there. The first of these says that all known before has been told.
fn nothing_new() -> Bytes {
    frame(&NodeSamples::default()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
