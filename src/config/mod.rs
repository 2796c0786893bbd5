//! What the operator asked for.
//!
//! Two steps: [`args`] is what was typed (flags and environment, one group per room, names kept
//! from metrics-server where it has one); [`Settings`] is what it means, in types that cannot be
//! wrong. All faults are reported together, each naming its flag. No other room of the product
//! reads flags or the environment; the demo is a caller, with flags of its own, who types ours.
//!
//! ```text
//! flags, KUBE_VITALS_* ──clap──▶ ServeArgs ──Settings::from_args──▶ Settings
//!                                  --config FILE ──▲
//!                                              └──▶ Faults: every one, none started
//! ```

pub mod args;
mod check;
mod content;
mod fault;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod settings;
mod value;

#[cfg(test)]
mod tests;

pub use args::{Cli, Command, ServeArgs};
pub use fault::{Fault, Faults};
pub use settings::{
    AddressKind, ApiGroups, Authentication, Authorization, Authorize, Export, ExportProtocol, ExportTarget,
    HeaderSource, KubeletServerName, KubeletTls, KubeletTrust, Otlp, OtlpProtocol, Pod, Scraping, Service, Serving,
    Settings, Shutdown, TargetTls, Telemetry, Traces,
};
