//! A small Kubernetes API for the simulated cluster: what a real one would tell the server under
//! test, and nothing that only a simulation could.
//!
//! Nodes and pods are the world's, turned into events by a ticker; Secrets and APIServices are kept
//! as they are written; reviews are answered from a few fixed roles. Clients come with a bearer
//! token over TLS. Requests for aggregated groups leave through the `front` beside it.
//! It holds everything in memory and forgets it at the end.
//!
//! ```text
//! World ─changes─▶ ticker ─objects─▶ Storage ◀─ writes ─┐
//!                                      │ history        │
//! client ══TLS══▶ listener ─▶ server ──┴─ get, list, watch, reviews, discovery
//!                                └─▶ front ══TLS══▶ the server under test
//! ```

mod access;
mod accounts;
mod attributes;
mod authorities;
mod discovery;
mod kinds;
mod listener;
mod objects;
mod read;
mod reviews;
mod seed;
mod selector;
mod server;
mod start;
mod status;
mod storage;
#[cfg(test)]
mod tests;
mod ticker;
mod trouble;
mod watch;
mod write;

pub(crate) use accounts::User;
#[cfg(test)]
pub(crate) use authorities::{Authority, Credential};
pub(crate) use storage::{Key, Storage};

pub use accounts::{Account, Accounts};
pub use objects::{node as node_object, pod as pod_object};
pub use start::{ControlPlane, StartError};
pub use trouble::Trouble;
