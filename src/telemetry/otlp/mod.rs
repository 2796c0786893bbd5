//! How OTLP messages reach a collector, whatever is in them.
//!
//! ```text
//! config::Otlp ──▶ Client ── post(message) ─▶ Content-Type: application/x-protobuf   (HTTP)
//!                                       └───▶ frame, grpc-status in the trailers      (gRPC)
//! ```
//!
//! One attempt at a time: who posts knows what may wait, how often to try again, and what to drop.
//! A unary call needs a frame of five bytes and two trailers; the HTTP client that is here anyway
//! does the rest, so that no second HTTP stack comes along for gRPC.

mod client;
mod error;
pub(crate) mod grpc;

#[cfg(any(test, feature = "fuzzing"))]
pub(super) use client::retry_after;
pub(crate) use client::{Client, Service};
pub(crate) use error::PostError;
