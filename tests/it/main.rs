//! Everything that is tested from outside the crate and needs nothing but Rust. One binary, so
//! that it links once.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "../support/mod.rs"]
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "real time, and threads that may block")]
mod support;

#[path = "../monitoring/source/mod.rs"]
mod source;

mod api_conformance;
mod api_server_away;
mod arrows;
mod certificates;
mod command_line;
mod dashboards;
mod fault_run;
mod faults;
mod flags;
mod look;
mod manifests;
mod metrics;
mod reasons;
mod replicas;
mod replicas_sharing;
mod repository;
mod reviews;
mod rules;
mod scripted_api;
mod secrets;
mod spoofing;
mod stop;
mod supply_chain;
mod system_calls;
mod traces;
mod waiting;
