//! What was decided.

/// The answer to "may this user do this".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allowed,
    /// No.
    Denied {
        /// Why, as the API server tells it; often empty.
        reason: String,
    },
}

impl Decision {
    /// As labels and span fields spell it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied { .. } => "denied",
        }
    }
}
