//! Why telemetry cannot start.

/// Why telemetry cannot start; wrong configuration, to be told and not to be retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is not one.
    #[error("the log filter cannot be read")]
    LogFilter(#[source] tracing_subscriber::filter::ParseError),
    /// The OTLP exporter cannot be made, e.g. of a wrong endpoint or missing authorities for
    /// `https`. Says nothing about whether a collector answers.
    #[error("the exporter for traces cannot be made: {0}")]
    Exporter(String),
    /// Another part of the process installed a subscriber first.
    #[error("logs are already going elsewhere")]
    Installed(#[source] tracing::dispatcher::SetGlobalDefaultError),
}
