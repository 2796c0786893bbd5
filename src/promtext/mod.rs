//! What kubelets expose, in Prometheus's text or protobuf: read without copying, and text written for
//! those who play kubelet.
//!
//! Pure functions on bytes. A bad series costs that series; names stay borrowed from the body. The room
//! does no I/O, keeps no state between bodies, and decides nothing about what a number means.
//!
//! ```text
//! text ──▶ lexer (lines, tokens) ──▶ series (labels, value, time) ──▶ kubelet (which series is what) ──▶ Batch
//!                                      └ number (decimal, exact)          │
//! protobuf ───────────────────────────────────────────────────────────────┘
//! /stats/summary ──▶ summary ──▶ Batch
//! ```

pub mod encode;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub mod kubelet;
mod lexer;
mod number;
mod series;
pub mod summary;
#[cfg(test)]
mod tests;
