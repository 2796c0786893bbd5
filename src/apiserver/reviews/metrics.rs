//! What is counted on the way to a verdict, whatever it is about.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::Source;

/// Histogram bounds for the duration of a review, up to the patience for one: in a healthy cluster
/// a few ms.
const REVIEW_SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 10.0];

/// Metrics of one kind of review, and of the requests that it was for.
#[derive(Clone, Debug)]
pub struct Metrics {
    attempts: Family<Attempt, Counter>,
    verdicts: Family<VerdictFrom, Counter>,
    review_seconds: Histogram,
}

/// What the metrics of one kind of review are called: each a name and its help text.
pub(in crate::apiserver) struct Names {
    /// Requests by method and result.
    pub(in crate::apiserver) attempts: (&'static str, &'static str),
    /// Verdicts by source.
    pub(in crate::apiserver) verdicts: (&'static str, &'static str),
    /// Duration of one review in seconds, retries included.
    pub(in crate::apiserver) review_seconds: (&'static str, &'static str),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    method: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictFrom {
    source: &'static str,
}

impl Metrics {
    /// Registers all of them under `names`.
    pub(in crate::apiserver) fn register(registry: &mut Registry, names: &Names) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            verdicts: Family::default(),
            review_seconds: Histogram::new(REVIEW_SECONDS),
        };
        registry.register(names.attempts.0, names.attempts.1, metrics.attempts.clone());
        registry.register(names.verdicts.0, names.verdicts.1, metrics.verdicts.clone());
        registry.register(names.review_seconds.0, names.review_seconds.1, metrics.review_seconds.clone());
        metrics
    }

    /// Counts a request that `method` brought to `result`.
    pub(in crate::apiserver) fn attempted(&self, method: &'static str, result: &'static str) {
        self.attempts.get_or_create(&Attempt { method, result }).inc();
    }

    /// Counts a verdict.
    pub(in crate::apiserver) fn judged(&self, source: Source) {
        self.verdicts.get_or_create(&VerdictFrom { source: source.as_str() }).inc();
    }

    /// `review`, with its duration observed when it ends.
    pub(in crate::apiserver) fn timed<F: Future>(&self, review: F) -> impl Future<Output = F::Output> + use<F> {
        let seconds = self.review_seconds.clone();
        async move {
            let start = Instant::now();
            let answer = review.await;
            seconds.observe(start.elapsed().as_secs_f64());
            answer
        }
    }
}
