//! What authorization counts.

use prometheus_client::registry::Registry;

use crate::apiserver::ReviewMetrics;
use crate::apiserver::reviews::Names;

/// Registers the metrics of authorization.
pub fn register_metrics(registry: &mut Registry) -> ReviewMetrics {
    let names = Names {
        attempts: ("authorization_attempts", "Requests by the method that decided on them, and the result"),
        verdicts: ("access_verdicts", "Access reviews needed, by source: kept from before, or review"),
        review_seconds: ("access_review_duration_seconds", "Duration of a SubjectAccessReview, retries included"),
    };
    ReviewMetrics::register(registry, &names)
}
