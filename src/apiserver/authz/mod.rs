//! May they.
//!
//! ```text
//! User, RequestInfo ─▶ system:masters ─▶ always-allowed paths ─▶ SubjectAccessReview (cached)
//! ```
//!
//! The API server decides; this room asks and remembers the answer for a short time. No answer is
//! an error, never an allowance and never a denial. It does not know who the user is by itself, and
//! not what the request will be answered with.

mod authorizer;
mod decision;
mod error;

pub use authorizer::Authorize;
pub use decision::Decision;
pub use error::AuthzError;
