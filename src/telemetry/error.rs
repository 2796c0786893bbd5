//! Why telemetry cannot start.

use std::io;
use std::path::PathBuf;

/// Why telemetry cannot start; to be told and not to be retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is not one.
    #[error("the log filter cannot be read")]
    LogFilter(#[source] tracing_subscriber::filter::ParseError),
    /// A file that the way to the collector needs.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file without any certificate would leave nobody to trust.
    #[error("there is no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// No client for the collector can be made, e.g. of files that are no certificates. Says
    /// nothing about whether a collector answers.
    #[error("no way to the OTLP collector can be made")]
    Collector(#[source] reqwest::Error),
    /// The system gives no runtime to the thread that sends spans.
    #[error("no runtime for sending spans")]
    Runtime(#[source] io::Error),
    /// Another part of the process installed a subscriber first.
    #[error("logs are already going elsewhere")]
    Installed(#[source] tracing::dispatcher::SetGlobalDefaultError),
}

impl Error {
    /// Whether what the operator told is wrong, and not the system.
    pub const fn is_misconfigured(&self) -> bool {
        match self {
            Self::LogFilter(_) | Self::Read { .. } | Self::NoCertificate(_) | Self::Collector(_) => true,
            Self::Runtime(_) | Self::Installed(_) => false,
        }
    }
}
