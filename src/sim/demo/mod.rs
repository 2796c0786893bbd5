//! `kube-vitals demo`: the product on a simulated cluster, in one process on loopback.
//!
//! Kubelets, a Kubernetes API with an aggregating front, and behind it the server as `serve` starts
//! it: from flags, through the same settings, with the same connections over TLS. Only this folder
//! of the simulation may start the product; nothing here is a shortcut into it.
//!
//! ```text
//! kubectl, curl ══▶ control plane + front ══▶ server (flags ─▶ settings ─▶ app) ══▶ kubelets
//!                          └── watch, reviews ◀──────┘                               │
//!                   check: every answered number against its curve ◀── World ────────┘
//! ```

mod announcement;
mod args;
mod check;
mod client;
mod console;
mod error;
mod files;
mod run;
mod server;
mod stage;
mod status;

pub use args::DemoArgs;
pub use error::DemoError;
pub use run::run;
