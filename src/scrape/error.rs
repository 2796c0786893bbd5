//! Why scraping cannot begin. What a single kubelet does wrong is no error of this kind: it is the
//! outcome of a scrape.

use std::io;
use std::path::PathBuf;

/// A fault of configuration, told at start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// PEM text without what is looked for.
    #[error("{place} holds no usable {wanted}")]
    Pem {
        /// A file, or a field of the kubeconfig.
        place: String,
        /// What should be there.
        wanted: &'static str,
    },
    /// Kubelets are to be verified by the cluster's authority, but none is known.
    #[error("the connection to the API server names no certificate authority to verify kubelets with")]
    NoAuthority,
    /// The token has characters that no header may have.
    #[error("the bearer token cannot be sent in a header")]
    Token,
    /// Where a token should be there is none.
    #[error("the bearer token is empty")]
    NoToken,
    /// Certificate and key are refused by the TLS library.
    #[error("the TLS settings for kubelets are unusable")]
    Tls(#[from] rustls::Error),
}
