//! What the operator asked for.
//!
//! Two steps: [`args`] is what was typed (flags and environment, one group per room, names kept
//! from metrics-server where it has one); [`Settings`] is what it means, in types that cannot be
//! wrong. All faults are reported together, each naming its flag. No other room reads flags, the
//! environment, or knows a flag's name.

pub mod args;
mod settings;

pub use settings::{
    AddressKind, Authentication, Authorization, KubeletTls, KubeletTrust, Scraping, Service, Serving, Settings,
    Shutdown, Telemetry,
};
