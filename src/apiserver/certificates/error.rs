//! Why there is no certificate to serve.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::flaw::Flaw;
use super::material::Unfit;
use crate::apiserver::tls::PairError;

/// Sorted by what can be done.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The operator must give a file that can be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operator must give a pair that fits.
    #[error("the certificate in {} cannot be served", certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        #[source]
        source: PairError,
    },
    /// The operator must give a pair that clients accept; the one in force stays.
    #[error("the certificate in {} is not taken over", certificate.display())]
    Flawed {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        #[source]
        source: Flaw,
    },
    /// No certificate could be made; a fault of ours.
    #[error("no certificate can be made")]
    Making(#[source] rcgen::Error),
    /// What was just made is no good; a fault of ours.
    #[error("the certificate made is no good")]
    MadeUnfit(#[source] Box<Unfit>),
    /// The operator must mend it, since we must not; or a clock is wrong.
    #[error("the secret {secret} cannot be served: {remedy}")]
    Unfit {
        /// `namespace/name`.
        secret: String,
        /// What to do.
        remedy: String,
        /// Why.
        #[source]
        source: Box<Unfit>,
    },
    /// The operator must let us write it.
    #[error("the secret {secret} is to be changed and cannot be: {remedy}")]
    Unwritable {
        /// `namespace/name`.
        secret: String,
        /// What to do.
        remedy: String,
    },
    /// The API server refused or was away: try again.
    #[error("the secret {secret} is out of reach")]
    Secret {
        /// `namespace/name`.
        secret: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server is slow: try again.
    #[error("the secret {secret} is out of reach: no answer within {limit:?}")]
    Slow {
        /// `namespace/name`.
        secret: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Others changed the Secret each time we wanted to: try again.
    #[error("the secret {secret} keeps changing")]
    Contended {
        /// `namespace/name`.
        secret: String,
    },
}
