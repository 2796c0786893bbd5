//! What every request goes through before it is answered, in one fixed order.
//!
//! ```text
//! id ▶ trace ▶ panic ▶ in-flight limit ▶ timeout ▶ authentication ▶ authorization ▶ answer
//!  └──── access: one line and its metrics, when the last byte has gone (or the client has) ────┘
//! ```
//!
//! Who may not, learns nothing about what exists: refusals come before routing's own 404 and 405.
//! The order is written down in [`chain`] alone; each filter has its file. Nothing here knows what
//! the answers are.

mod access;
mod audit_id;
mod chain;
mod in_flight;
mod panic;
mod server_span;

pub use chain::Limits;
pub(crate) use chain::{Chain, pass};
pub(crate) use in_flight::InFlight;
