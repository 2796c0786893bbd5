//! What every request goes through before it is answered, in one fixed order.
//!
//! ```text
//! id ▶ trace ▶ panic ▶ in-flight limit ▶ timeout ▶ refusals ▶ authentication ▶ authorization ▶ answer ▶ gzip
//!  └──── access: one line and its metrics, when the last byte has gone (or the client has) ───────────────┘
//! ```
//!
//! The limit comes first, so that overload costs nothing. Only a caller who is known without asking
//! anybody (by certificate, or by the front proxy's word) is looked at beyond it, because the
//! control plane (`system:masters`) always passes. Watches have a limit of their own, and time for
//! the head of their answer alone. A place is given back when the answer is taken. Addresses that are refused again and again are not even looked at,
//! unless they are a front proxy's.
//!
//! Who may not, learns nothing about what exists: refusals come before routing's own 404 and 405.
//! The order is written down in [`chain`] alone; each filter has its file. Nothing here knows what
//! the answers are.

mod access;
mod audit_id;
mod chain;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
mod gzip;
mod held;
mod in_flight;
mod panic;
mod refusals;
mod server_span;
mod time_limit;

pub use chain::Limits;
pub(crate) use chain::{Chain, pass};
pub(crate) use in_flight::InFlight;

#[cfg(test)]
mod tests;
