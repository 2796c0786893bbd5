//! What authentication counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Via;
use crate::apiserver::reviews::{REVIEW_SECONDS, Source};

/// Metrics of authentication.
#[derive(Clone, Debug)]
pub struct Metrics {
    attempts: Family<Attempt, Counter>,
    verdicts: Family<VerdictFrom, Counter>,
    /// Duration of one TokenReview, retries included.
    pub(super) review_seconds: Histogram,
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
    /// Registers all of them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            verdicts: Family::default(),
            review_seconds: Histogram::new(REVIEW_SECONDS),
        };
        registry.register(
            "authentication_attempts",
            "Requests by the method that recognised or refused the caller, and the result",
            metrics.attempts.clone(),
        );
        registry.register(
            "token_verdicts",
            "Bearer tokens judged, by source: kept from before, or review",
            metrics.verdicts.clone(),
        );
        registry.register(
            "token_review_duration_seconds",
            "Duration of a TokenReview, retries included",
            metrics.review_seconds.clone(),
        );
        metrics
    }

    pub(super) fn attempted(&self, via: Via, result: &'static str) {
        self.attempts.get_or_create(&Attempt { method: via.as_str(), result }).inc();
    }

    pub(super) fn judged(&self, source: Source) {
        self.verdicts.get_or_create(&VerdictFrom { source: source.as_str() }).inc();
    }
}
