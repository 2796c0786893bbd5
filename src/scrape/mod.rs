//! Asking the kubelets: one task per node, each in its own phase of the resolution.
//!
//! A node's trouble is its own: whatever a kubelet does, its scrape ends in time and in a typed
//! outcome, and no other node waits for it. The room turns bodies into batches and hands them to
//! the store; it never decides what is served, and it keeps no samples.
//!
//! ```text
//! cluster ──nodes──▶ supervisor ──one each──▶ node_task ──when?── plan
//!                    share ──┴──the rest──▶ others: another replica asks, we wait for its word
//!    └──starts────────────┘ (poke)               │ address, kubelet, connection
//!                                                ▼
//!                                             intake ──batch──▶ store
//! ```

mod access;
mod address;
mod anyone;
mod bound;
mod connection;
mod error;
mod intake;
mod kubelet;
mod live_tls;
mod metrics;
mod node_clock;
mod node_task;
mod others;
mod plan;
mod session;
mod supervisor;
mod tls;
mod token;

pub use access::KubeletAccess;
pub use error::Error;
pub use supervisor::Scraper;

#[cfg(test)]
mod fixtures;
