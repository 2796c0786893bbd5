//! Flags and environment as typed in, one file per group of `--help`.
//!
//! Everything stays text here, so that clap never stops at the first bad value: each group's
//! `read` turns its text into settings and notes every fault it meets. Nothing here is acted upon.

#![expect(clippy::doc_markdown, reason = "the docs of flags are help texts, read on terminals")]

mod cli;
mod cluster;
mod delegation;
mod file;
mod kubelet;
mod memory;
mod otlp;
mod replicas;
mod serving;
mod shutdown;
mod telemetry;
mod traces;

pub use cli::{Cli, Command, ServeArgs};
pub use cluster::ClusterArgs;
pub use delegation::{AuthenticationArgs, AuthorizationArgs};
pub use file::FileArgs;
pub use kubelet::KubeletArgs;
pub use memory::MemoryArgs;
pub use replicas::ReplicaArgs;
pub use serving::ServingArgs;
pub use shutdown::ShutdownArgs;
pub use telemetry::TelemetryArgs;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use traces::read as read_traces;
