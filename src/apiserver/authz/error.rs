//! Why nothing was decided.

use std::sync::Arc;

/// Every variant is a 500: neither allowed nor denied.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthzError {
    /// Try again: the API server gave no verdict.
    #[error("access could not be reviewed")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The API server said both yes and no.
    #[error("the access review is both allowed and denied")]
    Contradictory,
}

impl AuthzError {
    pub(super) fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(cause))
    }
}
