//! What came of asking one kubelet: success, or the typed reason why not.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::usage::Rejected;

/// Typed result of one scrape.
pub type Outcome = Result<(), Failure>;

/// Why a scrape failed. `Display` is the sentence for a person; [`Failure::reason`] is the word for
/// machines (a field of `nodescrapes` and a label of the counter).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The node has no address of a preferred type.
    #[error("the node has no address of the types {0}")]
    NoAddress(String),
    /// No address could be connected to.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The kubelet's certificate was refused.
    #[error("the kubelet's certificate was refused: {0}")]
    Tls(String),
    /// Nothing, or not everything, came in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// HTTP 401: the token was refused.
    #[error("the kubelet did not accept our credentials (401)")]
    Unauthorized,
    /// HTTP 403: RBAC lacks `nodes/metrics`.
    #[error("the kubelet denies access (403): is get on nodes/metrics granted?")]
    Forbidden,
    /// Any other status than 200, redirects among them.
    #[error("the kubelet answered with status {0}")]
    Status(u16),
    /// More bytes than the cap.
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The connection ended inside the body.
    #[error("the answer was cut off: {0}")]
    Truncated(String),
    /// A content coding that was not asked for.
    #[error("the body has the content coding {0:?}, which was not asked for")]
    Encoding(String),
    /// The body is not the kubelet's text; the first refused line is told.
    #[error("the body holds no kubelet metrics{}", first_line(.0))]
    Garbage(Rejected),
    /// A kubelet just started: 200, but neither node nor containers.
    #[error("the kubelet has no readings yet")]
    NotReadyYet,
    /// The kubelet's timestamps are too far from our clock.
    #[error("the kubelet's clock is off by {0} s")]
    ClockSkew(i64),
    /// Another replica asked, and tells what came of it.
    #[error("{message}")]
    Told {
        /// One of [`Failure::REASONS`].
        reason: &'static str,
        /// The sentence for a person.
        message: String,
    },
}

impl Failure {
    /// All words that [`Failure::reason`] can say.
    pub const REASONS: [&'static str; 13] = [
        "NoAddress",
        "ConnectFailed",
        "CertificateRefused",
        "Timeout",
        "Unauthorized",
        "Forbidden",
        "UnexpectedStatus",
        "BodyTooLarge",
        "Truncated",
        "UnexpectedEncoding",
        "Garbage",
        "NotReadyYet",
        "ClockSkew",
    ];

    /// One CamelCase word, of a fixed set.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoAddress(_) => "NoAddress",
            Self::Connect(_) => "ConnectFailed",
            Self::Tls(_) => "CertificateRefused",
            Self::Timeout(_) => "Timeout",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::Status(_) => "UnexpectedStatus",
            Self::BodyTooLarge(_) => "BodyTooLarge",
            Self::Truncated(_) => "Truncated",
            Self::Encoding(_) => "UnexpectedEncoding",
            Self::Garbage(_) => "Garbage",
            Self::NotReadyYet => "NotReadyYet",
            Self::ClockSkew(_) => "ClockSkew",
            Self::Told { reason, .. } => reason,
        }
    }
}

fn first_line(rejected: &Rejected) -> String {
    rejected.first.map_or_else(String::new, |(line, reason)| format!(": line {line} {reason}"))
}

/// The record of one scrape, kept per node and served as `nodescrapes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// When the kubelet was asked.
    pub started: UnixMillis,
    /// How long it took, retries included.
    pub duration: Duration,
    /// Bytes of the body as received.
    pub body_bytes: u64,
    /// `address:port` that was asked last; empty when there was none.
    pub address: Box<str>,
    /// Lines refused in an otherwise good body.
    pub rejected: Rejected,
    /// What came of it.
    pub outcome: Outcome,
}
