//! The aggregated API: TLS, who asks, may they, what they get.

// The door: from the socket to a user who may.
pub mod authn;
pub mod authz;
pub mod certificates;
#[cfg(test)]
mod fixtures;
mod listener;
mod percent;
mod request_info;
mod reviews;
pub mod tls;

pub use listener::{ConnectionId, Listener, Metrics as ListenerMetrics, Peer};
pub use request_info::{RequestInfo, ResourceRequest};
