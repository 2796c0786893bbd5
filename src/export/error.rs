//! Why passing on cannot begin. What an engine does wrong later is no error of this kind: it is
//! counted and told.

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
    #[error("{path} holds no usable {wanted}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be there.
        wanted: &'static str,
    },
    /// No header can have this name.
    #[error("{name:?} is no header name")]
    Header {
        /// What was configured.
        name: String,
    },
    /// No client can be made of these settings.
    #[error("the client for an engine cannot be made")]
    Client(#[source] reqwest::Error),
}
