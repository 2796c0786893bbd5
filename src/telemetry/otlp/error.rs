//! What came of a post that was not taken.

use std::time::Duration;

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    /// The same message may be taken later.
    #[error("{reason}")]
    Passing {
        /// What is in the way.
        reason: String,
        /// Before this the collector does not want to see us.
        retry_after: Option<Duration>,
    },
    /// The same message would be refused again.
    #[error("{0}")]
    Refused(String),
}

impl PostError {
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing { reason: reason.into(), retry_after: None }
    }
}
