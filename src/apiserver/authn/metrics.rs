//! What authentication counts.

use prometheus_client::registry::Registry;

use crate::apiserver::ReviewMetrics;
use crate::apiserver::reviews::Names;

/// Registers the metrics of authentication.
pub fn register_metrics(registry: &mut Registry) -> ReviewMetrics {
    let names = Names {
        attempts: (
            "authentication_attempts",
            "Requests by the method that recognised or refused the caller, and the result",
        ),
        verdicts: ("token_verdicts", "Bearer tokens judged, by source: kept from before, or review"),
        review_seconds: ("token_review_duration_seconds", "Duration of a TokenReview, retries included"),
    };
    ReviewMetrics::register(registry, &names)
}
