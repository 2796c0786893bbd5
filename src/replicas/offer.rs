//! What others may ask for: all samples of this moment, or each scrape as it is made.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Refusal;
use super::frames::frame;
use super::message::{MEDIA_TYPE, NodeSamples, STREAM_MEDIA_TYPE};
use super::metrics::Metrics;
use super::replica::beat_when_sharing;
use super::tell::Teller;
use crate::clock::Clock;
use crate::readiness::Readiness;
use crate::store::{Snapshot, Store};
use crate::usage::NodeName;

/// Hand-overs at once: of an update one is the rule. Each holds one view of the store.
const AT_ONCE: usize = 2;
/// Longer than a taker waits; one that reads so slowly has left.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Hands over what the store holds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Offer {
    store: Arc<Store>,
    clock: Clock,
    readiness: Readiness,
    permits: Arc<Semaphore>,
    /// `None` = scrapes are not shared.
    teller: Option<Teller>,
    metrics: Metrics,
}

/// What is given to one who asked.
pub struct Given {
    /// What it is written in.
    pub media_type: &'static str,
    /// It, node by node.
    pub samples: BoxStream<'static, Result<Bytes, TooSlow>>,
}

/// The reader was too slow; the stream breaks, so that it is not taken for whole.
#[derive(Debug, thiserror::Error)]
#[error("the samples were not taken within {LONGEST:?}")]
pub struct TooSlow;

/// One hand-over under way.
struct Giving {
    snapshot: Arc<Snapshot>,
    nodes: std::vec::IntoIter<NodeName>,
    deadline: Instant,
    clock: Clock,
    metrics: Metrics,
    _permit: OwnedSemaphorePermit,
}

impl Offer {
    /// Of `store`, as soon as `readiness` says that it is complete.
    pub fn new(store: Arc<Store>, clock: Clock, readiness: Readiness, metrics: Metrics) -> Self {
        Self { store, clock, readiness, permits: Arc::new(Semaphore::new(AT_ONCE)), teller: None, metrics }
    }

    /// Also tells each scrape as it is made, until `leaving`, to who shares scrapes at `resolution`.
    #[must_use]
    pub fn sharing(self, resolution: Duration, leaving: CancellationToken) -> Self {
        let (store, clock, metrics) = (Arc::clone(&self.store), self.clock.clone(), self.metrics.clone());
        let teller = Teller::new(store, clock, beat_when_sharing(resolution), leaving, metrics);
        Self { teller: Some(teller), ..self }
    }

    /// What one who accepts this asks for: all samples of this moment ([`MEDIA_TYPE`]), or all scrapes
    /// from now on ([`STREAM_MEDIA_TYPE`]).
    ///
    /// # Errors
    /// When nothing is given now, and why.
    pub fn samples(&self, accept: Option<&str>) -> Result<Given, Refusal> {
        let accepts = |media_type| accept.is_some_and(|accept| accept.split(',').any(|one| one.trim() == media_type));
        let teller = self.teller.as_ref().filter(|_| accepts(STREAM_MEDIA_TYPE));
        if teller.is_none() && !accepts(MEDIA_TYPE) {
            return Err(Refusal::OtherVersion);
        }
        if !self.readiness.is_ready() {
            return Err(Refusal::NotReady);
        }
        Ok(match teller {
            Some(teller) => Given { media_type: STREAM_MEDIA_TYPE, samples: teller.tell()?.boxed() },
            None => Given { media_type: MEDIA_TYPE, samples: self.all()?.boxed() },
        })
    }

    fn all(&self) -> Result<impl Stream<Item = Result<Bytes, TooSlow>> + use<>, Refusal> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let snapshot = self.store.snapshot();
        let nodes: Vec<_> = snapshot.nodes().map(|(name, _)| name.clone()).collect();
        let giving = Giving {
            snapshot,
            nodes: nodes.into_iter(),
            deadline: Instant::now() + LONGEST,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            _permit: permit,
        };
        Ok(stream::iter(giving).fuse())
    }
}

impl Iterator for Giving {
    type Item = Result<Bytes, TooSlow>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { snapshot, nodes, deadline, clock, metrics, .. } = self;
        let message = nodes.find_map(|name| {
            // A node that was never scraped well is of no use to who begins.
            let record = snapshot.node(&name).filter(|record| record.last_success.is_some())?;
            frame(&NodeSamples::of(&name, record, clock.now()))
        })?;
        if Instant::now() > *deadline {
            return Some(Err(TooSlow));
        }
        metrics.sent(message.len());
        Some(Ok(message))
    }
}

#[cfg(test)]
mod tests;
