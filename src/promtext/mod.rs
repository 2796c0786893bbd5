//! Prometheus text as kubelets write it: read without copying, and written for those who play
//! kubelet.
//!
//! Pure functions on bytes. A bad line costs that line; names stay borrowed from the body. The room
//! does no I/O, keeps no state between bodies, and decides nothing about what a number means.
//!
//! ```text
//! body ──▶ lexer (lines, tokens) ──▶ series (labels, value, time) ──▶ kubelet (which series is what) ──▶ Batch
//!                                      └ number (decimal, exact)
//! /stats/summary ──▶ summary ──▶ Batch
//! ```

pub mod encode;
pub mod kubelet;
mod lexer;
mod number;
mod series;
pub mod summary;
#[cfg(test)]
mod tests;
