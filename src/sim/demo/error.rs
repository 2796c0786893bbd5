//! Why a demo could not start or go on.

use std::io;

use crate::config::Faults;
use crate::sim::control_plane::StartError;
use crate::telemetry;

/// Why a demo ended other than as asked.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The simulated API server did not start.
    #[error("the simulated Kubernetes API could not be started")]
    ControlPlane(#[from] StartError),
    /// The simulated kubelets did not start.
    #[error("the simulated kubelets could not be started")]
    Kubelets(#[source] io::Error),
    /// A fault at a node that is not there.
    #[error("--fault: there is no node {node}; the {nodes} nodes count from 0")]
    NoSuchNode {
        /// As typed.
        node: u32,
        /// How many there are.
        nodes: u32,
    },
    /// Files, the terminal, signals or threads were not to be had.
    #[error("the machine does not let us")]
    Machine(#[from] io::Error),
    /// A client of our own could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
    /// The flags for the server are no flags of `serve`.
    #[error("the server's flags are wrong")]
    Flags(#[source] clap::Error),
    /// The flags for the server say what cannot be.
    #[error("the server's flags are wrong")]
    Settings(#[source] Faults),
    /// Logs or traces could not be set up.
    #[error("logs and traces could not be set up")]
    Telemetry(#[from] telemetry::Error),
    /// The server did not start, or ended with an error.
    #[error("the server failed")]
    Server(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server ended though nobody stopped it.
    #[error("the server ended by itself")]
    Ended,
}

impl DemoError {
    /// Whether other flags would help.
    pub(super) const fn is_misconfiguration(&self) -> bool {
        matches!(self, Self::Flags(_) | Self::Settings(_) | Self::NoSuchNode { .. })
    }
}
