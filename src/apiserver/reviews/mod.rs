//! Verdicts of the API server: TokenReviews and SubjectAccessReviews, asked once and believed for a
//! short time.
//!
//! ```text
//! key ─▶ kept verdict? ─▶ under way already? ─▶ ask (10 s, with retries) ─▶ keep for its TTL
//! ```
//!
//! Any number of requests with the same question share one review. What fails is told to all who
//! wait and never kept. Both kinds are counted and timed alike; the room knows neither users nor
//! rules.

mod ask;
mod metrics;
mod verdicts;

pub use metrics::Metrics;

pub(super) use ask::{Asker, ReviewError};
pub(super) use verdicts::{Source, Verdicts};
