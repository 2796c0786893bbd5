//! The nouns of resource usage and their arithmetic.
//!
//! Every number that is served is made here: a kubelet's cumulative readings ([`Sample`]) become a
//! rate over a window ([`Usage`]) by the rules of a [`Run`]. The room is pure: it does no I/O,
//! knows no Kubernetes client, and never asks what time it is.
//!
//! ```text
//! kubelet text ─▶ Batch (borrowed rows) ─▶ Run (base + last sample) ─▶ Usage (rate, level, window)
//!                 └─ one Outcome per scrape: success, or the typed reason why not
//! ```

mod batch;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod ids;
mod outcome;
mod quantity;
mod run;
mod share;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Reading, RejectReason, Rejected, Row, clock_tolerance};
pub use ids::{ContainerName, NodeName, PodKey, Uid};
pub use outcome::{Failure, Outcome, Scrape};
pub use quantity::{Bytes, Nanocores, QuantityError};
pub use run::{Base, Recorded, Run, RunParts, Sample, Source, Usage};
pub use share::Share;
pub(crate) use share::stable_hash;
