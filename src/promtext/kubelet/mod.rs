//! `/metrics/resource` of a kubelet to a [`Batch`](crate::usage::Batch), in both forms it knows.
//!
//! ```text
//! text ───────▶ text ──────┐ labels, point
//!                          ├──▶ rows (which container) ──▶ families (which field of it) ──▶ Batch
//! protobuf ───▶ delimited ─┘
//! ```

mod delimited;
mod families;
mod form;
mod rows;
mod text;
mod wire;

pub use delimited::read as read_delimited;
pub use form::{ACCEPT, Form};
pub use text::read;
