//! What exists: nodes and pods, watched from the API server.
//!
//! The last known state is kept while the API server is away; a relist replaces it whole. Only the
//! fields we use are deserialised, and what repeats (label sets, container and node names) is
//! interned. The room knows nothing of usage numbers and never writes to the API server.
//!
//! ```text
//! kube-apiserver ──list, watch──▶ watch ──apply, delete, replace──▶ index ──▶ View (immutable)
//!                                                                     └─▶ starts: nodes on which a
//!                                                                         container began to run
//! ```

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod index;
mod intern;
mod labels;
mod metrics;
mod node;
mod pod;
pub mod selector;
pub mod watch;
mod wire;

pub use index::{Cluster, Stretch, View};
pub use labels::Labels;
pub use metrics::Metrics;
pub use node::{Address, Node};
pub use pod::{Container, ContainerState, Phase, Pod};
