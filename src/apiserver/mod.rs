//! The aggregated API: TLS, who asks, may they, what they get.
//!
//! ```text
//! socket ─▶ listener (TLS, bounds) ─▶ filters (who, may they) ─▶ router ─▶ discovery, openapi
//!           ▲         Peer            authn, authz                    ├──▶ resources
//!           certificates              └─ reviews                      └──▶ health, version, metrics
//! ```
//!
//! Reads the cluster and the store, changes neither, and asks no kubelet. Every refusal is a
//! Kubernetes `Status`; only `status` makes them.

// The door: from the socket to a user who may.
pub mod authn;
pub mod authz;
pub mod certificates;
#[cfg(test)]
mod fixtures;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod listener;
mod peers;
mod request_info;
mod reviews;
pub mod tls;

// The answers: what a user who may gets.
mod content;
mod coverage;
mod discovery;
mod document;
mod expirations;
mod filters;
mod groups;
mod hand_over;
mod health;
mod list_options;
mod metrics;
mod moments;
mod negotiate;
mod openapi;
mod protobuf;
mod resources;
mod rewatch;
mod router;
mod status;
mod targets;
mod usage_page;
mod version;

pub use content::Api;
pub use coverage::register_coverage;
pub use expirations::register_expirations;
pub use filters::Limits;
pub use metrics::Metrics;
pub use moments::{Moments, Tag};
pub use router::router;

pub(crate) use listener::CloseConnection;
pub use listener::{ConnectionId, Listener, Metrics as ListenerMetrics, Peer, Trusted};
pub use request_info::{RequestInfo, ResourceRequest};
pub use reviews::Metrics as ReviewMetrics;
