//! What we remember of every node: the latest usage, and how its last scrape went.
//!
//! One writer per node (its scrape task), any number of readers. A batch becomes visible whole or
//! not at all; a reader takes a [`Snapshot`], which never changes and never blocks a writer. The
//! store knows no Kubernetes client and serves nothing by itself: which pods exist is the cluster
//! room's knowledge, joined at recording (by a lookup) and at reading (by the answer's maker).
//!
//! ```text
//! scrape task ──record(node, batch, scrape)──▶ Store ──snapshot()──▶ readers
//! another replica ──adopt(node, handed)──────▶  │  persistent map: node ─▶ Arc<NodeRecord>
//!                                               └─ a new revision per record
//! ```

mod adopt;
mod merge;
mod metrics;
mod names;
mod offer;
mod record;
mod snapshot;
#[cfg(test)]
mod tests;

pub use adopt::{Handed, HandedPod, Terms};
pub use merge::{Merge, Merged, PodLookup};
pub use metrics::register_metrics;
pub use record::{ContainerRecord, NodeRecord, PodRecord};
pub use snapshot::{Snapshot, Store};
