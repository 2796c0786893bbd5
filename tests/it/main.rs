//! Everything that is tested from outside the crate and needs nothing but Rust. One binary, so
//! that it links once.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod arrows;
mod command_line;
mod dashboards;
mod faults;
mod flags;
mod manifests;
mod reasons;
mod repository;
