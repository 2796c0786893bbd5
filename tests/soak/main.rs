//! The program for a while under everything at once: pods and nodes that come and go, lists in all forms,
//! watchers that come and leave, callers of every kind, a slow engine, kubelets and an API server with
//! faults. Nothing may grow: not memory, not one of the maps whose sizes the program tells. At the end,
//! when all is quiet, each map is of the size that the simulated cluster explains, and every number that
//! is served is the curve's.
//!
//! `cargo test --test soak` loads it for a minute and a half and takes two and a half with start and end;
//! `SOAK_SECONDS=1800 cargo test --test soak` is the long form, whose table is kept in `docs/soak.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a suite that waits in real time and prints what it saw"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../it/look.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "another suite uses more of it, and unwraps there")]
mod look;

mod engine;
mod faults;
mod history;
mod load;
mod log;
mod observer;
mod quantities;
mod resident;
mod rest;
mod run;
mod stage;
mod trend;

use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// How long the load lasts, in seconds, if not the default.
const SECONDS: &str = "SOAK_SECONDS";
const DEFAULT_SECONDS: u64 = 90;

fn main() {
    let trial = Trial::test("nothing_grows", || soak().map_err(Into::into));
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

fn soak() -> Result<(), String> {
    let seconds = match std::env::var(SECONDS) {
        Ok(typed) => typed.parse().map_err(|error| format!("{SECONDS}: {error}"))?,
        Err(_) => DEFAULT_SECONDS,
    };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let folder = tempfile::Builder::new().prefix("kv-soak").tempdir().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(run::run(folder.path(), Duration::from_secs(seconds)))
}
