//! What authorization counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{AuthzError, Decision};
use crate::apiserver::reviews::{REVIEW_SECONDS, Source};

/// Metrics of authorization.
#[derive(Clone, Debug)]
pub struct Metrics {
    attempts: Family<Attempt, Counter>,
    verdicts: Family<VerdictFrom, Counter>,
    /// Duration of one SubjectAccessReview, retries included.
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
            "authorization_attempts",
            "Requests by the method that decided on them, and the result",
            metrics.attempts.clone(),
        );
        registry.register(
            "access_verdicts",
            "Access reviews needed, by source: kept from before, or review",
            metrics.verdicts.clone(),
        );
        registry.register(
            "access_review_duration_seconds",
            "Duration of a SubjectAccessReview, retries included",
            metrics.review_seconds.clone(),
        );
        metrics
    }

    pub(super) fn decided(&self, method: &'static str, outcome: &Result<Decision, AuthzError>) {
        let result = match outcome {
            Ok(decision) => decision.as_str(),
            Err(_) => "error",
        };
        self.attempts.get_or_create(&Attempt { method, result }).inc();
    }

    pub(super) fn judged(&self, source: Source) {
        self.verdicts.get_or_create(&VerdictFrom { source: source.as_str() }).inc();
    }
}
