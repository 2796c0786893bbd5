//! What came of a post that was not taken.

use std::time::Duration;

/// What a collector asks for beyond this is as good as never, and sums with it could overflow.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    /// The same message may be taken later.
    #[error("{reason}")]
    Passing {
        /// What is in the way.
        reason: String,
        /// Before this the collector does not want to see us; an hour at most.
        retry_after: Option<Duration>,
    },
    /// The same message would be refused again.
    #[error("{0}")]
    Refused(String),
}

impl PostError {
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self::passing_after(reason, None)
    }

    pub(super) fn passing_after(reason: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self::Passing { reason: reason.into(), retry_after: retry_after.map(|pause| pause.min(LONGEST_PAUSE)) }
    }
}
