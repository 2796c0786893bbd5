//! What authentication counts.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::apiserver::ReviewMetrics;

/// Metrics of authentication.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Of requests, and of what it takes to judge a token.
    pub(super) reviews: ReviewMetrics,
    /// Verdicts on certificates that are held.
    pub(super) certificates_kept: Gauge,
}

/// Registers the metrics of authentication.
pub fn register_metrics(registry: &mut Registry) -> Metrics {
    let metrics = ReviewMetrics::new();
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
    registry.register(
        "token_review_errors",
        "TokenReviews without a verdict; who waited for them got 500",
        metrics.errors.clone(),
    );
    let help = "Verdicts on bearer tokens that are held, those that are too old and still there included";
    registry.register("token_verdicts_kept", help, metrics.kept.clone());
    registry.register("token_reviews_under_way", "TokenReviews under way", metrics.under_way.clone());
    let help = "Verdicts on the certificates of connections that are held, those of closed ones included";
    let certificates_kept = Gauge::default();
    registry.register("certificate_verdicts_kept", help, certificates_kept.clone());
    Metrics { reviews: metrics, certificates_kept }
}
