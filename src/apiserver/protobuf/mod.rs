//! Kubernetes protobuf: the messages we send, and the envelope and frames they travel in.
//!
//! ```text
//! object ─▶ "k8s\0" Unknown{typeMeta, raw: NodeMetrics…}                   envelope
//! list   ─▶ "k8s\0" Unknown{typeMeta, raw: metadata, item, item, …}        envelope_head, put_field
//! watch  ─▶ length WatchEvent{type, object: "k8s\0" Unknown{…}} length …   watch_frame
//! ```
//!
//! Field numbers are those of Kubernetes wherever it has the message; what only our own group has
//! is numbered from 100 on, so that readers of `metrics.k8s.io` skip it. A message holds only the
//! fields that we send. What has a number here is published in `docs/custom.example.com.proto`.
//!
//! Never decides what an object holds: JSON is the truth, and `resources::proto` says the same.

mod envelope;
pub(crate) mod meta;
pub(crate) mod metrics;
#[cfg(test)]
mod tests;

pub(crate) use envelope::{ListFields, envelope, envelope_head, field_len, put_field, watch_frame};
