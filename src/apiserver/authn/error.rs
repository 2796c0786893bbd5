//! Why a caller is not let in.

use std::sync::Arc;

/// Sorted by what the caller can do. Display never repeats a credential.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthnError {
    /// 401: show other credentials. The cause is for the log, not for the caller.
    #[error("the credentials are not valid: {cause}")]
    Unauthorized {
        /// What was wrong with them.
        cause: String,
    },
    /// 400: ask as yourself, or through kube-apiserver, which does impersonate.
    #[error("impersonation is not supported on direct connections: remove the header {header}")]
    ImpersonationUnsupported {
        /// The first such header found.
        header: String,
    },
    /// 500: try again; nobody could say who this is.
    #[error("the token could not be reviewed")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl AuthnError {
    pub(super) fn unauthorized(cause: String) -> Self {
        Self::Unauthorized { cause }
    }

    pub(super) fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(cause))
    }
}
