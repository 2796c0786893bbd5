//! Passing usage on to the engines that operators run: Prometheus and its kin, OpenTelemetry.
//!
//! It reads the store and never the kubelets, and tells nothing that the API would not. A slow
//! engine loses its own samples, counted, and never slows a scrape, an answer, or another engine.
//!
//! ```text
//! store ─┐              ┌─▶ page ─▶ who scrapes /metrics/usage
//!        ├─ live: what ─┤
//! view ──┘  is true now └─▶ collector ─▶ ledger: only what is new, and what ended
//!                                           └─▶ a queue for each engine ─▶ sender ─▶ http ─▶ engine
//!                                                                           └ wire: remote_write, otlp
//! ```

mod backoff;
mod collector;
mod error;
mod exporter;
mod family;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod http;
mod ledger;
mod live;
mod metrics;
mod otlp;
mod page;
mod point;
mod queue;
mod remote_write;
mod sender;
mod wire;
#[cfg(test)]
mod world;

pub use error::Error;
pub use exporter::Exporter;
pub use page::{Page, PageFilter, PageFilterError};

pub use crate::promtext::encode::Format;
