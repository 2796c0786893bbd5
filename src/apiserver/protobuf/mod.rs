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
//! fields that we send. What has a number is published in `docs/custom.example.com.proto`.
//!
//! Objects, of which there may be many, are written field by field; the few other messages are built first.
//! Never decides what an object holds: JSON is the truth, and `resources::proto` says the same.

mod envelope;
mod fields;
pub(crate) mod meta;
#[cfg(test)]
mod tests;

pub(crate) use envelope::{ListFields, envelope, envelope_head, field_len, put_field, watch_frame};
pub(crate) use fields::Fields;
