//! What is counted on the way to a verdict, whatever it is about.

use futures::FutureExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

use super::Source;

/// Histogram bounds for the duration of a review, up to the patience for one: in a healthy cluster
/// a few ms.
const REVIEW_SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 10.0];

/// Metrics of one kind of review, and of the requests that it was for.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Requests by method and result.
    pub(in crate::apiserver) attempts: Family<Attempt, Counter>,
    /// Verdicts by source.
    pub(in crate::apiserver) verdicts: Family<VerdictFrom, Counter>,
    /// Verdicts that are held.
    pub(in crate::apiserver) kept: Gauge,
    /// Reviews under way.
    pub(in crate::apiserver) under_way: Gauge,
    /// Duration of one review, retries included.
    pub(in crate::apiserver) review_seconds: Histogram,
    /// Reviews without a verdict.
    pub(in crate::apiserver) errors: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(in crate::apiserver) struct Attempt {
    method: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(in crate::apiserver) struct VerdictFrom {
    source: &'static str,
}

impl Metrics {
    /// Not registered yet: what they are called is for those to say who ask.
    pub(in crate::apiserver) fn new() -> Self {
        let verdicts = Family::default();
        for source in [Source::Kept, Source::Review] {
            // From the start, so that shares can be told.
            let _zero: Counter = verdicts.get_or_create_owned(&VerdictFrom { source: source.as_str() });
        }
        Self {
            attempts: Family::default(),
            verdicts,
            kept: Gauge::default(),
            under_way: Gauge::default(),
            review_seconds: Histogram::new(REVIEW_SECONDS),
            errors: Counter::default(),
        }
    }

    /// Counts a request that `method` brought to `result`.
    pub(in crate::apiserver) fn attempted(&self, method: &'static str, result: &'static str) {
        self.attempts.get_or_create(&Attempt { method, result }).inc();
    }

    /// Counts a verdict, and tells how many are held after it.
    pub(in crate::apiserver) fn judged(&self, source: Source, kept: usize) {
        self.kept.set(i64::try_from(kept).unwrap_or(i64::MAX));
        self.verdicts.get_or_create(&VerdictFrom { source: source.as_str() }).inc();
    }

    /// `review`, begun now, with its duration observed, and its failure counted, when it ends.
    pub(in crate::apiserver) fn timed<F, T, E>(&self, review: F) -> impl Future<Output = Result<T, E>> + use<F, T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let (seconds, errors, start) = (self.review_seconds.clone(), self.errors.clone(), Instant::now());
        review.inspect(move |answer| {
            seconds.observe(start.elapsed().as_secs_f64());
            if answer.is_err() {
                errors.inc();
            }
        })
    }
}
