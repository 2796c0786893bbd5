//! Kept verdicts, and the reviews under way.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::ReviewError;

/// A bounded memory of verdicts in which each question is asked once at a time.
#[derive(Debug)]
pub(in crate::apiserver) struct Verdicts<K, V>(Arc<Inner<K, V>>);

/// Where a verdict came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::apiserver) enum Source {
    /// Kept from an earlier review.
    Kept,
    /// From a review that this request began or joined.
    Review,
}

impl Source {
    /// As labels spell it.
    pub(in crate::apiserver) fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Review => "review",
        }
    }
}

struct Inner<K, V> {
    kept: Cache<K, Kept<V>, Weigh<K, V>>,
    flights: Mutex<Flights<K, V>>,
    /// How many flights there are.
    under_way: Gauge,
}

#[derive(Clone, Debug)]
struct Kept<V> {
    verdict: V,
    until: Instant,
}

struct Flights<K, V> {
    under_way: HashMap<K, Flight<V>>,
    next_id: u64,
}

struct Flight<V> {
    id: u64,
    asking: WeakShared<BoxFuture<'static, Result<V, ReviewError>>>,
}

/// Bytes of a kept verdict, and what the smallest counts for, so that there are never too many.
struct Weigh<K, V> {
    bytes: fn(&K, &V) -> usize,
    least: u64,
}

impl<K, V> Verdicts<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps never more than `entries` verdicts, nor than `bytes` of them, as told by `weigh`. `under_way` is told
    /// how many reviews there are.
    pub(in crate::apiserver) fn new(entries: usize, bytes: u64, weigh: fn(&K, &V) -> usize, under_way: Gauge) -> Self {
        let least = bytes.div_ceil(u64::try_from(entries).unwrap_or(u64::MAX).max(1));
        Self(Arc::new(Inner {
            kept: Cache::with_weighter(entries, bytes, Weigh { bytes: weigh, least }),
            flights: Mutex::new(Flights { under_way: HashMap::new(), next_id: 0 }),
            under_way,
        }))
    }

    /// How many are kept, those that are too old and still there included.
    pub(in crate::apiserver) fn count(&self) -> usize {
        self.0.kept.len()
    }

    /// The verdict on `key`: kept, or of `review`, which is then kept for as long as `ttl` says.
    pub(in crate::apiserver) async fn on<F>(
        &self,
        key: K,
        ttl: impl Fn(&V) -> Duration + Send + 'static,
        review: impl FnOnce() -> F,
    ) -> Result<(V, Source), ReviewError>
    where
        F: Future<Output = Result<V, ReviewError>> + Send + 'static,
    {
        if let Some(kept) = self.0.kept.get(&key)
            && Instant::now() < kept.until
        {
            return Ok((kept.verdict, Source::Kept));
        }
        let verdict = self.join(key, ttl, review).await?;
        Ok((verdict, Source::Review))
    }

    /// Joins the review of `key` that is under way, or begins one.
    fn join<F>(
        &self,
        key: K,
        ttl: impl Fn(&V) -> Duration + Send + 'static,
        review: impl FnOnce() -> F,
    ) -> Shared<BoxFuture<'static, Result<V, ReviewError>>>
    where
        F: Future<Output = Result<V, ReviewError>> + Send + 'static,
    {
        let mut flights = self.0.flights.lock();
        if let Some(asking) = flights.under_way.get(&key).and_then(|flight| flight.asking.upgrade()) {
            return asking;
        }
        let id = flights.next_id;
        flights.next_id += 1;
        let landing = Landing { inner: Arc::clone(&self.0), key: key.clone(), id };
        let review = review();
        let asking = async move {
            let verdict = review.await?;
            let until = Instant::now() + ttl(&verdict);
            landing.inner.kept.insert(landing.key.clone(), Kept { verdict: verdict.clone(), until });
            Ok(verdict)
        };
        let asking = asking.boxed().shared();
        if let Some(weak) = asking.downgrade() {
            flights.under_way.insert(key, Flight { id, asking: weak });
            self.0.under_way.set(flights.count());
        }
        asking
    }
}

impl<K, V> Flights<K, V> {
    fn count(&self) -> i64 {
        i64::try_from(self.under_way.len()).unwrap_or(i64::MAX)
    }
}

/// Takes a flight off the list when it ends, or when the last who waited for it is gone.
struct Landing<K: Eq + Hash, V> {
    inner: Arc<Inner<K, V>>,
    key: K,
    id: u64,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut flights = self.inner.flights.lock();
        if flights.under_way.get(&self.key).is_some_and(|flight| flight.id == self.id) {
            flights.under_way.remove(&self.key);
            self.inner.under_way.set(flights.count());
        }
    }
}

impl<K, V> Clone for Weigh<K, V> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, least: self.least }
    }
}

impl<K, V> quick_cache::Weighter<K, Kept<V>> for Weigh<K, V> {
    fn weight(&self, key: &K, kept: &Kept<V>) -> u64 {
        u64::try_from((self.bytes)(key, &kept.verdict)).unwrap_or(u64::MAX).max(self.least)
    }
}

impl<K, V> std::fmt::Debug for Inner<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdicts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
