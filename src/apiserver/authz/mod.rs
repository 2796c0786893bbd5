//! May they.
//!
//! ```text
//! User, RequestInfo ─▶ system:masters ─▶ always-allowed paths ─▶ SubjectAccessReview (cached)
//! ```
//!
//! The API server decides; this room asks and remembers the answer for a short time. No answer is
//! an error, never an allowance and never a denial. It does not know who the user is by itself, and
//! not what the request will be answered with.

mod access_review;
mod always_allowed;
mod authorizer;
mod decision;
mod error;
mod metrics;

pub use authorizer::{Authorize, Authorizer};
pub use decision::Decision;
pub use error::AuthzError;
pub use metrics::register_metrics;
