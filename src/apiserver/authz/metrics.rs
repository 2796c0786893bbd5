//! What authorization counts.

use prometheus_client::registry::Registry;

use crate::apiserver::ReviewMetrics;

/// Registers the metrics of authorization.
pub fn register_metrics(registry: &mut Registry) -> ReviewMetrics {
    let metrics = ReviewMetrics::new();
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
    registry.register(
        "access_review_errors",
        "SubjectAccessReviews without a verdict; who waited for them got 500",
        metrics.errors.clone(),
    );
    let help = "Verdicts on access that are held, those that are too old and still there included";
    registry.register("access_verdicts_kept", help, metrics.kept.clone());
    registry.register("access_reviews_under_way", "SubjectAccessReviews under way", metrics.under_way.clone());
    metrics
}
