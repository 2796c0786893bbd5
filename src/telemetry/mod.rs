//! How we see ourselves: logs, traces, metrics.
//!
//! The rooms only say what happened, with the `tracing` macros and their own `metrics.rs`; this
//! room decides where that goes: events to stderr, spans to an OTLP collector if there is one,
//! metrics to whoever asks `/metrics`. It never blocks a request, and never fails the process
//! after the start: a collector that is away costs spans and one log line.
//!
//! ```text
//! event ──log filter──▶ logs ──▶ stderr
//! span  ──endpoint set?──▶ traces ──batch thread──▶ otlp ──▶ collector
//! metrics.rs of each room ──register──▶ registry ──▶ /metrics, in OpenMetrics or classic text
//! /proc ──process──────────────────────────┤
//! tokio ──runtime──────────────────────────┘
//! traceparent of callers ──context──▶ traced or not, parent or link of the request's span
//! ```

mod broken_pem;
mod causes;
mod classic;
mod context;
mod error;
pub(crate) mod exemplar;
pub(crate) mod expiry;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod logs;
pub(crate) mod otlp;
mod process;
pub(crate) mod readings;
pub mod registry;
pub mod runtime;
pub mod traces;
#[cfg(test)]
pub(crate) mod warnings;

pub use broken_pem::BrokenPem;
pub use causes::causes;
pub use error::Error;
pub use logs::start;
pub(crate) use process::resident_bytes;
pub use registry::{Exposition, Registry};
