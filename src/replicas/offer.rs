//! The giving side of a hand-over: all samples, node by node, as they are taken.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Refusal;
use super::frames::frame;
use super::message::{MEDIA_TYPE, NodeSamples};
use super::metrics::Metrics;
use crate::readiness::Readiness;
use crate::store::{Snapshot, Store};
use crate::usage::NodeName;

/// Hand-overs at once: of an update one is the rule. Each holds one view of the store.
const AT_ONCE: usize = 2;
/// Longer than a taker waits; one that reads so slowly has left.
const LONGEST: Duration = Duration::from_secs(10);

/// Hands over what the store holds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Offer {
    store: Arc<Store>,
    readiness: Readiness,
    permits: Arc<Semaphore>,
    metrics: Metrics,
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
    metrics: Metrics,
    _permit: OwnedSemaphorePermit,
}

impl Offer {
    /// Of `store`, as soon as `readiness` says that it is complete.
    pub fn new(store: Arc<Store>, readiness: Readiness, metrics: Metrics) -> Self {
        Self { store, readiness, permits: Arc::new(Semaphore::new(AT_ONCE)), metrics }
    }

    /// All samples of this moment, as a stream of messages in [`MEDIA_TYPE`], for who accepts that.
    ///
    /// # Errors
    /// When nothing is handed over now, and why.
    pub fn samples(&self, accept: Option<&str>) -> Result<impl Stream<Item = Result<Bytes, TooSlow>> + use<>, Refusal> {
        if !accept.is_some_and(|accept| accept.split(',').any(|one| one.trim() == MEDIA_TYPE)) {
            return Err(Refusal::OtherVersion);
        }
        if !self.readiness.is_ready() {
            return Err(Refusal::NotReady);
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let snapshot = self.store.snapshot();
        let nodes: Vec<_> = snapshot.nodes().map(|(name, _)| name.clone()).collect();
        let giving = Giving {
            snapshot,
            nodes: nodes.into_iter(),
            deadline: Instant::now() + LONGEST,
            metrics: self.metrics.clone(),
            _permit: permit,
        };
        Ok(stream::iter(giving).fuse())
    }
}

impl Iterator for Giving {
    type Item = Result<Bytes, TooSlow>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { snapshot, nodes, deadline, metrics, .. } = self;
        let message = nodes.find_map(|name| NodeSamples::of(&name, snapshot.node(&name)?).as_ref().and_then(frame))?;
        if Instant::now() > *deadline {
            return Some(Err(TooSlow));
        }
        metrics.sent(message.len());
        Some(Ok(message))
    }
}

#[cfg(test)]
mod tests;
